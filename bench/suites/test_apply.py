"""Cost of the machine, as the example `apply_cost` reports it: the time shown is that of one node."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.driver import driver_path
from bench.machine import ONE_MACHINE, run_machine
from bench.registry import NODES

RUNS_PER_ROUND = 2_000
ROUNDS = 5
PROGRAM = driver_path().parent / "examples" / "apply_cost"


class ReportedTime:
    """A clock that shows what was reported to it, and otherwise stands still but for a nanosecond per look."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1e-9
        return self.seconds


CLOCK = ReportedTime()


@pytest.mark.parametrize("kind", NODES)
@pytest.mark.benchmark(timer=CLOCK)
def test_node(benchmark: BenchmarkFixture, kind: str) -> None:
    """All commands that one node of this kind takes, besides its share of the flush."""
    benchmark.extra_info.update(ONE_MACHINE.as_keys())

    def measure() -> dict[str, object]:
        reported = run_machine(PROGRAM, "--kind", kind, "--runs", str(RUNS_PER_ROUND))[kind]
        CLOCK.seconds += max(reported["ns_per_node"], 0) / 1e9
        return dict(reported)

    found = benchmark.pedantic(measure, rounds=ROUNDS)
    assert found["unfinished"] == 0
