"""Metadata as the cold handlers see it: what is stored now, and compare-and-write on top of it (02/G-2, G-3).

A handler evaluates its request against what is stored and returns a `Change`; if somebody else wrote in between, it
evaluates again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from littlehorse.server.engine_port import EnginePort, KeyLayout
from littlehorse.server.errors import Code, RpcError

Answer = TypeVar("Answer")

# Each lost race means that another writer won, so this many in a row only happen under absurd contention on one name.
EVALUATIONS_MAX = 64
# 02/G-6: a write that is not processed by then ends with DEADLINE_EXCEEDED.
WRITE_TIMEOUT_MS = 60_000
# Entries fetched from the extension at once.
SCAN_CHUNK = 256


class Kind(IntEnum):
    """Kinds of metadata; the numbers are those of `MetaKind` in rust/lh_machine/src/key.rs."""

    TASK_DEF = 1
    WF_SPEC = 2
    STRUCT_DEF = 3
    EXTERNAL_EVENT_DEF = 4
    WORKFLOW_EVENT_DEF = 5
    USER_TASK_DEF = 6
    TENANT = 7
    PRINCIPAL = 8

    @property
    def version_numbers(self) -> int:
        """How many version numbers follow the name."""
        return {Kind.WF_SPEC: 2, Kind.STRUCT_DEF: 1, Kind.USER_TASK_DEF: 1}.get(self, 0)


# Tenants and principals belong to no tenant (08/T-7).
CLUSTER = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored definition: name, version numbers (major first), `version` for compare-and-write, message."""

    key: bytes
    name: str
    numbers: tuple[int, ...]
    version: int
    value: bytes


@dataclass(slots=True)
class Change(Generic[Answer]):
    """What a handler decided: the answer, and what must be written for it to be true (nothing, if `writes` is empty).

    `is_stale` says that something the evaluation was based on is gone already, so that it must be evaluated again.
    """

    answer: Answer
    writes: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    expects: dict[bytes, int] = field(default_factory=dict)
    is_stale: bool = False

    def put(self, key: bytes, value: bytes, seen: Stored | None) -> None:
        """Writes this entry, provided that it still is as it was `seen`."""
        self.writes.append((key, value))
        self.expects.setdefault(key, seen.version if seen else 0)

    def delete(self, seen: Stored) -> None:
        """Deletes this entry, provided that it still is as it was `seen`."""
        self.writes.append((seen.key, None))
        self.expects.setdefault(seen.key, seen.version)


class Definitions:
    """The metadata of all tenants. Reads are exact: they see every write that was acknowledged (02/G-4)."""

    def __init__(self, engine: EnginePort, keys: KeyLayout) -> None:
        self._engine = engine
        self._keys = keys

    def key(self, kind: Kind, tenant: str, name: str, *numbers: int) -> bytes:
        """Key of one definition."""
        return self._keys.meta_key(kind, tenant, name, list(numbers))

    def get(self, kind: Kind, tenant: str, name: str, *numbers: int) -> Stored | None:
        """One definition by its exact version numbers, or None."""
        if any(number < 0 for number in numbers):
            return None
        key = self.key(kind, tenant, name, *numbers)
        entry = self._engine.meta_get(key)
        return None if entry is None else Stored(key, name, numbers, *entry)

    def versions(self, kind: Kind, tenant: str, name: str) -> list[Stored]:
        """All versions of one name, ascending."""
        return list(self._scan(kind, self._keys.meta_prefix(kind, tenant, name)))

    def latest(self, kind: Kind, tenant: str, name: str, major: int | None = None) -> Stored | None:
        """The highest version of a name (of its major version, if given), or None."""
        found = [stored for stored in self.versions(kind, tenant, name) if major in (None, *stored.numbers[:1])]
        return found[-1] if found else None

    def all(self, kind: Kind, tenant: str) -> Iterator[Stored]:
        """Every definition of a kind in a tenant, in the order of keys (names compared without their versions)."""
        return self._scan(kind, self._keys.meta_prefix(kind, tenant, None))

    def change(self, evaluate: Callable[[], Change[Answer]]) -> Answer:
        """Evaluates and writes until no other writer came in between; returns the answer of the evaluation that held.

        Errors: whatever `evaluate` raises; UNAVAILABLE if other writers win again and again.
        """
        for _ in range(EVALUATIONS_MAX):
            change = evaluate()
            if change.is_stale:
                continue
            if not change.writes:
                return change.answer
            if self._engine.meta_write(list(change.expects.items()), change.writes, WRITE_TIMEOUT_MS):
                return change.answer
        raise RpcError(Code.UNAVAILABLE, "Other writers keep changing this definition; try again.")

    def _scan(self, kind: Kind, prefix: bytes) -> Iterator[Stored]:
        start = prefix
        while True:
            entries = self._engine.meta_scan(prefix, start, SCAN_CHUNK)
            for key, version, value in entries:
                _, _, name, numbers = self._keys.parse_meta_key(key, kind.version_numbers)
                yield Stored(key, name, tuple(numbers), version, value)
            if len(entries) < SCAN_CHUNK:
                return
            start = entries[-1][0] + b"\0"
