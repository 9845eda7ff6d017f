"""How the connection of a worker reaches its server: through the extension where that can be, else by grpc.aio."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse.config import LHConfig
from littlehorse.model.service_pb2 import PollTaskRequest, PollTaskResponse, ReportTaskRun
from littlehorse.worker.grpc_transport import GrpcTransport
from littlehorse.worker.slots import Slots

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub

PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Where gRPC looks for a proxy."""

_log = logging.getLogger("LHConnection")


class Transport(Protocol):
    """Polls and reports of one connection; lives in one event loop."""

    async def serve(self) -> None:
        """Opens one PollTask stream with a poll for every free place, and hands on what it brings.

        Returns when the stream ends or was cut, raises when it breaks.
        """

    def cut(self) -> None:
        """Ends the stream; claims under way are lost."""

    def report(self, report: ReportTaskRun) -> Awaitable[None]:
        """Tries once to deliver a report; raises, or has the awaiter raise, if that failed."""

    def close(self) -> None:
        """Frees what the transport holds; it is of no use afterwards."""


def open_transport(
    server: str,
    config: LHConfig,
    client: LittleHorseAsyncStub,
    poll: PollTaskRequest,
    slots: Slots,
    take_on: Callable[[PollTaskResponse], None],
) -> Transport:
    """The fastest transport that does all that the configuration asks for. To be called in the event loop.

    Parameters: `poll` is what every poll says; `take_on` gets the responses, each with the place that its poll held.
    """
    if settings.USE_EXTENSION and _is_plain(server, config):
        try:
            from littlehorse.worker.link_transport import LinkTransport  # the extension may not be installed

            return LinkTransport(server, config, poll, slots, take_on)
        except (ImportError, NotImplementedError, ValueError, OSError) as error:
            # Not installed, an event loop without `add_reader`, an address that only gRPC knows, no descriptor left.
            _log.info("Connecting to %s without the extension: %s", server, error)
    return GrpcTransport(client, poll, slots, take_on)


def _is_plain(server: str, config: LHConfig) -> bool:
    """Whether calls need no TLS, hence no access token, no proxy, and no channel of the program's own making."""
    makes_channels_itself = (
        type(config).stub is not LHConfig.stub or type(config).establish_channel is not LHConfig.establish_channel
    )
    return not (config.is_secure() or makes_channels_itself or _has_proxy(server))


def _has_proxy(server: str) -> bool:
    """Whether gRPC would reach this server through a proxy."""
    if not any(os.environ.get(variable) for variable in PROXY_VARIABLES):
        return False
    from urllib.request import proxy_bypass  # slow to import, seldom needed

    return not proxy_bypass(server)
