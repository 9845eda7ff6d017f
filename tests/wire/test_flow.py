"""Which way a run goes: conditions, loops, sleeps, early ends."""

import time

import grpc
import pytest

from littlehorse.model import (
    LHStatus,
    PutWfSpecRequest,
    ThreadSpec,
)
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client


def node_names(client: Client, run: object) -> list[str]:
    """Names of the nodes that a run visited, without the number in front."""
    return [node.node_name.partition("-")[2] for node in client.node_runs(run)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "branch"), [(5, "small"), (50, "medium"), (500, "large"), (5000, "huge")]
)  # fmt: skip
def test_if_else_if_else(client: Client, amount: int, branch: str) -> None:
    """03/E-320, 09/PY-46: the first edge whose condition holds is taken, and only that one."""

    def entrypoint(thread: WorkflowThread) -> None:
        given = thread.declare_int("amount").required()
        taken = thread.declare_str("taken")

        thread.do_if(given.is_less_than(10), lambda _: taken.assign("small")).do_else_if(
            given.is_less_than(100), lambda _: taken.assign("medium")
        ).do_else_if(given.is_less_than_eq(500), lambda _: taken.assign("large")).do_else(
            lambda _: taken.assign("huge")
        )

    run = client.start(client.deploy("branches", entrypoint), amount=amount)
    assert run.status == LHStatus.COMPLETED, "a run that waits for nothing is over when RunWf returns (03/E-141)"
    assert client.variable(run, "taken").str == branch


def test_conditions_with_tasks_in_both_branches(client: Client) -> None:
    """03/E-320, 09/PY-46: only the tasks of the branch that was taken ran."""
    ran: list[str] = []

    async def note(text: str) -> str:
        ran.append(text)
        return text

    task = client.work("note", note)

    def entrypoint(thread: WorkflowThread) -> None:
        stock = thread.declare_int("stock").required()
        thread.do_if(
            stock.is_greater_than(0),
            lambda body: body.execute(task, "ship"),
            lambda body: body.execute(task, "refund"),
        )
        thread.execute(task, "end")

    spec = client.deploy("both", entrypoint)
    client.run(spec, stock=1)
    client.run(spec, stock=0)
    assert ran == ["ship", "end", "refund", "end"]


@pytest.mark.parametrize(
    ("left", "comparison", "right", "holds"),
    [
        ("b", "is_in", ["a", "b"], True),
        ("b", "is_not_in", ["a", "b"], False),
        ("b", "is_equal_to", "b", True),
        ("b", "is_not_equal_to", "b", False),
        ("b", "is_greater_than", "a", True),
    ],
)
def test_comparators(client: Client, left: str, comparison: str, right: object, holds: bool) -> None:
    """01/CMP-1, CMP-2: each comparator as its name says."""

    def entrypoint(thread: WorkflowThread) -> None:
        text = thread.declare_str("text", left)
        found = thread.declare_bool("found", False)
        thread.do_if(getattr(text, comparison)(right), lambda _: found.assign(True))

    run = client.start(client.deploy("compare", entrypoint))
    assert client.variable(run, "found").bool is holds


def test_a_loop_runs_until_its_condition_fails(client: Client) -> None:
    """03/E-204, E-323, 09/PY-47: every round is a NodeRun and a TaskRun of its own; outputs are the latest round's."""
    seen: list[int] = []

    async def square(number: int) -> int:
        seen.append(number)
        return number * number

    task = client.work("square", square)

    def entrypoint(thread: WorkflowThread) -> None:
        count = thread.declare_int("count", 0)
        total = thread.declare_int("total", 0)

        def body(loop: WorkflowThread) -> None:
            output = loop.execute(task, count)
            total.assign(total.add(output))
            count.assign(count.add(1))

        thread.do_while(count.is_less_than(5), body)

    run = client.run(client.deploy("loop", entrypoint))
    assert seen == [0, 1, 2, 3, 4]
    assert client.variable(run, "total").int == 30
    nodes = client.node_runs(run)
    assert [node.id.position for node in nodes] == list(range(len(nodes)))
    assert len(client.task_runs(run)) == 5


def test_a_loop_that_is_not_entered(client: Client) -> None:
    """09/PY-47: a condition that does not hold at first skips the body."""

    def entrypoint(thread: WorkflowThread) -> None:
        count = thread.declare_int("count", 9)
        thread.do_while(count.is_less_than(5), lambda _: count.assign(0))

    run = client.start(client.deploy("skipped", entrypoint))
    assert run.status == LHStatus.COMPLETED
    assert client.variable(run, "count").int == 9


def test_sleep_wakes_up_by_itself_and_not_early(client: Client) -> None:
    """03/E-460: a sleeping run waits until its time, and says when that is."""

    def entrypoint(thread: WorkflowThread) -> None:
        thread.sleep(1)

    run = client.start(client.deploy("sleep", entrypoint))
    assert run.status == LHStatus.RUNNING
    run = client.wait(run)
    sleep = next(node for node in client.node_runs(run) if node.HasField("sleep"))
    assert sleep.sleep.matured
    assert sleep.sleep.maturation_time.ToMilliseconds() - sleep.arrival_time.ToMilliseconds() >= 1000
    assert run.end_time.ToMilliseconds() >= sleep.sleep.maturation_time.ToMilliseconds()


def test_sleep_until_a_moment_that_has_passed(client: Client) -> None:
    """03/E-460: a moment in the past matures at once."""

    def entrypoint(thread: WorkflowThread) -> None:
        thread.sleep_until(thread.declare_int("moment").required())

    client.run(client.deploy("sleep-until", entrypoint), moment=int(time.time() * 1000) - 1000)


def test_sleep_of_a_length_that_cannot_be_read(client: Client) -> None:
    """03/E-460: NULL is no length; the run fails as VAR_SUB_ERROR instead of hanging."""

    def entrypoint(thread: WorkflowThread) -> None:
        thread.sleep_until(thread.declare_int("moment"))

    run = client.run(client.deploy("sleep-null", entrypoint), LHStatus.ERROR)
    assert client.node_runs(run)[-1].failures[0].failure_name == "VAR_SUB_ERROR"


def test_an_early_end_with_a_result(client: Client) -> None:
    """03/E-206, E-431: `complete` ends the run and its value is the output of thread 0."""

    async def never() -> None:
        raise AssertionError("after the end")

    task = client.work("never", never)

    def entrypoint(thread: WorkflowThread) -> None:
        done = thread.declare_bool("done", True)

        def finish(body: WorkflowThread) -> None:
            body.complete("early")

        thread.do_if(done.is_equal_to(True), finish)
        thread.execute(task)
        thread.complete("late")

    run = client.start(client.deploy("early", entrypoint))
    assert run.status == LHStatus.COMPLETED
    assert run.thread_runs[0].output.str == "early"
    assert client.task_runs(run) == []


def test_versions_of_a_wf_spec(client: Client) -> None:
    """03/E-110: a run without a version takes the newest; an unchanged workflow makes no new version."""
    spec = client.deploy("versions", lambda thread: thread.declare_int("a", 1))
    first = client.start(spec)
    client.deploy("versions", lambda thread: thread.declare_int("a", 1))
    again = client.start(spec)
    client.deploy("versions", lambda thread: thread.declare_int("b", 2))
    second = client.start(spec)
    assert first.wf_spec_id == again.wf_spec_id
    assert second.wf_spec_id != first.wf_spec_id
    assert "b" in client.variables(second)


def test_node_names_and_types(client: Client) -> None:
    """03/E-204, 09/PY-42: every node that was visited is a NodeRun, NOPs too (as `entrypoint`)."""

    def entrypoint(thread: WorkflowThread) -> None:
        number = thread.declare_int("number", 1)
        thread.do_if(number.is_equal_to(1), lambda _: number.assign(2))

    run = client.start(client.deploy("nodes", entrypoint))
    assert node_names(client, run) == ["entrypoint-ENTRYPOINT", "nop-NOP", "nop-NOP", "exit-EXIT"]
    kinds = [node.WhichOneof("node_type") for node in client.node_runs(run)]
    assert kinds == ["entrypoint", "entrypoint", "entrypoint", "exit"]


def test_a_wf_spec_that_names_nothing_is_refused(client: Client) -> None:
    """02/W-2: nothing of a workflow that fails validation is stored."""
    name = client.name("broken")
    request = PutWfSpecRequest(name=name, entrypoint_thread_name="missing", thread_specs={"entrypoint": ThreadSpec()})
    with pytest.raises(grpc.RpcError) as error:
        client.stub.PutWfSpec(request)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as error:
        client.start(name)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
