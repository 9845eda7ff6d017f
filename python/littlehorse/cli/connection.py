"""The connection to the server, from the same LHC_ settings as every client (08 section 7)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from littlehorse.cli.errors import CliError
from littlehorse.model import LittleHorseStub

# A reply of a list or search may hold many objects; the server's own limit on requests stays as it is.
REPLY_BYTES_MAX = 64 << 20
CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the server is and as what it is called. `tenant` None = the server's default."""

    address: str
    is_tls: bool
    tenant: str | None
    ca_cert: Path | None
    client_cert: Path | None
    client_key: Path | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Reads the environment. Raises CliError for a value that cannot be used."""
        host = environment.get("LHC_API_HOST", "localhost")
        port = environment.get("LHC_API_PORT", "2023")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CliError(f"LHC_API_PORT is {port!r}: set it to a port number.")
        protocol = environment.get("LHC_API_PROTOCOL", "PLAINTEXT").upper()
        if protocol not in ("PLAINTEXT", "TLS"):
            raise CliError(f"LHC_API_PROTOCOL is {protocol!r}: set it to PLAINTEXT or TLS.")

        def file(name: str) -> Path | None:
            return Path(environment[name]) if environment.get(name) else None

        return cls(
            address=f"{host}:{port}",
            is_tls=protocol == "TLS",
            tenant=environment.get("LHC_TENANT_ID"),
            ca_cert=file("LHC_CA_CERT"),
            client_cert=file("LHC_CLIENT_CERT"),
            client_key=file("LHC_CLIENT_KEY"),
        )


class Connection:
    """Calls RPCs by name. Use it as a context manager; errors of calls come out as `grpc.RpcError`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        options = [("grpc.max_receive_message_length", REPLY_BYTES_MAX)]
        if settings.is_tls:
            self._channel = grpc.secure_channel(settings.address, _credentials(settings), options)
        else:
            self._channel = grpc.insecure_channel(settings.address, options)
        self._stub = LittleHorseStub(self._channel)
        self._metadata = [] if settings.tenant is None else [("tenantid", settings.tenant)]

    def call(self, rpc: str, request: Any, seconds: float = CALL_SECONDS) -> Any:
        """The reply of this RPC, which has so many seconds."""
        return getattr(self._stub, rpc)(request, timeout=seconds, metadata=self._metadata)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._channel.close()


def _credentials(settings: Settings) -> grpc.ChannelCredentials:
    def content(path: Path | None) -> bytes | None:
        try:
            return None if path is None else path.read_bytes()
        except OSError as error:
            raise CliError(f"{path} cannot be read ({error.strerror}): check the LHC_ settings.") from error

    return grpc.ssl_channel_credentials(
        content(settings.ca_cert), content(settings.client_key), content(settings.client_cert)
    )
