"""`python -m tests.faults.soak --kills 200 --seed 1 --operations 200000`: kills under load, then the verdict."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.soak.run import Plan, Soak
from tests.wire.driver import ROOT


def main() -> int:
    """Runs a soak, prints what happened and what the checker says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tests.faults.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operations", type=int, default=200_000, help="acknowledged writes")
    parser.add_argument("--keep", type=Path, help="an empty directory for all files, which are kept")
    parser.add_argument("--checker", type=Path, default=ROOT / "target/sim/lh_sim", help="the built history checker")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lh-soak-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(seed=chosen.seed, kills=chosen.kills, operations=chosen.operations)
        outcome = Soak(plan, folder).run()
        print(outcome.replay, end="")
        print(
            f"seed {plan.seed}: {outcome.kills} kills ({outcome.early_kills} of them before the server was ready), "
            f"{outcome.acknowledged} acknowledged writes, {outcome.doctors} times `lh doctor`, {outcome.seconds:.0f} s",
            flush=True,
        )
        sufficient = ["--acknowledged", str(plan.operations), "--ended", str(plan.kills)]
        return subprocess.run([chosen.checker, "check", outcome.history, *sufficient]).returncode


if __name__ == "__main__":
    sys.exit(main())
