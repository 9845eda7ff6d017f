"""Four shards in one process look like one server: definitions, runs, tasks and searches reach across them."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from littlehorse.model import CountTaskRunRequest, SearchTaskRunRequest, SearchVariableRequest, SearchWfRunRequest
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client, EventLoopThread, ServerProcess, eventually

RUNS = 60


@pytest.fixture
def four_shards(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with four shards, serving."""
    process = ServerProcess(tmp_path / "data", "--shards", "4")
    process.start()
    yield process
    process.kill()


def test_four_shards_look_like_one(four_shards: ServerProcess, loop_thread: EventLoopThread) -> None:
    """04/TW-20, TW-21, TW-73, 07/S-3, S-9: one queue, one count, one paged search over all shards, kill included."""
    ran: Counter[int] = Counter()

    async def work(number: int) -> int:
        ran[number] += 1
        return number

    def entrypoint(thread: WorkflowThread) -> None:
        number = thread.declare_int("number").searchable().required()
        thread.execute(task, number)

    with Client(four_shards.address, loop_thread, "four-shards") as client:
        task = client.register("work", work)
        spec = client.deploy("spread", entrypoint)
        with ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(lambda number: client.start(spec, number=number), range(RUNS)))

        def queued() -> bool:
            request = CountTaskRunRequest(task_def_name=task, status=0)
            return bool(client.stub.CountTaskRun(request).value == RUNS)

        eventually(queued, "all tasks are counted")

    four_shards.kill()
    four_shards.start()
    with Client(four_shards.address, loop_thread, "four-shards-again") as client:
        client.serve(task, work)
        for run in runs:
            client.wait(run)
        assert ran == Counter(range(RUNS))

        found: list[str] = []
        request = SearchWfRunRequest(wf_spec_name=spec, limit=7)
        while True:
            page = client.stub.SearchWfRun(request)
            found += [wf_run_id.id for wf_run_id in page.results]
            if not page.HasField("bookmark"):
                break
            request.bookmark = page.bookmark
        assert sorted(found) == sorted(run.id.id for run in runs)
        tasks = client.stub.SearchTaskRun(SearchTaskRunRequest(task_def_name=task, limit=1000)).results
        assert len(tasks) == RUNS
        for number in (0, RUNS - 1):
            variable = SearchVariableRequest(wf_spec_name=spec, var_name="number", value=to_variable_value(number))
            (only,) = client.stub.SearchVariable(variable).results
            assert only.wf_run_id == runs[number].id
