"""Parallel work and repair: child threads, failure handlers, child workflows, conditions, stop, rescue, delete."""

import grpc
import pytest

from littlehorse.exceptions import LHTaskException
from littlehorse.model import (
    DeleteWfRunRequest,
    LHErrorType,
    LHStatus,
    RescueThreadRunRequest,
    ResumeWfRunRequest,
    SearchWfRunRequest,
    StopWfRunRequest,
    TaskStatus,
    ThreadType,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import SpawnedThreads, WorkflowThread
from tests.wire.driver import Client


def test_child_threads_run_beside_each_other(client: Client) -> None:
    """03/E-203, E-440, E-451, E-453: two children write variables of their parent, which waits for both."""

    async def double(number: int) -> int:
        return 2 * number

    task = client.work("double", double)

    def entrypoint(thread: WorkflowThread) -> None:
        left = thread.declare_int("left")
        right = thread.declare_int("right")
        children = [
            thread.spawn_thread(lambda child: left.assign(child.execute(task, 1)), "left-side"),
            thread.spawn_thread(lambda child: right.assign(child.execute(task, 2)), "right-side"),
        ]
        thread.wait_for_threads(SpawnedThreads.from_list(*children))

    run = client.run(client.deploy("children", entrypoint))
    assert (client.variable(run, "left").int, client.variable(run, "right").int) == (2, 4)
    assert [thread.type for thread in run.thread_runs] == [ThreadType.ENTRYPOINT, ThreadType.CHILD, ThreadType.CHILD]
    assert list(run.thread_runs[0].child_thread_ids) == [1, 2]


def test_a_thread_for_each_element(client: Client) -> None:
    """03/E-441: one child per element, which it finds in INPUT."""
    seen: list[str] = []

    async def greet(name: str) -> None:
        seen.append(name)

    task = client.work("greet", greet)

    def entrypoint(thread: WorkflowThread) -> None:
        names = thread.declare_json_arr("names").required()

        def each(child: WorkflowThread) -> None:
            child.execute(task, child.declare_str("INPUT"))

        thread.wait_for_threads(thread.spawn_thread_for_each(names, each, "each"))

    run = client.run(client.deploy("for-each", entrypoint), names=["obi", "leia", "han"])
    assert sorted(seen) == ["han", "leia", "obi"]
    assert run.greatest_threadrun_number == 3


def test_an_error_is_handled_and_the_run_goes_on(client: Client) -> None:
    """03/E-503, E-520, E-530: the handler of the failed node runs, then the next node; the node keeps its failure."""

    async def broken() -> None:
        raise RuntimeError("no")

    async def note(text: str) -> str:
        return text

    broken_task, note_task = client.work("broken", broken), client.work("note", note)

    def entrypoint(thread: WorkflowThread) -> None:
        handled = thread.declare_str("handled")
        node = thread.execute(broken_task)
        thread.handle_error(
            node, lambda handler: handled.assign(handler.execute(note_task, "repaired")), LHErrorType.TASK_ERROR
        )
        thread.execute(note_task, "after")

    run = client.run(client.deploy("handled", entrypoint))
    assert client.variable(run, "handled").str == "repaired"
    failed = next(node for node in client.node_runs(run) if node.failures)
    assert failed.status == LHStatus.ERROR
    assert failed.failures[0].was_properly_handled
    assert run.thread_runs[1].type == ThreadType.FAILURE_HANDLER


def test_the_handler_of_an_exception_gets_its_content(client: Client) -> None:
    """03/E-502, E-521: a business exception is caught by name, and its content is the handler's INPUT."""

    async def reserve() -> None:
        raise LHTaskException("out-of-stock", "none left", to_variable_value("tea"))

    task = client.work("reserve", reserve)

    def entrypoint(thread: WorkflowThread) -> None:
        missing = thread.declare_str("missing")
        node = thread.execute(task)
        thread.handle_exception(node, lambda handler: missing.assign(handler.declare_str("INPUT")), "out-of-stock")

    run = client.run(client.deploy("caught", entrypoint))
    assert client.variable(run, "missing").str == "tea"


def test_a_failing_child_fails_its_parent(client: Client) -> None:
    """03/E-430, E-454, E-512: who waits for a failed child fails as CHILD_FAILURE."""

    async def broken() -> None:
        raise RuntimeError("no")

    task = client.work("broken", broken)

    def entrypoint(thread: WorkflowThread) -> None:
        child = thread.spawn_thread(lambda child: child.execute(task), "child")
        thread.wait_for_threads(SpawnedThreads.from_list(child))

    run = client.run(client.deploy("failing-child", entrypoint), LHStatus.ERROR)
    failures = [failure.failure_name for node in client.node_runs(run) for failure in node.failures]
    assert "CHILD_FAILURE" in failures


def test_a_thread_waits_for_what_another_does(client: Client) -> None:
    """03/E-463: a condition is looked at again whenever another thread changed something."""

    async def answer() -> int:
        return 42

    task = client.register("answer", answer)

    def entrypoint(thread: WorkflowThread) -> None:
        number = thread.declare_int("number", 0)
        child = thread.spawn_thread(lambda child: number.assign(child.execute(task)), "child")
        thread.wait_for_condition(number.is_equal_to(42))
        thread.wait_for_threads(SpawnedThreads.from_list(child))

    run = client.start(client.deploy("condition", entrypoint))
    assert client.node_runs(run)[-1].status == LHStatus.RUNNING
    client.serve(task, answer)
    client.wait(run)


def test_a_child_workflow(client: Client) -> None:
    """03/E-492, E-104: a workflow runs another, waits for it and gets its result; the child is read by its whole id."""

    async def square(number: int) -> int:
        return number * number

    task = client.work("square", square)

    def child_entrypoint(thread: WorkflowThread) -> None:
        thread.complete(thread.execute(task, thread.declare_int("number").required()))

    child = client.deploy("child-wf", child_entrypoint)

    def entrypoint(thread: WorkflowThread) -> None:
        result = thread.declare_int("result")
        result.assign(thread.wait_for_child_wf(thread.run_wf(child, {"number": 7})))

    run = client.run(client.deploy("parent-wf", entrypoint))
    assert client.variable(run, "result").int == 49
    (started,) = [node.run_child_wf for node in client.node_runs(run) if node.HasField("run_child_wf")]
    assert started.child_wf_run_id.parent_wf_run_id == run.id
    assert client.stub.GetWfRun(started.child_wf_run_id).status == LHStatus.COMPLETED


def test_stop_and_resume(client: Client) -> None:
    """03/E-222, E-607: a stopped run is HALTED and goes on where it was."""

    def entrypoint(thread: WorkflowThread) -> None:
        thread.wait_for_condition(thread.declare_bool("go", False).is_equal_to(True))

    run = client.start(client.deploy("stop", entrypoint))
    client.stub.StopWfRun(StopWfRunRequest(wf_run_id=run.id, thread_run_number=0))
    assert client.stub.GetWfRun(run.id).status == LHStatus.HALTED
    client.stub.ResumeWfRun(ResumeWfRunRequest(wf_run_id=run.id, thread_run_number=0))
    assert client.stub.GetWfRun(run.id).status == LHStatus.RUNNING


def test_rescue_of_a_failed_run(client: Client) -> None:
    """03/E-730, E-220, 04/TW-17: a run that ended in ERROR runs its failed node again, as a new NodeRun and TaskRun."""
    works = False

    async def repaired_later() -> str:
        if not works:
            raise RuntimeError("not yet")
        return "now"

    task = client.work("repaired-later", repaired_later)
    run = client.run(client.deploy("rescue", lambda thread: thread.execute(task)), LHStatus.ERROR)
    works = True
    client.stub.RescueThreadRun(RescueThreadRunRequest(wf_run_id=run.id, thread_run_number=0))
    run = client.wait(run)
    assert [TaskStatus.Name(task_run.status) for task_run in client.task_runs(run)] == ["TASK_FAILED", "TASK_SUCCESS"]


def test_delete_frees_the_id(client: Client) -> None:
    """03/E-120, 07/S-9: a deleted run is neither read nor found, and its id can be used again."""
    spec = client.deploy("delete", lambda thread: thread.declare_int("number"))
    run = client.start(spec)
    client.stub.DeleteWfRun(DeleteWfRunRequest(id=run.id))
    with pytest.raises(grpc.RpcError) as error:
        client.stub.GetWfRun(run.id)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert list(client.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name=spec)).results) == []
    client.start(spec, id=run.id.id)
