"""Many at once: every run ends, every task runs once."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from littlehorse.model import LHStatus, PollTaskRequest, SearchWfRunRequest, TaskDefId
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, Client, ServerProcess

RUNS = 200
POLLS = 10_000
POLLS_PER_STREAM = 500


def test_200_runs_at_once(client: Client) -> None:
    """04/TW-21, TW-23, 03/E-001: 200 runs of two tasks and a condition, started together; no attempt is run twice."""
    ran: Counter[tuple[str, int]] = Counter()

    async def double(number: int) -> int:
        ran["double", number] += 1
        return number * 2

    async def note(number: int) -> str:
        ran["note", number] += 1
        return f"odd half {number}"

    double_task = client.work("double", double)
    note_task = client.work("note", note)

    def entrypoint(thread: WorkflowThread) -> None:
        number = thread.declare_int("number").required()
        result = thread.declare_int("result")
        result.assign(thread.execute(double_task, number))
        thread.do_if(number.is_less_than(RUNS // 2), lambda body: body.execute(note_task, number))

    spec = client.deploy("many", entrypoint)
    with ThreadPoolExecutor(32) as pool:
        runs = list(pool.map(lambda number: client.start(spec, number=number), range(RUNS)))
        finished = list(pool.map(client.wait, runs))
        results = list(pool.map(lambda run: client.variable(run, "result").int, finished))

    assert results == [number * 2 for number in range(RUNS)]
    assert ran == Counter(
        [("double", number) for number in range(RUNS)] + [("note", number) for number in range(RUNS // 2)]
    )
    found = client.stub.SearchWfRun(
        SearchWfRunRequest(wf_spec_name=spec, status=LHStatus.COMPLETED, limit=1000)
    ).results
    assert sorted(wf_run_id.id for wf_run_id in found) == sorted(run.id.id for run in runs)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the server's threads in /proc")
def test_ten_thousand_waiting_polls_cost_no_threads(client: Client, server: ServerProcess) -> None:
    """04/TW-34a, TW-34c: every poll is a place of its own; tasks go to waiting polls, none twice."""

    async def number(value: int) -> int:
        return value

    task = client.register("number", number)
    spec = client.deploy("numbers", lambda thread: thread.execute(task, thread.declare_int("value").required()))
    done = threading.Event()

    def polls() -> Iterator[PollTaskRequest]:
        for _ in range(POLLS_PER_STREAM):
            yield PollTaskRequest(task_def_id=TaskDefId(name=task), client_id="waits")
        done.wait(DEADLINE_SECONDS)

    before = server.threads()
    streams = [client.stub.PollTask(polls(), timeout=DEADLINE_SECONDS) for _ in range(POLLS // POLLS_PER_STREAM)]
    runs = [client.start(spec, value=value) for value in range(3 * len(streams))]
    received: list[int] = []
    lock = threading.Lock()

    def receive(stream: Iterator[object]) -> None:
        for response in stream:
            with lock:
                received.append(response.result.variables[0].value.int)  # type: ignore[attr-defined]
                if len(received) == len(runs):
                    done.set()

    readers = [threading.Thread(target=receive, args=(stream,)) for stream in streams]
    for reader in readers:
        reader.start()
    assert done.wait(DEADLINE_SECONDS), f"{len(received)} of {len(runs)} tasks were delivered"
    for reader in readers:
        reader.join()
    assert sorted(received) == list(range(len(runs)))
    assert server.threads() - before < 16
