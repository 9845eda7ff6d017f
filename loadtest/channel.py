"""A gRPC connection for Locust: calls wait in greenlets, and each is an entry on Locust's page."""

import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.experimental.gevent

from littlehorse.model.service_pb2_grpc import LittleHorseStub

PATIENCE_S = 30.0

grpc.experimental.gevent.init_gevent()


class Channel:
    """One connection, shared by all users of a process.

    Args:
        address: `HOST:PORT`.
        fire: Locust's `events.request.fire`.
    """

    def __init__(self, address: str, fire: Callable[..., None]) -> None:
        self.stub = LittleHorseStub(grpc.insecure_channel(address))
        self._fire = fire

    def call(self, rpc: str, request: Any) -> Any:
        """One unary call. A failure is shown on the page, and None returned."""
        begin = time.perf_counter()
        answer, failure = None, None
        try:
            answer = getattr(self.stub, rpc)(request, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            failure = error
        size = answer.ByteSize() if answer is not None else 0
        self.tell(rpc, (time.perf_counter() - begin) * 1000, size, failure)
        return answer

    def tell(self, name: str, milliseconds: float, size: int = 0, failure: Exception | None = None) -> None:
        """Adds one measurement to Locust's statistics."""
        self._fire(
            request_type="gRPC",
            name=name,
            response_time=milliseconds,
            response_length=size,
            exception=failure,
            context={},
        )
