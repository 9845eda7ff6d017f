"""PutWfSpec, GetWfSpec, GetLatestWfSpec, SearchWfSpec, DeleteWfSpec (02 sections 9 to 11, 15)."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteWfSpecRequest,
    GetLatestWfSpecRequest,
    PutWfSpecRequest,
    SearchWfSpecRequest,
    WfSpec,
    WfSpecId,
    WfSpecIdList,
)
from littlehorse.server.definitions import Change, Kind, Stored
from littlehorse.server.errors import RpcError, not_found
from littlehorse.server.internal.check_pb2 import CheckedWfSpec
from littlehorse.server.rpc.paging import by_name, limit_of, start_of
from littlehorse.server.services import Call, Services
from littlehorse.shard.scan import Position, encode_position


def put(services: Services, call: Call, request: PutWfSpecRequest) -> WfSpec:
    """Stores a new version as 02 section 10 and 11 say, or answers the latest one if nothing changed (02/V-2)."""
    serialized = request.SerializeToString()

    def evaluate() -> Change[WfSpec]:
        checked = CheckedWfSpec.FromString(
            services.engine.check_put_wf_spec(call.tenant, serialized, services.clock_ms())
        )
        change = Change(checked.wf_spec)
        if not checked.unchanged:
            number = checked.wf_spec.id
            key = services.definitions.key(
                Kind.WF_SPEC, call.tenant, number.name, number.major_version, number.revision
            )
            change.put(key, checked.wf_spec.SerializeToString(deterministic=True), seen=None)
            for entry in checked.seen:
                change.expects.setdefault(entry.key, entry.version)
        return change

    return services.definitions.change(evaluate)


def get(services: Services, call: Call, request: WfSpecId) -> WfSpec:
    """The WfSpec of exactly this version (unset = 0.0), or NOT_FOUND (02/V-7)."""
    stored = services.definitions.get(Kind.WF_SPEC, call.tenant, request.name, request.major_version, request.revision)
    if stored is None:
        raise _no_such_spec(f"'{request.name}' version {request.major_version}.{request.revision}")
    return WfSpec.FromString(stored.value)


def get_latest(services: Services, call: Call, request: GetLatestWfSpecRequest) -> WfSpec:
    """The highest version of a name, or of one of its major versions; NOT_FOUND if there is none (02/V-7)."""
    major = request.major_version if request.HasField("major_version") else None
    stored = services.definitions.latest(Kind.WF_SPEC, call.tenant, request.name, major)
    if stored is None:
        raise _no_such_spec(f"'{request.name}'" + ("" if major is None else f" major version {major}"))
    return WfSpec.FromString(stored.value)


def search(services: Services, call: Call, request: SearchWfSpecRequest) -> WfSpecIdList:
    """Ids of WfSpecs by `name`, `prefix` or `task_def_name`; an empty criterion means all (02/S-1 to S-5)."""
    if request.task_def_name:
        return _search_by_task_def(services, call, request)
    if request.name:
        found = services.definitions.versions(Kind.WF_SPEC, call.tenant, request.name)
    else:
        everything = services.definitions.all(Kind.WF_SPEC, call.tenant)
        found = [stored for stored in everything if stored.name.startswith(request.prefix)]
    page, bookmark = by_name(request, found)
    return WfSpecIdList(results=[_id_of(stored) for stored in page], bookmark=bookmark)


def delete(services: Services, call: Call, request: DeleteWfSpecRequest) -> Empty:
    """Deletes one version (unset = 0.0), even while WfRuns use it; NOT_FOUND if absent (02/D-1, D-2)."""
    number = request.id

    def evaluate() -> Change[Empty]:
        stored = services.definitions.get(Kind.WF_SPEC, call.tenant, number.name, number.major_version, number.revision)
        if stored is None:
            text = f"'{number.name}' version {number.major_version}.{number.revision}"
            raise not_found(f"Couldn't find provided WfSpec {text}.")
        change = Change(Empty())
        change.delete(stored)
        return change

    return services.definitions.change(evaluate)


def resolve(services: Services, call: Call, name: str, major: int | None, revision: int | None) -> WfSpec | None:
    """The WfSpec that a name, name and major, or name, major and revision stand for; None if there is none (02/V-7)."""
    if major is not None and revision is not None:
        stored = services.definitions.get(Kind.WF_SPEC, call.tenant, name, major, revision)
    else:
        stored = services.definitions.latest(Kind.WF_SPEC, call.tenant, name, major)
    return None if stored is None else WfSpec.FromString(stored.value)


def _search_by_task_def(services: Services, call: Call, request: SearchWfSpecRequest) -> WfSpecIdList:
    """02/S-4: versions with a TASK node that names the TaskDef statically, by creation time, then id."""
    limit, start = limit_of(request), start_of(request)
    found: list[tuple[Position, WfSpecId]] = []
    for stored in services.definitions.all(Kind.WF_SPEC, call.tenant):
        wf_spec = WfSpec.FromString(stored.value)
        if request.task_def_name in _static_task_defs(wf_spec):
            text = f"{stored.name}/{stored.numbers[0]:010}/{stored.numbers[1]:010}"
            found.append((Position(wf_spec.created_at.ToMilliseconds(), text.encode()), wf_spec.id))
    ordered = sorted((entry for entry in found if start is None or entry[0] >= start), key=lambda entry: entry[0])
    bookmark = encode_position(ordered[limit][0]) if len(ordered) > limit else None
    return WfSpecIdList(results=[number for _, number in ordered[:limit]], bookmark=bookmark)


def _static_task_defs(wf_spec: WfSpec) -> Iterator[str]:
    for thread in wf_spec.thread_specs.values():
        for node in thread.nodes.values():
            if node.WhichOneof("node") == "task" and node.task.HasField("task_def_id"):
                yield node.task.task_def_id.name


def _id_of(stored: Stored) -> WfSpecId:
    return WfSpecId(name=stored.name, major_version=stored.numbers[0], revision=stored.numbers[1])


def _no_such_spec(what: str) -> RpcError:
    return not_found(f"Couldn't find specified WfSpec {what}.")
