"""Storing a new definition that the static checks answered, under the condition that what they saw still holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf.message import Message

from littlehorse.model import StructDefId, TypeDefinition
from littlehorse.server.definitions import Change, Kind
from littlehorse.server.services import Services

Definition = TypeVar("Definition", bound=Message)


def store_once(services: Services, tenant: str, key: bytes, definition: Definition) -> Change[Definition]:
    """The change that stores `definition` under `key`; empty if exactly that is stored already (02/G-3).

    The checks answer either the stored object or one that is new, so the key must be free when a new one is written,
    and the StructDefs that its types are pinned to must still be there (02/G-2).
    """
    entry = services.engine.meta_get(key)
    change = Change(definition)
    if entry is not None and type(definition).FromString(entry[1]) == definition:
        return change
    change.put(key, definition.SerializeToString(deterministic=True), seen=None)
    expect_struct_defs(services, tenant, definition, change)
    return change


def expect_struct_defs(services: Services, tenant: str, definition: Message, change: Change[Any]) -> None:
    """Makes a change hold only while the StructDefs that the definition is pinned to are there (02/G-2)."""
    for pinned in struct_defs_in(definition):
        seen = services.definitions.get(Kind.STRUCT_DEF, tenant, pinned.name, pinned.version)
        if seen is None:
            change.is_stale = True
        else:
            change.expects.setdefault(seen.key, seen.version)


def struct_defs_in(message: Message) -> Iterator[StructDefId]:
    """The StructDefs that types inside a message refer to, at any depth."""
    if isinstance(message, TypeDefinition) and message.HasField("struct_def_id"):
        yield message.struct_def_id
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            children = [child for child in value.values() if isinstance(child, Message)]
        elif isinstance(value, Message):
            children = [value]
        else:
            children = list(value)
        for child in children:
            yield from struct_defs_in(child)
