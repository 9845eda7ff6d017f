"""Case `dormant`: many runs that sleep.

What each takes in memory and on the disk, how long a server takes to start with them, how late others wake up among
them.
"""

import time

from bench.cases import Summary, single_server
from bench.contract import Contract, sleep
from bench.driver import drive
from bench.process import disk_bytes, resident_bytes, resident_peak_bytes, wait_until_idle
from bench.server import Server, running_server
from bench.setting import Setting
from bench.throughput import progress
from littlehorse.model import LHStatus

MONTH_S = 30 * 86400
SLEEPER = "bench-sleeper"
WAKER = "bench-waker"
WAKERS = 500
WAKERS_IN_FLIGHT = 8
"""Few at a time, so that their wake-ups are spread over some time as well."""
NAP_S = 2
SLEEP_POSITION = 1


def dormant(setting: Setting) -> Summary:
    """Starts the sleepers, restarts the server, and lets some other runs wake up among them."""
    runs = setting.sizes.dormant_runs
    data, log = setting.out / "dormant-data", setting.out / "dormant-server.log"
    with (
        running_server(data, setting.shards, log, setting.lh, is_kept=True) as server,
        Contract(server.address) as contract,
    ):
        contract.put_wf_spec(SLEEPER, [sleep(MONTH_S)])
        contract.put_wf_spec(WAKER, [sleep(NAP_S)])
        _start(SLEEPER, min(runs, 100), 8, server, setting)
        wait_until_idle(server.process_id)
        memory_before = resident_bytes(server.process_id)
        started = _start(SLEEPER, runs, 256, server, setting)
        progress(f"dormant: {runs:,} runs sleep after {started['seconds']:.1f} s")
        is_idle = wait_until_idle(server.process_id)
        memory, memory_peak = resident_bytes(server.process_id), resident_peak_bytes(server.process_id)
    stored = disk_bytes(data / "shards")
    with (
        running_server(data, setting.shards, log, setting.lh, is_fresh=False) as server,
        Contract(server.address) as contract,
    ):
        wait_until_idle(server.process_id)
        memory_restarted = resident_bytes(server.process_id)
        _start(WAKER, min(WAKERS, runs), WAKERS_IN_FLIGHT, server, setting)
        time.sleep(NAP_S)
        ids = contract.wait_for_ids(WAKER, LHStatus.COMPLETED, min(WAKERS, runs))
        late = sorted(_late_ms(contract, id) for id in ids)
        start_up = server.ready_s
    middle = late[len(late) // 2]
    early = sum(one < 0 for one in late)
    problems = [] if started["sound"] else [f"only {started['started']} of {runs} runs could be started"]
    problems += [f"{early} runs woke up before their time"] if early else []
    problems += [] if is_idle else ["the server was still busy when its memory was looked at"]
    return single_server(setting.shards).as_keys() | {
        "runs": runs,
        "starts_per_s": round(started["starts_per_s"], 1),
        "memory_bytes_per_run": round((memory - memory_before) / runs, 1),
        "restarted_memory_bytes_per_run": round((memory_restarted - memory_before) / runs, 1),
        "memory_bytes_before": memory_before,
        "memory_bytes": memory,
        "memory_bytes_peak": memory_peak,
        "disk_bytes_per_run": round(stored / runs, 1),
        "start_up_s": round(start_up, 3),
        "wake_late_p50_ms": middle,
        "wake_late_max_ms": late[-1],
        "wakers": len(late),
        "errors": sum(started["errors"].values()),
        "problems": problems,
    }


def _start(wf_spec: str, count: int, in_flight: int, server: Server, setting: Setting) -> Summary:
    options: dict[str, object] = {"server": server.address, "wf-spec": wf_spec, "count": count, "in-flight": in_flight}
    return drive("start", options, setting.driver)


def _late_ms(contract: Contract, id: object) -> int:
    """From when the SLEEP node was to be over until the next node began, by the server's clock (whole milliseconds).

    The end that a SLEEP node tells is the time it was to be over, however late the server was.
    """
    due = contract.node_run(id, SLEEP_POSITION).sleep.maturation_time
    began = contract.node_run(id, SLEEP_POSITION + 1).arrival_time
    return began.ToMilliseconds() - due.ToMilliseconds()
