"""Which transport a worker's connection takes, and what only the extension's has to deal with."""

import asyncio
import subprocess
import sys
from typing import Any

import grpc
import pytest

import littlehorse.worker
from littlehorse.config import LHConfig
from littlehorse.model import PollTaskRequest, PollTaskResponse
from littlehorse.worker.slots import Slots
from littlehorse.worker.transport import open_transport
from tests.sdk.fake_server import scheduled
from tests.sdk.working import TEXT, greet, task_def, text, working

pytest.importorskip("littlehorse._core", reason="the extension is not built")


class ConfigWithChannels(LHConfig):
    """Of a program that makes channels itself."""

    def establish_channel(self, *arguments: Any, **options: Any) -> Any:
        return super().establish_channel(*arguments, **options)


def chosen(server: str = "localhost:1", config: LHConfig | None = None, **settings: str) -> str:
    """The name of the transport for a server and a configuration."""
    config = config or LHConfig()
    config.load(settings)

    async def scenario() -> str:
        client: Any = None  # not used before there is a stream
        transport = open_transport(server, config, client, PollTaskRequest(), Slots(1), lambda _: None)
        transport.close()
        return type(transport).__name__

    return asyncio.run(scenario())


def test_plain_connections_go_through_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-31: and the others by grpc.aio, which knows TLS, proxies, and every address."""
    for variable in ("grpc_proxy", "https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    assert chosen() == "LinkTransport"
    assert chosen(LHC_TENANT_ID="acme") == "LinkTransport"
    assert chosen(LHC_API_PROTOCOL="TLS") == "GrpcTransport"
    assert chosen(config=ConfigWithChannels()) == "GrpcTransport"
    assert chosen(server="::1:2023") == "GrpcTransport"
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert chosen() == "GrpcTransport"
    monkeypatch.setenv("no_proxy", "localhost")
    assert chosen() == "LinkTransport"
    monkeypatch.setattr(littlehorse.worker, "USE_EXTENSION", False)
    assert chosen() == "GrpcTransport"


def test_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-31: an SDK that was installed without the extension works by grpc.aio."""
    monkeypatch.delitem(sys.modules, "littlehorse.worker.link_transport", raising=False)
    monkeypatch.setitem(sys.modules, "littlehorse._core", None)
    assert chosen() == "GrpcTransport"


def test_in_an_event_loop_without_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-31: not every event loop can tell that a socket is readable."""

    def cannot(*arguments: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_reader", cannot)
    assert chosen() == "GrpcTransport"


def test_response_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-31: such a stream is opened again, with a poll for every place."""
    from littlehorse.worker import link_transport

    broken = iter([True])

    class Reader:
        """Reads responses, but for the first."""

        @staticmethod
        def FromString(message: bytes) -> PollTaskResponse:
            if next(broken, False):
                raise ValueError("no message")
            return PollTaskResponse.FromString(message)

    monkeypatch.setattr(link_transport, "PollTaskResponse", Reader)

    async def scenario() -> None:
        async with working(greet, task_def(TEXT)) as (server, _):
            await server.until(lambda: len(server.waiting) == 8)
            server.give(scheduled(1, text("lost")))
            await server.until(lambda: len(server.polls) == 16 and len(server.waiting) == 8)
            server.give(scheduled(2, text("x")))
            await server.until(lambda: bool(server.reports))
            assert [report.output.str for report in server.reports] == ["hello x"]

    asyncio.run(scenario())


def test_a_cut_stream_brings_nothing_more() -> None:
    """09/PY-31: a stream that another one replaced, and a link that was never connected, leave no response behind."""
    from littlehorse._core import TaskLink

    link = TaskLink(
        "localhost:1", b"", tenant=None, keepalive_ms=1000, keepalive_timeout_ms=1000, waits_when_exhausted=True
    )
    link.open_stream()
    link.cancel_stream()
    assert link.take() == ([], [], None)
    with pytest.raises(ValueError, match="tenant"):
        TaskLink(
            "localhost:1", b"", tenant="\n", keepalive_ms=1000, keepalive_timeout_ms=1000, waits_when_exhausted=True
        )
    with pytest.raises(ValueError, match=r"."):
        link.send(0, [], -1.0)


FORK = """
import os, select
from littlehorse._core import TaskLink

def fails_to_connect():
    link = TaskLink("localhost:1", b"", tenant=None, keepalive_ms=1000, keepalive_timeout_ms=1000,
                    waits_when_exhausted=True)
    link.open_stream()
    assert select.select([link], [], [], 30)[0], "the link's thread does nothing"
    responses, outcomes, ended = link.take()
    assert ended.startswith("Unavailable: "), ended

fails_to_connect()
child = os.fork()
if child == 0:
    fails_to_connect()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


def test_links_of_a_forked_process() -> None:
    """09/PY-31: a process that was forked from a worker's gets a thread of its own."""
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=120)


def test_link_errors_are_errors_of_rpcs() -> None:
    """09/PY-31: whoever catches grpc.RpcError catches those of the extension."""
    from littlehorse.worker.link_transport import LinkError

    assert issubclass(LinkError, grpc.RpcError)
