"""ExternalEventDefs and WorkflowEventDefs: put, get, search, delete."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from littlehorse.model import (
    STR,
    DeleteExternalEventDefRequest,
    DeleteWorkflowEventDefRequest,
    ExternalEventDef,
    ExternalEventDefId,
    ExternalEventDefIdList,
    PutExternalEventDefRequest,
    PutWorkflowEventDefRequest,
    ReturnType,
    SearchExternalEventDefRequest,
    SearchWorkflowEventDefRequest,
    TypeDefinition,
    WorkflowEventDef,
    WorkflowEventDefId,
    WorkflowEventDefIdList,
)
from littlehorse.server.errors import Code, RpcError
from tests.server.fakes import FakeServer

TEXT = ReturnType(return_type=TypeDefinition(primitive_type=STR))


def refused(server: FakeServer, rpc: str, request: Message) -> Code:
    """The status of a refusal."""
    with pytest.raises(RpcError) as error:
        server.call(rpc, request, Empty)
    return error.value.code


def test_an_external_event_def_is_overwritten(server: FakeServer) -> None:
    """05/E-5, E-6; 02/EE-2: an equal one keeps its time, a different one replaces it, without a type there is none."""
    request = PutExternalEventDefRequest(name="paid", content_type=TEXT)
    first = server.call("PutExternalEventDef", request, ExternalEventDef)
    server.now_ms += 1000
    assert server.call("PutExternalEventDef", request, ExternalEventDef) == first
    second = server.call("PutExternalEventDef", PutExternalEventDefRequest(name="paid"), ExternalEventDef)
    assert second.created_at != first.created_at
    assert not second.HasField("type_information")
    assert server.call("GetExternalEventDef", ExternalEventDefId(name="paid"), ExternalEventDef) == second


def test_a_workflow_event_def_is_not(server: FakeServer) -> None:
    """05/E-9; 02/WE-1: the same again is fine, another type ALREADY_EXISTS."""
    request = PutWorkflowEventDefRequest(name="done", content_type=TEXT)
    first = server.call("PutWorkflowEventDef", request, WorkflowEventDef)
    server.now_ms += 1000
    assert server.call("PutWorkflowEventDef", request, WorkflowEventDef) == first
    other = PutWorkflowEventDefRequest(name="done")
    assert refused(server, "PutWorkflowEventDef", other) == Code.ALREADY_EXISTS
    assert server.call("GetWorkflowEventDef", WorkflowEventDefId(name="done"), WorkflowEventDef) == first


def test_search_by_prefix(server: FakeServer) -> None:
    """05/E-8, E-10: ids in name order; no prefix gives all."""
    for name in ["paid", "pay", "sent"]:
        server.call("PutExternalEventDef", PutExternalEventDefRequest(name=name), ExternalEventDef)
        server.call("PutWorkflowEventDef", PutWorkflowEventDefRequest(name=name), WorkflowEventDef)
    for prefix, expected in [("", ["paid", "pay", "sent"]), ("pa", ["paid", "pay"]), ("x", [])]:
        external = SearchExternalEventDefRequest(prefix=prefix)
        found = server.call("SearchExternalEventDef", external, ExternalEventDefIdList)
        assert [found_id.name for found_id in found.results] == expected
        workflow = SearchWorkflowEventDefRequest(prefix=prefix)
        thrown = server.call("SearchWorkflowEventDef", workflow, WorkflowEventDefIdList)
        assert [found_id.name for found_id in thrown.results] == expected


def test_get_and_delete_of_what_is_not_there(server: FakeServer) -> None:
    """05/E-7, E-10: NOT_FOUND, also after a deletion."""
    server.call("PutExternalEventDef", PutExternalEventDefRequest(name="paid"), ExternalEventDef)
    server.call("PutWorkflowEventDef", PutWorkflowEventDefRequest(name="done"), WorkflowEventDef)
    external = DeleteExternalEventDefRequest(id=ExternalEventDefId(name="paid"))
    workflow = DeleteWorkflowEventDefRequest(id=WorkflowEventDefId(name="done"))
    server.call("DeleteExternalEventDef", external, Empty)
    server.call("DeleteWorkflowEventDef", workflow, Empty)
    assert refused(server, "DeleteExternalEventDef", external) == Code.NOT_FOUND
    assert refused(server, "DeleteWorkflowEventDef", workflow) == Code.NOT_FOUND
    assert refused(server, "GetExternalEventDef", external.id) == Code.NOT_FOUND
    assert refused(server, "GetWorkflowEventDef", workflow.id) == Code.NOT_FOUND
