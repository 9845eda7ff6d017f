"""Pages over index entries that lie in several shards and under several prefixes, in one order: time, then id.

An index key is `prefix, time (u64, big-endian ms), id`. The position of an entry is what follows the prefix, so
positions of different prefixes compare like (time, id). A bookmark is the position of the next entry (07/S-3).
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

TIME = struct.Struct(">Q")
TIME_MS_MAX = (1 << 64) - 1
# Bookmarks begin with what they are a position of, so that one of another kind of search is told from a damaged one.
ENTRY_MARK = b"\x01e"
NAME_MARK = b"\x01n"
PAGE_LIMIT_DEFAULT = 100


class BadPage(ValueError):
    """The limit or bookmark of a request is wrong; the message says how."""


class View(Protocol):
    """What is read: one shard's store as it stood at one moment."""

    def get(self, key: bytes, /) -> bytes | None:
        """Value of this key, or None."""

    def scan(self, start: bytes, end: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        """Entries with start <= key < end, ascending."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where an entry stands in the order of searches of run data: created time in ms, then id as text."""

    time_ms: int
    id: bytes

    @property
    def suffix(self) -> bytes:
        """What follows the prefix in the key of this entry."""
        return TIME.pack(self.time_ms) + self.id


@dataclass(frozen=True, slots=True)
class Found:
    """One index entry: the shard it lies in, its position and its stored value."""

    shard: int
    position: Position
    value: bytes


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Created times to look at, both ends inclusive, in ms."""

    earliest_ms: int = 0
    latest_ms: int = TIME_MS_MAX

    @property
    def is_empty(self) -> bool:
        """True if no time lies in it."""
        return self.earliest_ms > self.latest_ms


def page_limit(requested: int | None) -> int:
    """The number of results of a page (07/S-2): unset or 0 is the default, negative raises BadPage."""
    if requested is not None and requested < 0:
        raise BadPage(f"limit must not be negative, but is {requested}")
    return requested or PAGE_LIMIT_DEFAULT


def encode_position(position: Position) -> bytes:
    """The bookmark that stands for this entry."""
    return ENTRY_MARK + position.suffix


def decode_position(bookmark: bytes) -> Position | None:
    """The entry a bookmark stands for; None for an empty bookmark (07/S-3: the beginning). Raises BadPage."""
    if not bookmark:
        return None
    payload = bookmark.removeprefix(ENTRY_MARK)
    if payload == bookmark or len(payload) < TIME.size:
        raise BadPage("the bookmark does not come from a search of this kind")
    return Position(TIME.unpack_from(payload)[0], payload[TIME.size :])


def encode_name(name: str, numbers: Iterable[int]) -> bytes:
    """The bookmark that stands for a definition with these version numbers."""
    digits = list(numbers)
    return NAME_MARK + bytes([len(digits)]) + b"".join(struct.pack(">I", number) for number in digits) + name.encode()


def decode_name(bookmark: bytes) -> tuple[str, tuple[int, ...]] | None:
    """The definition a bookmark stands for; None for an empty bookmark. Raises BadPage."""
    if not bookmark:
        return None
    payload = bookmark.removeprefix(NAME_MARK)
    if payload == bookmark or not payload or len(payload) < 1 + 4 * payload[0]:
        raise BadPage("the bookmark does not come from a search of this kind")
    numbers = struct.unpack_from(f">{payload[0]}I", payload, 1)
    try:
        return payload[1 + 4 * payload[0] :].decode(), numbers
    except UnicodeDecodeError as error:
        raise BadPage("the bookmark does not come from a search of this kind") from error


def merge(views: dict[int, View], prefixes: list[bytes], times: TimeRange, start: Position | None) -> Iterator[Found]:
    """Entries under these prefixes in all views, in the order of their positions, from `start` on; each position once.

    The same position under two prefixes is the same object (under two values of an attribute), hence reported once.
    """
    if times.is_empty:
        return
    first = TIME.pack(min(max(times.earliest_ms, 0), TIME_MS_MAX))
    if start is not None:
        first = max(first, start.suffix)
    runs = [_scan(shard, view, prefix, first, times) for shard, view in views.items() for prefix in prefixes]
    previous: Position | None = None
    for found in heapq.merge(*runs, key=lambda entry: entry.position):
        if found.position != previous:
            yield found
        previous = found.position


def _scan(shard: int, view: View, prefix: bytes, first: bytes, times: TimeRange) -> Iterator[Found]:
    # Times have a fixed width: nine 0xFF bytes lie behind every (time, id), since an id is text and holds no 0xFF.
    if times.latest_ms >= TIME_MS_MAX:
        end = prefix + b"\xff" * (TIME.size + 1)
    elif times.latest_ms < 0:
        return
    else:
        end = prefix + TIME.pack(times.latest_ms + 1)
    for key, value in view.scan(prefix + first, end):
        suffix = key[len(prefix) :]
        yield Found(shard, Position(TIME.unpack_from(suffix)[0], suffix[TIME.size :]), value)
