"""Who starts the server of a soak and kills it, at moments that a seed chooses: while it serves, starts or recovers."""

import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from tests.faults.soak.history import Recorder
from tests.wire.driver import ROOT

# Small segments, so that the log is cut and its segments are used again many times.
SEGMENT_BYTES = 2 << 20
# Of a hundred kills, so many come before the server has said that it is ready.
EARLY_PERCENT = 25
# Longest time that a server serves before it is killed, and that it may take to be ready.
LIFE_SECONDS = 3.0
START_SECONDS = 60.0
# Below the ports that connections get: a client that connects to nobody there cannot meet itself.
PORTS = range(20_000, 30_000)


class Operator:
    """Runs `lh server start` on one data directory, again and again."""

    def __init__(self, folder: Path, recorder: Recorder, chance: random.Random, shards: int) -> None:
        self.data_dir = folder / "data"
        self.archive = folder / "archive"
        self.archive.mkdir()
        self.address = f"127.0.0.1:{free_port(chance)}"
        self.log = folder / "server.log"
        self._recorder = recorder
        self._chance = chance
        self._shards = shards
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()
        self._start_seconds = 0.5
        self.kills = 0
        self.early_kills = 0

    def start(self, data_dir: Path | None = None, kill_after: float | None = None) -> bool:
        """Starts the server; True once it is ready, False if it was killed after `kill_after` seconds before that."""
        command = [ROOT / ".venv/bin/lh", "server", "start", "--data-dir", data_dir or self.data_dir]
        command += ["--listen", self.address, "--shards", str(self._shards), "--memory-limit", "256MiB"]
        environment = os.environ | {"LH_TEST_LOG_SEGMENT_BYTES": str(SEGMENT_BYTES)}
        if data_dir is None:
            environment["LH_TEST_LOG_ARCHIVE"] = str(self.archive)
        begun = time.monotonic()
        with self.log.open("a") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        self._process = process
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    if re.fullmatch(r"ready \S+:\d+", line.strip()):
                        ready.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        while not ready.wait(0.01):
            lived = time.monotonic() - begun
            if kill_after is not None and lived > kill_after:
                self.kill("while it started")
                self.early_kills += 1
                return False
            assert process.poll() is None, f"the server ended by itself with {process.returncode}: {self.told()}"
            assert lived < START_SECONDS, f"the server is not ready after {lived:.0f} s: {self.told()}"
        self._start_seconds = time.monotonic() - begun
        self._recorder.note("serving")
        return True

    def kill(self, how: str = "killed") -> None:
        """`kill -9`, now."""
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended by itself: {self.told()}"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        self.kills += 1
        self._recorder.note("ended", how=how)

    def restart(self, most_kills: int) -> None:
        """Starts it, killing it a few times before it is ready if the seed wants that; it serves afterwards."""
        while True:
            early = self._chance.randrange(100) < EARLY_PERCENT and self.kills < most_kills
            kill_after = self._chance.random() * self._start_seconds * 1.1 if early else None
            if self.start(kill_after=kill_after):
                return

    def live(self, most: float = LIFE_SECONDS) -> None:
        """Lets it serve for a time that the seed chooses."""
        time.sleep(self._chance.random() * most)
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended by itself: {self.told()}"

    def stop(self) -> None:
        """SIGTERM; it must end by itself, without an error."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(START_SECONDS)
        self._reader.join()
        assert code == 0, f"the server ended with {code}: {self.told()}"

    def close(self) -> None:
        """Whatever happened, nothing is left running."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            self._reader.join()

    def told(self) -> str:
        """The end of what the servers wrote to standard error."""
        return self.log.read_text(errors="replace")[-2_000:]


def free_port(chance: random.Random) -> int:
    """A port that nobody listens on."""
    while True:
        port = chance.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def doctor(data_dir: Path, whole_log: Path | None = None) -> str:
    """What `lh doctor` says of a stopped server's directory, once it has found nothing wrong."""
    command: list[str | Path] = [ROOT / ".venv/bin/lh", "doctor", data_dir]
    command += ["--whole-log", whole_log] if whole_log else []
    looked = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert looked.returncode == 0, f"lh doctor: {looked.stdout}{looked.stderr}"
    return looked.stdout
