"""Task functions whose annotations are text until somebody resolves them."""

from __future__ import annotations

from typing import Annotated, Any

from littlehorse.worker import LHType, WorkerContext


async def everything(
    text: str, renamed: Annotated[int, LHType("renamed", masked=True)], context: WorkerContext
) -> dict[str, Any]:
    return {}


async def nothing() -> None:
    pass


async def unknown(text: NoSuchType) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass
