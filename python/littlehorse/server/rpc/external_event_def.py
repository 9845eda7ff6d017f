"""PutExternalEventDef, GetExternalEventDef, SearchExternalEventDef, DeleteExternalEventDef (02 section 6)."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteExternalEventDefRequest,
    ExternalEventDef,
    ExternalEventDefId,
    ExternalEventDefIdList,
    PutExternalEventDefRequest,
    SearchExternalEventDefRequest,
)
from littlehorse.server.definitions import Change, Kind
from littlehorse.server.errors import not_found
from littlehorse.server.rpc.paging import by_name
from littlehorse.server.rpc.put import expect_struct_defs
from littlehorse.server.services import Call, Services


def put(services: Services, call: Call, request: PutExternalEventDefRequest) -> ExternalEventDef:
    """Stores an ExternalEventDef over whatever is stored, or answers the equal one that is (02/EE-1, EE-2)."""
    serialized = request.SerializeToString()
    key = services.definitions.key(Kind.EXTERNAL_EVENT_DEF, call.tenant, request.name)

    def evaluate() -> Change[ExternalEventDef]:
        checked = services.engine.check_put_external_event_def(call.tenant, serialized, services.clock_ms())
        event_def = ExternalEventDef.FromString(checked)
        stored = services.definitions.get(Kind.EXTERNAL_EVENT_DEF, call.tenant, request.name)
        change = Change(event_def)
        if stored is None or ExternalEventDef.FromString(stored.value) != event_def:
            change.put(key, event_def.SerializeToString(deterministic=True), seen=stored)
            expect_struct_defs(services, call.tenant, event_def, change)
        return change

    return services.definitions.change(evaluate)


def get(services: Services, call: Call, request: ExternalEventDefId) -> ExternalEventDef:
    """The ExternalEventDef, or NOT_FOUND (05/E-7)."""
    stored = services.definitions.get(Kind.EXTERNAL_EVENT_DEF, call.tenant, request.name)
    if stored is None:
        raise not_found(f"Couldn't find specified ExternalEventDef '{request.name}'.")
    return ExternalEventDef.FromString(stored.value)


def search(services: Services, call: Call, request: SearchExternalEventDefRequest) -> ExternalEventDefIdList:
    """Ids of ExternalEventDefs whose name begins with `prefix`, ascending (05/E-8)."""
    found = services.definitions.all(Kind.EXTERNAL_EVENT_DEF, call.tenant)
    page, bookmark = by_name(request, (stored for stored in found if stored.name.startswith(request.prefix)))
    return ExternalEventDefIdList(results=[ExternalEventDefId(name=stored.name) for stored in page], bookmark=bookmark)


def delete(services: Services, call: Call, request: DeleteExternalEventDefRequest) -> Empty:
    """Deletes the ExternalEventDef, whoever refers to it, or NOT_FOUND (05/E-7, 02/D-1)."""
    name = request.id.name

    def evaluate() -> Change[Empty]:
        stored = services.definitions.get(Kind.EXTERNAL_EVENT_DEF, call.tenant, name)
        if stored is None:
            raise not_found(f"Couldn't find provided ExternalEventDef '{name}'.")
        change = Change(Empty())
        change.delete(stored)
        return change

    return services.definitions.change(evaluate)
