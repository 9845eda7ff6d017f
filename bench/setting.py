"""What one invocation of the bench measures with, on what, how long and how much."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.driver import ROOT, driver_path

OUT = ROOT / "bench" / "out"
LENGTH = 10
"""Tasks per run of the throughput cases."""


@dataclass(frozen=True)
class Effort:
    """How long the cases run. Rounds alternate between the cases, so that a slow minute of the machine hits all."""

    rounds: int
    window_s: float
    warmup_s: float
    latency_window_s: float


FULL = Effort(rounds=3, window_s=5.0, warmup_s=2.0, latency_window_s=20.0)
QUICK = Effort(rounds=1, window_s=1.0, warmup_s=0.5, latency_window_s=2.0)


@dataclass(frozen=True)
class Sizes:
    """How much the cases put in. The defaults are those that the figures are meant for."""

    dormant_runs: int = 100_000
    search_runs: int = 100_000
    searches: int = 500
    growth_steps: tuple[int, ...] = (10, 1_000, 100_000)
    stored_runs: tuple[int, ...] = (1_000, 100_000)
    recovery_tasks: int = 100_000
    apply_runs: int = 10_000
    worker_runs: int = 4_000
    tree_children: int = 10_000
    lives: int = 2_000
    waiting_callers: int = 10_000


SMALL = Sizes(
    200, 200, 20, (10, 50), (50, 100), 300, 200, worker_runs=1_000, tree_children=50, lives=20, waiting_callers=50
)
"""Shows that every case runs."""


@dataclass(frozen=True)
class Setting:
    """Everything that a case needs to know."""

    effort: Effort
    out: Path
    """Folder for data directories and what servers say."""
    lh: Path | None = None
    """`lh` of another build; `None`: the one beside this Python."""
    driver: Path = field(default_factory=driver_path)
    machine: Path = field(default_factory=lambda: driver_path().parent / "examples" / "apply_cost")
    wire_python: Path = ROOT / ".venv-wire" / "bin" / "python"
    shards: int = field(default_factory=lambda: default_shards())
    sizes: Sizes = field(default_factory=Sizes)

    def with_rounds(self, rounds: int) -> "Setting":
        """The same with another number of rounds."""
        return replace(self, effort=replace(self.effort, rounds=rounds))


def default_shards() -> int:
    """Half the cores, as the server takes it by itself; said here so that the result can name it."""
    return max(1, (os.cpu_count() or 1) // 2)
