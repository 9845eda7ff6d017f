"""What goes with a run that is deleted, what stays, and what then becomes of its tasks (07 section 8)."""

import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc
import pytest

from littlehorse.model import (
    CorrelatedEventConfig,
    DeleteWfRunRequest,
    ExternalEvent,
    ExternalEventDefId,
    InactiveThreadRunId,
    LHStatus,
    ListExternalEventsRequest,
    ListNodeRunsRequest,
    ListTaskRunsRequest,
    ListUserTaskRunRequest,
    ListVariablesRequest,
    ListWorkflowEventsRequest,
    PollTaskRequest,
    PutCorrelatedEventRequest,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    PutUserTaskDefRequest,
    PutWorkflowEventDefRequest,
    ReportTaskRun,
    ScheduledTask,
    SearchExternalEventRequest,
    SearchTaskRunRequest,
    SearchUserTaskRunRequest,
    SearchVariableRequest,
    SearchWfRunRequest,
    SearchWorkflowEventRequest,
    TaskDefId,
    TaskStatus,
    WfRunId,
    WorkflowEventDefId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, Client, eventually

# More threads than a WfRun keeps in itself (03/E-910).
INTERRUPTS = 70


def refused(call: Callable[[], Any]) -> grpc.StatusCode:
    """The status with which a call is refused."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    code: grpc.StatusCode = error.value.code()
    return code


def delete(client: Client, run: WfRunId) -> None:
    """DeleteWfRun."""
    client.stub.DeleteWfRun(DeleteWfRunRequest(id=run))


def post(client: Client, run: WfRunId, event: str) -> ExternalEvent:
    """PutExternalEvent without content."""
    request = PutExternalEventRequest(wf_run_id=run, external_event_def_id=ExternalEventDefId(name=event))
    return client.stub.PutExternalEvent(request)


def register_events(client: Client, *words: str) -> list[str]:
    """Registers ExternalEventDefs without content; returns their names."""
    names = [client.name(word) for word in words]
    for name in names:
        client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=name))
    return names


def parts_of(client: Client, run: WfRunId) -> list[tuple[str, Any]]:
    """The Get call of each object that belongs to a run."""
    stub = client.stub
    nodes = stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=run, limit=1000)).results
    kept = {thread.number for thread in stub.GetWfRun(run).thread_runs}
    archived = {node.id.thread_run_number for node in nodes} - kept
    assert archived, "no thread is archived"
    lists: list[tuple[str, Any]] = [
        ("GetNodeRun", nodes),
        ("GetTaskRun", stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=run)).results),
        ("GetUserTaskRun", stub.ListUserTaskRuns(ListUserTaskRunRequest(wf_run_id=run)).results),
        ("GetVariable", stub.ListVariables(ListVariablesRequest(wf_run_id=run)).results),
        ("GetExternalEvent", stub.ListExternalEvents(ListExternalEventsRequest(wf_run_id=run)).results),
        ("GetWorkflowEvent", stub.ListWorkflowEvents(ListWorkflowEventsRequest(wf_run_id=run)).results),
    ]
    assert all(found for _, found in lists), lists
    threads = [InactiveThreadRunId(wf_run_id=run, thread_run_number=number) for number in archived]
    return [
        ("GetWfRun", run),
        *(("GetInactiveThreadRun", thread) for thread in threads),
        *((rpc, found.id) for rpc, listed in lists for found in listed),
    ]


def test_everything_of_a_run_goes_with_it(client: Client) -> None:
    """07/D-1, D-2: read, listed, found or waiting for a key: nothing of a running run is left."""
    go, end, stop = register_events(client, "go", "end", "stop")
    told, form, paid, key = (client.name(word) for word in ("told", "form", "paid", "key"))
    client.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=told))
    client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=form))

    async def note(text: str) -> str:
        return text

    task = client.work("note", note)

    def entrypoint(thread: WorkflowThread) -> None:
        name = thread.declare_str("name").searchable().required()
        thread.add_interrupt_handler(stop, lambda handler: None)
        thread.throw_event(told, None)
        thread.execute(task, name)
        thread.spawn_thread(lambda body: body.assign_user_task(form, user_group=form) and None, "people")
        thread.wait_for_event(go)
        thread.wait_for_event(paid, correlation_id=name, correlated_event_config=CorrelatedEventConfig())

    wf_spec, run = client.deploy("whole", entrypoint), WfRunId(id=uuid.uuid4().hex)
    post(client, run, go)
    client.start(wf_spec, id=run.id, name=key)
    eventually(lambda: client.stub.GetWfRun(run).thread_runs[0].current_node_position == 5, "it waits for its key")
    post(client, run, end)
    for _ in range(INTERRUPTS):
        post(client, run, stop)
    parts = parts_of(client, run)
    for rpc, part in parts:
        getattr(client.stub, rpc)(part)
    searches: list[tuple[str, Any]] = [
        ("SearchWfRun", SearchWfRunRequest(wf_spec_name=wf_spec)),
        ("SearchTaskRun", SearchTaskRunRequest(task_def_name=task)),
        ("SearchUserTaskRun", SearchUserTaskRunRequest(user_group=form)),
        ("SearchVariable", SearchVariableRequest(wf_spec_name=wf_spec, var_name="name", value=to_variable_value(key))),
        ("SearchExternalEvent", SearchExternalEventRequest(external_event_def_id=ExternalEventDefId(name=end))),
        ("SearchWorkflowEvent", SearchWorkflowEventRequest(workflow_event_def_id=WorkflowEventDefId(name=told))),
    ]
    assert [len(getattr(client.stub, rpc)(search).results) for rpc, search in searches] == [1] * len(searches)

    delete(client, run)
    codes = {refused(partial(getattr(client.stub, rpc), part)) for rpc, part in parts}
    assert codes == {grpc.StatusCode.NOT_FOUND}
    assert [len(getattr(client.stub, rpc)(search).results) for rpc, search in searches] == [0] * len(searches)
    assert not client.stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=run)).results
    assert not client.stub.ListExternalEvents(ListExternalEventsRequest(wf_run_id=run)).results
    correlated = PutCorrelatedEventRequest(key=key, external_event_def_id=ExternalEventDefId(name=paid))
    assert not client.stub.PutCorrelatedEvent(correlated).external_events
    delete(client, run)


def test_what_does_not_belong_to_a_run_stays(client: Client) -> None:
    """07/D-3: its children go on and are found below it, the variables of its parent stay; its id is free again."""
    (go,) = register_events(client, "go")
    child_spec = client.deploy("child", lambda thread: thread.wait_for_event(go) and None)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.declare_str("name")
        thread.wait_for_child_wf(thread.run_wf(child_spec, {}))
        thread.wait_for_event(go)

    parent_spec = client.deploy("parent", entrypoint)
    runs = [client.start(parent_spec, name=name) for name in ("first", "second")]
    (first_child,), (second_child,) = (
        client.stub.SearchWfRun(SearchWfRunRequest(parent_wf_run_id=run.id)).results for run in runs
    )
    delete(client, runs[0].id)
    assert list(client.stub.SearchWfRun(SearchWfRunRequest(parent_wf_run_id=runs[0].id)).results) == [first_child]
    post(client, first_child, go)
    assert client.stub.GetWfRun(first_child).status == LHStatus.COMPLETED

    delete(client, second_child)
    assert client.variable(runs[1], "name").str == "second"
    assert client.stub.GetWfRun(runs[1].id).status != LHStatus.COMPLETED

    ahead = post(client, runs[0].id, go)
    assert not ahead.claimed
    again = client.start(child_spec, id=runs[0].id.id)
    assert (again.id, again.status) == (runs[0].id, LHStatus.COMPLETED)
    assert client.stub.GetExternalEvent(ahead.id).claimed


def take(client: Client, task: str) -> ScheduledTask:
    """The task that the first answer to one poll brings."""
    answered = threading.Event()

    def requests() -> Iterator[PollTaskRequest]:
        yield PollTaskRequest(task_def_id=TaskDefId(name=task), client_id="by hand")
        # The end of the requests would withdraw the poll (04/TW-34f).
        answered.wait(DEADLINE_SECONDS)

    scheduled: ScheduledTask = next(iter(client.stub.PollTask(requests(), timeout=DEADLINE_SECONDS))).result
    answered.set()
    return scheduled


def report(client: Client, taken: ScheduledTask) -> None:
    """ReportTask: it succeeded, without output."""
    request = ReportTaskRun(
        task_run_id=taken.task_run_id, attempt_number=taken.attempt_number, status=TaskStatus.TASK_SUCCESS
    )
    client.stub.ReportTask(request)


def test_tasks_of_a_deleted_run(client: Client) -> None:
    """07/D-4; 04/TW-18, TW-40: one in the queue is passed over, a late report is refused and brings nothing back."""

    async def work() -> None:
        pass

    task = client.register("work", work)
    wf_spec = client.deploy("works", lambda thread: thread.execute(task) and None)
    queued, running, last = (client.start(wf_spec).id for _ in range(3))
    delete(client, queued)
    taken = take(client, task)
    assert taken.task_run_id.wf_run_id == running
    delete(client, running)
    assert refused(lambda: report(client, taken)) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused(lambda: client.stub.GetTaskRun(taken.task_run_id)) == grpc.StatusCode.NOT_FOUND
    assert list(client.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name=wf_spec)).results) == [last]
    report(client, take(client, task))
    client.wait(last)
