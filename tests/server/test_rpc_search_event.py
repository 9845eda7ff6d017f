"""SearchExternalEvent, SearchWorkflowEvent and SearchNodeRun."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    COMPLETED,
    RUNNING,
    ExternalEventDef,
    ExternalEventDefId,
    ExternalEventId,
    ExternalEventIdList,
    NodeRun,
    NodeRunId,
    NodeRunIdList,
    PutExternalEventDefRequest,
    PutWorkflowEventDefRequest,
    SearchExternalEventRequest,
    SearchNodeRunRequest,
    SearchWorkflowEventRequest,
    WorkflowEventDef,
    WorkflowEventDefId,
    WorkflowEventId,
    WorkflowEventIdList,
)
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.internal.record_pb2 import RunRecord
from littlehorse.server.run_index import FORMAT, Index
from tests.server.fakes import TENANT, FakeServer

PAID = ExternalEventDefId(name="paid")
DONE = WorkflowEventDefId(name="done")


def moment(time_ms: int) -> Timestamp:
    """A time."""
    timestamp = Timestamp()
    timestamp.FromMilliseconds(time_ms)
    return timestamp


def test_external_events_by_claim_and_time(server: FakeServer) -> None:
    """05/E-74, E-76; 07/O-4: `false` is a filter, unset is none; bounds are inclusive; oldest first over all shards."""
    server.call("PutExternalEventDef", PutExternalEventDefRequest(name="paid"), ExternalEventDef)
    for shard, guid, claimed, time_ms in [(0, "c", "true", 1), (1, "b", "false", 2), (2, "a", "true", 3)]:
        found = ExternalEventId(guid=guid)
        server.index(shard, Index.EXTERNAL_EVENT, ["paid", claimed], time_ms, found, f"run/{guid}")

    def search(request: SearchExternalEventRequest) -> list[str]:
        request.external_event_def_id.CopyFrom(PAID)
        return [event.guid for event in server.call("SearchExternalEvent", request, ExternalEventIdList).results]

    assert search(SearchExternalEventRequest()) == ["c", "b", "a"]
    assert search(SearchExternalEventRequest(is_claimed=True)) == ["c", "a"]
    assert search(SearchExternalEventRequest(is_claimed=False)) == ["b"]
    assert search(SearchExternalEventRequest(earliest_start=moment(2), latest_start=moment(2))) == ["b"]
    request = SearchExternalEventRequest(external_event_def_id=PAID, limit=2)
    page = server.call("SearchExternalEvent", request, ExternalEventIdList)
    assert search(SearchExternalEventRequest(bookmark=page.bookmark)) == ["a"]


def test_workflow_events(server: FakeServer) -> None:
    """05/E-76; 07/O-6."""
    server.call("PutWorkflowEventDef", PutWorkflowEventDefRequest(name="done"), WorkflowEventDef)
    for number in range(3):
        found = WorkflowEventId(number=number)
        server.index(number, Index.WORKFLOW_EVENT, ["done"], number, found, f"run/{number}")
    request = SearchWorkflowEventRequest(workflow_event_def_id=DONE, latest_start=moment(1))
    found_ids = server.call("SearchWorkflowEvent", request, WorkflowEventIdList)
    assert [event.number for event in found_ids.results] == [0, 1]


@pytest.mark.parametrize(
    ("rpc", "request_", "text"),
    [
        ("SearchExternalEvent", SearchExternalEventRequest(), "Missing required argument"),
        ("SearchWorkflowEvent", SearchWorkflowEventRequest(), "Missing required argument"),
        ("SearchExternalEvent", SearchExternalEventRequest(external_event_def_id=PAID), "does not exist"),
        ("SearchWorkflowEvent", SearchWorkflowEventRequest(workflow_event_def_id=DONE), "does not exist"),
    ],
)
def test_the_definition_must_be_named_and_exist(server: FakeServer, rpc: str, request_: Message, text: str) -> None:
    """05/E-73; 07/O-4, O-6."""
    with pytest.raises(RpcError, match=text) as refused:
        server.call(rpc, request_, ExternalEventIdList)
    assert refused.value.code == Code.INVALID_ARGUMENT


def test_node_runs_that_wait_for_an_event(server: FakeServer) -> None:
    """05/E-77; 07/O-2: in exactly that status."""
    for position, status in enumerate([RUNNING, COMPLETED, RUNNING]):
        found = NodeRunId(position=position)
        components = ["paid", str(status)]
        server.index(position, Index.EXTERNAL_EVENT_NODE, components, position, found, f"run/0/{position}")
    request = SearchNodeRunRequest(status=RUNNING, external_event_def=PAID)
    assert [found.position for found in server.call("SearchNodeRun", request, NodeRunIdList).results] == [0, 2]
    request = SearchNodeRunRequest(status=RUNNING, external_event_def=PAID, earliest_start=moment(1))
    assert [found.position for found in server.call("SearchNodeRun", request, NodeRunIdList).results] == [2]


def test_node_runs_of_any_kind(server: FakeServer) -> None:
    """07/O-2, S-3: without a definition, whatever they are, over all shards, oldest first, page by page."""
    for shard, arrivals in enumerate([(3, 1), (2, 4)]):
        record = RunRecord()
        for arrival_ms in arrivals:
            status = COMPLETED if arrival_ms == 4 else RUNNING
            node_run = record.nodes.add().node_run
            node_run.CopyFrom(NodeRun(id=NodeRunId(position=arrival_ms), status=status))
            node_run.arrival_time.FromMilliseconds(arrival_ms)
        server.stores[shard].entries[server.keys.trees_prefix(TENANT) + b"run"] = FORMAT + record.SerializeToString()

    def search(**fields: Any) -> tuple[list[int], bytes]:
        page = server.call("SearchNodeRun", SearchNodeRunRequest(status=RUNNING, **fields), NodeRunIdList)
        return [found.position for found in page.results], page.bookmark

    assert search() == ([1, 2, 3], b"")
    assert search(earliest_start=moment(2), latest_start=moment(2)) == ([2], b"")
    first, bookmark = search(limit=2)
    assert first == [1, 2]
    assert search(limit=2, bookmark=bookmark) == ([3], b"")
    with pytest.raises(RpcError) as refused:
        search(bookmark=b"nonsense")
    assert refused.value.code == Code.INVALID_ARGUMENT
