"""Case `recovery`: how long a killed server takes to read its log again."""

from pathlib import Path

from bench.cases import Summary, problems, single_server
from bench.driver import drive
from bench.server import running_server
from bench.setting import LENGTH, Setting
from bench.throughput import progress

GIGABYTE = 1e9
MILLION = 1e6
COMMANDS_PER_TASK = 2
"""The report of a task, and the claim of the next one."""
SEGMENT_LOOK_BYTES = 1 << 16


def recovery(setting: Setting) -> Summary:
    """Loads a server, kills it, starts it again on what it left; takes off what starting on next to nothing takes."""
    data, log = setting.out / "recovery-data", setting.out / "recovery-server.log"
    with running_server(data, setting.shards, log, setting.lh, is_kept=True):
        pass
    with running_server(data, setting.shards, log, setting.lh, is_fresh=False) as server:
        empty_s = server.ready_s
    with running_server(data, setting.shards, log, setting.lh, is_kept=True, ends_by_kill=True) as server:
        options: dict[str, object] = {
            "server": server.address, "server-pid": server.process_id, "length": LENGTH, "warmup": 0,
            "seconds": 600, "tasks": setting.sizes.recovery_tasks,
        }  # fmt: skip
        done = drive("chain", options, setting.driver)
    written = log_bytes(data / "log")
    progress(f"recovery: killed with a log of {written / MILLION:.1f} MB")
    with running_server(data, setting.shards, log, setting.lh, is_fresh=False) as server:
        start_up = server.ready_s
    total = done["total"]
    commands = total["runs_started"] + COMMANDS_PER_TASK * total["tasks_reported"]
    spent = max(start_up - empty_s, 0.0)
    return single_server(setting.shards).as_keys() | {
        "start_up_s": round(start_up, 3),
        "empty_start_up_s": round(empty_s, 3),
        "log_bytes": written,
        "commands": commands,
        "log_bytes_per_command": round(written / commands, 1) if commands else None,
        "s_per_gb": round(spent / written * GIGABYTE, 2) if written else None,
        "s_per_million_commands": round(spent / commands * MILLION, 2) if commands else None,
        "tasks": total["tasks_reported"],
        "errors": sum(done["errors"].values()),
        "problems": problems(done),
    }


def log_bytes(folder: Path) -> int:
    """Bytes of log in its segment files: each up to its last byte that is not zero, since segments are made in advance.

    A segment that is used again ends in what it held before; the case stays below the size at which that begins.
    """
    return sum(_used_bytes(path) for path in folder.glob("*.seg"))


def _used_bytes(path: Path) -> int:
    with path.open("rb") as file:
        end = path.stat().st_size
        while end > 0:
            start = max(end - SEGMENT_LOOK_BYTES, 0)
            file.seek(start)
            filled = len(file.read(end - start).rstrip(b"\0"))
            if filled:
                return start + filled
            end = start
    return 0
