"""Workers by hand: registration, polls and reports, as any client may send them (spec 04 sections 3 to 6)."""

import queue
from collections.abc import Iterator

import grpc
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    LittleHorseStub,
    PollTaskRequest,
    PutTaskDefRequest,
    RegisterTaskWorkerRequest,
    ReportTaskRun,
    ScheduledTask,
    TaskDefId,
    TaskStatus,
    VariableValue,
)
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, Client


class Poller:
    """One PollTask stream whose requests the test sends one by one."""

    def __init__(self, stub: LittleHorseStub) -> None:
        self._requests: queue.Queue[PollTaskRequest | None] = queue.Queue()
        self._responses = stub.PollTask(self._sent(), timeout=DEADLINE_SECONDS)

    def _sent(self) -> Iterator[PollTaskRequest]:
        while (request := self._requests.get()) is not None:
            yield request

    def ask(self, task_def: str) -> None:
        """Lets one more poll wait."""
        self._requests.put(PollTaskRequest(task_def_id=TaskDefId(name=task_def), client_id="by-hand"))

    def next(self) -> ScheduledTask:
        """The next task that is delivered."""
        task: ScheduledTask = next(iter(self._responses)).result
        return task

    def close(self) -> None:
        """Ends the stream."""
        self._requests.put(None)
        self._responses.cancel()


def succeed(stub: LittleHorseStub, task: ScheduledTask, output: str) -> None:
    """Reports the success of an attempt."""
    stub.ReportTask(
        ReportTaskRun(
            task_run_id=task.task_run_id,
            attempt_number=task.attempt_number,
            status=TaskStatus.TASK_SUCCESS,
            output=VariableValue(str=output),
        ),
        timeout=DEADLINE_SECONDS,
    )


def test_heartbeats_answer_the_same_hosts(client: Client) -> None:
    """04/TW-27, TW-30, TW-31: the same call registers and keeps; every worker always has the one server there is."""
    name = client.name("kept")
    answers = [
        client.stub.RegisterTaskWorker(
            RegisterTaskWorkerRequest(task_worker_id=f"worker-{number}", task_def_id=TaskDefId(name=name))
        )
        for number in (1, 2, 1, 2, 1)
    ]
    assert all(answer == answers[0] for answer in answers)
    assert [f"{host.host}:{host.port}" for host in answers[0].your_hosts] == [client.address]
    group = client.stub.GetTaskWorkerGroup(TaskDefId(name=name))
    assert sorted(group.task_workers) == ["worker-1", "worker-2"]


def test_polls_need_neither_a_registration_nor_a_task_def(client: Client) -> None:
    """04/TW-26, TW-34e: a poll for a TaskDef that is not there yet waits, and is served once there is work."""
    task = client.name("later")
    poller = Poller(client.stub)
    poller.ask(task)
    # Answered by the same server after the poll arrived: it was not refused.
    client.stub.GetServerVersion(Empty())
    client.stub.PutTaskDef(PutTaskDefRequest(name=task))

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task)

    run = client.start(client.deploy("later", entrypoint))
    delivered = poller.next()
    assert delivered.task_run_id.wf_run_id == run.id
    assert delivered.source.task_node.node_run_id.position == 1
    assert delivered.source.wf_spec_id == run.wf_spec_id
    succeed(client.stub, delivered, "done")
    poller.close()
    client.wait(run)


def test_anybody_may_report(client: Client) -> None:
    """04/TW-36, TW-77, TW-74: over another connection; what was answered can be read at once."""

    async def work() -> str:
        return ""

    task = client.register("work", work)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task)

    run = client.start(client.deploy("reported", entrypoint))
    poller = Poller(client.stub)
    poller.ask(task)
    delivered = poller.next()
    running = client.stub.GetTaskRun(delivered.task_run_id)
    assert (running.status, running.attempts[0].status) == (TaskStatus.TASK_RUNNING, TaskStatus.TASK_RUNNING)
    poller.close()
    with grpc.insecure_channel(client.address) as channel:
        succeed(LittleHorseStub(channel), delivered, "by another")
    done = client.stub.GetTaskRun(delivered.task_run_id)
    assert (done.status, done.attempts[0].output.str) == (TaskStatus.TASK_SUCCESS, "by another")
    assert client.stub.GetWfRun(run.id).HasField("end_time")
