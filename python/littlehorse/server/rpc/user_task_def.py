"""PutUserTaskDef, GetUserTaskDef, GetLatestUserTaskDef, SearchUserTaskDef, DeleteUserTaskDef (02 section 5)."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteUserTaskDefRequest,
    GetLatestUserTaskDefRequest,
    PutUserTaskDefRequest,
    SearchUserTaskDefRequest,
    UserTaskDef,
    UserTaskDefId,
    UserTaskDefIdList,
)
from littlehorse.server.definitions import Change, Kind
from littlehorse.server.errors import not_found
from littlehorse.server.rpc.paging import by_name
from littlehorse.server.rpc.put import store_once
from littlehorse.server.services import Call, Services


def put(services: Services, call: Call, request: PutUserTaskDefRequest) -> UserTaskDef:
    """Stores the next version, or answers the latest one if nothing changed (02/UT-1, UT-2)."""
    serialized = request.SerializeToString()

    def evaluate() -> Change[UserTaskDef]:
        checked = services.engine.check_put_user_task_def(call.tenant, serialized, services.clock_ms())
        user_task_def = UserTaskDef.FromString(checked)
        key = services.definitions.key(Kind.USER_TASK_DEF, call.tenant, user_task_def.name, user_task_def.version)
        return store_once(services, call.tenant, key, user_task_def)

    return services.definitions.change(evaluate)


def get(services: Services, call: Call, request: UserTaskDefId) -> UserTaskDef:
    """The UserTaskDef of exactly this version, or NOT_FOUND (02/UT-3)."""
    stored = services.definitions.get(Kind.USER_TASK_DEF, call.tenant, request.name, request.version)
    if stored is None:
        raise not_found(f"Couldn't find specified UserTaskDef '{request.name}' version {request.version}.")
    return UserTaskDef.FromString(stored.value)


def get_latest(services: Services, call: Call, request: GetLatestUserTaskDefRequest) -> UserTaskDef:
    """The highest version of a name, or NOT_FOUND (02/UT-3)."""
    stored = services.definitions.latest(Kind.USER_TASK_DEF, call.tenant, request.name)
    if stored is None:
        raise not_found(f"Couldn't find specified UserTaskDef '{request.name}'.")
    return UserTaskDef.FromString(stored.value)


def search(services: Services, call: Call, request: SearchUserTaskDefRequest) -> UserTaskDefIdList:
    """Ids of all versions of `name`, or of names that begin with `prefix`, or of all (02/S-1, S-2, S-3)."""
    if request.name:
        found = services.definitions.versions(Kind.USER_TASK_DEF, call.tenant, request.name)
    else:
        everything = services.definitions.all(Kind.USER_TASK_DEF, call.tenant)
        found = [stored for stored in everything if stored.name.startswith(request.prefix)]
    page, bookmark = by_name(request, found)
    ids = [UserTaskDefId(name=stored.name, version=stored.numbers[0]) for stored in page]
    return UserTaskDefIdList(results=ids, bookmark=bookmark)


def delete(services: Services, call: Call, request: DeleteUserTaskDefRequest) -> Empty:
    """Deletes one version, or NOT_FOUND (02/UT-3, D-1)."""
    name, version = request.id.name, request.id.version

    def evaluate() -> Change[Empty]:
        stored = services.definitions.get(Kind.USER_TASK_DEF, call.tenant, name, version)
        if stored is None:
            raise not_found(f"Couldn't find provided UserTaskDef '{name}' version {version}.")
        change = Change(Empty())
        change.delete(stored)
        return change

    return services.definitions.change(evaluate)
