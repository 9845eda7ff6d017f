"""A worker and a server of it, for as long as a test needs them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from littlehorse.model import (
    INT,
    STR,
    ReportTaskRun,
    TaskDef,
    TaskDefId,
    TypeDefinition,
    VariableDef,
    VariableValue,
)
from littlehorse.worker import LHTaskWorker
from tests.sdk.fake_server import PATIENCE_SECONDS, FakeServer, config_for, scheduled, serving


def task_def(*inputs: TypeDefinition) -> TaskDef:
    """A TaskDef `greet` with inputs of these types."""
    variables = [VariableDef(name=f"v{index}", type_def=kind) for index, kind in enumerate(inputs)]
    return TaskDef(id=TaskDefId(name="greet"), input_vars=variables)


TEXT = TypeDefinition(primitive_type=STR)
NUMBER = TypeDefinition(primitive_type=INT)


async def greet(name: str) -> str:
    return f"hello {name}"


@asynccontextmanager
async def working(
    function: Callable[..., Any], definition: TaskDef, fake: FakeServer | None = None, **settings: Any
) -> AsyncIterator[tuple[FakeServer, LHTaskWorker]]:
    """A server and a worker of it, which are stopped at the end."""
    async with serving(fake or FakeServer(definition)) as server:
        config = config_for(server, **settings)
        worker = LHTaskWorker(function, "greet", config)
        running = asyncio.create_task(worker.start())
        try:
            yield server, worker
        finally:
            worker.stop()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await running
            await config.aclose()


def report_of(
    function: Callable[..., Any], definition: TaskDef, *values: VariableValue, **fields: Any
) -> ReportTaskRun:
    """What a worker reports for one task with these inputs."""

    async def scenario() -> ReportTaskRun:
        async with working(function, definition) as (server, _):
            await server.until(lambda: bool(server.waiting))
            server.give(scheduled(1, *values, **fields))
            await server.until(lambda: bool(server.reports))
            return server.reports[0]

    return asyncio.run(scenario())


def has_reports(server: FakeServer, count: int) -> bool:
    """Whether that many reports came."""
    return len(server.reports) == count


def text(value: str) -> VariableValue:
    return VariableValue(str=value)
