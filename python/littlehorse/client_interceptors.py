"""What is added to calls: tenant, access token, and the wait that an overloaded server asks for (spec 09 section 4)."""

import asyncio
import threading
import time
from collections import namedtuple
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from littlehorse.exceptions import OAuthException

TENANT_ID_HEADER = "tenantid"
STATUS_DETAILS_HEADER = "grpc-status-details-bin"

TOKEN_REFRESH_MARGIN = timedelta(seconds=10)
"""A token that expires this soon is replaced, so that it is still valid when the server looks at it."""

TOKEN_REQUEST_TIMEOUT_SECONDS = 30


class AccessToken:
    """A token as the token endpoint returned it (`access_token`, and `expires_at` in seconds since 1970)."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @property
    def token(self) -> str:
        """The token itself."""
        return str(self.data["access_token"])

    @property
    def expiration(self) -> datetime:
        """When it expires, as a naive local time."""
        return datetime.fromtimestamp(int(self.data["expires_at"]))

    def is_expired(self) -> bool:
        """Whether the time of expiration is past."""
        return self.expiration < datetime.now()

    def __str__(self) -> str:
        return self.token


class OAuthCredentialsProvider(grpc.AuthMetadataPlugin):
    """Gets access tokens by the client-credentials flow and adds them to calls (PY-13)."""

    def __init__(self, client_id: str | None, client_secret: str | None, token_endpoint_url: str | None) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.token_endpoint_url = token_endpoint_url
        self._token: AccessToken | None = None
        self._lock = threading.Lock()

    def __call__(self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        try:
            metadata = (("authorization", f"Bearer {self.access_token()}"),)
        except Exception as error:  # gRPC fails the call with this error
            callback((), error)
        else:
            callback(metadata, None)

    def access_token(self) -> AccessToken:
        """The cached token, or a new one if that expires soon; raises OAuthException if a setting is missing."""
        from littlehorse.config import (  # imports this module
            OAUTH_CLIENT_ID,
            OAUTH_CLIENT_SECRET,
            OAUTH_TOKEN_ENDPOINT_URL,
        )

        settings = (
            (OAUTH_TOKEN_ENDPOINT_URL, self.token_endpoint_url),
            (OAUTH_CLIENT_ID, self.client_id),
            (OAUTH_CLIENT_SECRET, self.client_secret),
        )
        for key, value in settings:
            if value is None:
                raise OAuthException(f"{key} required")
        with self._lock:  # one request is enough however many calls wait for a token
            if self._token is None or _expires_soon(self._token):
                from authlib.integrations.requests_client import OAuth2Session  # slow to import, seldom needed

                session = OAuth2Session(client_id=self.client_id, client_secret=self.client_secret)
                answer = session.fetch_token(
                    self.token_endpoint_url, grant_type="client_credentials", timeout=TOKEN_REQUEST_TIMEOUT_SECONDS
                )
                self._token = AccessToken(dict(answer))
            return self._token


def _expires_soon(token: AccessToken) -> bool:
    """Whether to fetch a new token; one that names no expiration is used once."""
    return "expires_at" not in token.data or token.expiration < datetime.now() + TOKEN_REFRESH_MARGIN


class _SyncCallDetails(
    namedtuple("_SyncCallDetails", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")),
    grpc.ClientCallDetails,
):
    """Details of a call with our metadata added."""


def _metadata_with_tenant(tenant_id: str, metadata: Iterable[tuple[str, Any]] | None) -> list[tuple[str, Any]]:
    """The caller's own metadata and the tenant, unless the caller named one."""
    pairs = [(key, value) for key, value in metadata or ()]
    if all(key != TENANT_ID_HEADER for key, _ in pairs):
        pairs.append((TENANT_ID_HEADER, tenant_id))
    return pairs


def _sync_details(tenant_id: str | None, details: Any) -> Any:
    """Details for a synchronous call; unchanged without a tenant."""
    if not tenant_id:
        return details
    return _SyncCallDetails(
        details.method,
        details.timeout,
        _metadata_with_tenant(tenant_id, details.metadata),
        details.credentials,
        details.wait_for_ready,
        getattr(details, "compression", None),
    )


def _async_details(tenant_id: str | None, details: Any) -> Any:
    """Details for an asyncio call; unchanged without a tenant."""
    if not tenant_id:
        return details
    metadata = grpc.aio.Metadata(*_metadata_with_tenant(tenant_id, details.metadata))
    return details._replace(metadata=metadata)


def _delay_in_trailers(code: grpc.StatusCode | None, trailers: Iterable[Any] | None) -> float | None:
    """Seconds that the server asks to wait, or None if the call must not be repeated (PY-14)."""
    if code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    for key, value in trailers or ():
        if key != STATUS_DETAILS_HEADER:
            continue
        try:
            details = Status.FromString(value).details
        except (
            Exception
        ):  # not a status: nothing that we could obey (protobuf raises DecodeError, a wrong type TypeError)
            return None
        for detail in details:
            info = RetryInfo()
            if detail.Is(RetryInfo.DESCRIPTOR) and detail.Unpack(info):
                seconds = info.retry_delay.seconds + info.retry_delay.nanos / 1_000_000_000
                return seconds if seconds > 0 else None
    return None


def retry_delay_seconds(error: grpc.RpcError) -> float | None:
    """Seconds after which a failed call may be repeated, or None if it must not be (PY-14)."""
    if not isinstance(error, grpc.Call) and not isinstance(error, grpc.aio.AioRpcError):
        code = getattr(error, "code", None)
        trailers = getattr(error, "trailing_metadata", None)
        return _delay_in_trailers(code() if callable(code) else None, trailers() if callable(trailers) else None)
    return _delay_in_trailers(error.code(), error.trailing_metadata())


class MetadataInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Adds the tenant to synchronous calls; no header without a tenant."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(_sync_details(self.tenant_id, client_call_details), request)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return continuation(_sync_details(self.tenant_id, client_call_details), request_iterator)


class RetryInterceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Repeats a synchronous call for as long as the server asks to try again later (PY-14)."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        while True:
            outcome = continuation(client_call_details, request)
            if not isinstance(outcome, grpc.RpcError):
                return outcome
            delay = retry_delay_seconds(outcome)
            if delay is None:
                return outcome
            time.sleep(delay)


class AsyncUnaryUnaryMetadataInterceptor(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Adds the tenant to asyncio calls of this kind."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_async_details(self.tenant_id, client_call_details), request)


class AsyncUnaryUnaryRetryInterceptor(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Repeats an asyncio call for as long as the server asks to try again later (PY-14)."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        while True:
            call = await continuation(client_call_details, request)
            code = await call.code()
            delay = _delay_in_trailers(code, await call.trailing_metadata())
            if delay is None:
                return call
            await asyncio.sleep(delay)


class AsyncStreamStreamMetadataInterceptor(grpc.aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Adds the tenant to asyncio calls of this kind."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id

    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(_async_details(self.tenant_id, client_call_details), request_iterator)


class AsyncStreamUnaryMetadataInterceptor(grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Adds the tenant to asyncio calls of this kind."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id

    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(_async_details(self.tenant_id, client_call_details), request_iterator)


class AsyncUnaryStreamMetadataInterceptor(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Adds the tenant to asyncio calls of this kind."""

    def __init__(self, tenant_id: str | None) -> None:
        self.tenant_id = tenant_id

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_async_details(self.tenant_id, client_call_details), request)
