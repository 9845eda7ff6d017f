"""`make bench`: runs cases, prints tables, writes bench/out/latest.json."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import compare, registry
from bench.driver import ROOT, driver_path
from bench.server import BenchError
from bench.setting import FULL, OUT, QUICK, SMALL, Effort, Setting, Sizes, default_shards
from bench.table import render


def main(words: Sequence[str] | None = None) -> int:
    """Runs the bench; returns the exit code: 0, or 1 if a case lost something or could not run."""
    arguments = _arguments(words)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()
    setting = _setting(arguments)
    try:
        names = registry.chosen(arguments.only, arguments.all)
        if arguments.compare:
            cases, text = compare.compare(names, arguments.compare, setting, arguments.compare_lh)
        else:
            cases = registry.measure(names, setting)
            text = render(cases)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about = _about(setting.effort, arguments, load_before)
    arguments.out.write_text(json.dumps({"about": about, **cases}, indent=2) + "\n", encoding="utf-8")
    print(text)
    print(f"written to {arguments.out}")
    failed = [f"{name}: {problem}" for name, case in cases.items() for problem in case["problems"]]
    for line in failed:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if failed else 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="CASE,...", help=f"these cases: {', '.join(registry.CASES)}")
    parser.add_argument("--all", action="store_true", help="the slow cases as well")
    parser.add_argument("--quick", action="store_true", help="one short round, little data: shows that it runs")
    parser.add_argument("--compare", metavar="REV", help="measure another revision in turns with this one")
    parser.add_argument("--compare-lh", type=Path, metavar="LH", help="that revision is built already: its `lh`")
    parser.add_argument("--shards", type=int, default=default_shards(), help="shards of the server (%(default)s)")
    parser.add_argument("--rounds", type=int, help=f"rounds of the throughput cases ({FULL.rounds})")
    parser.add_argument("--out", type=Path, default=OUT / "latest.json", help="result file (%(default)s)")
    parser.add_argument("--lh", type=Path, help="`lh` of another build (the one beside this Python)")
    parser.add_argument("--driver", type=Path, default=driver_path(), help="lh_load (%(default)s)")
    parser.add_argument("--machine", type=Path, help="apply_cost (beside the driver, in examples/)")
    parser.add_argument("--wire-python", type=Path, help="Python of the published client (.venv-wire/bin/python)")
    sizes = parser.add_argument_group("how much the cases put in")
    for name, default in vars(Sizes()).items():
        form = _numbers if isinstance(default, tuple) else int
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        sizes.add_argument("--" + name.replace("_", "-"), type=form, metavar="N", help=f"({shown})")
    return parser.parse_args(words)


def _numbers(text: str) -> tuple[int, ...]:
    """`10,1000` as numbers. Raises ValueError."""
    return tuple(int(part) for part in text.split(","))


def _setting(arguments: argparse.Namespace) -> Setting:
    sizes = vars(SMALL if arguments.quick else Sizes())
    given = {name: getattr(arguments, name) for name in sizes if getattr(arguments, name) is not None}
    machine = arguments.machine or arguments.driver.parent / "examples" / "apply_cost"
    setting = Setting(
        effort=QUICK if arguments.quick else FULL,
        out=arguments.out.parent,
        lh=arguments.lh,
        driver=arguments.driver,
        machine=machine,
        shards=arguments.shards,
        sizes=Sizes(**(sizes | given)),
        **({"wire_python": arguments.wire_python} if arguments.wire_python else {}),
    )
    return setting.with_rounds(arguments.rounds) if arguments.rounds else setting


def _about(effort: Effort, arguments: argparse.Namespace, load_before: tuple[float, float, float]) -> dict[str, object]:
    """What a reader of the figures must know about where they come from."""
    return {
        "format": 2,
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "revision": _git("rev-parse", "HEAD"),
        "changed_files": len(_git("status", "--porcelain").splitlines()),
        "compared_with": arguments.compare,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average_before": round(load_before[0], 2),
        "quick": arguments.quick,
        "rounds": effort.rounds,
        "window_s": effort.window_s,
        "warmup_s": effort.warmup_s,
    }


def _git(*words: str) -> str:
    """What git says, or nothing outside a checkout."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
