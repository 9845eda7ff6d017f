"""Cases `published_python_client` and `own_python_worker`: one Python worker process, its queue never empty."""

import json
import subprocess
import sys
from pathlib import Path

from bench.cases import Summary, single_server
from bench.contract import Contract, task
from bench.driver import ROOT, drive
from bench.process import wait_until_idle
from bench.server import BenchError, running_server
from bench.setting import LENGTH, Setting

TASK_DEF = "bench-worker"
WORKER = ROOT / "bench" / "python_worker.py"
PATIENCE_S = 120.0


def published(setting: Setting) -> Summary:
    """The published client, from its own virtual environment."""
    if not setting.wire_python.exists():
        raise BenchError(f"{setting.wire_python} is missing: run `make .venv-wire/stamp` first")
    return _measure(setting.wire_python, setting)


def own(setting: Setting) -> Summary:
    """The SDK of this revision; of the other one, if another `lh` is measured."""
    return _measure(setting.lh.with_name("python") if setting.lh else Path(sys.executable), setting)


def _measure(python: Path, setting: Setting) -> Summary:
    """Starts runs of 10 tasks first, whose first tasks wait in the queue, then lets one process work on them."""
    data, log = setting.out / "worker-data", setting.out / "worker-server.log"
    with running_server(data, setting.shards, log, setting.lh) as server, Contract(server.address) as contract:
        contract.put_task_def(TASK_DEF)
        contract.put_wf_spec(TASK_DEF, [task(TASK_DEF) for _ in range(LENGTH)])
        options: dict[str, object] = {"server": server.address, "wf-spec": TASK_DEF, "variable": "input"}
        started = drive("start", options | {"count": setting.sizes.worker_runs}, setting.driver)
        wait_until_idle(server.process_id)
        command = [str(python), str(WORKER), f"--server={server.address}", f"--task-def={TASK_DEF}"]
        command += [f"--server-pid={server.process_id}", f"--seconds={setting.effort.window_s}"]
        command += [f"--warmup={setting.effort.warmup_s}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} ended with {done.returncode}")
    worker = json.loads(done.stdout.splitlines()[-1])
    problems = [] if started["sound"] else [f"only {started['started']} runs could be started"]
    if worker["tasks"] == 0:
        problems.append("the worker got no task")
    whole = worker["tasks_per_s"] * (setting.effort.window_s + setting.effort.warmup_s)
    if whole >= 0.95 * setting.sizes.worker_runs * LENGTH and worker["tasks"]:
        problems.append("the queue may have run dry: take more with --worker-runs")
    return (
        worker
        | single_server(setting.shards).as_keys()
        | {
            "length": LENGTH,
            "worker_runs": setting.sizes.worker_runs,
            "errors": sum(started["errors"].values()),
            "problems": problems,
        }
    )
