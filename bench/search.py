"""Case `search`: SearchWfRun among many stored runs, one call after the other."""

import random
import time
from collections.abc import Callable

from bench.cases import Summary, single_server
from bench.contract import INPUT, Contract
from bench.driver import drive
from bench.percentile import spread
from bench.process import wait_until_idle
from bench.server import running_server
from bench.setting import Setting
from littlehorse.model import LHStatus, SearchWfRunRequest, VariableMatch, VariableValue, WfRunIdList

WF_SPEC = "bench-stored"
PAGE = 100
SEED = 4
LONGEST_S = 20.0
"""Of each kind of search: one that reads every run would take hours."""


def search(setting: Setting) -> Summary:
    """By a searchable variable, different in each run; by status, the newest page, and the page behind it."""
    runs = setting.sizes.search_runs
    data, log = setting.out / "search-data", setting.out / "search-server.log"
    with running_server(data, setting.shards, log, setting.lh) as server, Contract(server.address) as contract:
        contract.put_wf_spec(WF_SPEC, [])
        options: dict[str, object] = {"server": server.address, "wf-spec": WF_SPEC, "variable": INPUT, "in-flight": 256}
        started = drive("start", options | {"count": runs}, setting.driver)
        wait_until_idle(server.process_id)
        numbers = random.Random(SEED)
        completed = SearchWfRunRequest(wf_spec_name=WF_SPEC, status=LHStatus.COMPLETED, limit=PAGE)
        bookmark = contract.search(completed).bookmark

        def by_variable() -> WfRunIdList:
            value = VariableValue(str=f"{numbers.randrange(runs):016x}")
            return contract.search(
                SearchWfRunRequest(wf_spec_name=WF_SPEC, variable_filters=[VariableMatch(var_name=INPUT, value=value)])
            )

        def by_status() -> WfRunIdList:
            return contract.search(completed)

        def next_page() -> WfRunIdList:
            return contract.search(
                SearchWfRunRequest(
                    wf_spec_name=WF_SPEC, limit=PAGE, bookmark=bookmark or None, status=LHStatus.COMPLETED
                )
            )

        figures: Summary = {}
        problems = [] if started["sound"] else [f"only {started['started']} of {runs} runs could be started"]
        for name, ask, expected in (
            ("by_variable", by_variable, 1),
            ("by_status", by_status, min(PAGE, runs)),
            ("next_page", next_page, min(PAGE, runs - PAGE)),
        ):
            times, wrong = _times_ms(ask, setting.sizes.searches, expected)
            figures[f"{name}_searches"] = len(times)
            figures |= {f"{name}_{key}": value for key, value in spread(times, "ms").items()}
            problems += [f"{name}: {wrong} searches did not find {expected} runs"] if wrong else []
    return (
        figures
        | single_server(setting.shards).as_keys()
        | {
            "runs": runs,
            "p50_ms": figures["by_variable_p50_ms"],
            "p99_ms": figures["by_variable_p99_ms"],
            "starts_per_s": round(started["starts_per_s"], 1),
            "errors": sum(started["errors"].values()),
            "problems": problems,
        }
    )


def _times_ms(ask: Callable[[], WfRunIdList], count: int, expected: int) -> tuple[list[float], int]:
    times: list[float] = []
    wrong = 0
    end = time.monotonic() + LONGEST_S
    while len(times) < count and (not times or time.monotonic() < end):
        begin = time.perf_counter()
        found = ask()
        times.append((time.perf_counter() - begin) * 1000)
        wrong += len(found.results) != expected
    return times, wrong
