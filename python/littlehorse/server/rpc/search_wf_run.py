"""SearchWfRun (07 section 2)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from littlehorse.model import (
    INHERITED_VAR,
    LHStatus,
    SearchWfRunRequest,
    ThreadVarDef,
    Variable,
    VariableId,
    VariableMatch,
    VariableValue,
    WfRunId,
    WfRunIdList,
    WfSpec,
)
from littlehorse.server.definitions import Kind
from littlehorse.server.errors import invalid
from littlehorse.server.internal.record_pb2 import IndexEntry
from littlehorse.server.rpc.paging import limit_of, start_of
from littlehorse.server.rpc.wf_spec import resolve
from littlehorse.server.run_index import Index, RunIndex, decode, full_id, open_index, page_of, time_range
from littlehorse.server.services import Call, Services
from littlehorse.shard.scan import Found, Position, TimeRange

ENTRYPOINT_THREAD = 0


def search(services: Services, call: Call, request: SearchWfRunRequest) -> WfRunIdList:
    """Ids of WfRuns that pass all filters, by start time, then id (07/W-1). INVALID_ARGUMENT as 07/W-2 says."""
    wf_spec = _require_legal(services, call, request)
    limit, start = limit_of(request), start_of(request)
    inherited = _inherited_names(wf_spec)
    with open_index(services, call.tenant) as index:
        search = _Search(services, call, request, index)

        def accept(found: Found, entry: IndexEntry) -> bool:
            attributes = search.attributes_of(found, entry)
            return (
                attributes is not None
                and search.has_version(attributes)
                and all(search.matches(entry, match, inherited) for match in request.variable_filters)
            )

        page = page_of(search.candidates(start), limit, accept)
    return WfRunIdList(results=[WfRunId.FromString(entry.id) for entry in page.entries], bookmark=page.bookmark)


class _Search:
    """One search: which index entries are candidates and what is asked of each."""

    def __init__(self, services: Services, call: Call, request: SearchWfRunRequest, index: RunIndex) -> None:
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

    def candidates(self, start: Position | None) -> Iterator[Found]:
        """Entries to look at, in order, from `start` on."""
        if not self._request.HasField("parent_wf_run_id"):
            return self._index.entries(self._prefixes, self._times, start)
        parent = self._request.parent_wf_run_id
        if self._request.show_full_tree:
            return self._descendants(parent, start)
        return self._index.entries([self._children_of(parent)], self._times, start)

    def attributes_of(self, found: Found, entry: IndexEntry) -> IndexEntry | None:
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

    def has_version(self, attributes: IndexEntry) -> bool:
        """Whether a WfRun is on the version of the WfSpec that is asked for (07/W-1)."""
        request = self._request
        if request.HasField("wf_spec_major_version") and attributes.major_version != request.wf_spec_major_version:
            return False
        return not request.HasField("wf_spec_revision") or attributes.revision == request.wf_spec_revision

    def matches(self, entry: IndexEntry, match: VariableMatch, inherited: set[str]) -> bool:
        """Whether the entrypoint thread's variable has this value now; an inherited one is its ancestor's (07/W-7)."""
        wf_run_id = WfRunId.FromString(entry.id)
        if match.var_name in inherited:
            while wf_run_id.HasField("parent_wf_run_id"):
                wf_run_id = wf_run_id.parent_wf_run_id
                variable = self._read(wf_run_id, match.var_name)
                if variable is not None:
                    return _is_equal(variable.value, match.value)
            return False
        variable = self._read(wf_run_id, match.var_name)
        return variable is not None and _is_equal(variable.value, match.value)

    def _read(self, wf_run_id: WfRunId, name: str) -> Variable | None:
        variable_id = VariableId(wf_run_id=wf_run_id, thread_run_number=ENTRYPOINT_THREAD, name=name)
        stored = self._services.engine.read_variable(self._call.tenant, variable_id.SerializeToString())
        return None if stored is None else Variable.FromString(stored)

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
    declared = {variable.var_def.name for variable in _entrypoint_variables(wf_spec)}
    for match in request.variable_filters:
        if match.var_name not in declared:
            raise invalid(f"Variable '{match.var_name}' is not present in main thread of '{request.wf_spec_name}'.")
    return wf_spec


def _entrypoint_variables(wf_spec: WfSpec) -> list[ThreadVarDef]:
    return list(wf_spec.thread_specs[wf_spec.entrypoint_thread_name].variable_defs)


def _is_equal(value: VariableValue, wanted: VariableValue) -> bool:
    """Whole values with their types (07/W-7); JSON by what it says, as its text may be written anew (02/T-1)."""
    if value == wanted:
        return True
    case = value.WhichOneof("value")
    if case != wanted.WhichOneof("value") or case not in ("json_obj", "json_arr"):
        return False
    try:
        # Compared as text, because Python takes 1, 1.0 and true for the same.
        one, other = (json.dumps(json.loads(getattr(each, case)), sort_keys=True) for each in (value, wanted))
    except (ValueError, RecursionError):
        return False
    return one == other


def _inherited_names(wf_spec: WfSpec | None) -> set[str]:
    if wf_spec is None:
        return set()
    return {
        variable.var_def.name for variable in _entrypoint_variables(wf_spec) if variable.access_level == INHERITED_VAR
    }
