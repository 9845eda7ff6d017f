"""What the wire tests share: a server process, a client that deploys, runs and waits, and an event loop for workers.

Runs under the published client and under our own SDK: imports only `littlehorse`, `grpc` and the standard library.
"""

import asyncio
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty

from littlehorse import create_workflow_spec
from littlehorse.config import LHConfig
from littlehorse.model import (
    LHStatus,
    ListNodeRunsRequest,
    ListTaskRunsRequest,
    ListVariablesRequest,
    NodeRun,
    RunWfRequest,
    TaskRun,
    VariableId,
    VariableValue,
    WfRun,
    WfRunId,
)
from littlehorse.utils import to_variable_value
from littlehorse.worker import LHTaskWorker
from littlehorse.workflow import Workflow, WorkflowThread

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 30.0
T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """Looks until `look` returns something true and returns it; fails with `what` when the deadline passed."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        pause.wait(0.01)


class ServerProcess:
    """`lh server start` as a child process, over one data directory that it can be started on again."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        self.arguments = arguments
        self.environment: dict[str, str] = {}
        self.address = ""
        self._process: subprocess.Popen[str] | None = None
        self._drain = threading.Thread()
        self._log_path = data_dir.with_name(data_dir.name + ".log")

    def command(self) -> list[str]:
        """The command line of the server."""
        binary = os.environ.get("LH_BINARY", str(ROOT / ".venv/bin/lh"))
        listen = self.address or "127.0.0.1:0"
        return [binary, "server", "start", "--data-dir", str(self.data_dir), "--listen", listen, *self.arguments]

    def start(self) -> str:
        """Starts it (on the port it had before, if any), waits for its `ready` line, returns its HOST:PORT."""
        with self._log_path.open("a") as log:
            environment = os.environ | self.environment
            self._process = subprocess.Popen(
                self.command(), stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        output = self._process.stdout
        assert output is not None
        for line in output:
            ready = re.fullmatch(r"ready (\S+:\d+)", line.strip())
            if ready:
                self.address = ready[1]
                # Nothing may block on a full pipe later.
                self._drain = threading.Thread(target=output.read, daemon=True)
                self._drain.start()
                return self.address
        output.close()
        raise AssertionError(f"the server ended with {self._process.wait()} before it was ready:\n{self.log()}")

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The running process."""
        assert self._process is not None, "not started"
        return self._process

    def terminate(self) -> int:
        """SIGTERM; returns the exit code once it has drained."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=DEADLINE_SECONDS)
        self._close()
        return code

    def kill(self) -> None:
        """SIGKILL (`kill -9`), if it runs; returns once it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close()

    def _close(self) -> None:
        if self._drain.ident is not None:
            self._drain.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def threads(self) -> int:
        """How many threads it has now; Linux only."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""


class EventLoopThread:
    """An asyncio loop in a thread of its own; aio channels are bound to one loop, so all workers share it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = DEADLINE_SECONDS) -> T:
        """Runs a coroutine on the loop to its end and returns its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def close(self) -> None:
        """Stops the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _cancel(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Client:
    """A user of the server: registers tasks and workflows under names of its own, runs them, waits for what they do."""

    def __init__(self, address: str, loop: EventLoopThread, purpose: str) -> None:
        self.address = address
        host, _, port = address.rpartition(":")
        self.config = LHConfig()
        self.config.load({"LHC_API_HOST": host, "LHC_API_PORT": port})
        self.stub = self.config.stub()
        self._loop = loop
        self._suffix = re.sub(r"[^a-z0-9]+", "-", purpose.lower()).strip("-")[:40] + "-" + uuid.uuid4().hex[:8]
        self._workers: list[LHTaskWorker] = []
        self._running: list[asyncio.Task[None]] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            self.call_soon(worker.stop)
        self._loop.run(_cancel(self._running))

    def is_reached(self) -> bool:
        """False while the channel still writes to the connection that a killed server left behind."""
        try:
            self.stub.GetServerVersion(Empty(), timeout=DEADLINE_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    def call_soon(self, function: Callable[[], Any]) -> None:
        """Calls `function` on the loop that the workers run on."""
        self._loop.loop.call_soon_threadsafe(function)

    def name(self, word: str) -> str:
        """`word`, made unique to this client."""
        return f"{word}-{self._suffix}"

    def work(self, word: str, function: Callable[..., Awaitable[Any]]) -> str:
        """Registers the TaskDef that fits `function`, starts a worker for it, returns the TaskDef's name."""
        name = self.register(word, function)
        self.serve(name, function)
        return name

    def register(self, word: str, function: Callable[..., Awaitable[Any]]) -> str:
        """Registers the TaskDef that fits `function` and returns its name."""
        name = self.name(word)
        LHTaskWorker(function, name, self.config).register_task_def()
        return name

    def serve(self, task_def: str, function: Callable[..., Awaitable[Any]]) -> None:
        """Starts a worker for a TaskDef that exists."""
        worker = LHTaskWorker(function, task_def, self.config)
        self._workers.append(worker)

        async def begin() -> None:
            self._running.append(asyncio.ensure_future(worker.start()))

        self._loop.run(begin())

    def deploy(self, word: str, entrypoint: Callable[[WorkflowThread], None]) -> str:
        """Compiles and registers a workflow; returns its name."""
        create_workflow_spec(Workflow(self.name(word), entrypoint), self.config)
        return self.name(word)

    def start(self, wf_spec: str, id: str | None = None, **variables: Any) -> WfRun:
        """RunWf with Python values as variables."""
        values = {
            name: value if isinstance(value, VariableValue) else to_variable_value(value)
            for name, value in variables.items()
        }
        return self.stub.RunWf(RunWfRequest(wf_spec_name=wf_spec, id=id, variables=values), timeout=DEADLINE_SECONDS)

    def wait(self, run: WfRun | WfRunId, status: "LHStatus.ValueType" = LHStatus.COMPLETED) -> WfRun:
        """Waits until the WfRun is in this status; fails at once if it ended in another."""
        wf_run_id = run.id if isinstance(run, WfRun) else run

        def ended() -> WfRun | None:
            now: WfRun = self.stub.GetWfRun(wf_run_id)
            ends = (LHStatus.COMPLETED, LHStatus.ERROR, LHStatus.EXCEPTION)
            if now.status != status and now.status in ends:
                raise AssertionError(f"{LHStatus.Name(now.status)} instead of {LHStatus.Name(status)}: {now}")
            return now if now.status == status else None

        return eventually(ended, f"{wf_run_id.id} is {LHStatus.Name(status)}")

    def run(self, wf_spec: str, status: "LHStatus.ValueType" = LHStatus.COMPLETED, **variables: Any) -> WfRun:
        """Starts a WfRun and waits until it is in this status."""
        return self.wait(self.start(wf_spec, **variables), status)

    def node_runs(self, run: WfRun) -> list[NodeRun]:
        """All NodeRuns of thread 0, by position."""
        listed = self.stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=run.id)).results
        return sorted(listed, key=lambda node: node.id.position)

    def task_runs(self, run: WfRun) -> list[TaskRun]:
        """All TaskRuns, in the order they were scheduled."""
        listed = list(self.stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=run.id)).results)
        positions = {node.task.task_run_id.task_guid: node.id.position for node in self.node_runs(run)}
        return sorted(listed, key=lambda task: positions[task.id.task_guid])

    def variable(self, run: WfRun, name: str) -> VariableValue:
        """Value of a variable of thread 0."""
        return self.stub.GetVariable(VariableId(wf_run_id=run.id, thread_run_number=0, name=name)).value

    def variables(self, run: WfRun) -> dict[str, VariableValue]:
        """All variables of thread 0."""
        listed = self.stub.ListVariables(ListVariablesRequest(wf_run_id=run.id)).results
        return {variable.id.name: variable.value for variable in listed}
