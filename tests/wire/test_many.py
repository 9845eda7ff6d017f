"""Many at once: every run ends, every task runs once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from littlehorse.model import LHStatus, SearchWfRunRequest
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client

RUNS = 200


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
