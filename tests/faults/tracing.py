"""Faults of the disk by `strace`: at the N-th call of a kind on some files, the server is killed or gets an error."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.wire.driver import DEADLINE_SECONDS, ServerProcess

# Small segments, so that a script of a few seconds fills many and the log is cut.
SEGMENT_BYTES = 64 << 10
SMALL_SEGMENTS = {"LH_TEST_LOG_SEGMENT_BYTES": str(SEGMENT_BYTES)}
# Files get growing numbers; a script makes fewer than these many.
SEGMENTS = 60
STORE_FILES = 100
STORE_NAMES = ("{:06}.sst", "{:06}.log", "{:06}.dbtmp", "MANIFEST-{:06}", "OPTIONS-{:06}", "OPTIONS-{:06}.dbtmp")


@dataclass(frozen=True)
class Surface:
    """A part of the data directory with the calls that change it."""

    name: str
    calls: tuple[str, ...]

    def paths(self, data_dir: Path) -> list[Path]:
        """All files of this part, also those that do not exist yet."""
        log = data_dir / "log"
        segments = [log / f"log-{number:016}.seg" for number in range(1, SEGMENTS)]
        if self.name == "identity":
            return [data_dir, data_dir / "IDENTITY", data_dir / "IDENTITY.unfinished"]
        if self.name == "log":
            return segments
        if self.name == "segments":
            return [log, *(path.with_name(f"{path.name}.unfinished") for path in segments)]
        store = data_dir / ("meta" if self.name == "meta" else "shards/0")
        names = [name.format(number) for name in STORE_NAMES for number in range(STORE_FILES)]
        return [store, store / "CURRENT", store / "IDENTITY", *(store / name for name in names)]


SURFACES = (
    Surface("identity", ("write", "fsync", "rename")),
    Surface("log", ("pwrite64", "fdatasync", "rename", "unlink")),
    Surface("segments", ("write", "fdatasync", "fsync", "rename")),
    Surface("store", ("write", "fdatasync", "fsync", "rename", "unlink", "ftruncate")),
    Surface("meta", ("write", "fdatasync", "fsync", "rename", "unlink", "ftruncate")),
)


@dataclass(frozen=True)
class Fault:
    """What happens at the `number`-th such call on these files; KILL = the server is killed instead of the call."""

    surface: Surface
    call: str
    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind} at {self.call} {self.number} of {self.surface.name}"

    @property
    def injection(self) -> str:
        """The fault as strace is told it."""
        what = "signal=KILL" if self.kind == "KILL" else f"error={self.kind}"
        return f"inject={self.call}:{what}:when={self.number}"


class TracedServer(ServerProcess):
    """A server under strace; `happened` tells whether it met the fault."""

    def __init__(self, data_dir: Path, fault: Fault) -> None:
        super().__init__(data_dir, "--shards", "1", "--memory-limit", "64MiB", "--drain-seconds", "1")
        self.environment = SMALL_SEGMENTS
        self._fault = fault
        self._trace = data_dir.with_name(data_dir.name + ".trace")

    def command(self) -> list[str]:
        """The server's command line behind strace's."""
        paths = [f"-P{path}" for path in self._fault.surface.paths(self.data_dir)]
        injection = ["-e", f"trace={self._fault.call}", "-e", self._fault.injection]
        # With --seccomp-bpf other calls cost nothing, but signals are not delivered.
        fast = [] if self._fault.kind == "KILL" else ["--seccomp-bpf"]
        return ["strace", "-f", *fast, "-qq", "-o", str(self._trace), *paths, *injection, *super().command()]

    @property
    def happened(self) -> bool:
        """Whether the fault came; to be asked once the server has ended."""
        return "(INJECTED)" in self._trace.read_text() or self.returncode == -signal.SIGKILL

    @property
    def returncode(self) -> int | None:
        """Exit code of the server, which strace passes on; None while it runs."""
        return self.process.poll()

    def terminate(self) -> int:
        """SIGTERM to the server itself; strace ends with it."""
        self._signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_SECONDS)
        self._close()
        return code

    def kill(self) -> None:
        """SIGKILL to the server itself, if it runs."""
        if self._process is not None:
            if self._process.poll() is None:
                self._signal(signal.SIGKILL)
            self._process.wait()
            self._close()

    def _signal(self, number: int) -> None:
        tracer = self.process.pid
        for child in Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split():
            # It may have ended by itself just now.
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)


@functools.cache
def missing() -> str:
    """Why faults cannot be injected on this machine; empty if they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian and Ubuntu: apt-get install strace)"
    probe = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "-e", "inject=fsync:error=EIO", "true"]
    tried = subprocess.run(probe, capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"strace cannot trace here: {tried.stderr.strip()}"


needs_strace = pytest.mark.skipif(bool(missing()), reason=missing() or "strace works")
