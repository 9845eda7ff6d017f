"""Runs whose definitions are deleted while they go on (spec 02 section 15)."""

import threading

import grpc
import pytest

from littlehorse.model import (
    DeleteExternalEventDefRequest,
    DeleteTaskDefRequest,
    DeleteWfSpecRequest,
    DeleteWorkflowEventDefRequest,
    ExternalEventDefId,
    LHErrorType,
    LHStatus,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    TaskDefId,
    TaskStatus,
    WfRun,
    WfSpecId,
    WorkflowEventDefId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client


def declare(client: Client, word: str) -> str:
    """Registers an external event of any content."""
    client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=client.name(word)))
    return client.name(word)


def post(client: Client, run: WfRun, event: str) -> None:
    """Puts an external event for a run."""
    name = ExternalEventDefId(name=event)
    content = to_variable_value("x")
    client.stub.PutExternalEvent(PutExternalEventRequest(wf_run_id=run.id, external_event_def_id=name, content=content))


def test_a_run_outlives_its_wf_spec(client: Client) -> None:
    """02/D-1, D-2, D-3: the run ends by the logic that it began with, although its number now names another one."""
    event = declare(client, "go")

    def first(thread: WorkflowThread) -> None:
        result = thread.declare_str("result")
        result.assign(thread.wait_for_event(event))

    name = client.deploy("deleted", first)
    run = client.start(name)
    client.stub.DeleteWfSpec(DeleteWfSpecRequest(id=WfSpecId(name=name)))
    for call in (lambda: client.stub.GetWfSpec(WfSpecId(name=name)), lambda: client.start(name)):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    client.deploy("deleted", lambda thread: thread.execute(client.register("task", pays)))
    again = client.stub.GetWfSpec(WfSpecId(name=name))
    assert (again.id.major_version, again.id.revision) == (0, 0)

    post(client, run, event)
    assert client.wait(run).wf_spec_id == again.id
    assert client.variable(run, "result").str == "x"


async def pays() -> None:
    """A task."""


def test_a_deleted_task_def_fails_what_arrives_at_it(client: Client) -> None:
    """02/D-3: a failure that can be handled."""
    event, task = declare(client, "go"), client.register("pay", pays)

    def entrypoint(thread: WorkflowThread) -> None:
        handled = thread.declare_bool("handled")
        thread.wait_for_event(event)
        paid = thread.execute(task)
        thread.handle_error(paid, lambda handler: handled.assign(True), LHErrorType.TASK_ERROR)

    run = client.start(client.deploy("without-task", entrypoint))
    client.stub.DeleteTaskDef(DeleteTaskDefRequest(id=TaskDefId(name=task)))
    post(client, run, event)
    client.wait(run)
    assert client.variable(run, "handled").bool
    failures = [failure for node in client.node_runs(run) for failure in node.failures]
    told = [(failure.failure_name, failure.message) for failure in failures]
    assert told == [("TASK_ERROR", f"Appears that TaskDef was deleted! (TaskDef {task})")]


def test_a_task_under_way_ends_although_its_task_def_is_deleted(client: Client) -> None:
    """02/D-3: the report counts by the definition that was known when the task was scheduled."""
    begun, may_end = threading.Event(), threading.Event()

    async def slow() -> str:
        begun.set()
        may_end.wait(20)
        return "done"

    task = client.work("slow", slow)

    def entrypoint(thread: WorkflowThread) -> None:
        result = thread.declare_str("result")
        result.assign(thread.execute(task))

    run = client.start(client.deploy("slow-task", entrypoint))
    assert begun.wait(20)
    client.stub.DeleteTaskDef(DeleteTaskDefRequest(id=TaskDefId(name=task)))
    may_end.set()
    client.wait(run)
    assert client.variable(run, "result").str == "done"
    assert client.task_runs(run)[0].status == TaskStatus.TASK_SUCCESS


def test_a_run_waits_on_for_a_deleted_event(client: Client) -> None:
    """02/D-3: the event cannot be put any more; the timeout still counts."""
    event = declare(client, "never")

    def entrypoint(thread: WorkflowThread) -> None:
        thread.wait_for_event(event, timeout=1)

    run = client.start(client.deploy("without-event", entrypoint))
    client.stub.DeleteExternalEventDef(DeleteExternalEventDefRequest(id=ExternalEventDefId(name=event)))
    with pytest.raises(grpc.RpcError) as caught:
        post(client, run, event)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert event in caught.value.details()
    client.wait(run, LHStatus.ERROR)
    assert client.node_runs(run)[1].failures[0].failure_name == "TIMEOUT"


def test_what_is_deleted_is_not_needed_to_go_on_but_to_register(client: Client) -> None:
    """02/D-1, D-4: references are looked at when a workflow is registered, not when something is deleted."""
    task = client.register("pay", pays)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task)

    client.deploy("refers", entrypoint)
    client.stub.DeleteTaskDef(DeleteTaskDefRequest(id=TaskDefId(name=task)))
    with pytest.raises(grpc.RpcError) as caught:
        client.deploy("refers-too", entrypoint)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert task in caught.value.details()
    for delete in (
        lambda: client.stub.DeleteTaskDef(DeleteTaskDefRequest(id=TaskDefId(name=task))),
        lambda: client.stub.DeleteExternalEventDef(DeleteExternalEventDefRequest(id=ExternalEventDefId(name="no"))),
        lambda: client.stub.DeleteWorkflowEventDef(DeleteWorkflowEventDefRequest(id=WorkflowEventDefId(name="no"))),
        lambda: client.stub.DeleteWfSpec(DeleteWfSpecRequest(id=WfSpecId(name="no"))),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            delete()
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        assert caught.value.details().startswith("Couldn't find provided ")
