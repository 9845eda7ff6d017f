"""What a call did is there for the first read after its answer: every read here is made once, none is repeated.

A client that asks every 40 ms until its deadline of 3.5 s passes never has to ask twice.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from littlehorse import create_workflow_spec
from littlehorse.model import (
    AssignUserTaskRunRequest,
    AwaitWorkflowEventRequest,
    CompleteUserTaskRunRequest,
    CorrelatedEventConfig,
    DeleteWfRunRequest,
    ExternalEventDefId,
    LHStatus,
    PollTaskRequest,
    PollTaskResponse,
    PutCorrelatedEventRequest,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    PutUserTaskDefRequest,
    PutWorkflowEventDefRequest,
    ReportTaskRun,
    ResumeWfRunRequest,
    RunWfRequest,
    ScheduledTask,
    SearchExternalEventRequest,
    SearchTaskRunRequest,
    SearchUserTaskRunRequest,
    SearchVariableRequest,
    SearchWfRunRequest,
    SearchWorkflowEventRequest,
    StopWfRunRequest,
    TaskDefId,
    TaskStatus,
    UserTaskRunId,
    UserTaskRunStatus,
    WfRunId,
    WorkflowEventDefId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import Workflow, WorkflowThread
from tests.wire.driver import Client, EventLoopThread, ServerProcess

ROUNDS = 30
CALL_SECONDS = 3.5


@pytest.fixture(scope="module", params=["1", "3"], ids=["one shard", "three shards"])
def sharded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with one shard, and one with three, on which neighbouring runs live apart."""
    process = ServerProcess(tmp_path_factory.mktemp("first-reads") / "data", "--shards", request.param)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def reader(sharded: ServerProcess, loop_thread: EventLoopThread) -> Iterator[Client]:
    """A client of that server."""
    with Client(sharded.address, loop_thread, "first-reads") as client:
        yield client


def ask(client: Client, rpc: str, request: Any) -> Any:
    """One call, with the deadline of a client that would poll."""
    return getattr(client.stub, rpc)(request, timeout=CALL_SECONDS)


def runs_of(client: Client, wf_spec: str, status: "LHStatus.ValueType") -> set[str]:
    """Ids of the runs of a WfSpec that are in this status."""
    request = SearchWfRunRequest(wf_spec_name=wf_spec, status=status, limit=1000)
    return {found.id for found in ask(client, "SearchWfRun", request).results}


def status(client: Client, run: WfRunId) -> "LHStatus.ValueType":
    """The status of a run as it is now."""
    found: LHStatus.ValueType = ask(client, "GetWfRun", run).status
    return found


def post(client: Client, run: WfRunId, event: str) -> None:
    """PutExternalEvent without content."""
    request = PutExternalEventRequest(wf_run_id=run, external_event_def_id=ExternalEventDefId(name=event))
    ask(client, "PutExternalEvent", request)


def user_tasks(client: Client, **known: Any) -> list[UserTaskRunId]:
    """The UserTaskRuns of which this is known."""
    return list(ask(client, "SearchUserTaskRun", SearchUserTaskRunRequest(**known)).results)


def test_runs_and_people(reader: Client) -> None:
    """03/E-141; 07/S-9, S-10: child runs, events, user tasks, thrown events, stop, resume and deletion."""
    go, told, form = (reader.name(word) for word in ("go", "told", "form"))
    ada, sales = reader.name("ada"), reader.name("sales")
    reader.stub.PutExternalEventDef(PutExternalEventDefRequest(name=go))
    reader.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=told))
    reader.stub.PutUserTaskDef(PutUserTaskDefRequest(name=form))
    child_spec = reader.deploy("child", lambda thread: thread.wait_for_event(go) and None)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.wait_for_child_wf(thread.run_wf(child_spec, {}))
        thread.assign_user_task(form, user_group=sales)
        thread.throw_event(told, None)
        thread.wait_for_event(go)

    parent_spec = reader.deploy("parent", entrypoint)
    for _ in range(ROUNDS):
        run = reader.start(parent_spec).id
        assert runs_of(reader, parent_spec, LHStatus.RUNNING) == {run.id}
        below = ask(reader, "SearchWfRun", SearchWfRunRequest(parent_wf_run_id=run)).results
        (child,) = below
        assert runs_of(reader, child_spec, LHStatus.RUNNING) == {child.id}

        assert user_tasks(reader, user_group=sales, status=UserTaskRunStatus.UNASSIGNED) == []
        post(reader, child, go)
        assert status(reader, child) == LHStatus.COMPLETED
        assert runs_of(reader, child_spec, LHStatus.RUNNING) == set()
        claimed = SearchExternalEventRequest(external_event_def_id=ExternalEventDefId(name=go), is_claimed=True)
        assert child in [found.wf_run_id for found in ask(reader, "SearchExternalEvent", claimed).results]

        # The end of the child is what lets its parent go on to the user task.
        (task,) = user_tasks(reader, user_group=sales, status=UserTaskRunStatus.UNASSIGNED)
        assert (task.wf_run_id, ask(reader, "GetWfRun", run).thread_runs[0].current_node_position) == (run, 3)
        ask(reader, "AssignUserTaskRun", AssignUserTaskRunRequest(user_task_run_id=task, user_id=ada))
        assert user_tasks(reader, user_group=sales) == []
        assert user_tasks(reader, user_id=ada, status=UserTaskRunStatus.ASSIGNED) == [task]
        ask(reader, "CompleteUserTaskRun", CompleteUserTaskRunRequest(user_task_run_id=task, user_id=ada))
        assert user_tasks(reader, user_id=ada, status=UserTaskRunStatus.ASSIGNED) == []

        search = SearchWorkflowEventRequest(workflow_event_def_id=WorkflowEventDefId(name=told))
        (thrown,) = ask(reader, "SearchWorkflowEvent", search).results
        assert ask(reader, "AwaitWorkflowEvent", AwaitWorkflowEventRequest(wf_run_id=run)).id == thrown

        ask(reader, "StopWfRun", StopWfRunRequest(wf_run_id=run))
        assert status(reader, run) == LHStatus.HALTED
        assert runs_of(reader, parent_spec, LHStatus.HALTED) == {run.id}
        ask(reader, "ResumeWfRun", ResumeWfRunRequest(wf_run_id=run))
        assert runs_of(reader, parent_spec, LHStatus.RUNNING) == {run.id}
        post(reader, run, go)
        assert runs_of(reader, parent_spec, LHStatus.COMPLETED) == {run.id}
        ask(reader, "DeleteWfRun", DeleteWfRunRequest(id=run))
        assert runs_of(reader, parent_spec, LHStatus.COMPLETED) == set()


def test_keys_and_inherited_variables(reader: Client) -> None:
    """05/E-47; 02/P-5; 07/S-9: an event for whoever waits for its key; a child that looks at its parent's variable."""
    paid, go = reader.name("paid"), reader.name("go")
    reader.stub.PutExternalEventDef(PutExternalEventDefRequest(name=go))

    def waits_for_a_key(thread: WorkflowThread) -> None:
        key = thread.declare_str("key").required()
        thread.wait_for_event(paid, correlation_id=key, correlated_event_config=CorrelatedEventConfig())

    def shares(thread: WorkflowThread) -> None:
        shared = thread.declare_int("shared", 1).as_public()
        thread.wait_for_event(go)
        shared.assign(5)
        thread.wait_for_event(go)

    def looks(thread: WorkflowThread) -> None:
        thread.wait_for_condition(thread.declare_int("shared").as_inherited().is_equal_to(5))

    by_key, parent_spec = reader.deploy("by-key", waits_for_a_key), reader.deploy("shares", shares)
    create_workflow_spec(Workflow(reader.name("looks"), looks, parent_wf=parent_spec), reader.config)
    for number in range(ROUNDS):
        key = reader.name(f"key-{number}")
        run = reader.start(by_key, key=key).id
        put = PutCorrelatedEventRequest(key=key, external_event_def_id=ExternalEventDefId(name=paid))
        (event,) = ask(reader, "PutCorrelatedEvent", put).external_events
        assert (event.wf_run_id, status(reader, run)) == (run, LHStatus.COMPLETED)
        assert ask(reader, "GetExternalEvent", event).claimed

        parent = reader.start(parent_spec).id
        child = ask(reader, "RunWf", RunWfRequest(wf_spec_name=reader.name("looks"), parent_wf_run_id=parent)).id
        assert status(reader, child) == LHStatus.RUNNING
        post(reader, parent, go)
        assert status(reader, child) == LHStatus.COMPLETED


def test_tasks(reader: Client) -> None:
    """03/E-141; 04/TW-21; 07/S-9: queued, taken, reported; a searchable variable; the next task of the run."""

    async def double(number: int) -> int:
        return 2 * number

    task = reader.register("double", double)

    def entrypoint(thread: WorkflowThread) -> None:
        number = thread.declare_int("number").searchable().required()
        number.assign(thread.execute(task, number))
        number.assign(thread.execute(task, number))

    wf_spec = reader.deploy("doubles", entrypoint)

    def tasks_in(state: "TaskStatus.ValueType") -> list[str]:
        request = SearchTaskRunRequest(task_def_name=task, status=state, limit=1000)
        return [found.wf_run_id.id for found in ask(reader, "SearchTaskRun", request).results]

    def runs_with(number: int) -> list[str]:
        request = SearchVariableRequest(wf_spec_name=wf_spec, var_name="number", value=to_variable_value(number))
        return [found.wf_run_id.id for found in ask(reader, "SearchVariable", request).results]

    for round in range(ROUNDS):
        number = 4 * round + 1  # such that neither it nor its double is the number of another round
        run = reader.start(wf_spec, number=number).id
        for value in (number, 2 * number):
            assert runs_with(value) == [run.id]
            assert tasks_in(TaskStatus.TASK_SCHEDULED) == [run.id]
            scheduled = poll(reader, task)
            assert (scheduled.task_run_id.wf_run_id, scheduled.variables[0].value.int) == (run, value)
            assert (tasks_in(TaskStatus.TASK_SCHEDULED), tasks_in(TaskStatus.TASK_RUNNING)) == ([], [run.id])
            report(reader, scheduled, 2 * value)
            assert tasks_in(TaskStatus.TASK_RUNNING) == []
        assert status(reader, run) == LHStatus.COMPLETED
        assert runs_with(4 * number) == [run.id]
        assert sorted(tasks_in(TaskStatus.TASK_SUCCESS)).count(run.id) == 2


def poll(client: Client, task: str) -> ScheduledTask:
    """The task that the first answer to one poll brings."""
    answered = threading.Event()

    def requests() -> Iterator[PollTaskRequest]:
        yield PollTaskRequest(task_def_id=TaskDefId(name=task), client_id="reads once")
        # The end of the requests would withdraw the poll (04/TW-34f).
        answered.wait(CALL_SECONDS)

    answers: Iterator[PollTaskResponse] = ask(client, "PollTask", requests())
    scheduled: ScheduledTask = next(answers).result
    answered.set()
    return scheduled


def report(client: Client, scheduled: ScheduledTask, output: int) -> None:
    """ReportTask: it succeeded."""
    request = ReportTaskRun(
        task_run_id=scheduled.task_run_id,
        status=TaskStatus.TASK_SUCCESS,
        output=to_variable_value(output),
        attempt_number=scheduled.attempt_number,
    )
    ask(client, "ReportTask", request)


def test_definitions(reader: Client) -> None:
    """07/S-9; 02/G-4: what is registered can be run and used at once, on every shard."""
    for round in range(ROUNDS):
        word = f"told-{round}"
        told = reader.name(word)
        reader.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=told))
        wf_spec = reader.deploy(word, lambda thread, told=told: thread.throw_event(told, None))
        ids = {reader.start(wf_spec).id.id for _ in range(3)}
        assert runs_of(reader, wf_spec, LHStatus.COMPLETED) == ids
