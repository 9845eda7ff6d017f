"""Case `disk`: the disk below the log by itself, written to and synced as the log does."""

import os
import time

from bench.cases import NO_ENGINE, Summary
from bench.percentile import spread
from bench.setting import Setting

FILE_BYTES = 64 << 20
WRITE_BYTES = 16 << 10
"""About what the log writes at once at half of the most that it can do."""


def disk(setting: Setting) -> Summary:
    """One write and fdatasync after the other into a file whose blocks exist, for one latency window at most."""
    path = setting.out / "disk.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    block = os.urandom(WRITE_BYTES)
    times: list[float] = []
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for at in range(0, FILE_BYTES, WRITE_BYTES):
            os.pwrite(file, bytes(WRITE_BYTES), at)
        os.fsync(file)
        end = time.monotonic() + setting.effort.latency_window_s
        while not times or time.monotonic() < end:
            begin = time.perf_counter()
            os.pwrite(file, block, len(times) * WRITE_BYTES % FILE_BYTES)
            os.fdatasync(file)
            times.append((time.perf_counter() - begin) * 1000)
    finally:
        os.close(file)
        path.unlink()
    figures = {"write_bytes": WRITE_BYTES, "syncs_per_s": round(1000 * len(times) / sum(times), 1)}
    return figures | spread(times, "ms") | NO_ENGINE.as_keys() | {"fsync": True, "errors": 0, "problems": []}
