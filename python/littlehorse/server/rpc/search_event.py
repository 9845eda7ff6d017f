"""SearchCorrelatedEvent, SearchExternalEvent, SearchWorkflowEvent and SearchNodeRun (07/O-2, O-4, O-6)."""

from __future__ import annotations

import heapq

from littlehorse.model import (
    CorrelatedEventId,
    CorrelatedEventIdList,
    ExternalEventId,
    ExternalEventIdList,
    NodeRunId,
    NodeRunIdList,
    SearchCorrelatedEventRequest,
    SearchExternalEventRequest,
    SearchNodeRunRequest,
    SearchWorkflowEventRequest,
    WorkflowEventId,
    WorkflowEventIdList,
)
from littlehorse.server.definitions import Kind
from littlehorse.server.errors import invalid
from littlehorse.server.rpc.paging import limit_of, start_of
from littlehorse.server.run_index import Index, Page, open_index, page_of, time_range
from littlehorse.server.services import Call, Services
from littlehorse.shard.scan import TimeRange, encode_position

# How an index spells whether an ExternalEvent was claimed.
CLAIMED = {True: "true", False: "false"}


def external_events(services: Services, call: Call, request: SearchExternalEventRequest) -> ExternalEventIdList:
    """Ids of the ExternalEvents of a definition, by creation time, then id (05/E-74, E-76; 07/O-4)."""
    name = request.external_event_def_id.name
    _require(services, call, Kind.EXTERNAL_EVENT_DEF, name, "ExternalEventDef", "external_event_def_id")
    wanted = [request.is_claimed] if request.HasField("is_claimed") else [True, False]
    page = _search(
        services, call, request, Index.EXTERNAL_EVENT, [(name, CLAIMED[is_claimed]) for is_claimed in wanted]
    )
    results = [ExternalEventId.FromString(entry.id) for entry in page.entries]
    return ExternalEventIdList(results=results, bookmark=page.bookmark)


def correlated_events(services: Services, call: Call, request: SearchCorrelatedEventRequest) -> CorrelatedEventIdList:
    """Ids of the CorrelatedEvents of a definition, known or not, by creation time, then key (05/E-75, E-76; 07/O-5)."""
    name = request.external_event_def_id.name
    if not name.strip():
        raise invalid("Missing required argument external_event_def_id.")
    wanted = [request.has_external_events] if request.HasField("has_external_events") else [True, False]
    page = _search(services, call, request, Index.CORRELATED_EVENT, [(name, CLAIMED[has_any]) for has_any in wanted])
    results = [CorrelatedEventId.FromString(entry.id) for entry in page.entries]
    return CorrelatedEventIdList(results=results, bookmark=page.bookmark)


def workflow_events(services: Services, call: Call, request: SearchWorkflowEventRequest) -> WorkflowEventIdList:
    """Ids of the WorkflowEvents of a definition, by creation time, then id (05/E-76; 07/O-6)."""
    name = request.workflow_event_def_id.name
    _require(services, call, Kind.WORKFLOW_EVENT_DEF, name, "WorkflowEventDef", "workflow_event_def_id")
    page = _search(services, call, request, Index.WORKFLOW_EVENT, [(name,)])
    results = [WorkflowEventId.FromString(entry.id) for entry in page.entries]
    return WorkflowEventIdList(results=results, bookmark=page.bookmark)


def node_runs(services: Services, call: Call, request: SearchNodeRunRequest) -> NodeRunIdList:
    """Ids of EXTERNAL_EVENT NodeRuns of a definition in a status, by arrival time, then id (05/E-77; 07/O-2).

    Without a definition all NodeRuns in that status: no index has these, so all runs of the tenant are read.
    """
    name = request.external_event_def.name
    if not name:
        return _of_any_kind(services, call, request)
    page = _search(services, call, request, Index.EXTERNAL_EVENT_NODE, [(name, str(request.status))])
    results = [NodeRunId.FromString(entry.id) for entry in page.entries]
    return NodeRunIdList(results=results, bookmark=page.bookmark)


def _of_any_kind(services: Services, call: Call, request: SearchNodeRunRequest) -> NodeRunIdList:
    limit, start, times = limit_of(request), start_of(request), _times(request)
    with open_index(services, call.tenant) as index:
        wanted = (
            (position, found)
            for position, found in index.node_runs(request.status)
            if times.earliest_ms <= position.time_ms <= times.latest_ms and (start is None or position >= start)
        )
        first = heapq.nsmallest(limit + 1, wanted)
    results = [NodeRunId.FromString(found) for _, found in first[:limit]]
    return NodeRunIdList(results=results, bookmark=encode_position(first[limit][0]) if len(first) > limit else None)


def _require(services: Services, call: Call, kind: Kind, name: str, what: str, field: str) -> None:
    """INVALID_ARGUMENT unless the definition is named and exists (05 section 8)."""
    if not name.strip():
        raise invalid(f"Missing required argument {field}.")
    if services.definitions.get(kind, call.tenant, name) is None:
        raise invalid(f"{what} '{name}' does not exist.")


Request = SearchCorrelatedEventRequest | SearchExternalEventRequest | SearchWorkflowEventRequest | SearchNodeRunRequest


def _search(services: Services, call: Call, request: Request, kind: Index, components: list[tuple[str, ...]]) -> Page:
    """The page of index entries with these components that the request asks for."""
    limit, start, times = limit_of(request), start_of(request), _times(request)
    with open_index(services, call.tenant) as index:
        prefixes = [index.prefix(kind, *of_prefix) for of_prefix in components]
        return page_of(index.entries(prefixes, times, start), limit, lambda _found, _entry: True)


def _times(request: Request) -> TimeRange:
    return time_range(
        request.earliest_start if request.HasField("earliest_start") else None,
        request.latest_start if request.HasField("latest_start") else None,
    )
