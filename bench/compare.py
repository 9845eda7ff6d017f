"""`make bench COMPARE=REV`: builds another revision and measures both in turns, case by case; ratios are paired."""

import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.cases import Summary
from bench.driver import ROOT
from bench.registry import CASES, Figure
from bench.server import BenchError
from bench.setting import Setting
from bench.table import aligned
from bench.throughput import progress

ONE_OF_THE_DRIVER = "transport"
"""There is no server in this case, so there is nothing to compare."""


def compare(
    names: Sequence[str], revision: str, setting: Setting, lh: Path | None = None
) -> tuple[dict[str, Summary], str]:
    """Measures each case `rounds` times on both builds, one round right after the other; who begins changes each time.

    Args:
        names: cases.
        revision: what git calls the other revision.
        setting: for this build; the other gets the same driver and its own everything else.
        lh: the other build, if there is one already.

    Returns:
        Per case the last summary of this build with `compared`: per figure the median of the paired ratios
        this ÷ other, the ratios, and both builds' medians; and the table.

    Raises:
        BenchError: git does not know the revision, or it could not be built or run.
    """
    other = other_setting(lh or build(revision, setting.out), setting)
    once = setting.with_rounds(1)
    cases: dict[str, Summary] = {}
    for name in names:
        if name == ONE_OF_THE_DRIVER:
            continue
        ours: list[Summary] = []
        theirs: list[Summary] = []
        for number in range(setting.effort.rounds):
            turns = [(ours, once), (theirs, other)]
            for summaries, which in turns if number % 2 == 0 else reversed(turns):
                progress(f"{name} {number + 1}/{setting.effort.rounds}: {'this' if which is once else revision}")
                summaries.append(CASES[name].run(which))
        found = {figure.key: paired(ours, theirs, figure) for figure in CASES[name].figures}
        trouble = [
            f"{who}: {text}"
            for who, runs in (("this", ours), (revision, theirs))
            for one in runs
            for text in one["problems"]
        ]
        cases[name] = ours[-1] | {"compared": found, "problems": trouble}
    return cases, table(cases, revision)


def other_setting(lh: Path, setting: Setting) -> Setting:
    """The other build, with this revision's driver: what is compared is the server."""
    machine = lh.parents[2] / "target" / "release" / "examples" / "apply_cost"
    out = setting.out / "other"
    out.mkdir(parents=True, exist_ok=True)
    machine = machine if machine.exists() else setting.machine
    return replace(setting.with_rounds(1), lh=lh, out=out, machine=machine)


def build(revision: str, out: Path) -> Path:
    """Checks the revision out beside this one and builds it; a folder per commit, so that a second time is fast.

    Returns:
        Its `lh`.

    Raises:
        BenchError: git does not know it, or the build failed.
    """
    commit = _call(
        ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], ROOT, f"no revision {revision}"
    )
    folder = (out / "revisions" / commit[:12]).resolve()
    if not folder.exists():
        _call(["git", "worktree", "add", "--detach", str(folder), commit], ROOT, "git worktree add failed")
    progress(f"building {revision} in {folder}; some minutes the first time")
    for command in (["make", "build"], ["cargo", "build", "--release", "-p", "lh_machine", "--example", "apply_cost"]):
        done = subprocess.run(command, cwd=folder, env=_environment(folder), check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(command)} in {folder} ended with {done.returncode}")
    return folder / ".venv" / "bin" / "lh"


def _environment(folder: Path) -> dict[str, str]:
    """With build results of its own, and without what the Makefile of this revision handed down."""
    kept = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return kept | {"CARGO_TARGET_DIR": str(folder / "target")}


def _call(command: list[str], folder: Path, trouble: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{trouble} {done.stderr.strip()}".strip())
    return done.stdout.strip()


def paired(ours: Sequence[Summary], theirs: Sequence[Summary], figure: Figure) -> Summary:
    """One figure: ratios within each round, their median, and both medians; `None` where a side has no such figure."""
    pairs = [(this.get(figure.key), other.get(figure.key)) for this, other in zip(ours, theirs, strict=True)]
    known = [(this, other) for this, other in pairs if this is not None and other]
    ratios = [round(this / other, 4) for this, other in known]
    return {
        "ratio": round(statistics.median(ratios), 4) if ratios else None,
        "ratios": ratios,
        "this": statistics.median(this for this, _ in known) if known else None,
        "other": statistics.median(other for _, other in known) if known else None,
        "better_is": "more" if figure.is_better_high else "less",
    }


def table(cases: dict[str, Summary], revision: str) -> str:
    """A row per figure."""
    rows = [["case", "figure", "this", revision, "this ÷ other", "range", "better is"]]
    for name, case in cases.items():
        for key, figure in case["compared"].items():
            ratios = figure["ratios"]
            shown = [f"{figure[side]:,.4g}" if figure[side] is not None else "-" for side in ("this", "other")]
            spread = f"{min(ratios):.3f} - {max(ratios):.3f}" if ratios else "-"
            ratio = f"{figure['ratio']:.3f}" if ratios else "-"
            rows.append([name, key, *shown, ratio, spread, figure["better_is"]])
    return aligned(rows, 2)
