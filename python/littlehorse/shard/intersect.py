"""Entries that are at the same position in several ordered sources, found by skipping over what only some have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from littlehorse.shard.scan import Found, Position

# Where to begin -> the entries from there on, by position, each position once.
Source = Callable[[Position], Iterator[Found]]

# A source that is behind reads on for so many entries before it begins anew at the position wanted: what a seek costs.
NEAR_ENTRIES = 32


def intersect(sources: list[Source], start: Position) -> Iterator[list[Found]]:
    """For each position from `start` on that all sources have: its entries, in the order of the sources.

    Whoever is behind skips to where the last one stands, so the source with the fewest entries sets the cost: at most
    about NEAR_ENTRIES steps in every other source for each of its entries, and nothing behind the last answer taken.
    """
    cursors = [_Cursor(source, start) for source in sources]
    entries: list[Found] = []
    wanted = start
    while True:
        entry = cursors[len(entries)].skip_to(wanted)
        if entry is None:
            return
        if entry.position != wanted and entries:
            wanted = entry.position
            entries = []
            continue
        wanted = entry.position
        entries.append(entry)
        if len(entries) == len(cursors):
            yield entries
            wanted = _behind(wanted)
            entries = []


class _Cursor:
    """Where one source stands."""

    def __init__(self, source: Source, start: Position) -> None:
        self._source = source
        self._entries = source(start)
        self._entry = next(self._entries, None)

    def skip_to(self, wanted: Position) -> Found | None:
        """The first entry at or behind this position; None at the end."""
        for _ in range(NEAR_ENTRIES):
            if self._entry is None or self._entry.position >= wanted:
                return self._entry
            self._entry = next(self._entries, None)
        self._entries = self._source(wanted)
        self._entry = next(self._entries, None)
        return self._entry


def _behind(position: Position) -> Position:
    """The smallest position that is greater."""
    return Position(position.time_ms, position.id + b"\0")
