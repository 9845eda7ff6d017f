"""PutTaskDef, GetTaskDef, SearchTaskDef, DeleteTaskDef (02 section 4)."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteTaskDefRequest,
    PutTaskDefRequest,
    SearchTaskDefRequest,
    TaskDef,
    TaskDefId,
    TaskDefIdList,
)
from littlehorse.server.definitions import Change, Kind
from littlehorse.server.errors import not_found
from littlehorse.server.rpc.paging import by_name
from littlehorse.server.rpc.put import store_once
from littlehorse.server.services import Call, Services


def put(services: Services, call: Call, request: PutTaskDefRequest) -> TaskDef:
    """Stores a TaskDef, or answers the equal one that is stored. ALREADY_EXISTS if it differs (02/TD-2)."""
    serialized = request.SerializeToString()
    key = services.definitions.key(Kind.TASK_DEF, call.tenant, request.name)

    def evaluate() -> Change[TaskDef]:
        checked = services.engine.check_put_task_def(call.tenant, serialized, services.clock_ms())
        return store_once(services, call.tenant, key, TaskDef.FromString(checked))

    return services.definitions.change(evaluate)


def get(services: Services, call: Call, request: TaskDefId) -> TaskDef:
    """The TaskDef, or NOT_FOUND (02/TD-4)."""
    stored = services.definitions.get(Kind.TASK_DEF, call.tenant, request.name)
    if stored is None:
        raise not_found(f"Couldn't find specified TaskDef '{request.name}'.")
    return TaskDef.FromString(stored.value)


def search(services: Services, call: Call, request: SearchTaskDefRequest) -> TaskDefIdList:
    """Ids of TaskDefs whose name begins with `prefix`, ascending (02/S-1, S-2)."""
    found = services.definitions.all(Kind.TASK_DEF, call.tenant)
    page, bookmark = by_name(request, (stored for stored in found if stored.name.startswith(request.prefix)))
    return TaskDefIdList(results=[TaskDefId(name=stored.name) for stored in page], bookmark=bookmark)


def delete(services: Services, call: Call, request: DeleteTaskDefRequest) -> Empty:
    """Deletes the TaskDef, whoever refers to it, or NOT_FOUND (02/TD-4, D-1)."""
    name = request.id.name

    def evaluate() -> Change[Empty]:
        stored = services.definitions.get(Kind.TASK_DEF, call.tenant, name)
        if stored is None:
            raise not_found(f"Couldn't find provided TaskDef '{name}'.")
        change = Change(Empty())
        change.delete(stored)
        return change

    return services.definitions.change(evaluate)
