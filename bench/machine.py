"""Cases `machine_apply` and `flush`: the parts by themselves, in one process each, without a server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.cases import Durability, Summary
from bench.driver import ROOT
from bench.server import BenchError
from bench.setting import Setting

STORE_WRITER = ROOT / "bench" / "store_writer.py"
ONE_MACHINE = Durability(fsync=False, shards=1, replication_factor=0)
"""One shard's state and store; what is measured acknowledges nothing, so there is nothing to sync."""


def run_machine(program: Path, *words: str) -> dict[str, Any]:
    """Runs the example `apply_cost` and returns what it printed. Raises BenchError."""
    try:
        done = subprocess.run([str(program), *words], stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        hint = "run `cargo build --release -p lh_machine --example apply_cost` first"
        raise BenchError(f"{program} is missing: {hint}") from None
    if done.returncode != 0:
        raise BenchError(f"{program} ended with {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def machine_apply(setting: Setting) -> Summary:
    """ns per command and per node, for each kind of node. The flush figures of the example belong to `flush`."""
    found = run_machine(setting.machine, "--runs", str(setting.sizes.apply_runs))
    kinds = {name: value for name, value in found.items() if isinstance(value, dict)}
    problems = [
        f"{name}: {kind['unfinished']} runs or tasks were left" for name, kind in kinds.items() if kind["unfinished"]
    ]
    figures = {f"{name}_ns_per_node": kind["ns_per_node"] for name, kind in kinds.items()}
    return (
        figures
        | ONE_MACHINE.as_keys()
        | {
            "empty_run_ns": found["empty_run_ns"],
            "runs": found["runs"],
            "nodes_per_run": found["nodes_per_run"],
            "ns_per_command": {name: kind["ns_per_command"] for name, kind in kinds.items()},
            "errors": 0,
            "problems": problems,
        }
    )


def flush(setting: Setting) -> Summary:
    """Flush sets of a 10-task chain: encoded by the machine, then written by the store as a server writes them."""
    folder = setting.out / "flush"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sets = folder / "sets"
    words = ["--kind", "task", "--runs", str(setting.sizes.apply_runs), "--flush-sets", str(sets)]
    machine = run_machine(setting.machine, *words)
    python = setting.lh.with_name("python") if setting.lh else Path(sys.executable)
    done = subprocess.run(
        [str(python), str(STORE_WRITER), str(sets), str(folder / "store")],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"{STORE_WRITER} ended with {done.returncode}")
    store = json.loads(done.stdout)
    shutil.rmtree(folder)
    tasks = machine["runs"] * machine["nodes_per_run"]
    chain = machine["task"]
    encode, put, write = chain["flush_ns_per_node"] / 1000, store["put_s"] * 1e6 / tasks, store["write_s"] * 1e6 / tasks
    return ONE_MACHINE.as_keys() | {
        "flush_us_per_task": round(encode + put + write, 3),
        "encode_us_per_task": round(encode, 3),
        "put_us_per_task": round(put, 3),
        "write_us_per_task": round(write, 3),
        "persist_us_per_task": round(store["persist_s"] * 1e6 / tasks, 3),
        "puts_per_task": round(store["puts"] / tasks, 3),
        "bytes_per_task": round(store["bytes"] / tasks, 1),
        "puts_per_flush": round(store["puts"] / store["sets"], 1),
        "tasks": tasks,
        "errors": 0,
        "problems": [] if store["puts"] else ["nothing was flushed"],
    }
