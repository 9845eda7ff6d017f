"""What goes wrong in tasks: retries at once and after a pause, exceptions, time-outs, failing runs."""

import asyncio

from littlehorse.exceptions import LHTaskException
from littlehorse.model import ExponentialBackoffRetryPolicy, LHStatus, TaskRun, TaskStatus
from littlehorse.utils import to_variable_value
from littlehorse.worker import WorkerContext
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client, eventually


def statuses(task_run: TaskRun) -> list[str]:
    """Status of each attempt."""
    return [TaskStatus.Name(attempt.status) for attempt in task_run.attempts]


def test_retries_at_once(client: Client) -> None:
    """04/TW-55, TW-56a, TW-56d: a failing task runs again with the same input until it succeeds."""
    attempts: list[tuple[int, str]] = []

    async def flaky(text: str, context: WorkerContext) -> str:
        attempts.append((context.attempt_number, text))
        if context.attempt_number < 2:
            raise RuntimeError("the bank is down")
        return "paid"

    task = client.work("flaky", flaky)
    run = client.run(client.deploy("retries", lambda thread: thread.execute(task, "x", retries=3)))
    assert attempts == [(0, "x"), (1, "x"), (2, "x")]
    (task_run,) = client.task_runs(run)
    assert statuses(task_run) == ["TASK_FAILED", "TASK_FAILED", "TASK_SUCCESS"]
    assert task_run.total_attempts == 4
    assert "the bank is down" in task_run.attempts[0].error.message


def test_retries_after_a_pause(client: Client) -> None:
    """04/TW-56b, TW-56c: with a backoff policy the next attempt is PENDING first and starts no sooner than it says."""

    async def flaky(context: WorkerContext) -> int:
        if context.attempt_number < 2:
            raise RuntimeError("not yet")
        return context.attempt_number

    task = client.work("flaky", flaky)
    policy = ExponentialBackoffRetryPolicy(base_interval_ms=300, multiplier=2.0, max_delay_ms=10_000)
    spec = client.deploy("backoff", lambda thread: thread.execute(task, retries=2, exponential_backoff=policy))
    run = client.start(spec)

    def pending() -> TaskRun | None:
        found = [task_run for task_run in client.task_runs(run) if task_run.status == TaskStatus.TASK_PENDING]
        return found[0] if found else None

    waiting = eventually(pending, "an attempt waits for its backoff")
    assert not waiting.attempts[-1].HasField("schedule_time")
    (task_run,) = client.task_runs(client.wait(run))
    assert statuses(task_run) == ["TASK_FAILED", "TASK_FAILED", "TASK_SUCCESS"]
    pauses = [
        later.schedule_time.ToMilliseconds() - earlier.start_time.ToMilliseconds()
        for earlier, later in zip(task_run.attempts, task_run.attempts[1:], strict=False)
    ]
    assert pauses[0] >= 300
    assert pauses[1] >= 600


def test_a_task_that_keeps_failing(client: Client) -> None:
    """04/TW-55, TW-57, 03/E-411, E-511: when the attempts are used up the node, the thread and the run fail."""

    async def broken() -> None:
        raise RuntimeError("always")

    task = client.work("broken", broken)
    run = client.run(client.deploy("broken", lambda thread: thread.execute(task, retries=1)), LHStatus.ERROR)
    (task_run,) = client.task_runs(run)
    assert statuses(task_run) == ["TASK_FAILED", "TASK_FAILED"]
    assert task_run.status == TaskStatus.TASK_FAILED
    node = client.node_runs(run)[-1]
    assert node.status == LHStatus.ERROR
    assert [failure.failure_name for failure in node.failures] == ["TASK_FAILURE"]
    assert run.thread_runs[0].status == LHStatus.ERROR
    assert run.thread_runs[0].error_message
    assert run.HasField("end_time")


def test_a_business_exception_of_a_task(client: Client) -> None:
    """04/TW-55, TW-59, 03/E-502: an LHTaskException is never retried; its name, message and content reach the node."""

    async def reserve() -> None:
        raise LHTaskException("out-of-stock", "none left", to_variable_value({"item": 7}))

    task = client.work("reserve", reserve)
    run = client.run(client.deploy("exception", lambda thread: thread.execute(task, retries=5)), LHStatus.EXCEPTION)
    (task_run,) = client.task_runs(run)
    assert statuses(task_run) == ["TASK_EXCEPTION"]
    node = client.node_runs(run)[-1]
    assert node.status == LHStatus.EXCEPTION
    (failure,) = node.failures
    assert (failure.failure_name, failure.message) == ("out-of-stock", "none left")
    assert failure.content.json_obj == '{"item": 7}'
    assert not failure.was_properly_handled


def test_a_workflow_that_fails_itself(client: Client) -> None:
    """03/E-430, E-432: `fail` ends the run with the exception it names."""

    def entrypoint(thread: WorkflowThread) -> None:
        amount = thread.declare_int("amount").required()
        thread.do_if(
            amount.is_greater_than(100), lambda body: body.fail("too-much", "over the limit", amount)
        )  # fmt: skip

    spec = client.deploy("fail", entrypoint)
    assert client.start(spec, amount=1).status == LHStatus.COMPLETED
    run = client.start(spec, amount=101)
    assert run.status == LHStatus.EXCEPTION
    assert run.thread_runs[0].error_message == "over the limit"
    (failure,) = client.node_runs(run)[-1].failures
    assert (failure.failure_name, failure.content.int) == ("too-much", 101)


def test_a_timed_out_task(client: Client) -> None:
    """04/TW-50, TW-52, TW-54, 03/E-411: no report in time is TASK_TIMEOUT; a late report is ignored."""
    may_return = asyncio.Event()
    reported: list[int] = []

    async def slow(context: WorkerContext) -> str:
        await may_return.wait()
        reported.append(context.attempt_number)
        return "too late"

    task = client.work("slow", slow)
    spec = client.deploy("timeout", lambda thread: thread.execute(task, timeout_seconds=1))
    run = client.run(spec, LHStatus.ERROR)
    (task_run,) = client.task_runs(run)
    assert statuses(task_run) == ["TASK_TIMEOUT"]
    attempt = task_run.attempts[0]
    assert attempt.end_time.ToMilliseconds() - attempt.start_time.ToMilliseconds() >= 1000
    assert client.node_runs(run)[-1].failures[0].failure_name == "TIMEOUT"

    client.call_soon(may_return.set)
    eventually(lambda: reported, "the late worker returned")
    (task_run,) = client.task_runs(run)
    assert statuses(task_run) == ["TASK_TIMEOUT"]
    assert task_run.attempts[0].WhichOneof("result") is None


def test_a_timed_out_task_is_retried(client: Client) -> None:
    """04/TW-55: a time-out uses up an attempt, and the next one may succeed."""
    too_late = asyncio.Event()

    async def slow_at_first(context: WorkerContext) -> int:
        if context.attempt_number == 0:
            await too_late.wait()
        return context.attempt_number

    task = client.work("slow-at-first", slow_at_first)
    run = client.run(client.deploy("timeout-retry", lambda thread: thread.execute(task, timeout_seconds=1, retries=1)))
    client.call_soon(too_late.set)
    (task_run,) = client.task_runs(run)
    assert statuses(task_run) == ["TASK_TIMEOUT", "TASK_SUCCESS"]
    assert task_run.attempts[1].output.int == 1


def test_a_dynamic_task_that_does_not_exist(client: Client) -> None:
    """04/TW-8, TW-10: an unknown name fails the node as VAR_SUB_ERROR, says the name and creates no TaskRun."""

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(thread.format("nobody-{0}", thread.declare_int("number", 7)))

    run = client.start(client.deploy("unknown-task", entrypoint))
    assert run.status == LHStatus.ERROR
    node = client.node_runs(run)[-1]
    assert node.failures[0].failure_name == "VAR_SUB_ERROR"
    assert "nobody-7" in node.failures[0].message
    assert not node.task.HasField("task_run_id")
    assert client.task_runs(run) == []


def test_logs_of_a_task(client: Client) -> None:
    """09/PY-35: what a worker logs is kept with its attempt."""

    async def chatty(context: WorkerContext) -> None:
        context.log("looked twice")

    task = client.work("chatty", chatty)
    run = client.run(client.deploy("logs", lambda thread: thread.execute(task)))
    (task_run,) = client.task_runs(run)
    assert "looked twice" in task_run.attempts[0].log_output.str
    assert task_run.attempts[0].task_worker_id == client.config.task_worker_id
