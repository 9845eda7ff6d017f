"""Runs the quickstart: a server of its own in a fresh directory, four workers, two orders, told step by step."""

import asyncio
import logging
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# `python examples/quickstart/run.py` finds the process next to this file.
from process import BANK_DOWN_ATTEMPTS, TASKS, workflow

from littlehorse import create_task_def, create_workflow_spec
from littlehorse.config import LHConfig
from littlehorse.model import (
    LHStatus,
    ListNodeRunsRequest,
    ListVariablesRequest,
    NodeRun,
    RunWfRequest,
    TaskRun,
    TaskStatus,
    VariableValue,
    WfRun,
    WfRunId,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.utils import to_variable_value
from littlehorse.worker import LHTaskWorker

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SERVER_DATA = DATA / "server"
SERVER_LOG = DATA / "server.log"
# Workers write down every failed attempt with its traceback; the story told here has the attempts anyway.
WORKER_LOG = DATA / "workers.log"
LH = Path(sys.executable).with_name("lh")
LISTEN = "127.0.0.1:2023"
PATIENCE_SECONDS = 60
ENDS = (LHStatus.COMPLETED, LHStatus.ERROR, LHStatus.EXCEPTION)

ORDERS = {
    "order-1": {"order-id": "1", "item": "coffee", "quantity": 2, "amount": 19.9},
    "order-2": {"order-id": "2", "item": "tea", "quantity": 1, "amount": 4.5},
}


def start_server() -> tuple["subprocess.Popen[str]", str]:
    """Starts `lh server start` on an empty directory; returns the process and its HOST:PORT once it serves."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir()
    for listen in (LISTEN, "127.0.0.1:0"):  # the usual port, or any free one if that is taken
        command = [str(LH), "server", "start", "--data-dir", str(SERVER_DATA), "--listen", listen]
        with SERVER_LOG.open("w") as log:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert server.stdout is not None
        for line in server.stdout:
            ready = re.fullmatch(r"ready (\S+)", line.strip())
            if ready:
                return server, ready[1]
        server.wait()
    sys.exit(f"the server did not start:\n{SERVER_LOG.read_text()}")


def shown(value: VariableValue) -> str:
    """A value as a person reads it."""
    case = value.WhichOneof("value")
    return "nothing" if case is None else str(getattr(value, case))


def clock(milliseconds: int, start: int) -> str:
    """A moment, as time since the start of the run."""
    return f"{milliseconds - start:5d} ms"


def tell_task(task: TaskRun, start: int) -> None:
    """Prints inputs and attempts of a TaskRun."""
    inputs = ", ".join(f"{given.var_name} = {shown(given.value)}" for given in task.input_variables)
    print(f"             in   {inputs}")
    for number, attempt in enumerate(task.attempts):
        status = TaskStatus.Name(attempt.status)
        began, ended = attempt.start_time.ToMilliseconds(), attempt.end_time.ToMilliseconds()
        result = shown(attempt.output) if attempt.HasField("output") else "?"
        if attempt.HasField("error"):
            result = attempt.error.message.strip().splitlines()[-1]
        print(f"             try {number + 1}  {clock(began, start)} +{ended - began:3d} ms  {status:<13} {result}")


def tell_run(stub: LittleHorseStub, run: WfRun) -> None:
    """Prints node by node what a run did, then its variables."""
    start = run.start_time.ToMilliseconds()
    took = run.end_time.ToMilliseconds() - start
    print(f"\n== {run.id.id}: {LHStatus.Name(run.status)} in {took} ms")
    nodes = stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=run.id)).results
    for node in sorted(nodes, key=lambda node: node.id.position):
        tell_node(stub, node, start)
    variables = stub.ListVariables(ListVariablesRequest(wf_run_id=run.id)).results
    print("   variables at the end")
    for variable in variables:
        print(f"             {variable.id.name:<12} = {shown(variable.value)}")


def tell_node(stub: LittleHorseStub, node: NodeRun, start: int) -> None:
    """Prints one node of a run."""
    print(f"   {clock(node.arrival_time.ToMilliseconds(), start)}  {node.node_name:<24} {LHStatus.Name(node.status)}")
    if node.HasField("task"):
        tell_task(stub.GetTaskRun(node.task.task_run_id), start)


async def finish(stub: LittleHorseStub, wf_run_id: WfRunId) -> WfRun:
    """Waits for the end of a run."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        run: WfRun = await asyncio.to_thread(stub.GetWfRun, wf_run_id)
        if run.status in ENDS:
            return run
        if time.monotonic() > deadline:
            sys.exit(f"{wf_run_id.id} did not end within {PATIENCE_SECONDS} s")
        await asyncio.sleep(0.02)


async def process_orders(config: LHConfig) -> list[WfRun]:
    """Registers tasks and workflow, works on the tasks, runs both orders to their end."""
    stub = config.stub()
    for name, function in TASKS.items():
        create_task_def(function, name, config)
    create_workflow_spec(workflow(), config)
    print(f"   registered the tasks {', '.join(TASKS)} and the workflow order")

    workers = [LHTaskWorker(function, name, config) for name, function in TASKS.items()]
    working = [asyncio.create_task(worker.start()) for worker in workers]
    try:
        for wf_run_id, given in ORDERS.items():
            variables = {name: to_variable_value(value) for name, value in given.items()}
            request = RunWfRequest(wf_spec_name="order", id=wf_run_id, variables=variables)
            await asyncio.to_thread(stub.RunWf, request)
            print(f"   started {wf_run_id}: {given}")
        print(f"   (the bank is down: charge-card fails {BANK_DOWN_ATTEMPTS} times, then it answers again)")
        return [await finish(stub, WfRunId(id=wf_run_id)) for wf_run_id in ORDERS]
    finally:
        for worker in workers:
            worker.stop()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


def main() -> int:
    """Runs everything; returns the exit code."""
    print("== server")
    server, address = start_server()
    logging.basicConfig(filename=WORKER_LOG)
    try:
        print(f"   serves on {address}, data in {SERVER_DATA.relative_to(HERE.parents[1])}")
        host, _, port = address.rpartition(":")
        config = LHConfig()
        config.load({"LHC_API_HOST": host, "LHC_API_PORT": port})
        runs = asyncio.run(process_orders(config))
        for run in runs:
            tell_run(config.stub(), run)
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_SECONDS)
    if any(run.status != LHStatus.COMPLETED for run in runs):
        return 1
    data = SERVER_DATA.relative_to(HERE.parents[1])
    print(f"""
== explore further: everything is on disk, so a server on the same directory knows it all
   .venv/bin/lh server start --data-dir {data}
and in another terminal:
   .venv/bin/lh search wf-run order
   .venv/bin/lh get wf-run order-1
   .venv/bin/lh list node-runs order-1
   .venv/bin/lh list task-runs order-2
   .venv/bin/lh get variable order-2 0 outcome
   .venv/bin/lh get wf-spec order --output json
The process is in examples/quickstart/process.py: change it and type `make run` again.""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
