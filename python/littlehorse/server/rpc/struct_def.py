"""PutStructDef, ValidateStructDefEvolution, GetStructDef, SearchStructDef, DeleteStructDef (02 section 8)."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteStructDefRequest,
    PutStructDefRequest,
    SearchStructDefRequest,
    StructDef,
    StructDefId,
    StructDefIdList,
    ValidateStructDefEvolutionRequest,
    ValidateStructDefEvolutionResponse,
)
from littlehorse.server.definitions import Change, Kind, Stored
from littlehorse.server.errors import not_found
from littlehorse.server.rpc.paging import by_name
from littlehorse.server.rpc.put import store_once
from littlehorse.server.services import Call, Services

LATEST = -1


def put(services: Services, call: Call, request: PutStructDefRequest) -> StructDef:
    """Stores a new version, or answers the latest one if nothing changed (02/SD-1)."""
    serialized = request.SerializeToString()

    def evaluate() -> Change[StructDef]:
        checked = services.engine.check_put_struct_def(call.tenant, serialized, services.clock_ms())
        struct_def = StructDef.FromString(checked)
        key = services.definitions.key(Kind.STRUCT_DEF, call.tenant, struct_def.id.name, struct_def.id.version)
        return store_once(services, call.tenant, key, struct_def)

    return services.definitions.change(evaluate)


def validate_evolution(
    services: Services, call: Call, request: ValidateStructDefEvolutionRequest
) -> ValidateStructDefEvolutionResponse:
    """Whether a StructDef may evolve to another schema; nothing is stored (02/SD-7)."""
    is_valid = services.engine.check_struct_def_evolution(call.tenant, request.SerializeToString())
    return ValidateStructDefEvolutionResponse(is_valid=is_valid)


def get(services: Services, call: Call, request: StructDefId) -> StructDef:
    """The StructDef of this version (-1 = latest), or NOT_FOUND (02/SD-8)."""
    stored: Stored | None
    if request.version == LATEST:
        stored = services.definitions.latest(Kind.STRUCT_DEF, call.tenant, request.name)
    else:
        stored = services.definitions.get(Kind.STRUCT_DEF, call.tenant, request.name, request.version)
    if stored is None:
        raise not_found(f"Couldn't find specified StructDef '{request.name}' version {request.version}.")
    return StructDef.FromString(stored.value)


def search(services: Services, call: Call, request: SearchStructDefRequest) -> StructDefIdList:
    """Ids of all versions of `name`, or of names that begin with `prefix`, or of all (02/S-1, S-2, S-3)."""
    if request.name:
        found = services.definitions.versions(Kind.STRUCT_DEF, call.tenant, request.name)
    else:
        everything = services.definitions.all(Kind.STRUCT_DEF, call.tenant)
        found = [stored for stored in everything if stored.name.startswith(request.prefix)]
    page, bookmark = by_name(request, found)
    ids = [StructDefId(name=stored.name, version=stored.numbers[0]) for stored in page]
    return StructDefIdList(results=ids, bookmark=bookmark)


def delete(services: Services, call: Call, request: DeleteStructDefRequest) -> Empty:
    """Deletes one version, or NOT_FOUND (02/SD-8, D-1)."""
    name, version = request.id.name, request.id.version

    def evaluate() -> Change[Empty]:
        stored = services.definitions.get(Kind.STRUCT_DEF, call.tenant, name, version)
        if stored is None:
            raise not_found(f"Couldn't find provided StructDef '{name}' version {version}.")
        change = Change(Empty())
        change.delete(stored)
        return change

    return services.definitions.change(evaluate)
