"""Round trips of single calls on an idle server, from one Python client: fsync on, one after the other."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.contract import Contract
from bench.setting import default_shards
from bench.suites.conftest import SPEC, TASK_SPEC
from littlehorse.model import LHStatus, RunWfRequest, SearchWfRunRequest

STANDS_BEHIND = {"fsync": True, "shards": default_shards(), "replication_factor": 1}


@pytest.mark.parametrize("wf_spec", [SPEC, TASK_SPEC])
def test_run_wf(benchmark: BenchmarkFixture, contract: Contract, wf_spec: str) -> None:
    """RunWf of a run that ends at once, and of one that schedules a task."""
    benchmark.extra_info.update(STANDS_BEHIND)
    run = benchmark(contract.stub.RunWf, RunWfRequest(wf_spec_name=wf_spec))
    assert run.status == (LHStatus.COMPLETED if wf_spec == SPEC else LHStatus.RUNNING)


def test_get_wf_run(benchmark: BenchmarkFixture, contract: Contract) -> None:
    """GetWfRun of one run, again and again."""
    benchmark.extra_info.update(STANDS_BEHIND)
    started = contract.stub.RunWf(RunWfRequest(wf_spec_name=TASK_SPEC))
    assert benchmark(contract.stub.GetWfRun, started.id).id == started.id


def test_search_wf_run(benchmark: BenchmarkFixture, contract: Contract) -> None:
    """SearchWfRun by name and status, ten results."""
    benchmark.extra_info.update(STANDS_BEHIND)
    for _ in range(10):
        contract.stub.RunWf(RunWfRequest(wf_spec_name=SPEC))
    request = SearchWfRunRequest(wf_spec_name=SPEC, status=LHStatus.COMPLETED, limit=10)
    assert len(benchmark(contract.stub.SearchWfRun, request).results) == 10
