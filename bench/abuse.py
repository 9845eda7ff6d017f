"""Case `abuse`: a well-behaved client beside one attack after the other."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.cases import Summary, problems, single_server
from bench.driver import Drive, drive
from bench.process import resident_bytes, resident_peak_bytes, wait_until_idle
from bench.server import BenchError, Server, running_server
from bench.setting import LENGTH, Setting
from bench.throughput import progress

RATE_PER_S = 100.0
"""Runs of the well-behaved client: a few per cent of what the server can do, so that it feels every wait."""
POLLS = 64
LEAD_S = 1.0
"""What the attacker may take to get going; it goes on a little longer than the client, too."""
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Attack:
    """One attack of `lh_load attack`, which says what each kind does."""

    kind: str
    count: int


ATTACKS = (
    Attack("connections", 10_000),
    Attack("streams", 10),
    Attack("resets", 4),
    Attack("slow-readers", 8),
    Attack("reconnects", 1_000),
    Attack("poison", 4),
    Attack("values", 4),
)


def abuse(setting: Setting) -> Summary:
    """Each attack on a server of its own, so that each has a peak of memory of its own; calm and attack in turns."""
    figures: Summary = {}
    found: list[str] = []
    for attack in ATTACKS:
        data, log = setting.out / "abuse-data", setting.out / "abuse-server.log"
        try:
            with running_server(data, setting.shards, log, setting.lh) as server:
                figures[attack.kind], wrong = _suffer(server, attack, setting)
        except BenchError as error:
            wrong = [str(error)]
        found += [f"{attack.kind}: {problem}" for problem in wrong]
        if attack.kind in figures:
            figure = figures[attack.kind]
            progress(f"{attack.kind:<12} p99 {figure['p99_ms']:.1f} ms, {figure['p99_ratio']} times that without")
    return (
        single_server(setting.shards).as_keys()
        | figures
        | {
            "worst_p99_ratio": max((one["p99_ratio"] for one in figures.values()), default=None),
            "peak_memory_bytes": max((one["peak_memory_bytes"] for one in figures.values()), default=None),
            "errors": 0,
            "problems": found,
        }
    )


def _suffer(server: Server, attack: Attack, setting: Setting) -> tuple[Summary, list[str]]:
    calm: list[Drive] = []
    attacked: list[Drive] = []
    outcomes: list[Any] = []
    before = 0
    for _ in range(setting.effort.rounds):
        wait_until_idle(server.process_id)
        calm.append(_client(server, setting))
        before = before or resident_bytes(server.process_id)
        with _attacker(server, attack, setting, outcomes):
            attacked.append(_client(server, setting))
    worst = [_p99(one) for one in attacked]
    usual = [_p99(one) for one in calm]
    pairs = sorted(over / under for over, under in zip(worst, usual, strict=True))
    figure = {
        "calm_p99_ms": sorted(usual)[len(usual) // 2],
        "p99_ms": sorted(worst)[len(worst) // 2],
        "p99_ratio": round(pairs[len(pairs) // 2], 2),
        "calm_memory_bytes": before,
        "peak_memory_bytes": resident_peak_bytes(server.process_id),
        "refused": sum(sum(one["refused"].values()) for one in attacked),
        "attacker": outcomes[-1],
    }
    return figure, [problem for one in calm + attacked for problem in problems(one)]


def _p99(one: Drive) -> float:
    p99: float | None = one["report_ms"]["p99"]
    if not p99:
        raise BenchError("no task was reported")
    return p99


def _client(server: Server, setting: Setting) -> Drive:
    options: dict[str, object] = {
        "server": server.address,
        "rate": RATE_PER_S,
        "length": LENGTH,
        "polls": POLLS,
        "seconds": setting.effort.window_s,
        "warmup": setting.effort.warmup_s,
    }
    return drive("latency", options, setting.driver)


@contextlib.contextmanager
def _attacker(server: Server, attack: Attack, setting: Setting, outcomes: list[Any]) -> Iterator[None]:
    """An attack in a process of its own, which has begun when the block begins and goes on until its end."""
    length = setting.effort.warmup_s + setting.effort.window_s + 2 * LEAD_S
    words = ["--server", server.address, "--kind", attack.kind, "--count", str(attack.count), "--seconds", str(length)]
    process = subprocess.Popen([str(setting.driver), "attack", *words], stdout=subprocess.PIPE, text=True)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LEAD_S)
            raise BenchError(f"the attack ended at once with {process.returncode}")
        yield
        printed, _ = process.communicate(timeout=PATIENCE_S)
        outcomes.append(json.loads(printed)["outcomes"])
    finally:
        process.kill()
        process.communicate()
