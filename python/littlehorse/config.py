"""Settings of a client and the channels made from them (spec 09 section 3)."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

import grpc
import grpc.aio
from jproperties import Properties

from littlehorse.client_interceptors import (
    AsyncStreamStreamMetadataInterceptor,
    AsyncStreamUnaryMetadataInterceptor,
    AsyncUnaryStreamMetadataInterceptor,
    AsyncUnaryUnaryMetadataInterceptor,
    AsyncUnaryUnaryRetryInterceptor,
    MetadataInterceptor,
    OAuthCredentialsProvider,
    RetryInterceptor,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.utils import read_binary

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub

PREFIXES = ("LHC_", "LHW_")
TLS_PROTOCOL = "TLS"
PLAINTEXT_PROTOCOL = "PLAINTEXT"
ALLOWED_PROTOCOLS = (TLS_PROTOCOL, PLAINTEXT_PROTOCOL)

API_HOST = "LHC_API_HOST"
API_PORT = "LHC_API_PORT"
API_PROTOCOL = "LHC_API_PROTOCOL"
CLIENT_CERT = "LHC_CLIENT_CERT"
CLIENT_KEY = "LHC_CLIENT_KEY"
CA_CERT = "LHC_CA_CERT"
TENANT_ID = "LHC_TENANT_ID"
OAUTH_CLIENT_ID = "LHC_OAUTH_CLIENT_ID"
OAUTH_CLIENT_SECRET = "LHC_OAUTH_CLIENT_SECRET"
OAUTH_TOKEN_ENDPOINT_URL = "LHC_OAUTH_ACCESS_TOKEN_URL"
GRPC_KEEPALIVE_TIME_MS = "LHC_GRPC_KEEPALIVE_TIME_MS"
GRPC_KEEPALIVE_TIMEOUT_MS = "LHC_GRPC_KEEPALIVE_TIMEOUT_MS"
GRPC_RESOURCE_EXHAUSTED_RETRY = "LHC_GRPC_RESOURCE_EXHAUSTED_RETRY"
NUM_WORKER_THREADS = "LHW_NUM_WORKER_THREADS"
TASK_WORKER_ID = "LHW_TASK_WORKER_ID"
TASK_WORKER_VERSION = "LHW_TASK_WORKER_VERSION"


class ChannelId:
    """Key of a cached channel; equal by value."""

    def __init__(self, server: str, name: str, is_async: bool) -> None:
        self.server = server
        self.name = name
        self.is_async = is_async

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChannelId) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __str__(self) -> str:
        return str({"server": self.server, "is_async": self.is_async, "name": self.name})

    def _parts(self) -> tuple[str, str, bool]:
        return self.server, self.name, self.is_async


def _matching(values: dict[str, Any]) -> dict[str, str]:
    """The entries whose key begins with one of our prefixes, as text (PY-6)."""
    return {key.upper(): str(value) for key, value in values.items() if key.startswith(PREFIXES)}


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of the caller, if there is one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class LHConfig:
    """Settings from the environment, dicts and properties files; the environment always wins (PY-7).

    Usable as a context manager, which closes the synchronous channels at the end.
    """

    _log = logging.getLogger("LHConfig")

    def __init__(self) -> None:
        self._properties: dict[str, str] = _matching(dict(os.environ))
        self._channels: dict[ChannelId, grpc.Channel] = {}
        self._async_channels: dict[ChannelId, tuple[asyncio.AbstractEventLoop | None, grpc.aio.Channel]] = {}

    def __str__(self) -> str:
        return "\n".join(
            f"{key}={'******' if 'SECRET' in key or 'PASSWORD' in key else value}"
            for key, value in self._properties.items()
        )

    def __enter__(self) -> LHConfig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def load(self, source: str | Path | dict[str, Any]) -> None:
        """Adds settings of a dict or of a properties file (UTF-8) to those loaded before (PY-7).

        Raises ValueError for another kind of source, OSError if the file cannot be read.
        """
        if isinstance(source, dict):
            loaded = _matching(source)
        elif isinstance(source, (str, Path)):
            properties = Properties()
            properties.load(read_binary(source), "utf-8")
            loaded = _matching(properties.properties)
        else:
            raise ValueError(f"Invalid type {type(source)}: a dict or the path of a properties file is needed")
        self._properties.update(loaded)
        self._properties.update(_matching(dict(os.environ)))

    def get(self, key: str) -> str | None:
        """The value of a key, or None."""
        return self._properties.get(key)

    def get_or_set_default(self, key: str, default: str) -> str:
        """The value of a key; a missing one is set to `default` for the rest of this object's life (PY-8)."""
        return self._properties.setdefault(key, default)

    @property
    def bootstrap_server(self) -> str:
        """`host:port` of the server to begin with."""
        return f"{self.get_or_set_default(API_HOST, 'localhost')}:{self.get_or_set_default(API_PORT, '2023')}"

    def _file_content(self, key: str) -> bytes | None:
        path = self.get(key)
        return read_binary(path) if path else None

    @property
    def ca_cert(self) -> bytes | None:
        """Root certificates (None = those of the system); read from the file each time."""
        return self._file_content(CA_CERT)

    @property
    def client_key(self) -> bytes | None:
        """Private key of the client, for mutual TLS; read from the file each time."""
        return self._file_content(CLIENT_KEY)

    @property
    def client_cert(self) -> bytes | None:
        """Certificate of the client, for mutual TLS; read from the file each time."""
        return self._file_content(CLIENT_CERT)

    @property
    def tenant_id(self) -> str | None:
        """Tenant of all calls; None or empty means the server's default tenant."""
        return self.get(TENANT_ID)

    def is_secure(self) -> bool:
        """Whether TLS is used; raises ValueError for an unknown protocol."""
        protocol = self.get_or_set_default(API_PROTOCOL, PLAINTEXT_PROTOCOL).upper()
        if protocol not in ALLOWED_PROTOCOLS:
            raise ValueError(f"Invalid protocol: {protocol}")
        return protocol == TLS_PROTOCOL

    @property
    def task_worker_id(self) -> str:
        """Id of all workers made from this object; random unless configured."""
        return self.get_or_set_default(TASK_WORKER_ID, f"worker-{uuid.uuid4().hex}")

    @property
    def oauth_client_id(self) -> str | None:
        """Client id for the token endpoint."""
        return self.get(OAUTH_CLIENT_ID)

    def has_authentication(self) -> bool:
        """Whether calls carry an access token."""
        return bool(self.oauth_client_id)

    @property
    def oauth_client_secret(self) -> str | None:
        """Client secret for the token endpoint."""
        return self.get(OAUTH_CLIENT_SECRET)

    @property
    def oauth_token_endpoint_url(self) -> str | None:
        """Where access tokens come from."""
        return self.get(OAUTH_TOKEN_ENDPOINT_URL)

    @property
    def grpc_keepalive_time_ms(self) -> int:
        """Milliseconds between pings on a quiet connection."""
        return int(self.get_or_set_default(GRPC_KEEPALIVE_TIME_MS, "45000"))

    @property
    def grpc_keepalive_timeout_ms(self) -> int:
        """Milliseconds without an answer to a ping after which a connection counts as dead."""
        return int(self.get_or_set_default(GRPC_KEEPALIVE_TIMEOUT_MS, "5000"))

    @property
    def grpc_resource_exhausted_retry(self) -> bool:
        """Whether calls wait and try again when an overloaded server asks for that (PY-14)."""
        return self.get_or_set_default(GRPC_RESOURCE_EXHAUSTED_RETRY, "true").lower() != "false"

    @property
    def num_worker_threads(self) -> int:
        """Tasks that one worker runs at the same time for each server it is connected to."""
        return int(self.get_or_set_default(NUM_WORKER_THREADS, "8"))

    @property
    def worker_version(self) -> str:
        """Version that workers tell the server."""
        return self.get_or_set_default(TASK_WORKER_VERSION, "")

    def _credentials(self) -> grpc.ChannelCredentials:
        """Credentials of a TLS channel, with a call credential if OAuth is configured."""
        channel_credentials = grpc.ssl_channel_credentials(self.ca_cert, self.client_key, self.client_cert)
        if not self.has_authentication():
            return channel_credentials
        provider = OAuthCredentialsProvider(
            self.oauth_client_id, self.oauth_client_secret, self.oauth_token_endpoint_url
        )
        return grpc.composite_channel_credentials(channel_credentials, grpc.metadata_call_credentials(provider))

    def _channel_options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.keepalive_time_ms", self.grpc_keepalive_time_ms),
            ("grpc.keepalive_timeout_ms", self.grpc_keepalive_timeout_ms),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]

    @overload
    def establish_channel(self, server: str | None = None, async_channel: Literal[False] = False) -> grpc.Channel: ...

    @overload
    def establish_channel(self, server: str | None = None, *, async_channel: Literal[True]) -> grpc.aio.Channel: ...

    @overload
    def establish_channel(self, server: str | None, async_channel: Literal[True]) -> grpc.aio.Channel: ...

    def establish_channel(
        self, server: str | None = None, async_channel: bool = False
    ) -> grpc.Channel | grpc.aio.Channel:
        """A new channel to `server` (`host:port`; None = the bootstrap server), synchronous or for asyncio (PY-11).

        Raises ValueError for an unknown protocol and OSError for an unreadable certificate.
        """
        target = server or self.bootstrap_server
        secure = self.is_secure()
        if not secure:
            self._log.warning("Establishing insecure channel at %s", target)
        return self._async_channel(target, secure) if async_channel else self._sync_channel(target, secure)

    def _sync_channel(self, target: str, secure: bool) -> grpc.Channel:
        options = self._channel_options()
        if secure:
            channel = grpc.secure_channel(target, self._credentials(), options=options)
        else:
            channel = grpc.insecure_channel(target, options=options)
        channel = grpc.intercept_channel(channel, MetadataInterceptor(self.tenant_id))
        # The interceptor added last runs first: every repetition passes through the others again.
        return grpc.intercept_channel(channel, RetryInterceptor()) if self.grpc_resource_exhausted_retry else channel

    def _async_channel(self, target: str, secure: bool) -> grpc.aio.Channel:
        options = self._channel_options()
        interceptors: list[Any] = [AsyncUnaryUnaryRetryInterceptor()] if self.grpc_resource_exhausted_retry else []
        interceptors += [
            AsyncUnaryUnaryMetadataInterceptor(self.tenant_id),
            AsyncStreamStreamMetadataInterceptor(self.tenant_id),
            AsyncStreamUnaryMetadataInterceptor(self.tenant_id),
            AsyncUnaryStreamMetadataInterceptor(self.tenant_id),
        ]
        if secure:
            return grpc.aio.secure_channel(target, self._credentials(), options=options, interceptors=interceptors)
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)

    @overload
    def stub(
        self, server: str | None = None, name: str = "default", async_channel: Literal[False] = False
    ) -> LittleHorseStub: ...

    @overload
    def stub(
        self, server: str | None = None, name: str = "default", *, async_channel: Literal[True]
    ) -> LittleHorseAsyncStub: ...

    @overload
    def stub(self, server: str | None, name: str, async_channel: Literal[True]) -> LittleHorseAsyncStub: ...

    def stub(
        self, server: str | None = None, name: str = "default", async_channel: bool = False
    ) -> LittleHorseStub | LittleHorseAsyncStub:
        """A client for `server` (None = the bootstrap server) over a channel that is shared by equal arguments (PY-12).

        With `async_channel` its calls are awaited; such a channel is shared only within one event loop.
        """
        target = server or self.bootstrap_server
        key = ChannelId(target, name, async_channel)
        if not async_channel:
            if key not in self._channels:
                self._channels[key] = self.establish_channel(target)
            return LittleHorseStub(self._channels[key])
        loop = _running_loop()
        cached = self._async_channels.get(key)
        if cached is None or cached[0] is not loop:  # a channel is bound to the loop it was made in
            cached = loop, self.establish_channel(target, async_channel=True)
            self._async_channels[key] = cached
        stub: Any = LittleHorseStub(cached[1])  # type: ignore[arg-type]  # one class serves both kinds of channel
        return stub  # type: ignore[no-any-return]

    def close(self) -> None:
        """Closes the synchronous channels; a later `stub` opens new ones."""
        while self._channels:
            self._channels.popitem()[1].close()

    async def aclose(self) -> None:
        """Closes all channels; call it in the event loop that used them."""
        self.close()
        loop = _running_loop()
        while self._async_channels:
            owner, channel = self._async_channels.popitem()[1]
            if owner is loop:
                await channel.close(None)
