"""`lh version` and `lh whoami`: what answers, and as whom one is known to it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from google.protobuf.empty_pb2 import Empty

from littlehorse.cli.connection import Connection
from littlehorse.cli.output import Answer, Facts
from littlehorse.model import ACLAction, ACLResource, LittleHorseVersion, ServerACLs

DISTRIBUTION = "littlehorse-engine"


def show_version(connection: Connection, _arguments: argparse.Namespace) -> Answer:
    """GetServerVersion, beside the version of this program."""
    reply: LittleHorseVersion = connection.call("GetServerVersion", Empty())
    api = f"{reply.major_version}.{reply.minor_version}"
    api += f".{reply.patch_version}" if reply.HasField("patch_version") else ""
    api += f"-{reply.pre_release_identifier}" if reply.HasField("pre_release_identifier") else ""
    return Answer(
        reply, [Facts([("lh", _own_version()), ("Server API", api), ("Server", connection.settings.address)])]
    )


def whoami(connection: Connection, _arguments: argparse.Namespace) -> Answer:
    """Whoami."""
    reply = connection.call("Whoami", Empty())
    tenants = ", ".join(sorted(reply.per_tenant_acls))
    return Answer(
        reply, [Facts([("Principal", reply.id.id), ("Rights", _rights(reply.global_acls)), ("Tenants", tenants)])]
    )


def _own_version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed"


def _rights(acls: ServerACLs) -> str:
    """Global rights, e.g. "all_actions on acl_all_resources"."""
    return "; ".join(
        f"{_words(ACLAction, acl.allowed_actions)} on {_words(ACLResource, acl.resources)}" for acl in acls.acls
    )


def _words(names: Any, numbers: Iterable[int]) -> str:
    return ", ".join(names.Name(number).removeprefix("ACL_").lower().replace("_", " ") for number in numbers)
