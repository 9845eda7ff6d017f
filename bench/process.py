"""CPU time of processes, as Linux tells it."""

import contextlib
import os
import time
from pathlib import Path

IDLE_SHARE = 0.05
"""A process that uses less than this share of one core counts as idle."""


def cpu_seconds(process_id: int) -> float | None:
    """User plus system time of a process so far; `None` where there is no /proc."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # Counted behind the command name, which may contain blanks: utime and stime are the 14th and 15th field.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def wait_until_idle(process_id: int, patience_s: float = 10.0, look_s: float = 0.5) -> bool:
    """Waits until a process has used next to no CPU for a moment.

    What a server still does for an earlier case (compactions, say) must not be paid by the next one.

    Returns:
        False if it was still busy when the patience ended.
    """
    deadline = time.monotonic() + patience_s
    before = cpu_seconds(process_id)
    while before is not None and time.monotonic() < deadline:
        time.sleep(look_s)
        after = cpu_seconds(process_id)
        if after is None or after - before < IDLE_SHARE * look_s:
            return True
        before = after
    return before is None


def resident_bytes(process_id: int) -> int:
    """Memory that a process has resident now (VmRSS). Raises OSError where there is no /proc."""
    return _status_bytes(process_id, "VmRSS")


def resident_peak_bytes(process_id: int) -> int:
    """The most that it ever had (VmHWM). Raises OSError where there is no /proc."""
    return _status_bytes(process_id, "VmHWM")


def _status_bytes(process_id: int, name: str) -> int:
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


def disk_bytes(folder: Path) -> int:
    """Disk space that all files below `folder` take. Files that a server removes meanwhile count as nothing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_blocks * 512 if path.is_file() else 0
    return total
