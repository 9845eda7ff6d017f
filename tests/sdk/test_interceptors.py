"""Access tokens and calls that an overloaded server asks to repeat (spec 09 section 4)."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from littlehorse.client_interceptors import (
    STATUS_DETAILS_HEADER,
    AccessToken,
    OAuthCredentialsProvider,
    retry_delay_seconds,
)
from littlehorse.config import LHConfig
from littlehorse.exceptions import OAuthException
from littlehorse.model import (
    LittleHorseServicer,
    RunWfRequest,
    WfRun,
    add_LittleHorseServicer_to_server,
)

# ---- tokens


def test_access_token() -> None:
    """09 section 4: text, expiration in local time, whether it expired."""
    soon = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    token = AccessToken({"access_token": "secret", "expires_at": soon})
    assert (token.token, str(token)) == ("secret", "secret")
    assert token.expiration == datetime.fromtimestamp(soon)
    assert not token.is_expired()
    assert AccessToken({"access_token": "secret", "expires_at": 100}).is_expired()


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((None, None, None), "LHC_OAUTH_ACCESS_TOKEN_URL"),
        ((None, None, "https://x"), "LHC_OAUTH_CLIENT_ID"),
        (("id", None, "https://x"), "LHC_OAUTH_CLIENT_SECRET"),
    ],
)
def test_missing_settings(arguments: tuple[str | None, str | None, str | None], key: str) -> None:
    """09/PY-13: named one after the other: address, id, secret."""
    with pytest.raises(OAuthException, match=key):
        OAuthCredentialsProvider(*arguments).access_token()


class TokenEndpoint:
    """An HTTP server that answers each request for a token with the next number."""

    def __init__(self, expires_in: int) -> None:
        self.requests: list[str] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                endpoint.requests.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                answer = {
                    "access_token": f"t{len(endpoint.requests)}",
                    "expires_in": expires_in,
                    "token_type": "Bearer",
                }
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"

    @contextmanager
    def serving(self) -> Iterator["TokenEndpoint"]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@pytest.fixture
def insecure_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """The OAuth library insists on https otherwise."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.usefixtures("insecure_transport")
def test_tokens_are_kept_until_shortly_before_they_expire() -> None:
    """09/PY-13: client-credentials flow; one request for many calls; a token about to expire is replaced."""
    with TokenEndpoint(expires_in=3600).serving() as endpoint:
        provider = OAuthCredentialsProvider("id", "secret", endpoint.url)
        assert {str(provider.access_token()) for _ in range(3)} == {"t1"}
        assert "grant_type=client_credentials" in endpoint.requests[0]
    with TokenEndpoint(expires_in=5).serving() as endpoint:
        provider = OAuthCredentialsProvider("id", "secret", endpoint.url)
        assert [str(provider.access_token()) for _ in range(2)] == ["t1", "t2"]


@pytest.mark.usefixtures("insecure_transport")
def test_calls_carry_the_token() -> None:
    """09/PY-13: in `authorization`; an error goes to the call."""
    answers: list[tuple[Any, Any]] = []
    context: Any = None
    keep: Any = lambda metadata, error: answers.append((metadata, error))  # noqa: E731
    with TokenEndpoint(expires_in=3600).serving() as endpoint:
        provider = OAuthCredentialsProvider("id", "secret", endpoint.url)
        provider(context, keep)
    OAuthCredentialsProvider(None, None, None)(context, keep)
    assert answers[0] == ((("authorization", "Bearer t1"),), None)
    assert isinstance(answers[1][1], OAuthException)


# ---- retries


def details(*messages: Any) -> bytes:
    """The content of the trailer with these details."""
    packed = []
    for message in messages:
        detail = AnyMessage()
        detail.Pack(message)
        packed.append(detail)
    return bytes(Status(code=8, details=packed).SerializeToString())


WAIT = details(RetryInfo(retry_delay=Duration(nanos=1_000_000)))


class Overloaded(LittleHorseServicer):
    """Refuses RunWf a number of times."""

    def __init__(self, refusals: int, trailer: bytes | None, code: grpc.StatusCode) -> None:
        self.refusals = refusals
        self.trailer = trailer
        self.code = code
        self.calls = 0

    def RunWf(self, request: RunWfRequest, context: Any) -> WfRun:
        self.calls += 1
        if self.calls <= self.refusals:
            if self.trailer is not None:
                context.set_trailing_metadata(((STATUS_DETAILS_HEADER, self.trailer), ("other", "x")))
            context.abort(self.code, "busy")
        return WfRun()


@contextmanager
def overloaded(
    refusals: int,
    trailer: bytes | None = WAIT,
    code: grpc.StatusCode = grpc.StatusCode.RESOURCE_EXHAUSTED,
    **settings: Any,
) -> Iterator[tuple[Overloaded, LHConfig]]:
    """Such a server and a client of it."""
    servicer = Overloaded(refusals, trailer, code)
    server = grpc.server(futures.ThreadPoolExecutor(2))
    add_LittleHorseServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    config = LHConfig()
    config.load({"LHC_API_PORT": port, **settings})
    try:
        yield servicer, config
    finally:
        config.close()
        server.stop(None).wait()


def run(config: LHConfig, is_async: bool) -> WfRun:
    """One RunWf call, synchronous or with asyncio."""
    if not is_async:
        return config.stub().RunWf(RunWfRequest())

    async def call() -> WfRun:
        try:
            return await config.stub(async_channel=True).RunWf(RunWfRequest())
        finally:
            await config.aclose()

    return asyncio.run(call())


@pytest.mark.parametrize("is_async", [False, True])
def test_repeats_when_asked_to(is_async: bool) -> None:
    """09/PY-14, PY-15: for as long as the server asks, on both kinds of channel, with a tenant or without."""
    variants: list[dict[str, Any]] = [{}, {"LHC_TENANT_ID": "acme"}]
    for settings in variants:
        with overloaded(3, **settings) as (servicer, config):
            assert run(config, is_async) == WfRun()
            assert servicer.calls == 4


NOT_TO_BE_REPEATED: list[tuple[bytes | None, grpc.StatusCode]] = [
    (None, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (WAIT, grpc.StatusCode.UNAVAILABLE),
    (details(), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (details(ErrorInfo(reason="x")), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (details(RetryInfo(retry_delay=Duration())), grpc.StatusCode.RESOURCE_EXHAUSTED),
    (b"\xff\xff no status", grpc.StatusCode.RESOURCE_EXHAUSTED),
]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("trailer", "code"), NOT_TO_BE_REPEATED)
def test_other_errors_go_to_the_caller(trailer: bytes | None, code: grpc.StatusCode, is_async: bool) -> None:
    """09/PY-14: without RetryInfo, with a delay of nothing, with another status."""
    with overloaded(1, trailer, code) as (servicer, config):
        with pytest.raises(grpc.RpcError) as error:
            run(config, is_async)
        assert error.value.code() is code
        assert servicer.calls == 1
        assert retry_delay_seconds(error.value) is None


@pytest.mark.parametrize("is_async", [False, True])
def test_repeating_can_be_switched_off(is_async: bool) -> None:
    """09 section 3.1: LHC_GRPC_RESOURCE_EXHAUSTED_RETRY=false; the delay can still be asked for."""
    with overloaded(1, LHC_GRPC_RESOURCE_EXHAUSTED_RETRY="false") as (servicer, config):
        with pytest.raises(grpc.RpcError) as error:
            run(config, is_async)
        assert servicer.calls == 1
        assert retry_delay_seconds(error.value) == 0.001
