"""PutWorkflowEventDef, GetWorkflowEventDef, SearchWorkflowEventDef, DeleteWorkflowEventDef (02 section 7)."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteWorkflowEventDefRequest,
    PutWorkflowEventDefRequest,
    SearchWorkflowEventDefRequest,
    WorkflowEventDef,
    WorkflowEventDefId,
    WorkflowEventDefIdList,
)
from littlehorse.server.definitions import Change, Kind
from littlehorse.server.errors import not_found
from littlehorse.server.rpc.paging import by_name
from littlehorse.server.rpc.put import store_once
from littlehorse.server.services import Call, Services


def put(services: Services, call: Call, request: PutWorkflowEventDefRequest) -> WorkflowEventDef:
    """Stores a WorkflowEventDef, or answers the equal one that is stored. ALREADY_EXISTS if it differs (02/WE-1)."""
    serialized = request.SerializeToString()
    key = services.definitions.key(Kind.WORKFLOW_EVENT_DEF, call.tenant, request.name)

    def evaluate() -> Change[WorkflowEventDef]:
        checked = services.engine.check_put_workflow_event_def(call.tenant, serialized, services.clock_ms())
        return store_once(services, call.tenant, key, WorkflowEventDef.FromString(checked))

    return services.definitions.change(evaluate)


def get(services: Services, call: Call, request: WorkflowEventDefId) -> WorkflowEventDef:
    """The WorkflowEventDef, or NOT_FOUND (05/E-10)."""
    stored = services.definitions.get(Kind.WORKFLOW_EVENT_DEF, call.tenant, request.name)
    if stored is None:
        raise not_found(f"Couldn't find specified WorkflowEventDef '{request.name}'.")
    return WorkflowEventDef.FromString(stored.value)


def search(services: Services, call: Call, request: SearchWorkflowEventDefRequest) -> WorkflowEventDefIdList:
    """Ids of WorkflowEventDefs whose name begins with `prefix`, ascending (05/E-8)."""
    found = services.definitions.all(Kind.WORKFLOW_EVENT_DEF, call.tenant)
    page, bookmark = by_name(request, (stored for stored in found if stored.name.startswith(request.prefix)))
    return WorkflowEventDefIdList(results=[WorkflowEventDefId(name=stored.name) for stored in page], bookmark=bookmark)


def delete(services: Services, call: Call, request: DeleteWorkflowEventDefRequest) -> Empty:
    """Deletes the WorkflowEventDef, whoever refers to it, or NOT_FOUND (05/E-10, 02/D-1)."""
    name = request.id.name

    def evaluate() -> Change[Empty]:
        stored = services.definitions.get(Kind.WORKFLOW_EVENT_DEF, call.tenant, name)
        if stored is None:
            raise not_found(f"Couldn't find provided WorkflowEventDef '{name}'.")
        change = Change(Empty())
        change.delete(stored)
        return change

    return services.definitions.change(evaluate)
