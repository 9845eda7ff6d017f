"""Case `overload`: runs offered at twice the rate that the server can finish, beside the best that it does."""

import statistics

from bench.cases import Summary, problems, ratio, single_server
from bench.driver import Drive, drive
from bench.process import resident_peak_bytes, wait_until_idle
from bench.server import Server, running_server
from bench.setting import LENGTH, Setting
from bench.throughput import progress

TIMES = 2.0
"""What is offered, by what the server finished at its best in the same round."""
IN_FLIGHT = 512
"""Runs in flight at its best, and polls that wait in both drives."""


def overload(setting: Setting) -> Summary:
    """Rounds of two drives: a closed one with runs enough in flight for the best, an open one at twice its rate."""
    best: list[Drive] = []
    offered: list[Drive] = []
    data, log = setting.out / "overload-data", setting.out / "overload-server.log"
    with running_server(data, setting.shards, log, setting.lh) as server:
        for number in range(1, setting.effort.rounds + 1):
            best.append(_drive(server, setting, "chain", {"in-flight": IN_FLIGHT}))
            rate = max(best[-1]["wf_per_s"] * TIMES, 1.0)
            offered.append(_drive(server, setting, "latency", {"rate": rate}))
            progress(
                f"round {number}/{setting.effort.rounds}  {best[-1]['tasks_per_s']:,.0f} tasks/s at best, "
                f"{offered[-1]['tasks_per_s']:,.0f} with {rate:,.0f} runs/s offered"
            )
        peak = resident_peak_bytes(server.process_id)
    calls = [refused_and_all(one) for one in offered]
    return single_server(setting.shards).as_keys() | {
        "kept": ratio(offered, best),
        "rounds_kept": [ratio([over], [under]) for over, under in zip(offered, best, strict=True)],
        "best_tasks_per_s": statistics.median(one["tasks_per_s"] for one in best),
        "tasks_per_s": statistics.median(one["tasks_per_s"] for one in offered),
        "offered_runs_per_s": statistics.median(one["rate_per_s"] for one in offered),
        "refused_share": round(sum(refused for refused, _ in calls) / max(sum(every for _, every in calls), 1), 4),
        "p50_ms": statistics.median(one["schedule_ms"]["p50"] or 0 for one in offered),
        "p99_ms": statistics.median(one["schedule_ms"]["p99"] or 0 for one in offered),
        "report_p99_ms": statistics.median(one["report_ms"]["p99"] or 0 for one in offered),
        "best_server_cpu_us_per_task": statistics.median(one["server_cpu_us_per_task"] or 0 for one in best),
        "server_cpu_us_per_task": statistics.median(one["server_cpu_us_per_task"] or 0 for one in offered),
        "peak_memory_bytes": peak,
        "errors": sum(sum(one["errors"].values()) for one in best + offered),
        "problems": [problem for one in best + offered for problem in problems(one)],
    }


def _drive(server: Server, setting: Setting, subcommand: str, options: dict[str, object]) -> Drive:
    wait_until_idle(server.process_id)
    shared: dict[str, object] = {
        "server": server.address,
        "server-pid": server.process_id,
        "length": LENGTH,
        "polls": IN_FLIGHT,
        "seconds": setting.effort.window_s,
        "warmup": setting.effort.warmup_s,
    }
    return drive(subcommand, shared | options, setting.driver)


def refused_and_all(one: Drive) -> tuple[int, int]:
    """How many starts of a drive were refused for the moment, and how many were made."""
    refused: int = one["refused"].get("RunWf", 0)
    return refused, refused + one["total"]["runs_started"]
