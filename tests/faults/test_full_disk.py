"""A full disk (fault 7): new work is refused in time, reads go on, all goes on by itself when there is room again."""

import contextlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from littlehorse.model import RunWfRequest, VariableValue
from tests.faults.script import Script, report_of
from tests.wire.driver import DEADLINE_SECONDS, ROOT, ServerProcess, eventually

MIB = 1 << 20
DISK_BYTES = 192 * MIB
# Free bytes below which new runs are refused, and below which everything is (limits.rs: RESERVE_BYTES, FULL_BYTES).
RESERVE_BYTES = 64 * MIB
FULL_BYTES = 32 * MIB
# RocksDB looks every few seconds whether a disk that was full has room again.
ROOM_SECONDS = 60.0


def mount(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Mounts a small file system in memory, or changes its size."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of DISK_BYTES."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount the small disk that this test fills")
    mounted = mount(folder, f"size={DISK_BYTES}")
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[ServerProcess]:
    """A server on the small disk, started; its log file is beside the data directory, where 0 bytes may be left."""
    process = ServerProcess(disk / "data", "--shards", "1", "--memory-limit", "64MiB")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def script(server: ServerProcess) -> Iterator[Script]:
    """A client with the definitions of the script."""
    script = Script()
    script.connect(server.address)
    script.define()
    yield script
    script.close()


def free_bytes(disk: Path) -> int:
    """What is left of the disk."""
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def fill(disk: Path, leave: int) -> None:
    """Leaves this much room."""
    with (disk / "filler").open("ab") as filler, contextlib.suppress(OSError):
        while (surplus := free_bytes(disk) - leave) > 0:
            filler.write(bytes(min(surplus, MIB)))
            filler.flush()


def refused(call: Callable[[], object]) -> bool:
    """True if the call is refused for want of room, and told when to ask again (08/Q-8); other errors are raised."""
    try:
        call()
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        assert b"type.googleapis.com/google.rpc.RetryInfo" in details
        return True
    return False


def start_padded(script: Script, padding: str) -> None:
    """Starts a run with a large variable; it counts as started only if this was acknowledged."""
    wf_run_id = f"count-{script.next_number}"
    script.next_number += 1
    variables = {"padding": VariableValue(str=padding)}
    script.stub.RunWf(RunWfRequest(wf_spec_name="count", id=wf_run_id, variables=variables))
    script.started[wf_run_id] = "count"


def incompressible(seed: int, length: int) -> str:
    """A text that takes its length on the disk."""
    return random.Random(seed).randbytes(length // 2).hex()


def test_new_runs_are_refused_first_then_everything_and_all_comes_back(
    disk: Path, server: ServerProcess, script: Script
) -> None:
    """Fault 7, 08 section 13: RESOURCE_EXHAUSTED at the reserve, for reports only at the end; reads all the time."""
    for _ in range(4):
        script.start("count")
    fill(disk, (RESERVE_BYTES + FULL_BYTES) // 2)
    eventually(lambda: refused(lambda: start_padded(script, "")), "new runs are refused")
    script.work()
    tasks = [script.take(), script.take()]
    assert len(list(script.search("count"))) >= 4

    fill(disk, 0)
    eventually(lambda: refused(lambda: script.stub.ReportTask(report_of(tasks[0]))), "reports are refused")
    assert refused(lambda: start_padded(script, ""))
    assert refused(lambda: script.put_task_def("another"))
    for wf_run_id in script.started:
        assert script.wf_run(wf_run_id).id.id == wf_run_id
    assert server.process.poll() is None

    (disk / "filler").unlink()
    eventually(lambda: not refused(lambda: start_padded(script, "")), "there is room again", ROOM_SECONDS)
    for task in tasks[1:]:
        script.report(task)
    script.check()
    assert server.terminate() == 0
    assert_sound(server)


def test_a_server_that_fills_its_disk_refuses_in_time(disk: Path, server: ServerProcess, script: Script) -> None:
    """Fault 7: runs until the disk has no room for more; nothing acknowledged is lost, a larger disk is enough."""
    padding = 400_000

    def one_more() -> bool:
        return refused(lambda: start_padded(script, incompressible(script.next_number, padding)))

    eventually(one_more, "the disk is full", ROOM_SECONDS)
    assert len(script.started) * padding > DISK_BYTES // 8
    assert free_bytes(disk) > 0
    for wf_run_id in script.started:
        assert script.wf_run(wf_run_id).id.id == wf_run_id
    assert mount(disk, "remount", f"size={4 * DISK_BYTES}").returncode == 0
    eventually(lambda: not one_more(), "there is room again", ROOM_SECONDS)
    # Only now: a search is refused while the store has no room for what is in the log.
    eventually(lambda: not refused(lambda: script.search("count")), "the store has caught up", ROOM_SECONDS)
    assert len(list(script.search("count"))) == len(script.started)
    assert server.terminate() == 0
    assert_sound(server)


def test_a_store_without_room_catches_up(disk: Path, server: ServerProcess, script: Script) -> None:
    """Fault 7: what RocksDB could not write waits in memory and log; a kill in that state loses nothing either."""
    for _ in range(40):
        start_padded(script, "")
    reports = [report_of(script.take()) for _ in range(20)]
    fill(disk, FULL_BYTES + 8 * MIB)
    eventually(lambda: refused(lambda: start_padded(script, "")), "new runs are refused")
    # More than the store's write buffer, most of which must reach the disk when there is no room any more.
    for number, report in enumerate(reports):
        report.log_output.str = incompressible(number, 600_000)
        script.stub.ReportTask(report)
    fill(disk, 0)
    # Workers still get what is queued, which changes runs: a search has them flushed, finds no room at last, and says
    # so instead of waiting for somebody to make room.
    for _ in range(10):
        script.take()
        if refused(lambda: script.search("count")):
            break
    else:
        pytest.fail("the store has written its buffer to a disk without room")
    assert server.process.poll() is None
    for wf_run_id in script.started:
        assert script.wf_run(wf_run_id).id.id == wf_run_id
    (disk / "filler").unlink()
    eventually(lambda: not refused(lambda: start_padded(script, "")), "there is room again", ROOM_SECONDS)
    eventually(lambda: not refused(lambda: script.search("count")), "the store has caught up", ROOM_SECONDS)
    assert len(list(script.search("count"))) == len(script.started)
    fill(disk, 0)
    server.kill()
    (disk / "filler").unlink()
    script.connect(server.start())
    script.check()
    assert server.terminate() == 0
    assert_sound(server)


def assert_sound(server: ServerProcess) -> None:
    """`lh doctor` finds nothing wrong with what the stopped server left."""
    command = [ROOT / ".venv/bin/lh", "doctor", server.data_dir]
    looked = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    assert looked.returncode == 0, looked.stdout
