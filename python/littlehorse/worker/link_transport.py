"""Polls and reports of a connection through the extension, whose thread does what happens per message.

The only module of the SDK that imports the extension; importing it fails where that is not installed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import grpc

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse._core import TaskLink
from littlehorse.config import LHConfig
from littlehorse.model.service_pb2 import PollTaskRequest, PollTaskResponse, ReportTaskRun
from littlehorse.worker.slots import Slots


class LinkError(grpc.RpcError):
    """A stream or a report failed; the text is code and message of the status."""


class LinkTransport:
    """See `Transport`; one HTTP/2 connection of its own.

    Raises ValueError for an address that is not HOST:PORT, NotImplementedError in an event loop without `add_reader`,
    OSError if there is no descriptor or thread left.
    """

    def __init__(
        self,
        server: str,
        config: LHConfig,
        poll: PollTaskRequest,
        slots: Slots,
        take_on: Callable[[PollTaskResponse], None],
    ) -> None:
        self._slots = slots
        self._take_on = take_on
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count()
        self._unanswered = 0
        self._unsent = 0
        self._stream: asyncio.Future[None] | None = None
        self._reports: dict[int, asyncio.Future[None]] = {}
        self._unsent_reports: list[tuple[int, bytes]] = []
        self._link = TaskLink(
            server,
            poll.SerializeToString(),
            tenant=config.tenant_id or None,
            keepalive_ms=config.grpc_keepalive_time_ms,
            keepalive_timeout_ms=config.grpc_keepalive_timeout_ms,
            waits_when_exhausted=config.grpc_resource_exhausted_retry,
        )
        self._loop.add_reader(self._link.fileno(), self._receive)

    async def serve(self) -> None:
        """See `Transport`; raises LinkError."""
        self._stream = self._loop.create_future()
        self._link.open_stream()
        polls = asyncio.create_task(self._send_polls())
        try:
            await self._stream
        finally:
            polls.cancel()
            self._link.cancel_stream()
            self._slots.give_back(self._unanswered)
            self._unanswered = self._unsent = 0

    async def _send_polls(self) -> None:
        """One poll for every free place; half-closes the stream when no more are given out."""
        while await self._slots.take():
            count = 1 + self._slots.take_free()
            self._unanswered += count
            self._send_soon()
            self._unsent += count
        self._link.half_close()

    def cut(self) -> None:
        """See `Transport`."""
        self._receive()
        self._end_stream("")

    def _end_stream(self, how: str) -> None:
        """Lets `serve` return, or raise what is not empty."""
        if self._stream is None or self._stream.done():
            return
        if how:
            self._stream.set_exception(LinkError(how))
        else:
            self._stream.set_result(None)

    def _receive(self) -> None:
        """Takes over what came since the last time."""
        responses, outcomes, ended = self._link.take()
        for number, error in outcomes:
            sent = self._reports.pop(number)
            if sent.done():  # whoever waited for it was cancelled
                continue
            if error is None:
                sent.set_result(None)
            else:
                sent.set_exception(LinkError(error))
        for position, message in enumerate(responses):
            try:
                response = PollTaskResponse.FromString(message)
            except Exception as error:  # bytes that are no message: the stream cannot be trusted any more
                self._unanswered -= position
                self._end_stream(f"response cannot be read: {error}")
                return
            self._take_on(response)
        self._unanswered -= len(responses)
        if ended is not None:
            self._end_stream(ended)

    def report(self, report: ReportTaskRun) -> asyncio.Future[None]:
        """See `Transport`; the future raises LinkError."""
        message = report.SerializeToString()
        number = next(self._numbers)
        sent: asyncio.Future[None] = self._loop.create_future()
        self._reports[number] = sent
        self._send_soon()
        self._unsent_reports.append((number, message))
        return sent

    def _send_soon(self) -> None:
        """Has polls and reports of one turn of the event loop go out together: each sending wakes the link's thread."""
        if not (self._unsent or self._unsent_reports):
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        reports, self._unsent_reports = self._unsent_reports, []
        polls, self._unsent = self._unsent, 0
        if polls or reports:  # not if the stream ended, or the link was closed, meanwhile
            self._link.send(polls, reports, settings.GRPC_UNARY_CALL_TIMEOUT_SECONDS)

    def close(self) -> None:
        """See `Transport`."""
        self._loop.remove_reader(self._link.fileno())
        self._unsent_reports.clear()
        for sent in self._reports.values():
            sent.cancel()
