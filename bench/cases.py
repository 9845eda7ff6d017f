"""From drives to cases: medians over rounds, and ratios of what was measured side by side."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bench.driver import Drive

Summary: TypeAlias = dict[str, Any]

MEDIANS = (
    "tasks_per_s",
    "wf_per_s",
    "server_cpu_us_per_task",
    "driver_cpu_us_per_task",
    "p50_ms",
    "p95_ms",
    "p99_ms",
)
SAME_IN_ALL_ROUNDS = ("length", "in_flight", "rate_per_s", "payload_bytes", "connections", "polls")


@dataclass(frozen=True)
class Durability:
    """What stands behind the answers of a case."""

    fsync: bool
    shards: int
    replication_factor: int

    def as_keys(self) -> Summary:
        """As every case says it."""
        return {"fsync": self.fsync, "shards": self.shards, "replication_factor": self.replication_factor}


NO_ENGINE = Durability(fsync=False, shards=0, replication_factor=0)
"""Behind the transport case there is nothing."""


def single_server(shards: int) -> Durability:
    """One server. It acknowledges nothing before its fsync; there is no setting that says otherwise."""
    return Durability(fsync=True, shards=shards, replication_factor=1)


def summarize(rounds: Sequence[Drive], durability: Durability) -> Summary:
    """One case out of its rounds.

    Args:
        rounds: at least one drive.
        durability: what stood behind it.

    Returns:
        The keys that README.md lists; a figure that no round has is `None`.
    """
    summary: Summary = {key: _median([one[key] for one in rounds]) for key in MEDIANS}
    summary |= {key: rounds[0][key] for key in SAME_IN_ALL_ROUNDS}
    summary |= durability.as_keys() | {
        "rounds_tasks_per_s": [one["tasks_per_s"] for one in rounds],
        "refused": sum(sum(one["refused"].values()) for one in rounds),
        "errors": sum(sum(one["errors"].values()) for one in rounds),
        "problems": [problem for one in rounds for problem in problems(one)],
    }
    return summary


def ratio(case: Sequence[Drive], base: Sequence[Drive]) -> float | None:
    """Median over rounds of `case` ÷ `base` in tasks per second: each round was measured within the same minute.

    `None` if a round of the base did nothing.
    """
    pairs = list(zip(case, base, strict=True))
    if any(not under["tasks_per_s"] for _, under in pairs):
        return None
    quotients: list[float] = [over["tasks_per_s"] / under["tasks_per_s"] for over, under in pairs]
    return round(statistics.median(quotients), 4)


def problems(drive: Drive) -> list[str]:
    """What makes a drive's figures worthless, in words; empty if nothing does."""
    total = drive["total"]
    found = []
    if total["runs_unfinished"]:
        found.append(f"{total['runs_unfinished']} runs did not finish")
    if total["misdelivered"]:
        found.append(f"{total['misdelivered']} tasks were delivered twice or out of order")
    if drive["verified"]["wrong"]:
        found.append(f"not as they should be when read back: {'; '.join(drive['verified']['wrong'][:3])}")
    if total["runs_finished"] == 0:
        found.append("no run finished")
    if drive["errors"]:
        found.append("failed calls: " + ", ".join(f"{count} x {name}" for name, count in drive["errors"].items()))
    if not drive["sound"] and not found:
        found.append("the driver says that something went wrong")
    return found


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None
