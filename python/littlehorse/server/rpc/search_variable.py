"""SearchVariable (07 section 3)."""

from __future__ import annotations

from littlehorse.model import (
    SearchVariableRequest,
    ThreadVarDef,
    VariableId,
    VariableIdList,
    VariableType,
    VariableValue,
    WfSpec,
)
from littlehorse.server.errors import RpcError, invalid
from littlehorse.server.internal.record_pb2 import IndexEntry
from littlehorse.server.rpc.paging import limit_of, start_of
from littlehorse.server.rpc.wf_spec import resolve
from littlehorse.server.run_index import Index, open_index, page_of
from littlehorse.server.services import Call, Services
from littlehorse.shard.scan import Found, TimeRange

# The input of a handler thread is declared under this name in many threads and is never indexed (07/V-2.4).
RESERVED_NAME = "INPUT"
# Separates a variable's name from a path into its JSON (07/V-4).
PATH_MARK = "_$"
SEARCHABLE_CASES = {
    "str": VariableType.STR,
    "bool": VariableType.BOOL,
    "int": VariableType.INT,
    "double": VariableType.DOUBLE,
}
JSON_TYPES = (VariableType.JSON_OBJ, VariableType.JSON_ARR)


def search(services: Services, call: Call, request: SearchVariableRequest) -> VariableIdList:
    """Ids of Variables of any ThreadRun whose indexed value equals `value`, by creation time, then id (07/V-1)."""
    limit, start = limit_of(request), start_of(request)
    value = _require_legal(services, call, request)
    text = services.keys.index_value(value.SerializeToString())
    if text is None:
        raise _unsupported(value)

    def has_version(_found: Found, entry: IndexEntry) -> bool:
        """07/V-3; a revision without a major version is ignored (07/V-2.1)."""
        return not request.HasField("wf_spec_major_version") or (
            (entry.major_version, entry.revision) == (request.wf_spec_major_version, request.wf_spec_revision)
        )

    with open_index(services, call.tenant) as index:
        prefix = index.prefix(Index.VARIABLE, request.wf_spec_name, request.var_name, text)
        page = page_of(index.entries([prefix], TimeRange(), start), limit, has_version)
    return VariableIdList(results=[VariableId.FromString(entry.id) for entry in page.entries], bookmark=page.bookmark)


def _require_legal(services: Services, call: Call, request: SearchVariableRequest) -> VariableValue:
    """The checks of 07/V-2, in order; returns the value to look for, cast to the type of the variable."""
    has_major, has_revision = request.HasField("wf_spec_major_version"), request.HasField("wf_spec_revision")
    if has_major and not has_revision:
        raise invalid("If providing version, must also provide revision: set wf_spec_revision.")
    if request.value.WhichOneof("value") not in SEARCHABLE_CASES:
        raise _unsupported(request.value)
    wf_spec = resolve(
        services,
        call,
        request.wf_spec_name,
        request.wf_spec_major_version if has_major else None,
        request.wf_spec_revision if has_major else None,
    )
    if wf_spec is None:
        raise invalid(f"Couldn't find wfSpec '{request.wf_spec_name}' in the version given.")
    name, mark, rest = request.var_name.partition(PATH_MARK)
    declared = _variables(wf_spec)
    if mark and request.var_name not in declared:
        _require_json_index(declared.get(name), name, "$" + rest)
        return request.value
    variable = declared.get(request.var_name)
    if variable is None:
        raise invalid(f"WfSpec '{request.wf_spec_name}' has no variable named '{request.var_name}'.")
    if not variable.searchable:
        raise invalid(f"Variable '{request.var_name}' has no index: declare it searchable.")
    return _cast(services, request.value, variable)


def _require_json_index(variable: ThreadVarDef | None, name: str, path: str) -> None:
    """07/V-2.7: only paths that the variable declares are indexed."""
    if variable is None:
        raise invalid(f"There is no variable named '{name}' for the path '{path}'.")
    if _primitive_type(variable) not in JSON_TYPES:
        raise invalid(f"Variable '{name}' is not of type JSON_OBJ or JSON_ARR, so it has no path '{path}'.")
    if path not in {index.field_path for index in variable.json_indexes}:
        raise invalid(f"Variable '{name}' has no indexed field '{path}'.")


def _cast(services: Services, value: VariableValue, variable: ThreadVarDef) -> VariableValue:
    """The value as a Variable of this type is indexed; INVALID_ARGUMENT if it is not assignable (07/V-2.6, 02/T-3)."""
    target = _primitive_type(variable)
    source = SEARCHABLE_CASES[str(value.WhichOneof("value"))]
    if target is None or target == source or target not in SEARCHABLE_CASES.values():
        return value
    if target == VariableType.DOUBLE and source == VariableType.INT:
        return VariableValue(double=float(value.int))
    if target == VariableType.STR:
        text = services.keys.index_value(value.SerializeToString())
        return VariableValue(str=(text or "").partition(":")[2])
    raise invalid(
        f"Invalid value for variable '{variable.var_def.name}': "
        f"{VariableType.Name(source)} is not assignable to {VariableType.Name(target)}."
    )


def _variables(wf_spec: WfSpec) -> dict[str, ThreadVarDef]:
    """All variables of all threads by name."""
    return {
        variable.var_def.name: variable
        for thread in wf_spec.thread_specs.values()
        for variable in thread.variable_defs
        if variable.var_def.name != RESERVED_NAME
    }


def _primitive_type(variable: ThreadVarDef) -> int | None:
    defined = variable.var_def.type_def
    return defined.primitive_type if defined.WhichOneof("defined_type") == "primitive_type" else None


def _unsupported(value: VariableValue) -> RpcError:
    kind = (value.WhichOneof("value") or "null").upper()
    return invalid(f"Search for {kind} not supported: only STR, BOOL, INT and DOUBLE values are indexed.")
