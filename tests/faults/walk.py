"""The kill walk: the script of script.py with a fault at every N-th call of the disk, `python -m tests.faults.walk`.

After each fault: the files are sound to `lh doctor`, the server starts on them, everything acknowledged is there and
nothing happened twice, and after a polite stop the files are sound again.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.script import Gone, Script
from tests.faults.tracing import SMALL_SEGMENTS, SURFACES, Fault, Surface, TracedServer, missing
from tests.wire.driver import DEADLINE_SECONDS, ROOT, ServerProcess

# Errors that a disk gives for a call; a killed server is the same for all.
WRITES = ("write", "pwrite64", "ftruncate")
# A row of the walk is given up after so many failures: what is broken there breaks everywhere.
FAILURES_PER_ROW = 10


def kinds(call: str) -> tuple[str, ...]:
    """The faults that this call can meet."""
    return ("KILL", "EIO", "ENOSPC") if call in WRITES or call == "rename" else ("KILL", "EIO")


def doctor(data_dir: Path) -> str:
    """What `lh doctor` says of a data directory, once it has found nothing wrong."""
    command = [ROOT / ".venv/bin/lh", "doctor", str(data_dir)]
    looked = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert looked.returncode == 0, f"lh doctor: {looked.stdout}{looked.stderr}"
    return looked.stdout


def live_through(fault: Fault, folder: Path) -> int | None:
    """The script with this fault, then the check; returns the acknowledged calls, None if the fault did not happen.

    Raises AssertionError if anything is lost, doubled, damaged or unclear.
    """
    data_dir = folder / "data"
    server = TracedServer(data_dir, fault)
    script = Script()
    try:
        endured = live(server, script)
        if not server.happened:
            return None
        if not endured:
            ended_clearly(server, fault)
        elif fault.surface.name == "log" and fault.call == "fdatasync" and fault.kind == "EIO":
            raise AssertionError("a failed fsync of the log must end the server")
        if (data_dir / "IDENTITY").exists():
            doctor(data_dir)
        after = ServerProcess(data_dir, "--shards", "1")
        after.environment = SMALL_SEGMENTS
        try:
            script.connect(after.start())
            script.check()
            assert after.terminate() == 0
        finally:
            after.kill()
        doctor(data_dir)
    finally:
        server.kill()
        script.close()
    return script.acknowledged


def live(server: TracedServer, script: Script) -> bool:
    """Runs the script on the server and stops it; False if it ended by itself before."""
    try:
        script.connect(server.start())
    except AssertionError:
        return False  # it refused to start; `ended_clearly` looks at how
    try:
        script.run(server.data_dir / "log")
    except Gone:
        server.process.wait(timeout=DEADLINE_SECONDS)
        return False
    return server.terminate() == 0


def ended_clearly(server: TracedServer, fault: Fault) -> None:
    """A server that ends because of an error says so in one sentence and exits with 1."""
    if fault.kind == "KILL":
        assert server.returncode != 0
        return
    told = server.log()
    assert server.returncode == 1, f"exit code {server.returncode}: {told}"
    assert "Traceback" not in told, told
    assert any(line.startswith("lh server start: ") for line in told.splitlines()), told


def walk(surface: Surface, call: str, kind: str, step: int) -> Iterator[Fault]:
    """The faults of this kind, each `step` calls after the one before; whoever takes them stops when none happens."""
    number = 1
    while True:
        yield Fault(surface, call, kind, number)
        number += step


def main() -> int:
    """Walks everything, or what the arguments choose; prints a table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tests.faults.walk", description=__doc__)
    parser.add_argument("--surface", choices=[surface.name for surface in SURFACES], help="only this part")
    parser.add_argument("--call", help="only this system call")
    parser.add_argument("--kind", choices=["KILL", "EIO", "ENOSPC"], help="only this fault")
    parser.add_argument("--step", type=int, default=1, help="every STEP-th call only")
    chosen = parser.parse_args()
    if missing():
        print(missing(), file=sys.stderr)
        return 1
    wanted = (chosen.surface, chosen.call, chosen.kind)
    failed, points, acknowledged = 0, 0, 0
    begun = time.monotonic()
    for surface in SURFACES:
        for call in surface.calls:
            for kind in kinds(call):
                row = (surface.name, call, kind)
                if any(want not in (None, part) for want, part in zip(wanted, row, strict=True)):
                    continue
                lived, lost, calls = walk_row(surface, call, kind, chosen.step)
                print(f"{surface.name:9} {call:10} {kind:7} {lived:4} survived {lost:3} failed", flush=True)
                points, failed, acknowledged = points + lived + lost, failed + lost, acknowledged + calls
    seconds = time.monotonic() - begun
    print(f"{points} faults, {failed} failed; {acknowledged} acknowledged calls checked; {seconds:.0f} s")
    return 1 if failed else 0


def walk_row(surface: Surface, call: str, kind: str, step: int) -> tuple[int, int, int]:
    """Walks one kind of fault to the end of the script; returns survived, failed, acknowledged calls."""
    lived, lost, calls = 0, 0, 0
    for fault in walk(surface, call, kind, step):
        with tempfile.TemporaryDirectory(prefix="lh-walk-") as folder:
            try:
                seen = live_through(fault, Path(folder))
            except Exception as error:
                print(f"FAILED {fault}: {error!r}", file=sys.stderr, flush=True)
                lost += 1
                if lost == FAILURES_PER_ROW:
                    return lived, lost, calls
                continue
        if seen is None:
            return lived, lost, calls
        lived, calls = lived + 1, calls + seen
    raise AssertionError("unreachable: the walk has no end of its own")


if __name__ == "__main__":
    sys.exit(main())
