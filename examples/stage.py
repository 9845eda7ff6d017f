"""What the examples share: a server of its own, workers, and waiting for what a run comes to."""

import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from littlehorse import create_task_def, create_workflow_spec
from littlehorse.config import LHConfig
from littlehorse.model import (
    LHStatus,
    ListTaskRunsRequest,
    ListVariablesRequest,
    RunWfRequest,
    TaskRun,
    VariableValue,
    WfRun,
    WfRunId,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.utils import to_variable_value
from littlehorse.worker import LHTaskWorker
from littlehorse.workflow import Workflow

PATIENCE_SECONDS = 60
ENDS = (LHStatus.COMPLETED, LHStatus.ERROR, LHStatus.EXCEPTION)

T = TypeVar("T")
Tasks = dict[str, Callable[..., Any]]


@contextmanager
def server(folder: Path) -> Iterator[LHConfig]:
    """A server with its data in `folder`, on any free port, while the block runs; gives how to reach it."""
    command = [sys.executable, "-m", "littlehorse.cli.main", "server", "start"]
    command += ["--data-dir", str(folder / "data"), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            host, _, port = process.stdout.readline().removeprefix("ready ").strip().rpartition(":")
            if not port:
                raise RuntimeError("the server did not start")
            config = LHConfig()
            config.load({"LHC_API_HOST": host, "LHC_API_PORT": port})
            yield config
        finally:
            process.terminate()


@asynccontextmanager
async def working(config: LHConfig, tasks: Tasks, *workflows: Workflow) -> AsyncIterator[LittleHorseStub]:
    """Registers tasks and workflows (in this order), and works on the tasks while the block runs."""
    for name, function in tasks.items():
        create_task_def(function, name, config)
    for workflow in workflows:
        create_workflow_spec(workflow, config)
    workers = [LHTaskWorker(function, name, config) for name, function in tasks.items()]
    started = [asyncio.create_task(worker.start()) for worker in workers]
    try:
        yield config.stub()
    finally:
        for worker in workers:
            worker.stop()
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


async def run(stub: LittleHorseStub, workflow: str, wf_run_id: str, **inputs: Any) -> WfRunId:
    """Starts a run; an input `order_id` goes to the variable `order-id`."""
    variables = {name.replace("_", "-"): to_variable_value(value) for name, value in inputs.items()}
    request = RunWfRequest(wf_spec_name=workflow, id=wf_run_id, variables=variables)
    started: WfRun = await asyncio.to_thread(stub.RunWf, request)
    print(f"   started {wf_run_id}: {inputs}")
    return started.id


async def until(what: str, look: Callable[[], T | None]) -> T:
    """Looks again and again until there is something; raises TimeoutError that names `what`."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = await asyncio.to_thread(look)
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {what} within {PATIENCE_SECONDS} s")
        await asyncio.sleep(0.02)


async def end_of(stub: LittleHorseStub, wf_run_id: WfRunId) -> WfRun:
    """Waits for the end of a run."""

    def ended() -> WfRun | None:
        seen: WfRun = stub.GetWfRun(wf_run_id)
        return seen if seen.status in ENDS else None

    return await until(f"end of {wf_run_id.id}", ended)


def plain(value: VariableValue) -> Any:
    """A value as Python has it."""
    case = value.WhichOneof("value")
    if case is None:
        return None
    content = getattr(value, case)
    return json.loads(content) if case in ("json_arr", "json_obj") else content


def variables_of(stub: LittleHorseStub, wf_run_id: WfRunId) -> dict[str, Any]:
    """The variables of the entrypoint thread."""
    found = stub.ListVariables(ListVariablesRequest(wf_run_id=wf_run_id)).results
    return {variable.id.name: plain(variable.value) for variable in found if variable.id.thread_run_number == 0}


def tasks_of(stub: LittleHorseStub, wf_run_id: WfRunId) -> list[str]:
    """Names of the tasks of a run, in the order in which they were scheduled."""
    found: list[TaskRun] = list(stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=wf_run_id)).results)
    found.sort(key=lambda task: (task.scheduled_at.seconds, task.scheduled_at.nanos))
    return [task.task_def_id.name for task in found]


def perform(play: Callable[[LHConfig], Coroutine[Any, Any, list[WfRun]]]) -> None:
    """Plays an example on a server of its own, and prints what every run came to."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as config:
        # Workers write down every failed attempt with its traceback; here failures are part of the story.
        logging.getLogger().addHandler(logging.NullHandler())
        for ended in asyncio.run(play(config)):
            stub = config.stub()
            print(f"== {ended.id.id}: {LHStatus.Name(ended.status)}")
            print(f"   tasks      {', '.join(tasks_of(stub, ended.id))}")
            for name, value in sorted(variables_of(stub, ended.id).items()):
                print(f"   {name:<10} {value}")
