"""Checkpoints of tasks: what an attempt has done, the next one does not do again."""

import grpc
import pytest

from littlehorse.model import (
    CheckpointId,
    DeleteWfRunRequest,
    PollTaskRequest,
    PutCheckpointRequest,
    PutCheckpointResponse,
    ScheduledTask,
    TaskDefId,
    TaskRunId,
    TaskStatus,
    VariableValue,
)
from littlehorse.worker import CheckpointContext, WorkerContext
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client

FlowControl = PutCheckpointResponse.FlowControlContinue


def claim(client: Client, task_def: str) -> ScheduledTask:
    """Claims a task that is queued, as a worker does."""

    def requests():  # type: ignore[no-untyped-def]
        yield PollTaskRequest(task_def_id=TaskDefId(name=task_def), client_id="by-hand")

    answer: ScheduledTask = next(iter(client.stub.PollTask(requests()))).result
    return answer


def one_task(client: Client, task: str, retries: int = 0) -> str:
    """Deploys a workflow of this one task; returns its name."""

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task, retries=retries)

    return client.deploy("one-task", entrypoint)


def test_a_retry_takes_what_was_kept(client: Client) -> None:
    """04/TW-64, TW-65, TW-67, TW-68: the function of a checkpoint that was put does not run again."""
    ran: list[str] = []

    async def work(context: WorkerContext) -> str:
        def first(_: CheckpointContext) -> str:
            ran.append("first")
            return "kept"

        def second(_: CheckpointContext) -> int:
            ran.append("second")
            return 7

        text = await context.execute_and_checkpoint(first)
        if context.attempt_number == 0:
            raise RuntimeError("after the first checkpoint")
        return f"{text} {await context.execute_and_checkpoint(second)}"

    run = client.run(one_task(client, client.work("work", work), retries=1))
    assert ran == ["first", "second"]
    (task,) = client.task_runs(run)
    assert [attempt.status for attempt in task.attempts] == [TaskStatus.TASK_FAILED, TaskStatus.TASK_SUCCESS]
    assert (task.attempts[1].output.str, task.total_checkpoints) == ("kept 7", 2)
    checkpoint = client.stub.GetCheckpoint(CheckpointId(task_run=task.id, checkpoint_number=1))
    assert checkpoint.value.int == 7
    assert checkpoint.HasField("created_at")


def test_what_is_no_running_attempt_stops(client: Client) -> None:
    """04/TW-64, TW-66: of the attempt that runs every checkpoint is kept; any other is told to stop."""

    async def work() -> None:
        """Claimed by hand."""

    task_def = client.register("work", work)
    run = client.start(one_task(client, task_def))
    (queued,) = client.task_runs(run)

    def put(attempt: int, value: str = "x") -> PutCheckpointResponse:
        request = PutCheckpointRequest(task_run_id=queued.id, task_attempt=attempt, value=VariableValue(str=value))
        return client.stub.PutCheckpoint(request)

    assert put(0).flow_control_continue_type == FlowControl.STOP_TASK
    claimed = claim(client, task_def)
    assert (claimed.task_run_id, claimed.total_observed_checkpoints) == (queued.id, 0)
    numbers = [put(0).created_checkpoint.id.checkpoint_number for _ in range(3)]
    assert numbers == [0, 1, 2]
    stopped = put(1)
    assert stopped.flow_control_continue_type == FlowControl.STOP_TASK
    assert not stopped.HasField("created_checkpoint")
    with pytest.raises(grpc.RpcError) as refused:
        put(0, "x" * 1_100_000)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # 04/TW-69
    assert client.task_runs(run)[0].total_checkpoints == 3


def test_missing_checkpoints(client: Client) -> None:
    """04/TW-64, TW-67: an unknown TaskRun, an unknown number, a run that was deleted."""

    async def work(context: WorkerContext) -> None:
        await context.execute_and_checkpoint(lambda _: "x")

    run = client.run(one_task(client, client.work("work", work)))
    (task,) = client.task_runs(run)
    kept = CheckpointId(task_run=task.id, checkpoint_number=0)
    assert client.stub.GetCheckpoint(kept).value.str == "x"
    for id in (
        CheckpointId(task_run=task.id, checkpoint_number=1),
        CheckpointId(task_run=TaskRunId(wf_run_id=run.id, task_guid="0-9-x"), checkpoint_number=0),
    ):
        with pytest.raises(grpc.RpcError) as missing:
            client.stub.GetCheckpoint(id)
        assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as unknown:
        client.stub.PutCheckpoint(PutCheckpointRequest(task_run_id=TaskRunId(wf_run_id=run.id, task_guid="0-9-x")))
    assert unknown.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    client.stub.DeleteWfRun(DeleteWfRunRequest(id=run.id))
    with pytest.raises(grpc.RpcError) as deleted:
        client.stub.GetCheckpoint(kept)
    assert deleted.value.code() == grpc.StatusCode.NOT_FOUND
