"""The functions that register definitions (spec 09 section 10)."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

import littlehorse
from littlehorse.config import LHConfig
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import (
    STR,
    CorrelatedEventConfig,
    ExternalEventDef,
    LittleHorseServicer,
    PutExternalEventDefRequest,
    PutStructDefRequest,
    PutTaskDefRequest,
    PutWfSpecRequest,
    PutWorkflowEventDefRequest,
    ReturnType,
    StructDef,
    StructDefCompatibilityType,
    TaskDef,
    TypeDefinition,
    WfSpec,
    WorkflowEventDef,
    add_LittleHorseServicer_to_server,
)
from littlehorse.worker import LHTaskWorker
from littlehorse.workflow import Workflow, WorkflowThread


class Registry(LittleHorseServicer):
    """Keeps what it is sent, and how much time was left."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.seconds_left: list[float | None] = []
        self.refuses = False

    def _keep(self, request: Message, context: Any) -> None:
        if self.refuses:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, "no")
        self.requests.append(request)
        self.seconds_left.append(context.time_remaining())

    def PutTaskDef(self, request: PutTaskDefRequest, context: Any) -> TaskDef:
        self._keep(request, context)
        return TaskDef()

    def PutStructDef(self, request: PutStructDefRequest, context: Any) -> StructDef:
        self._keep(request, context)
        return StructDef()

    def PutExternalEventDef(self, request: PutExternalEventDefRequest, context: Any) -> ExternalEventDef:
        self._keep(request, context)
        return ExternalEventDef()

    def PutWorkflowEventDef(self, request: PutWorkflowEventDefRequest, context: Any) -> WorkflowEventDef:
        self._keep(request, context)
        return WorkflowEventDef()

    def PutWfSpec(self, request: PutWfSpecRequest, context: Any) -> WfSpec:
        self._keep(request, context)
        return WfSpec()


@pytest.fixture
def registry() -> Iterator[tuple[Registry, LHConfig]]:
    """Such a server and a client of it."""
    servicer = Registry()
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add_LittleHorseServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    with LHConfig() as config:
        config.load({"LHC_API_PORT": port})
        yield servicer, config
    server.stop(None).wait()


def test_workflows(registry: tuple[Registry, LHConfig]) -> None:
    """09/PY-45, PY-50, 02/C-14: external events, then workflow events, then the workflow; compiled once."""
    compilations = []

    def body(thread: WorkflowThread) -> None:
        compilations.append(thread)
        thread.throw_event("thrown", 1, return_type=int)
        thread.wait_for_event("plain")
        thread.wait_for_event("auto", auto_register=True)
        thread.wait_for_event("typed", return_type=str)
        thread.add_interrupt_handler("interrupt", lambda inner: None).with_event_type(dict)

    servicer, config = registry
    workflow = Workflow("example", body)
    littlehorse.create_workflow_spec(workflow, config)
    assert len(compilations) == 1
    names = [(type(request).__name__, getattr(request, "name")) for request in servicer.requests]  # noqa: B009
    assert names == [
        ("PutExternalEventDefRequest", "auto"),
        ("PutExternalEventDefRequest", "typed"),
        ("PutExternalEventDefRequest", "interrupt"),
        ("PutWorkflowEventDefRequest", "thrown"),
        ("PutWfSpecRequest", "example"),
    ]
    assert servicer.requests[-1] == workflow.compile()


def test_others(registry: tuple[Registry, LHConfig]) -> None:
    """09 section 10, PY-28: one request each."""

    @lh_struct_def("car")
    class Car:
        model: str

    async def task(name: str) -> None:
        pass

    servicer, config = registry
    correlated = CorrelatedEventConfig(ttl_seconds=5)
    littlehorse.create_task_def(task, "task", config)
    LHTaskWorker(task, "task", config).register_task_def()
    littlehorse.create_external_event_def("external", config, correlated_event_config=correlated)
    littlehorse.create_workflow_event_def("thrown", STR, config)
    littlehorse.create_struct_def(Car, config)
    littlehorse.create_struct_def(Car, config, StructDefCompatibilityType.FULLY_COMPATIBLE_SCHEMA_UPDATES)
    task_def, same, external, thrown, struct, changed = servicer.requests
    assert isinstance(task_def, PutTaskDefRequest)
    assert [variable.name for variable in task_def.input_vars] == ["name"]
    assert same == task_def
    assert external == PutExternalEventDefRequest(name="external", correlated_event_config=correlated)
    content = ReturnType(return_type=TypeDefinition(primitive_type=STR))
    assert thrown == PutWorkflowEventDefRequest(name="thrown", content_type=content)
    assert isinstance(struct, PutStructDefRequest)
    assert isinstance(changed, PutStructDefRequest)
    assert struct.allowed_updates == StructDefCompatibilityType.NO_SCHEMA_UPDATES
    assert changed.allowed_updates == StructDefCompatibilityType.FULLY_COMPATIBLE_SCHEMA_UPDATES


def test_timeouts_and_refusals(registry: tuple[Registry, LHConfig]) -> None:
    """09 section 10: the timeout is that of each call; what the server refuses is raised."""

    @lh_struct_def("car")
    class Car:
        model: str

    async def task() -> None:
        pass

    def body(thread: WorkflowThread) -> None:
        thread.wait_for_event("auto", auto_register=True)
        thread.throw_event("thrown", 1, auto_register=True)

    servicer, config = registry
    littlehorse.create_workflow_spec(Workflow("example", body), config, timeout=50)
    littlehorse.create_task_def(task, "task", config, timeout=50)
    littlehorse.create_external_event_def("external", config, timeout=50)
    littlehorse.create_workflow_event_def("thrown", STR, config, timeout=50)
    littlehorse.create_struct_def(Car, config, timeout=50)
    assert len(servicer.seconds_left) == 7
    assert all(seconds is not None and 0 < seconds < 100 for seconds in servicer.seconds_left)
    servicer.refuses = True
    with pytest.raises(grpc.RpcError) as error:
        littlehorse.create_task_def(task, "task", config)
    assert error.value.code() is grpc.StatusCode.ALREADY_EXISTS


PROGRAM = """
import asyncio, sys
import littlehorse
from littlehorse.config import LHConfig
from littlehorse.worker import LHTaskWorker
from littlehorse.model import TaskDef, TaskDefId
from tests.sdk.fake_server import FakeServer, config_for, serving

async def task() -> None: ...

async def main() -> None:
    async with serving(FakeServer(TaskDef(id=TaskDefId(name="greet")))) as server:
        config = config_for(server)
        workers = [LHTaskWorker(task, "greet", config) for _ in range(2)]
        running = asyncio.create_task(littlehorse.start(*workers))
        await server.until(lambda: len(server.waiting) == 16)
        print("ready", flush=True)
        await running
        await config.aclose()

asyncio.run(main())
print("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_workers(number: signal.Signals, repository: Path) -> None:
    """09/PY-40, PY-41: `start` returns when the process is told to end, and the program goes on behind it."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, cwd=repository)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "ended\n"
        assert process.wait(30) == 0
