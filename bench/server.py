"""A server of the bench's own: fresh data directory, free port, ended with the bench."""

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
LOG_TAIL_LINES = 20


class BenchError(Exception):
    """The bench cannot go on; the message is for the person who started it."""


@dataclass(frozen=True)
class Server:
    """A server that serves."""

    address: str
    """`HOST:PORT`."""
    process_id: int
    shards: int
    ready_s: float = 0.0
    """Time from starting the process until it served."""


@contextlib.contextmanager
def running_server(
    folder: Path,
    shards: int,
    log: Path,
    program: Path | None = None,
    *,
    is_fresh: bool = True,
    is_kept: bool = False,
    ends_by_kill: bool = False,
) -> Iterator[Server]:
    """Runs `lh server start` in `folder`; stops it (SIGTERM) and removes the folder at the end.

    Args:
        folder: data directory; whatever is there is removed first, if `is_fresh`.
        shards: number of shards of this server.
        log: file for what the server says on standard error.
        program: another `lh` than the one beside this Python.
        is_fresh: begin with an empty folder.
        is_kept: leave the folder for another server.
        ends_by_kill: end it with SIGKILL, without giving it time to bring anything to the disk.

    Raises:
        BenchError: it did not get ready, or did not stop cleanly.
    """
    if is_fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    program = program or Path(sys.executable).with_name("lh")
    command = [str(program), "server", "start", "--data-dir", str(folder), "--listen", "127.0.0.1:0"]
    command += ["--shards", str(shards)]
    with log.open("w", encoding="utf-8") as errors:
        begin = time.monotonic()
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        except FileNotFoundError:
            raise BenchError(f"{program} is missing: run `make build` first") from None
        try:
            address = _address(process, log)
            yield Server(address, process.pid, shards, time.monotonic() - begin)
        finally:
            code = _stop(process, signal.SIGKILL if ends_by_kill else signal.SIGTERM)
    if code != (-signal.SIGKILL if ends_by_kill else 0):
        raise BenchError(f"the server ended with {code}; it said:\n{_tail(log)}")
    if not is_kept:
        shutil.rmtree(folder)


def _address(process: subprocess.Popen[str], log: Path) -> str:
    """The address behind `ready`; a server that hangs is killed, which ends the line that is waited for."""
    assert process.stdout is not None
    watchdog = threading.Timer(READY_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    word, _, address = line.strip().partition(" ")
    if word != "ready" or not address:
        raise BenchError(f"the server said {line.strip()!r} instead of 'ready HOST:PORT':\n{_tail(log)}")
    return address


def _stop(process: subprocess.Popen[str], ending: signal.Signals) -> int:
    """Ends the server; returns its exit code (negative: the signal that ended it)."""
    process.send_signal(ending)
    try:
        process.communicate(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])
