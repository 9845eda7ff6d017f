"""Cases that the load driver measures, in rounds that alternate: transport, chain10*, schedule_latency*."""

import sys
from collections.abc import Sequence

from bench.cases import NO_ENGINE, Summary, ratio, single_server, summarize
from bench.driver import Drive, drive
from bench.process import wait_until_idle
from bench.server import Server, running_server
from bench.setting import LENGTH, Setting

IN_FLIGHT = {"transport": 64, "chain10": 64, "chain10_1": 1, "chain10_512": 512}
LATENCY_RATE_PER_S = 10.0
LATENCY = ("schedule_latency", "schedule_latency_half")
LATENCY_POLLS = 512
NAMES = (*IN_FLIGHT, *LATENCY)


def measure(names: Sequence[str], setting: Setting) -> dict[str, Summary]:
    """These cases, all on one server.

    Args:
        names: out of `NAMES`, in the order wanted.
        setting: rounds apply to all but the latency cases, which are one drive each.

    Raises:
        BenchError: the driver or the server could not run.
    """
    rounds: dict[str, list[Drive]] = {name: [] for name in names if name in IN_FLIGHT}
    latencies: dict[str, Drive] = {}
    data, log = setting.out / "data", setting.out / "server.log"
    with running_server(data, setting.shards, log, setting.lh) as server:
        for number in range(1, setting.effort.rounds + 1):
            for name, drives in rounds.items():
                drives.append(_throughput(name, setting, server))
                speed = drives[-1]["tasks_per_s"]
                progress(f"round {number}/{setting.effort.rounds}  {name:<12} {speed:>10,.0f} tasks/s")
        if LATENCY[0] in names:
            latencies[LATENCY[0]] = _latency(LATENCY_RATE_PER_S, 1, setting, server)
        if LATENCY[1] in names:
            chains = rounds.get("chain10") or [_throughput("chain10", setting, server)]
            best = max(chain["tasks_per_s"] for chain in chains)
            # Runs of the same length as those that the rate was measured with: half of the work, not of the starts.
            latencies[LATENCY[1]] = _latency(max(best / 2 / LENGTH, 1.0), LENGTH, setting, server)
    durability = single_server(setting.shards)
    cases = {
        name: summarize(drives, NO_ENGINE if name == "transport" else durability) for name, drives in rounds.items()
    }
    cases |= {name: summarize([one], durability) for name, one in latencies.items()}
    if "chain10" in rounds and "transport" in rounds:
        cases["chain10"]["ratio_to_transport"] = ratio(rounds["chain10"], rounds["transport"])
    return {name: cases[name] for name in names}


def progress(text: str) -> None:
    """One line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def _throughput(name: str, setting: Setting, server: Server) -> Drive:
    """One round of a throughput case, begun when the server has nothing left to do for the case before."""
    wait_until_idle(server.process_id)
    options: dict[str, object] = {
        "length": LENGTH,
        "in-flight": IN_FLIGHT[name],
        "seconds": setting.effort.window_s,
        "warmup": setting.effort.warmup_s,
    }
    if name == "transport":
        return drive("transport", options, setting.driver)
    return drive("chain", options | {"server": server.address, "server-pid": server.process_id}, setting.driver)


def _latency(rate: float, length: int, setting: Setting, server: Server) -> Drive:
    wait_until_idle(server.process_id)
    progress(f"latency: {setting.effort.latency_window_s:.0f} s at {rate:.0f} runs/s of {length} tasks")
    options: dict[str, object] = {
        "server": server.address,
        "server-pid": server.process_id,
        "rate": rate,
        "length": length,
        "polls": LATENCY_POLLS if length > 1 else None,
        "seconds": setting.effort.latency_window_s,
        "warmup": setting.effort.warmup_s,
    }
    return drive("latency", options, setting.driver)
