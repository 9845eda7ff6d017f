"""Paging over index entries: order, ranges, bookmarks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from littlehorse.shard import scan
from littlehorse.shard.scan import BadPage, Position, TimeRange, View, merge


class Entries:
    """A view of these keys; the value of a key is the key."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = sorted(keys)

    def get(self, key: bytes, /) -> bytes | None:
        return key if key in self._keys else None

    def scan(self, start: bytes, end: bytes, /) -> Iterator[tuple[bytes, bytes]]:
        return ((key, key) for key in self._keys if start <= key < end)


def entry(prefix: bytes, time_ms: int, text: str) -> bytes:
    """Key of an index entry."""
    return prefix + Position(time_ms, text.encode()).suffix


VIEWS: dict[int, View] = {
    0: Entries(entry(b"P;", 10, "a"), entry(b"P;", 30, "a"), entry(b"Q;", 20, "b"), entry(b"PP;", 15, "x")),
    1: Entries(entry(b"P;", 10, "b"), entry(b"Q;", 30, "a"), entry(b"Q;", 1 << 40, "late")),
}


ALWAYS = TimeRange()


def found(prefixes: list[bytes], times: TimeRange = ALWAYS, start: Position | None = None) -> list[tuple[int, str]]:
    """Times and ids that a merge yields."""
    entries = merge(VIEWS, prefixes, times, start)
    return [(found.position.time_ms, found.position.id.decode()) for found in entries]


def test_order_is_time_then_id_over_shards_and_prefixes() -> None:
    """07/S-5; and an object under two prefixes is reported once."""
    assert found([b"P;", b"Q;"]) == [(10, "a"), (10, "b"), (20, "b"), (30, "a"), (1 << 40, "late")]


def test_prefixes_do_not_see_each_other() -> None:
    """Only entries of the prefixes asked for."""
    assert found([b"P;"]) == [(10, "a"), (10, "b"), (30, "a")]
    assert found([b"PQ;"]) == []
    assert found([]) == []


@pytest.mark.parametrize(
    ("earliest", "latest", "expected"),
    [(10, 20, [10, 10, 20]), (11, 29, [20]), (20, 20, [20]), (30, 10, []), (0, 9, []), (0, -1, [])],
)
def test_both_ends_of_a_time_range_are_in_it(earliest: int, latest: int, expected: list[int]) -> None:
    """07/S-7: inclusive, empty if turned round."""
    assert [time_ms for time_ms, _ in found([b"P;", b"Q;"], TimeRange(earliest, latest))] == expected


def test_a_scan_goes_on_at_its_bookmark() -> None:
    """07/S-3: the bookmark names the next entry, or where it was."""
    assert found([b"P;", b"Q;"], start=Position(10, b"b"))[0] == (10, "b")
    assert found([b"P;", b"Q;"], start=Position(10, b"bb"))[0] == (20, "b")
    assert found([b"P;", b"Q;"], TimeRange(earliest_ms=25), Position(10, b"b"))[0] == (30, "a")


def test_positions_survive_as_bookmarks() -> None:
    """07/S-3: opaque bytes; empty ones mean the beginning."""
    position = Position(1_700_000_000_000, "parent_child/ü".encode())
    assert scan.decode_position(scan.encode_position(position)) == position
    assert scan.decode_position(b"") is None


def test_names_survive_as_bookmarks() -> None:
    """07/S-3, for searches of definitions."""
    assert scan.decode_name(scan.encode_name("wörk", [3, 123_456])) == ("wörk", (3, 123_456))
    assert scan.decode_name(scan.encode_name("", [])) == ("", ())
    assert scan.decode_name(b"") is None


@pytest.mark.parametrize("bookmark", [b"x", b"\x01e123", b"\x01", b"\xff" * 40, scan.encode_name("a", [1])])
def test_foreign_positions_are_refused(bookmark: bytes) -> None:
    """07/S-3: malformed, or made by a search of another kind."""
    with pytest.raises(BadPage):
        scan.decode_position(bookmark)


@pytest.mark.parametrize(
    "bookmark", [b"x", b"\x01n", b"\x01n\x02abc", b"\x01n\x00\xff", scan.encode_position(Position(1, b"a"))]
)
def test_foreign_names_are_refused(bookmark: bytes) -> None:
    """07/S-3: malformed, or made by a search of another kind."""
    with pytest.raises(BadPage):
        scan.decode_name(bookmark)


def test_limits() -> None:
    """07/S-2: unset and 0 are 100, negative is refused, there is no maximum."""
    assert scan.page_limit(None) == scan.page_limit(0) == 100
    assert scan.page_limit(1_000_000) == 1_000_000
    with pytest.raises(BadPage):
        scan.page_limit(-1)
