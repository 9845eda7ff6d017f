"""All cases by name: how each is run, whether a plain `make bench` runs it, and the figures to look at first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench import (
    abuse,
    disk,
    dormant,
    events,
    growth,
    lives,
    machine,
    overload,
    recovery,
    search,
    throughput,
    tree,
    workers,
)
from bench.cases import Durability, Summary
from bench.server import BenchError
from bench.setting import Setting


@dataclass(frozen=True)
class Figure:
    """One figure of a case, for the table and for comparisons."""

    key: str
    unit: str
    is_better_high: bool = False


@dataclass(frozen=True)
class Case:
    """One case."""

    run: Callable[[Setting], Summary]
    figures: tuple[Figure, ...]
    """The figures that comparisons are made of, the most telling one first."""
    is_quick: bool = True
    """Part of a plain `make bench`, which takes about five minutes."""


SPEED = (Figure("tasks_per_s", "tasks/s", True), Figure("server_cpu_us_per_task", "µs"), Figure("p50_ms", "ms"))
DELAY = (Figure("p50_ms", "ms"), Figure("p99_ms", "ms"))
LIFE = (Figure("server_cpu_us_per_run", "µs"), *DELAY)
WORKER = (Figure("tasks_per_s", "tasks/s", True), Figure("worker_cpu_us_per_task", "µs"))
UNKNOWN = Durability(fsync=False, shards=0, replication_factor=0)
"""Of a case that could not be run."""
NODES = ("task", "nop", "assign", "sleep", "condition", "threads")


def _driven(name: str) -> Callable[[Setting], Summary]:
    """A case of the load driver by itself, as comparisons run it."""
    return lambda setting: throughput.measure([name], setting)[name]


CASES: dict[str, Case] = {
    "transport": Case(_driven("transport"), SPEED),
    "chain10": Case(_driven("chain10"), SPEED),
    "chain10_1": Case(_driven("chain10_1"), SPEED),
    "chain10_512": Case(_driven("chain10_512"), SPEED),
    "schedule_latency": Case(_driven("schedule_latency"), DELAY),
    "schedule_latency_half": Case(_driven("schedule_latency_half"), DELAY),
    "disk": Case(disk.disk, DELAY),
    "machine_apply": Case(machine.machine_apply, tuple(Figure(f"{name}_ns_per_node", "ns") for name in NODES)),
    "flush": Case(machine.flush, (Figure("flush_us_per_task", "µs"), Figure("puts_per_task", ""))),
    "published_python_client": Case(workers.published, WORKER),
    "own_python_worker": Case(workers.own, WORKER),
    "search": Case(search.search, DELAY),
    "fork_join": Case(lives.fork_join, LIFE),
    "user_task": Case(lives.user_task, LIFE),
    "event": Case(events.event, (*DELAY, Figure("memory_bytes_per_caller", "B"))),
    "tree": Case(tree.tree, (Figure("start_cost_ratio", ""), Figure("end_cost_ratio", "")), is_quick=False),
    "dormant": Case(
        dormant.dormant,
        (
            Figure("memory_bytes_per_run", "B"), Figure("disk_bytes_per_run", "B"),
            Figure("start_up_s", "s"), Figure("wake_late_max_ms", "ms"),
        ),
    ),
    "recovery": Case(recovery.recovery, (Figure("s_per_gb", "s/GB"), Figure("s_per_million_commands", "s"))),
    "overload": Case(
        overload.overload, (Figure("kept", "", True), Figure("tasks_per_s", "tasks/s", True), Figure("p99_ms", "ms"))
    ),
    "abuse": Case(
        abuse.abuse, (Figure("worst_p99_ratio", ""), Figure("peak_memory_bytes", "B")), is_quick=False
    ),
    "growth": Case(growth.growth, (Figure("step_cost_ratio", ""), Figure("stored_cost_ratio", "")), is_quick=False),
}  # fmt: skip


def chosen(only: str | None, is_all: bool) -> list[str]:
    """Names of the cases to run, in the order of the table.

    Args:
        only: names with commas between them, or nothing.
        is_all: the slow ones as well.

    Raises:
        BenchError: an unknown name.
    """
    if only is None:
        return [name for name, case in CASES.items() if is_all or case.is_quick]
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in CASES]
    if unknown or not names:
        raise BenchError(f"unknown case {', '.join(unknown) or repr(only)}; there are {', '.join(CASES)}")
    return [name for name in CASES if name in names]


def measure(names: Iterable[str], setting: Setting) -> dict[str, Summary]:
    """Runs these cases. Those of the load driver take turns on one server; the others have servers of their own."""
    names = list(names)
    driven = [name for name in names if name in throughput.NAMES]
    cases = throughput.measure(driven, setting) if driven else {}
    for name in names:
        if name not in cases:
            throughput.progress(f"== {name}")
            try:
                cases[name] = CASES[name].run(setting)
            except BenchError as error:
                # What the other cases found is worth keeping.
                cases[name] = UNKNOWN.as_keys() | {"errors": 0, "problems": [str(error)]}
    return {name: cases[name] for name in names}
