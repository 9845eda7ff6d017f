"""GetServerVersion and Whoami: who answers and who asks (08/H-3, P-8)."""

from __future__ import annotations

import re

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import LittleHorseVersion, Principal
from littlehorse.server.definitions import CLUSTER, Kind
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.services import Call, Services

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-([0-9A-Za-z.]+))?")


def get_server_version(services: Services, _call: Call, _request: Empty) -> LittleHorseVersion:
    """The level of the API that this server implements; its own version is told elsewhere (08/H-3)."""
    match = _VERSION.fullmatch(services.version)
    if match is None:
        raise ValueError(f"not a version: {services.version}")
    major, minor, patch, pre_release = match.groups()
    return LittleHorseVersion(
        major_version=int(major),
        minor_version=int(minor),
        patch_version=None if patch is None else int(patch),
        pre_release_identifier=pre_release,
    )


def whoami(services: Services, call: Call, _request: Empty) -> Principal:
    """The principal that this call runs as (08/P-8); UNAVAILABLE until the first start has stored it."""
    stored = services.definitions.get(Kind.PRINCIPAL, CLUSTER, call.principal)
    if stored is None:
        raise RpcError(Code.UNAVAILABLE, "Server Initializing: try again in a moment.")
    return Principal.FromString(stored.value)
