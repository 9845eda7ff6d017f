"""Pages of definition searches: limit, bookmark and order by name and version (02/S-2, S-5; 07/S-2, S-3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from littlehorse.server.definitions import Stored
from littlehorse.server.errors import invalid
from littlehorse.shard import scan


class PagedRequest(Protocol):
    """What all search requests have in common."""

    bookmark: bytes
    limit: int

    def HasField(self, field_name: str, /) -> bool: ...


@contextmanager
def bad_page_is_invalid() -> Iterator[None]:
    """Answers a wrong limit or bookmark with INVALID_ARGUMENT."""
    try:
        yield
    except scan.BadPage as error:
        raise invalid(f"Malformed page request: {error}.") from error


def limit_of(request: PagedRequest) -> int:
    """Results per page: unset or 0 is 100, negative is INVALID_ARGUMENT (07/S-2)."""
    with bad_page_is_invalid():
        return scan.page_limit(request.limit if request.HasField("limit") else None)


def start_of(request: PagedRequest) -> scan.Position | None:
    """Where a search over index entries goes on; None = at the beginning (also for an empty bookmark, 07/S-3)."""
    with bad_page_is_invalid():
        return scan.decode_position(request.bookmark)


def by_name(request: PagedRequest, found: Iterable[Stored]) -> tuple[list[Stored], bytes | None]:
    """The page of these definitions that the request asks for, and the bookmark of the next one if there is more.

    Order is that of `name/version`, bytewise but with numeric versions, so `a-b` comes before `a` (02/S-2).
    """
    limit = limit_of(request)
    with bad_page_is_invalid():
        start = scan.decode_name(request.bookmark)
    ordered = sorted(found, key=lambda stored: _name_order(stored.name, stored.numbers))
    if start is not None:
        ordered = [stored for stored in ordered if _name_order(stored.name, stored.numbers) >= _name_order(*start)]
    page, rest = ordered[:limit], ordered[limit:]
    return page, scan.encode_name(rest[0].name, rest[0].numbers) if rest else None


def _name_order(name: str, numbers: tuple[int, ...]) -> tuple[bytes, tuple[int, ...]]:
    return (f"{name}/" if numbers else name).encode(), numbers
