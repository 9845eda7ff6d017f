"""Calls to a server that is killed all the time: what a status says about whether a call was carried out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from littlehorse.client_interceptors import retry_delay_seconds
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from tests.faults.soak.history import Recorder

T = TypeVar("T")
# The server is gone, going or coming back: whether a call was carried out is not known.
UNKNOWN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
}
OUTCOMES = {grpc.StatusCode.ALREADY_EXISTS: "exists", grpc.StatusCode.NOT_FOUND: "not_found"}
OUTCOMES |= dict.fromkeys(UNKNOWN, "unknown")
CALL_SECONDS = 5
PAUSE_SECONDS = 0.1
CHANNELS = 4
# Everybody reconnects quickly, so that a restart costs little.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
]


def passes(error: grpc.aio.AioRpcError) -> bool:
    """Whether the call is worth another try: the server is away, or refuses it for the moment and says so."""
    return error.code() in UNKNOWN or retry_delay_seconds(error) is not None


async def pause(error: grpc.aio.AioRpcError) -> None:
    """Until the next try."""
    await asyncio.sleep(retry_delay_seconds(error) or PAUSE_SECONDS)


class Caller:
    """Stubs over a few connections, and the recorder that all of a process share."""

    def __init__(self, address: str, recorder: Recorder) -> None:
        self.recorder = recorder
        self._channels = [
            grpc.aio.insecure_channel(address, options=[*CHANNEL_OPTIONS, ("n", number)]) for number in range(CHANNELS)
        ]
        self._stubs = [LittleHorseStub(channel) for channel in self._channels]
        self._turn = 0

    @property
    def stub(self) -> Any:
        """The stub of the connection whose turn it is."""
        self._turn += 1
        return self._stubs[self._turn % len(self._stubs)]

    async def close(self) -> None:
        """Ends the connections."""
        for channel in self._channels:
            await channel.close()

    async def call(self, rpc: str, request: Any, sent: tuple[str, dict[str, Any]]) -> str:
        """One try, with its line before and its line after; returns the outcome. Raises what no server may answer.

        Who is refused has waited afterwards for as long as the server asked for.
        """
        event, fields = sent
        call = self.recorder.sent(event, **fields)
        try:
            await getattr(self.stub, rpc)(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if not passes(error) and error.code() not in OUTCOMES:
                raise
            outcome = OUTCOMES.get(error.code(), "refused")
            self.recorder.answered(call, outcome)
            if outcome == "refused":
                await pause(error)
            return outcome
        self.recorder.answered(call, "ok")
        return "ok"

    async def insist(self, rpc: str, request: Any, sent: tuple[str, dict[str, Any]]) -> str:
        """Tries again until the outcome is known."""
        while True:
            outcome = await self.call(rpc, request, sent)
            if outcome not in ("unknown", "refused"):
                return outcome
            await asyncio.sleep(PAUSE_SECONDS)


async def reading(read: Callable[[], Awaitable[T]]) -> T:
    """Repeats a read until the server is there to answer it."""
    while True:
        try:
            return await read()
        except grpc.aio.AioRpcError as error:
            if not passes(error):
                raise
            await pause(error)
