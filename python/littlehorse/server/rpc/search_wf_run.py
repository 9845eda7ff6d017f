"""SearchWfRun (07 section 2)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from littlehorse.model import LHStatus, SearchWfRunRequest, VariableMatch, WfRunId, WfRunIdList, WfSpec
from littlehorse.server.definitions import Kind
from littlehorse.server.errors import invalid
from littlehorse.server.internal.record_pb2 import IndexEntry
from littlehorse.server.rpc.paging import limit_of, start_of
from littlehorse.server.rpc.variable_filters import VariableFilters, entrypoint_variables, of_its_run
from littlehorse.server.rpc.wf_spec import resolve
from littlehorse.server.run_index import Index, RunIndex, decode, full_id, open_index, page_of, time_range
from littlehorse.server.services import Call, Services
from littlehorse.shard.intersect import Source, intersect
from littlehorse.shard.scan import Found, Position, TimeRange


def search(services: Services, call: Call, request: SearchWfRunRequest) -> WfRunIdList:
    """Ids of WfRuns that pass all filters, by start time, then id (07/W-1). INVALID_ARGUMENT as 07/W-2 says."""
    wf_spec = _require_legal(services, call, request)
    limit, start = limit_of(request), start_of(request)
    with open_index(services, call.tenant) as index:
        search = _Search(services, call, request, wf_spec, index)
        page = page_of(search.candidates(start), limit, search.accepts)
    return WfRunIdList(results=[WfRunId.FromString(entry.id) for entry in page.entries], bookmark=page.bookmark)


class _Search:
    """One search: in each shard, which index entries are candidates, and what is asked of each.

    If a variable filter is indexed, candidates are the intersection of the indexes of such filters (and of status and
    parent), whose smallest sets the cost. Otherwise they are all WfRuns of the name, or of the parent.
    Filters that are left cost a read of the candidate's record each time.
    """

    def __init__(
        self, services: Services, call: Call, request: SearchWfRunRequest, wf_spec: WfSpec | None, index: RunIndex
    ) -> None:
        self._services = services
        self._call = call
        self._request = request
        self._index = index
        self._times = time_range(
            request.earliest_start if request.HasField("earliest_start") else None,
            request.latest_start if request.HasField("latest_start") else None,
        )
        self._prefixes = [
            index.prefix(Index.WF_RUN, name, str(status)) for name in self._names() for status in self._statuses()
        ]
        self._is_walk_of_tree = request.HasField("parent_wf_run_id") and request.show_full_tree
        wanted = list(request.variable_filters)
        self._filters = None
        self._indexed: dict[int, list[VariableMatch]] = {shard: [] for shard in index.shards}
        if wf_spec is not None and wanted:
            self._filters = VariableFilters(services.keys, index, wf_spec, wanted, self._times)
            if not self._is_walk_of_tree:
                self._indexed = {shard: self._filters.indexed(shard) for shard in index.shards}
        self._left = {
            shard: [match for match in wanted if match not in indexed] for shard, indexed in self._indexed.items()
        }

    def candidates(self, start: Position | None) -> Iterator[Found]:
        """Entries to look at, in order, from `start` on."""
        if self._is_walk_of_tree:
            return self._descendants(self._request.parent_wf_run_id, start)
        streams = [
            self._intersection(shard, indexed, start) if indexed else self._walk(shard, start)
            for shard, indexed in self._indexed.items()
        ]
        return heapq.merge(*streams, key=lambda found: found.position)

    def accepts(self, found: Found, entry: IndexEntry) -> bool:
        """Whether a candidate passes what its index does not tell."""
        attributes = entry if self._indexed[found.shard] else self._attributes_of(found, entry)
        if attributes is None or not self._has_version(attributes):
            return False
        return self._filters is None or self._filters.match(
            found.shard, WfRunId.FromString(entry.id), self._left[found.shard]
        )

    def _walk(self, shard: int, start: Position | None) -> Iterator[Found]:
        has_parent = self._request.HasField("parent_wf_run_id")
        prefixes = [self._children_of(self._request.parent_wf_run_id)] if has_parent else self._prefixes
        return self._index.entries_in(shard, prefixes, self._times, start)

    def _intersection(self, shard: int, indexed: list[VariableMatch], start: Position | None) -> Iterator[Found]:
        """WfRuns of a shard that these filters, the status and the parent have in common."""
        assert self._filters is not None
        of_runs = []
        if self._request.HasField("parent_wf_run_id"):
            of_runs.append(self._children_of(self._request.parent_wf_run_id))
        if self._request.HasField("status"):
            of_runs += self._prefixes
        sources = [self._filters.source(shard, match) for match in indexed]
        sources += [self._source(shard, prefix) for prefix in of_runs]
        for entries in intersect(sources, start or Position(0, b"")):
            yield entries[-1] if of_runs else of_its_run(entries[-1])

    def _source(self, shard: int, prefix: bytes) -> Source:
        return lambda start: self._index.entries_in(shard, [prefix], self._times, start)

    def _attributes_of(self, found: Found, entry: IndexEntry) -> IndexEntry | None:
        """The entry that tells the version of a candidate; None if it has not the name and status asked for.

        Children are listed by their parent only, so the rest is looked up (any combination is allowed, 07/W-4).
        """
        if not self._request.HasField("parent_wf_run_id"):
            return entry
        if not self._request.wf_spec_name and not self._request.HasField("status"):
            return entry
        for prefix in self._prefixes:
            attributes = self._index.value_at(found.shard, prefix, found.position)
            if attributes is not None:
                return attributes
        return None

    def _has_version(self, attributes: IndexEntry) -> bool:
        """Whether a WfRun is on the version of the WfSpec that is asked for (07/W-1)."""
        request = self._request
        if request.HasField("wf_spec_major_version") and attributes.major_version != request.wf_spec_major_version:
            return False
        return not request.HasField("wf_spec_revision") or attributes.revision == request.wf_spec_revision

    def _names(self) -> list[str]:
        """WfSpecs to look at: the one asked for, or (07/W-3) all that exist."""
        if self._request.wf_spec_name:
            return [self._request.wf_spec_name]
        return sorted({stored.name for stored in self._services.definitions.all(Kind.WF_SPEC, self._call.tenant)})

    def _statuses(self) -> list[int]:
        return [self._request.status] if self._request.HasField("status") else list(LHStatus.values())

    def _children_of(self, parent: WfRunId) -> bytes:
        return self._index.prefix(Index.CHILD, full_id(parent))

    def _descendants(self, parent: WfRunId, start: Position | None) -> Iterator[Found]:
        """All descendants in range, at any depth (07/W-6)."""
        found: list[Found] = []
        parents = [parent]
        while parents:
            children = list(self._index.entries([self._children_of(parents.pop())], TimeRange()))
            parents += [WfRunId.FromString(decode(child.value).id) for child in children]
            found += children
        in_range = (
            entry
            for entry in found
            if self._times.earliest_ms <= entry.position.time_ms <= self._times.latest_ms
            and (start is None or entry.position >= start)
        )
        return iter(sorted(in_range, key=lambda entry: entry.position))


def _require_legal(services: Services, call: Call, request: SearchWfRunRequest) -> WfSpec | None:
    """The checks of 07/W-2, in order; returns the WfSpec that the request names, if any."""
    has_major, has_revision = request.HasField("wf_spec_major_version"), request.HasField("wf_spec_revision")
    if not request.wf_spec_name:
        if has_major or has_revision:
            raise invalid("Cannot search by version without wfSpecName: set wf_spec_name.")
        if request.variable_filters:
            raise invalid("Cannot filter by variables without wfSpecName: set wf_spec_name.")
        return None
    if has_revision and not has_major:
        raise invalid("Cannot search by revision without wfSpecMajorVersion: set wf_spec_major_version.")
    wf_spec = resolve(
        services,
        call,
        request.wf_spec_name,
        request.wf_spec_major_version if has_major else None,
        request.wf_spec_revision if has_revision else None,
    )
    if wf_spec is None:
        raise invalid(f"Couldn't find wfSpec '{request.wf_spec_name}' in the version given.")
    declared = {variable.var_def.name for variable in entrypoint_variables(wf_spec)}
    for match in request.variable_filters:
        if match.var_name not in declared:
            raise invalid(f"Variable '{match.var_name}' is not present in main thread of '{request.wf_spec_name}'.")
    return wf_spec
