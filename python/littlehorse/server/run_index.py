"""Index entries of all run shards: flush first, so that a search sees every acknowledged write (07/S-9), then merge."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import WfRunId
from littlehorse.server.errors import invalid
from littlehorse.server.internal.record_pb2 import IndexEntry
from littlehorse.server.services import Services
from littlehorse.shard.scan import TIME_MS_MAX, Found, Position, TimeRange, View, encode_position, merge

# First byte of every stored value: the format version (`FORMAT` in rust/lh_machine/src/key.rs).
FORMAT = b"\x01"


class Index(IntEnum):
    """What an index is about; the numbers are those of `IndexKind` in rust/lh_machine/src/key.rs."""

    WF_RUN = 1
    TASK_RUN = 2
    VARIABLE = 3
    CHILD = 4
    EXTERNAL_EVENT_NODE = 5
    EXTERNAL_EVENT = 20
    WORKFLOW_EVENT = 21
    USER_TASK_RUN = 30
    CORRELATED_EVENT = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: the entries found, and where the next page begins (None = there is none)."""

    entries: list[IndexEntry]
    bookmark: bytes | None


class RunIndex:
    """The indexes of one tenant over all run shards, as they stood when the search began."""

    def __init__(self, services: Services, tenant: str, views: dict[int, View]) -> None:
        self._services = services
        self._tenant = tenant
        self._views = views

    def prefix(self, index: Index, *components: str) -> bytes:
        """Prefix of the entries of an index with these components."""
        return self._services.keys.index_prefix(self._tenant, index, list(components))

    def entries(self, prefixes: list[bytes], times: TimeRange, start: Position | None = None) -> Iterator[Found]:
        """Entries under these prefixes in all shards, by created time, then id (07/S-5)."""
        return merge(self._views, prefixes, times, start)

    @property
    def shards(self) -> list[int]:
        """All run shards."""
        return list(self._views)

    def entries_in(
        self, shard: int, prefixes: list[bytes], times: TimeRange, start: Position | None
    ) -> Iterator[Found]:
        """As `entries`, in one shard only."""
        return merge({shard: self._views[shard]}, prefixes, times, start)

    def run_record(self, shard: int, wf_run_id: WfRunId) -> bytes | None:
        """The stored record of a WfRun of this shard, for `variable_in` of the key layout; None if there is none."""
        return self._views[shard].get(self._services.keys.run_key(self._tenant, wf_run_id.SerializeToString()))

    def wf_specs(self, shard: int, name: str) -> Iterator[bytes]:
        """Stored SpecRecords of all WfSpecs that a run of this name can be bound to, and others that were deleted."""
        for prefix in self._services.keys.wf_spec_prefixes(self._tenant, name):
            # Version numbers and the numbers of hidden WfSpecs have eight bytes.
            for _, value in self._views[shard].scan(prefix, prefix + b"\xff" * 9):
                yield value

    def node_runs(self, status: int) -> Iterator[tuple[Position, bytes]]:
        """Positions and serialized ids of all NodeRuns in this status, in no order; all runs are read for them."""
        prefix = self._services.keys.trees_prefix(self._tenant)
        for view in self._views.values():
            # Ids are text and hold no 0xFF.
            for key, value in view.scan(prefix, prefix + b"\xff"):
                for arrival_ms, shown, found in self._services.keys.node_runs_in(key, value, status):
                    yield Position(arrival_ms, shown.encode()), found

    def value_at(self, shard: int, prefix: bytes, position: Position) -> IndexEntry | None:
        """The entry under this prefix for the object at `position`, or None if it is not indexed there."""
        value = self._views[shard].get(prefix + position.suffix)
        return None if value is None else decode(value)


@contextlib.contextmanager
def open_index(services: Services, tenant: str) -> Iterator[RunIndex]:
    """Brings the stores of all run shards up to everything acknowledged and reads them as they stand then."""
    with contextlib.ExitStack() as stack:
        views: dict[int, View] = {}
        for shard, store in enumerate(services.stores):
            services.engine.flush(shard)
            views[shard] = stack.enter_context(store.view())
        yield RunIndex(services, tenant, views)


def decode(value: bytes) -> IndexEntry:
    """Reads a stored index entry. Raises ValueError for a format that this version does not know."""
    if not value.startswith(FORMAT):
        raise ValueError(f"index entry of unknown format {value[:1]!r}")
    return IndexEntry.FromString(value[len(FORMAT) :])


def page_of(found: Iterator[Found], limit: int, accept: Callable[[Found, IndexEntry], bool]) -> Page:
    """The first `limit` accepted entries; one more is looked for, so that a bookmark means there is more (07/S-3)."""
    entries: list[IndexEntry] = []
    for candidate in found:
        entry = decode(candidate.value)
        if not accept(candidate, entry):
            continue
        if len(entries) == limit:
            return Page(entries, encode_position(candidate.position))
        entries.append(entry)
    return Page(entries, None)


def time_range(earliest: Timestamp | None, latest: Timestamp | None) -> TimeRange:
    """The range of created times that a request asks for, in whole ms and inclusive (07/S-7).

    INVALID_ARGUMENT if one of them is no time (its nanos or seconds are out of the range of a Timestamp).
    """
    return TimeRange(
        earliest_ms=0 if earliest is None else max(_milliseconds(earliest), 0),
        latest_ms=TIME_MS_MAX if latest is None else _milliseconds(latest),
    )


def _milliseconds(time: Timestamp) -> int:
    try:
        return time.ToMilliseconds()
    except ValueError as error:
        raise invalid(f"A bound of the search is no time: {error}") from error


def full_id(wf_run_id: WfRunId) -> str:
    """Ids from the root to this WfRun, joined with `_`: how an index names a WfRun."""
    ids = [wf_run_id.id]
    while wf_run_id.HasField("parent_wf_run_id"):
        wf_run_id = wf_run_id.parent_wf_run_id
        ids.append(wf_run_id.id)
    return "_".join(reversed(ids))
