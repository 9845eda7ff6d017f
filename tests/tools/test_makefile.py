"""`make` explains itself: every target that people are told about has its one line."""

import subprocess
from pathlib import Path

TARGETS = {
    "build",
    "run",
    "test",
    "verify",
    "fix",
    "bench",
    "bench-suites",
    "load",
    "load-web",
    "fuzz",
    "sim",
    "kill-walk",
    "status",
}


def test_help_names_every_target(repository: Path) -> None:
    """`make` alone lists the targets, one line each, and builds nothing."""
    done = subprocess.run(["make", "--no-print-directory"], cwd=repository, capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert {name for _, name, _ in rows} >= TARGETS
    assert all(made == "make" and explained for made, _, explained in rows)
