"""Runs below a run: variables that a child inherits, and which parents are possible (spec 02 section 14)."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from littlehorse import create_workflow_spec
from littlehorse.exceptions import LHTaskException
from littlehorse.model import (
    STR,
    LHErrorType,
    LHStatus,
    ListVariablesRequest,
    RunWfRequest,
    WfRun,
    WfRunId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WfRunVariable, Workflow, WorkflowThread
from tests.wire.driver import Client, EventLoopThread, ServerProcess, eventually


def deploy_child(client: Client, parent: str, entrypoint: Callable[[WorkflowThread], None]) -> str:
    """Registers a workflow whose runs are below runs of `parent`."""
    create_workflow_spec(Workflow(client.name("child"), entrypoint, parent_wf=parent), client.config)
    return client.name("child")


def start_below(client: Client, parent: WfRun, wf_spec: str, id: str | None = None, **variables: Any) -> WfRun:
    """RunWf below another run."""
    values = {name: to_variable_value(value) for name, value in variables.items()}
    request = RunWfRequest(wf_spec_name=wf_spec, parent_wf_run_id=parent.id, id=id, variables=values)
    return client.stub.RunWf(request)


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """Status and message of a refused call."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


def shares_a_number(thread: WorkflowThread) -> None:
    """A parent that waits until its public variable is 5."""
    shared = thread.declare_int("shared", 1).as_public()
    thread.wait_for_condition(shared.is_equal_to(5))


def makes_it_five(thread: WorkflowThread) -> None:
    """A child that adds 4 to the variable of its parent."""
    shared = thread.declare_int("shared").as_inherited()
    seen = thread.declare_int("seen")
    seen.assign(shared)
    shared.assign(shared.add(4))


def test_a_child_reads_and_writes_public_variables_of_its_parent(client: Client) -> None:
    """02/P-2, P-5: the child has none of its own; what it writes is in the parent at once, which goes on by it."""
    parent_spec = client.deploy("parent", shares_a_number)
    child_spec = deploy_child(client, parent_spec, makes_it_five)
    parent = client.wait(client.start(parent_spec), LHStatus.RUNNING)

    child = client.wait(start_below(client, parent, child_spec))

    assert client.variable(parent, "shared").int == 5
    listed = client.stub.ListVariables(ListVariablesRequest(wf_run_id=child.id)).results
    assert {each.id.name: each.value.int for each in listed} == {"seen": 1}
    assert client.stub.GetWfRun(parent.id).status == LHStatus.COMPLETED
    assert child.id.parent_wf_run_id == parent.id


def test_parent_and_child_survive_a_kill_together(fresh_server: ServerProcess, loop_thread: EventLoopThread) -> None:
    """02/P-5: the child's end and what it wrote above it are one."""
    with Client(fresh_server.start(), loop_thread, "together") as client:
        parent_spec = client.deploy("parent", shares_a_number)
        child_spec = deploy_child(client, parent_spec, makes_it_five)
        parent = client.start(parent_spec)
        child = client.wait(start_below(client, parent, child_spec))
        fresh_server.kill()
        fresh_server.start()
        eventually(client.is_reached, "the connection is renewed after the restart")
        assert client.variable(parent, "shared").int == 5
        assert client.wait(child).status == client.wait(parent).status == LHStatus.COMPLETED


def test_private_variables_cannot_be_inherited(client: Client) -> None:
    """02/P-2: refused when the child is registered."""

    def keeps_to_itself(thread: WorkflowThread) -> None:
        thread.declare_int("shared")

    parent = client.deploy("parent", keeps_to_itself)
    code, message = refused(lambda: deploy_child(client, parent, makes_it_five))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "shared" in message


def test_which_parents_are_possible(client: Client) -> None:
    """02/P-3: a parent where there has to be one, of the right WfSpec, in whatever status; nothing else."""
    parent_spec = client.deploy("parent", lambda thread: thread.declare_int("shared", 2).as_public())
    other_spec = client.deploy("other", lambda thread: None)
    child_spec = deploy_child(client, parent_spec, makes_it_five)
    parent, other = client.run(parent_spec), client.run(other_spec)
    nobody = WfRun(id=WfRunId(id="no-such-run"))
    invalid = grpc.StatusCode.INVALID_ARGUMENT

    assert refused(lambda: client.start(child_spec))[0] == invalid
    assert refused(lambda: start_below(client, parent, other_spec))[0] == invalid
    assert refused(lambda: start_below(client, other, child_spec))[0] == invalid
    assert refused(lambda: start_below(client, parent, child_spec, shared=3))[0] == invalid
    assert refused(lambda: start_below(client, nobody, child_spec))[0] == grpc.StatusCode.FAILED_PRECONDITION
    assert client.variable(parent, "shared").int == 2

    below_a_finished_run = client.wait(start_below(client, parent, child_spec, "one"))
    assert client.variable(below_a_finished_run, "seen").int == 2
    assert client.variable(parent, "shared").int == 6
    code, message = refused(lambda: start_below(client, parent, child_spec, "one"))
    assert code == grpc.StatusCode.ALREADY_EXISTS
    assert message == f"WfRun with id {parent.id.id}_one already exists!"


def test_the_version_of_the_parent_run_counts(client: Client) -> None:
    """02/P-4: a parent run whose version does not share the variable fails the node of the child."""
    parent_spec = client.deploy("parent", shares_a_number)
    child_spec = deploy_child(client, parent_spec, makes_it_five)

    def keeps_to_itself(thread: WorkflowThread) -> None:
        thread.declare_int("shared", 1)

    for entrypoint in (keeps_to_itself, lambda thread: None):
        client.deploy("parent", entrypoint)
        child = client.wait(start_below(client, client.run(parent_spec), child_spec), LHStatus.ERROR)
        failure = client.node_runs(child)[0].failures[0]
        assert failure.failure_name == LHErrorType.Name(LHErrorType.VAR_SUB_ERROR)
        assert "shared" in failure.message


def test_a_grandchild_reaches_through_its_parent(client: Client) -> None:
    """02/P-4: inherited there too, the variable is that of the run above."""

    def passes_on(thread: WorkflowThread) -> None:
        thread.declare_int("shared").as_inherited()

    top_spec = client.deploy("parent", lambda thread: thread.declare_int("shared", 1).as_public())
    middle_spec = deploy_child(client, top_spec, passes_on)
    create_workflow_spec(Workflow(client.name("low"), makes_it_five, parent_wf=middle_spec), client.config)
    top = client.run(top_spec)
    middle = client.wait(start_below(client, top, middle_spec))
    client.wait(start_below(client, middle, client.name("low")))
    assert client.variable(top, "shared").int == 5


def test_the_nearest_input_counts(client: Client) -> None:
    """02/SC-3: a handler's INPUT hides that of the thread that failed, also from what the handler spawns."""
    seen: list[str] = []

    async def note(text: str) -> None:
        seen.append(text)

    async def broken() -> None:
        raise LHTaskException("oops", "no", to_variable_value("failure"))

    note_task, broken_task = client.work("note", note), client.work("broken", broken)

    def below(thread: WorkflowThread) -> None:
        thread.execute(note_task, WfRunVariable("INPUT", thread, variable_type=STR))

    def handle(thread: WorkflowThread) -> None:
        thread.execute(note_task, thread.declare_str("INPUT"))
        thread.wait_for_threads(thread.spawn_thread_for_each(thread.find_variable("ones"), below, "below"))

    def each(thread: WorkflowThread) -> None:
        item = thread.declare_str("INPUT")
        thread.handle_exception(thread.execute(broken_task), handle)
        thread.execute(note_task, item)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.declare_json_arr("ones", [1])
        items = thread.declare_json_arr("items", ["item"])
        thread.wait_for_threads(thread.spawn_thread_for_each(items, each, "each"))

    client.run(client.deploy("shadows", entrypoint))
    assert seen == ["failure", "failure", "item"]
