"""Polls and reports of a connection by grpc.aio: works with every configuration and on every system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse.model.service_pb2 import PollTaskRequest, PollTaskResponse, ReportTaskRun
from littlehorse.worker.slots import Slots

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub


class _Polls:
    """The polls of one stream.

    Each holds a place from before it is sent until its task is done, so no task has to wait here.
    """

    def __init__(self, request: PollTaskRequest, slots: Slots) -> None:
        self._request = request
        self._slots = slots
        self._unanswered = 0
        self._is_open = True

    async def requests(self) -> AsyncIterator[PollTaskRequest]:
        """One poll for every free place, for as long as the stream lives and places are given out."""
        while await self._slots.take():
            if not self._is_open:
                self._slots.give_back()
                return
            self._unanswered += 1
            yield self._request

    def answered(self) -> None:
        """A response came; its place now belongs to the task."""
        self._unanswered -= 1

    def end(self) -> None:
        """The stream is over; its unanswered polls will never be answered."""
        self._is_open = False
        self._slots.give_back(self._unanswered)
        self._unanswered = 0


class GrpcTransport:
    """See `Transport`; shares the channel of `client`."""

    def __init__(
        self,
        client: LittleHorseAsyncStub,
        poll: PollTaskRequest,
        slots: Slots,
        take_on: Callable[[PollTaskResponse], None],
    ) -> None:
        self._client = client
        self._poll = poll
        self._slots = slots
        self._take_on = take_on
        self._cancel: Callable[[], object] | None = None
        self._is_cut = False

    async def serve(self) -> None:
        """See `Transport`; raises grpc.RpcError."""
        polls = _Polls(self._poll, self._slots)
        call = self._client.PollTask(polls.requests())
        self._cancel = call.cancel
        self._is_cut = False
        try:
            async for response in call:
                polls.answered()
                self._take_on(response)
        except asyncio.CancelledError:  # a stream that was cut ends like this, too
            current = asyncio.current_task()
            if not self._is_cut or (current is not None and current.cancelling()):
                raise
        finally:
            polls.end()
            call.cancel()

    def cut(self) -> None:
        """See `Transport`."""
        self._is_cut = True
        if self._cancel is not None:
            self._cancel()

    async def report(self, report: ReportTaskRun) -> None:
        """See `Transport`; raises grpc.RpcError."""
        await self._client.ReportTask(report, timeout=settings.GRPC_UNARY_CALL_TIMEOUT_SECONDS)

    def close(self) -> None:
        """The channel belongs to the configuration."""
