"""Intersections of ordered entries."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from littlehorse.shard.intersect import NEAR_ENTRIES, Source, intersect
from littlehorse.shard.scan import Found, Position

BEGINNING = Position(0, b"")


class Counted:
    """A source over these times that counts how many entries were taken from it."""

    def __init__(self, times: list[int], mark: bytes) -> None:
        self.entries = [Found(0, Position(time_ms, b"id"), mark) for time_ms in times]
        self.taken = 0

    def __call__(self, start: Position) -> Iterator[Found]:
        for entry in self.entries:
            if entry.position >= start:
                self.taken += 1
                yield entry


def times_of(sources: list[Source], start: Position = BEGINNING) -> list[int]:
    """Where they meet."""
    return [entries[0].position.time_ms for entries in intersect(sources, start)]


@pytest.mark.parametrize("seed", range(20))
def test_what_all_have_in_order(seed: int) -> None:
    """07/S-5: as sets have it, from the start on, with the entry of each source in its place."""
    numbers = random.Random(seed)
    marks = [b"a", b"b", b"c"][: numbers.randint(1, 3)]
    drawn = [sorted(numbers.sample(range(300), numbers.choice([5, 100, 290]))) for _ in marks]
    start = Position(numbers.randrange(100), b"id")
    sources: list[Source] = [Counted(times, mark) for times, mark in zip(drawn, marks, strict=True)]
    common = sorted(set.intersection(*map(set, drawn)))
    assert times_of(sources, start) == [time_ms for time_ms in common if time_ms >= start.time_ms]
    assert all([entry.value for entry in entries] == marks for entries in intersect(sources, start))


def test_an_empty_source_ends_it() -> None:
    """Nothing is in all of them."""
    many = Counted(list(range(1000)), b"many")
    assert times_of([many, Counted([], b"none")]) == []
    assert times_of([Counted([], b"none"), many]) == []
    assert many.taken <= 2


def test_the_smallest_source_sets_the_cost() -> None:
    """Entries between are skipped, whichever source comes first."""
    for first in (True, False):
        many, few = Counted(list(range(10_000)), b"many"), Counted([5, 4000, 9000], b"few")
        assert times_of([many, few] if first else [few, many]) == [5, 4000, 9000]
        assert many.taken <= 4 * (NEAR_ENTRIES + 2)


def test_nothing_behind_the_last_answer_taken_is_read() -> None:
    """A page that is full costs no more than itself."""
    one, other = Counted(list(range(1000)), b"one"), Counted(list(range(1000)), b"other")
    meetings = intersect([one, other], BEGINNING)
    assert [next(meetings)[0].position.time_ms for _ in range(3)] == [0, 1, 2]
    assert one.taken + other.taken <= 8
