"""Stopping, starting again, and everything that must not be able to share or damage a data directory."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    ExponentialBackoffRetryPolicy,
    LHStatus,
    PollTaskRequest,
    ReportTaskRun,
    SearchWfRunRequest,
    TaskDefId,
    TaskRun,
    TaskStatus,
    WfRun,
)
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, ROOT, Client, EventLoopThread, ServerProcess, eventually


@pytest.fixture
def loop_thread() -> Iterator[EventLoopThread]:
    """The event loop that this test's workers run on."""
    thread = EventLoopThread()
    yield thread
    thread.close()


def connect(server: ServerProcess, loop_thread: EventLoopThread) -> Client:
    """A new client; a restarted server is another connection."""
    return Client(server.address, loop_thread, "restart")


def take_task(client: Client, task_def: str) -> ReportTaskRun:
    """Takes one task of this TaskDef by hand; returns a failed report for it, not sent yet."""
    done = threading.Event()

    def requests() -> Iterator[PollTaskRequest]:
        yield PollTaskRequest(task_def_id=TaskDefId(name=task_def), client_id="by-hand")
        done.wait(DEADLINE_SECONDS)

    response = next(client.stub.PollTask(requests(), timeout=DEADLINE_SECONDS))
    done.set()
    scheduled = response.result
    return ReportTaskRun(
        task_run_id=scheduled.task_run_id,
        attempt_number=scheduled.attempt_number,
        status=TaskStatus.TASK_FAILED,
    )


def only_task(client: Client, run: WfRun) -> TaskRun:
    """The one TaskRun of a run."""
    (task_run,) = client.task_runs(run)
    return task_run


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_everything_goes_on_after_a_restart(
    fresh_server: ServerProcess, loop_thread: EventLoopThread, end: str
) -> None:
    """04/TW-24, 03/E-001: queued, running, waiting and sleeping runs go on after a stop and after a kill."""
    fresh_server.start()

    async def work() -> str:
        return "done"

    backoff = ExponentialBackoffRetryPolicy(base_interval_ms=1500, multiplier=1.0, max_delay_ms=1500)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task, timeout_seconds=2, retries=2, exponential_backoff=backoff)

    with connect(fresh_server, loop_thread) as client:
        task = client.register("work", work)
        spec = client.deploy("tasks", entrypoint)
        sleeper_spec = client.deploy("sleeper", lambda thread: thread.sleep(2))
        runs = {name: client.start(spec) for name in ("pending", "running", "scheduled")}
        runs["sleeping"] = client.start(sleeper_spec)
        client.stub.ReportTask(take_task(client, task))
        take_task(client, task)
        before = {name: only_task(client, runs[name]) for name in ("pending", "running", "scheduled")}
        assert [TaskStatus.Name(task_run.status) for task_run in before.values()] == [
            "TASK_PENDING", "TASK_RUNNING", "TASK_SCHEDULED",
        ]  # fmt: skip

    if end == "terminate":
        assert fresh_server.terminate() == 0
    else:
        fresh_server.kill()
    fresh_server.start()

    with connect(fresh_server, loop_thread) as client:
        assert only_task(client, runs["scheduled"]) == before["scheduled"]
        client.serve(task, work)
        for run in runs.values():
            client.wait(run)
        statuses = {
            name: [TaskStatus.Name(attempt.status) for attempt in only_task(client, runs[name]).attempts]
            for name in before
        }
    assert statuses == {
        "pending": ["TASK_FAILED", "TASK_SUCCESS"],
        "running": ["TASK_TIMEOUT", "TASK_SUCCESS"],
        "scheduled": ["TASK_SUCCESS"],
    }


def test_finished_runs_are_read_and_found_after_a_restart(
    fresh_server: ServerProcess, loop_thread: EventLoopThread
) -> None:
    """03/E-001, 07/S-9: what a client could read before, it can read after; definitions and searches included."""
    fresh_server.start()
    with connect(fresh_server, loop_thread) as client:
        spec = client.deploy("ends", lambda thread: thread.declare_int("number").searchable().required())
        runs = [client.start(spec, number=number) for number in range(20)]
    fresh_server.kill()
    fresh_server.start()
    with connect(fresh_server, loop_thread) as client:
        request = SearchWfRunRequest(wf_spec_name=spec, status=LHStatus.COMPLETED)
        found = client.stub.SearchWfRun(request).results
        assert sorted(wf_run_id.id for wf_run_id in found) == sorted(run.id.id for run in runs)
        assert [client.stub.GetWfRun(run.id) for run in runs] == runs
        assert [client.variable(run, "number").int for run in runs] == list(range(20))
        client.start(spec, number=20)


def test_a_stopping_server_ends_polls_as_unavailable(fresh_server: ServerProcess, loop_thread: EventLoopThread) -> None:
    """04/TW-34g, TW-34i: never OK, so that workers connect again."""
    fresh_server.start()
    with connect(fresh_server, loop_thread) as client:
        half_closed = threading.Event()

        def requests() -> Iterator[PollTaskRequest]:
            yield PollTaskRequest(task_def_id=TaskDefId(name="nothing-to-do"), client_id="waits")
            half_closed.wait(DEADLINE_SECONDS)

        stream = client.stub.PollTask(requests())
        # A second call on the same connection is answered, so the first has reached the server.
        client.stub.Whoami(Empty())
        assert fresh_server.terminate() == 0
        with pytest.raises(grpc.RpcError) as error:
            next(stream)
        half_closed.set()
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE


def start_another(data_dir: Path) -> "subprocess.CompletedProcess[str]":
    """Tries to start a server on this directory; it is expected to refuse."""
    command = [ROOT / ".venv/bin/lh", "server", "start", "--data-dir", data_dir, "--listen", "127.0.0.1:0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS)


def test_a_data_directory_has_one_process(fresh_server: ServerProcess, loop_thread: EventLoopThread) -> None:
    """A second process on the directory is refused in one sentence, and the first goes on."""
    fresh_server.start()
    second = start_another(fresh_server.data_dir)
    assert second.returncode != 0
    assert "ready" not in second.stdout
    assert str(fresh_server.data_dir) in second.stderr
    assert "Traceback" not in second.stderr
    with connect(fresh_server, loop_thread) as client:
        client.deploy("alive", lambda thread: thread.declare_int("a"))


def test_a_damaged_log_is_refused_and_left_alone(fresh_server: ServerProcess, loop_thread: EventLoopThread) -> None:
    """A flipped bit in the middle of the log: the server says so and changes nothing; repaired, nothing is lost."""
    fresh_server.start()
    with connect(fresh_server, loop_thread) as client:
        spec = client.deploy("kept", lambda thread: thread.declare_str("text").required())
        runs = [client.start(spec, text="marker-" * 50) for _ in range(20)]
    fresh_server.kill()
    segment, position = next(
        (path, content.rindex(b"marker-", 0, content.rindex(b"marker-") - 5000))
        for path in sorted((fresh_server.data_dir / "log").iterdir())
        if path.is_file() and (content := path.read_bytes()).count(b"marker-") > 500
    )
    whole = segment.read_bytes()
    damaged = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
    segment.write_bytes(damaged)

    refused = start_another(fresh_server.data_dir)
    assert refused.returncode != 0
    assert "log" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert segment.read_bytes() == damaged

    segment.write_bytes(whole)
    fresh_server.start()
    with connect(fresh_server, loop_thread) as client:
        eventually(lambda: all(client.stub.GetWfRun(run.id) == run for run in runs), "all runs are back")
