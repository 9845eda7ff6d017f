"""Case `growth`: does a step cost more in a long run, does a task cost more with many runs stored?"""

from bench.cases import Summary, problems, single_server
from bench.contract import INPUT, Contract
from bench.driver import Drive, drive
from bench.process import wait_until_idle
from bench.server import Server, running_server
from bench.setting import LENGTH, Setting
from bench.throughput import progress

STORED = "bench-stored"
STEPS_IN_WINDOW = 2_000
LONGEST_S = 1_800
STORED_WINDOWS = 4
"""Windows of other cases in a window behind stored runs: compactions come in bursts, and several must fit in."""
KEPT = ("tasks_per_s", "server_cpu_us_per_task", "p50_ms", "p99_ms")


def growth(setting: Setting) -> Summary:
    """Both halves; each figure by its size, and the last size's CPU by the first one's."""
    data, log = setting.out / "growth-data", setting.out / "growth-server.log"
    found: list[str] = []
    errors = 0
    with running_server(data, setting.shards, log, setting.lh) as server:
        steps: dict[str, Summary] = {}
        for size in setting.sizes.growth_steps:
            done = _long_run(size, server, setting)
            progress(f"growth: {done['server_cpu_us_per_task']} µs per step behind {size:,} of a run")
            found += [f"at {size} steps: {problem}" for problem in problems(done)]
            errors += sum(done["errors"].values())
            steps[str(size)] = {key: done[key] for key in KEPT}
    with running_server(data, setting.shards, log, setting.lh) as server, Contract(server.address) as contract:
        contract.put_wf_spec(STORED, [])
        stored: dict[str, Summary] = {}
        so_far = 0
        for size in setting.sizes.stored_runs:
            options: dict[str, object] = {"server": server.address, "wf-spec": STORED, "variable": INPUT}
            filled = drive("start", options | {"count": max(size - so_far, 1), "in-flight": 256}, setting.driver)
            found += [] if filled["sound"] else [f"only {filled['started']} runs could be stored"]
            done = _chain(server, setting)
            so_far = size + done["total"]["runs_finished"]
            progress(f"growth: {done['server_cpu_us_per_task']} µs per task with {size:,} runs stored")
            found += [f"with {size} runs stored: {problem}" for problem in problems(done)]
            stored[str(size)] = {key: done[key] for key in KEPT}
    return single_server(setting.shards).as_keys() | {
        "by_steps": steps,
        "by_stored_runs": stored,
        "step_cost_ratio": _ratio(steps),
        "stored_cost_ratio": _ratio(stored),
        "errors": errors,
        "problems": found,
    }


def _long_run(size: int, server: Server, setting: Setting) -> Drive:
    """Steps of one run at a time, once it has made `size` steps; short runs follow one another."""
    wait_until_idle(server.process_id)
    options: dict[str, object] = {
        "server": server.address, "server-pid": server.process_id, "loop": "true", "in-flight": 1, "verify": 1,
    }  # fmt: skip
    if size <= STEPS_IN_WINDOW:
        options |= {"length": size, "seconds": setting.effort.window_s, "warmup": setting.effort.warmup_s}
    else:
        options |= {"length": size + STEPS_IN_WINDOW + LENGTH, "warmup-tasks": size, "warmup": LONGEST_S}
        options |= {"tasks": STEPS_IN_WINDOW, "seconds": LONGEST_S}
    return drive("chain", options, setting.driver)


def _chain(server: Server, setting: Setting) -> Drive:
    wait_until_idle(server.process_id)
    options: dict[str, object] = {
        "server": server.address, "server-pid": server.process_id, "length": LENGTH, "in-flight": 64,
        "seconds": STORED_WINDOWS * setting.effort.window_s, "warmup": setting.effort.warmup_s,
    }  # fmt: skip
    return drive("chain", options, setting.driver)


def _ratio(figures: dict[str, Summary]) -> float | None:
    costs = [figure["server_cpu_us_per_task"] for figure in figures.values()]
    return round(costs[-1] / costs[0], 3) if costs and costs[0] and costs[-1] else None
