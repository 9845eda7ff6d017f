"""What a task function is told, and checkpoints (spec 09 section 7.5)."""

import asyncio
import datetime
from collections.abc import Callable
from typing import Any

import pytest

from littlehorse.model import (
    NodeRunId,
    ReportTaskRun,
    ScheduledTask,
    TaskDef,
    TaskDefId,
    TaskNodeReference,
    TaskRunId,
    TaskRunSource,
    TaskStatus,
    UserTaskTriggerReference,
    VariableValue,
    WfRunId,
)
from littlehorse.worker import CheckpointContext, LHTaskWorker, WorkerContext
from tests.sdk.fake_server import FakeServer, config_for, scheduled, serving


def context_of(task: ScheduledTask) -> WorkerContext:
    client: Any = None
    return WorkerContext(task, client)


def test_facts() -> None:
    """09 section 7.5: ids, attempt, times, name."""
    task = scheduled(7, attempt_number=2)
    task.created_at.FromDatetime(datetime.datetime(2024, 1, 2, 3, 4, 5, 678000))
    context = context_of(task)
    assert context.wf_run_id == WfRunId(id="run-7")
    assert context.task_run_id == TaskRunId(wf_run_id=WfRunId(id="run-7"), task_guid="guid-7")
    assert context.attempt_number == 2
    assert context.idempotency_key == "guid-7"
    assert context.task_def_name == "greet"
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.UTC)
    assert context.scheduled_time_utc == moment
    assert context.scheduled_time == moment.astimezone().replace(tzinfo=None, microsecond=0)
    for part in ("run-7", "guid-7", "greet", "attempt_number"):
        assert part in str(context)


def test_key_that_no_other_task_has() -> None:
    """09 section 11: the ids of the run and of its parents belong to it."""
    task = scheduled(1)
    task.task_run_id.wf_run_id.parent_wf_run_id.CopyFrom(WfRunId(id="parent"))
    assert context_of(task).unique_idempotency_key == "parent/run-1/guid-1"
    assert context_of(scheduled(1)).unique_idempotency_key == "run-1/guid-1"


def test_sources() -> None:
    """09 section 7.5: a task node, or a user task and whom it is assigned to."""
    node_run_id = NodeRunId(wf_run_id=WfRunId(id="r"), position=4)
    node = context_of(scheduled(1, source=TaskRunSource(task_node=TaskNodeReference(node_run_id=node_run_id))))
    assert (node.node_run_id, node.user_id, node.user_group) == (node_run_id, None, None)
    reference = UserTaskTriggerReference(node_run_id=node_run_id, user_id="anna", user_group="sales")
    trigger = context_of(scheduled(1, source=TaskRunSource(user_task_trigger=reference)))
    assert (trigger.node_run_id, trigger.user_id, trigger.user_group) == (node_run_id, "anna", "sales")


def test_logs() -> None:
    """09 section 7.5: a line for each entry, with the time in front."""
    for context in (context_of(scheduled(1)), CheckpointContext()):
        assert context.log_output == ""
        context.log("first")
        context.log({"a": 1})
        first, second = context.log_output.splitlines()
        assert first.endswith("] first")
        assert second.endswith("] {'a': 1}")
        assert datetime.datetime.fromisoformat(first[1:].partition("]")[0])


def run(
    function: Callable[..., Any], kept: list[VariableValue] | None = None, go_on: bool = True
) -> tuple[FakeServer, ReportTaskRun]:
    """Runs a function as a task; `kept` are the checkpoints of earlier attempts."""

    async def scenario() -> tuple[FakeServer, ReportTaskRun]:
        async with serving(FakeServer(TaskDef(id=TaskDefId(name="greet")))) as server:
            server.kept_checkpoints = kept or []
            server.go_on = go_on
            config = config_for(server)
            worker = LHTaskWorker(function, "greet", config)
            running = asyncio.create_task(worker.start())
            await server.until(lambda: bool(server.waiting))
            server.give(scheduled(1, total_observed_checkpoints=len(server.kept_checkpoints), attempt_number=1))
            await server.until(lambda: bool(server.reports))
            worker.stop()
            await running
            await config.aclose()
            return server, server.reports[0]

    return asyncio.run(scenario())


def test_log_goes_with_the_report() -> None:
    """09/PY-35: as text, if there is any."""

    async def task(context: WorkerContext) -> None:
        context.log("entry")

    _, report = run(task)
    assert report.log_output.str.endswith("] entry")


def test_checkpoints() -> None:
    """09/PY-39: kept results are asked for, new ones are made by the function and kept; both kinds count."""
    made: list[str] = []

    async def task(context: WorkerContext) -> list[Any]:
        def step(name: str) -> Callable[[CheckpointContext], Any]:
            def make(checkpoint: CheckpointContext) -> Any:
                made.append(name)
                checkpoint.log(f"made {name}")
                return (name,)

            return make

        async def in_the_loop(checkpoint: CheckpointContext) -> str:
            await asyncio.sleep(0)
            return "async"

        results = [await context.execute_and_checkpoint(step(name)) for name in ("first", "second", "third")]
        return [*results, await context.execute_and_checkpoint(in_the_loop)]

    server, report = run(task, kept=[VariableValue(json_arr='["kept"]')])
    assert report.output.json_arr == '[["kept"], ["second"], ["third"], "async"]'
    assert report.total_checkpoints == 4
    assert made == ["second", "third"]
    assert [checkpoint.value.WhichOneof("value") for checkpoint in server.checkpoints] == [
        "json_obj",
        "json_obj",
        "str",
    ]
    first = server.checkpoints[0]
    assert (first.task_run_id.task_guid, first.task_attempt) == ("guid-1", 1)
    assert first.logs.endswith("] made second")
    assert server.checkpoints[2].HasField("logs")


def test_checkpoint_that_ends_the_attempt() -> None:
    """09/PY-39: when the server says stop, the function gets an exception."""

    async def task(context: WorkerContext) -> None:
        with pytest.raises(RuntimeError, match="Halting execution because the server told us to"):
            await context.execute_and_checkpoint(lambda checkpoint: 1)
        raise KeyError("stopped")

    _, report = run(task, go_on=False)
    assert report.status == TaskStatus.TASK_FAILED
    assert "stopped" in report.error.message
