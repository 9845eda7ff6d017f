"""Task functions and structs whose annotations are text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from littlehorse import create_struct_def, create_task_def
from littlehorse.lh_struct import LHStructField, lh_struct_def
from littlehorse.worker import LHType, WorkerContext


@lh_struct_def("postponed")
class Postponed:
    name: Annotated[str, LHStructField(masked=True)]
    count: int = 2


async def task(
    count: int, record: dict[str, Any], item: Annotated[Postponed, LHType("item", True)], context: WorkerContext
) -> Annotated[str, LHType("x", masked=True)]:
    return f"{count}{record}{item}{context}"


async def unknown(count: NotThere) -> str:  # noqa: F821
    return str(count)


def observations(config: Any) -> dict[str, Callable[[], Any]]:
    return {
        "task": lambda: create_task_def(task, "task", config),
        "unknown": lambda: create_task_def(unknown, "task", config),
        "struct": lambda: create_struct_def(Postponed, config),
    }
