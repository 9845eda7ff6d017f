"""`make bench`: runs all cases, prints a table, writes bench/out/latest.json."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cases import NO_ENGINE, Summary, ratio, single_server, summarize
from bench.driver import ROOT, Drive, drive, driver_path
from bench.process import wait_until_idle
from bench.server import BenchError, Server, running_server
from bench.table import render

OUT = ROOT / "bench" / "out"
LENGTH = 10
"""Tasks per run of the throughput cases."""
LATENCY_RATE_PER_S = 10


@dataclass(frozen=True)
class Effort:
    """How long the cases run. Rounds alternate between the cases, so that a slow minute of the machine hits all."""

    rounds: int
    window_s: float
    warmup_s: float
    latency_window_s: float


FULL = Effort(rounds=3, window_s=5.0, warmup_s=2.0, latency_window_s=30.0)
QUICK = Effort(rounds=1, window_s=1.0, warmup_s=0.5, latency_window_s=2.0)


def main(words: Sequence[str] | None = None) -> int:
    """Runs the bench; returns the exit code: 0, or 1 if a case lost something or could not run."""
    arguments = _arguments(words)
    effort = QUICK if arguments.quick else FULL
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()
    try:
        cases = _measure(effort, arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about = _about(effort, arguments.quick, load_before)
    arguments.out.write_text(json.dumps({"about": about, **cases}, indent=2) + "\n", encoding="utf-8")
    print(render(cases))
    print(f"written to {arguments.out}")
    failed = [f"{name}: {problem}" for name, case in cases.items() for problem in case["problems"]]
    for line in failed:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if failed else 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it runs, not how fast")
    parser.add_argument("--shards", type=int, default=default_shards(), help="shards of the server (%(default)s)")
    parser.add_argument("--out", type=Path, default=OUT / "latest.json", help="result file (%(default)s)")
    parser.add_argument("--lh", type=Path, help="`lh` of another build (the one beside this Python)")
    parser.add_argument("--driver", type=Path, default=driver_path(), help="lh_load (%(default)s)")
    return parser.parse_args(words)


def default_shards() -> int:
    """Half the cores, as the server takes it by itself; said here so that the result can name it."""
    return max(1, (os.cpu_count() or 1) // 2)


def _measure(effort: Effort, arguments: argparse.Namespace) -> dict[str, Summary]:
    out: Path = arguments.out.parent
    rounds: dict[str, list[Drive]] = {"transport": [], "chain10": [], "chain10_512": []}
    with running_server(out / "data", arguments.shards, out / "server.log", arguments.lh) as server:
        for number in range(1, effort.rounds + 1):
            for name in rounds:
                rounds[name].append(_throughput(name, effort, server, arguments.driver))
                speed = rounds[name][-1]["tasks_per_s"]
                _progress(f"round {number}/{effort.rounds}  {name:<12} {speed:>10,.0f} tasks/s")
        _progress(f"schedule_latency: {effort.latency_window_s:.0f} s at {LATENCY_RATE_PER_S}/s")
        latency = _latency(effort, server, arguments.driver)
    durability = single_server(arguments.shards)
    cases = {"transport": summarize(rounds["transport"], NO_ENGINE)}
    cases["chain10"] = summarize(rounds["chain10"], durability)
    cases["chain10"]["ratio_to_transport"] = ratio(rounds["chain10"], rounds["transport"])
    cases["chain10_512"] = summarize(rounds["chain10_512"], durability)
    cases["schedule_latency"] = summarize([latency], durability)
    return cases


def _throughput(name: str, effort: Effort, server: Server, driver: Path) -> Drive:
    """One round of a throughput case, begun when the server has nothing left to do for the case before."""
    wait_until_idle(server.process_id)
    options: dict[str, object] = {
        "length": LENGTH,
        "in-flight": 512 if name == "chain10_512" else 64,
        "seconds": effort.window_s,
        "warmup": effort.warmup_s,
    }
    if name == "transport":
        return drive("transport", options, driver)
    return drive("chain", options | {"server": server.address, "server-pid": server.process_id}, driver)


def _latency(effort: Effort, server: Server, driver: Path) -> Drive:
    wait_until_idle(server.process_id)
    options: dict[str, object] = {
        "server": server.address,
        "server-pid": server.process_id,
        "rate": LATENCY_RATE_PER_S,
        "seconds": effort.latency_window_s,
        "warmup": effort.warmup_s,
    }
    return drive("latency", options, driver)


def _about(effort: Effort, quick: bool, load_before: tuple[float, float, float]) -> dict[str, object]:
    """What a reader of the figures must know about where they come from."""
    return {
        "format": 1,
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "revision": _git("rev-parse", "HEAD"),
        "changed_files": len(_git("status", "--porcelain").splitlines()),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load_average_before": round(load_before[0], 2),
        "quick": quick,
        "rounds": effort.rounds,
        "window_s": effort.window_s,
        "warmup_s": effort.warmup_s,
    }


def _git(*words: str) -> str:
    """What git says, or nothing outside a checkout."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
