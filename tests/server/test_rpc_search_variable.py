"""SearchVariable."""

from __future__ import annotations

import pytest

from littlehorse.model import (
    JsonIndex,
    PutWfSpecRequest,
    SearchVariableRequest,
    ThreadSpec,
    ThreadVarDef,
    TypeDefinition,
    VariableDef,
    VariableId,
    VariableIdList,
    VariableType,
    VariableValue,
    WfRunId,
    WfSpec,
)
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.internal.record_pb2 import IndexEntry
from littlehorse.server.run_index import FORMAT, Index
from littlehorse.shard.scan import TIME
from tests.server.fakes import TENANT, FakeServer


def declared(name: str, kind: int, *paths: str, searchable: bool = True) -> ThreadVarDef:
    """A declaration with JSON indexes."""
    definition = VariableDef(name=name, type_def=TypeDefinition(primitive_type=kind))  # type: ignore[arg-type]
    return ThreadVarDef(
        var_def=definition, searchable=searchable, json_indexes=[JsonIndex(field_path=path) for path in paths]
    )


@pytest.fixture
def variables(server: FakeServer) -> FakeServer:
    """A WfSpec with variables of many types in two threads, and index entries."""
    main = ThreadSpec(
        variable_defs=[
            declared("number", VariableType.INT),
            declared("price", VariableType.DOUBLE),
            declared("name", VariableType.STR),
            declared("flag", VariableType.BOOL),
            declared("data", VariableType.JSON_OBJ, "$.user.id", searchable=False),
            declared("hidden", VariableType.STR, searchable=False),
            declared("INPUT", VariableType.STR),
        ]
    )
    child = ThreadSpec(variable_defs=[declared("child-number", VariableType.INT)])
    request = PutWfSpecRequest(
        name="ship", thread_specs={"entrypoint": main, "child": child}, entrypoint_thread_name="entrypoint"
    )
    server.call("PutWfSpec", request, WfSpec)
    add(server, 0, "b", "number", "int:5", 10)
    add(server, 1, "a", "number", "int:5", 20, revision=1)
    add(server, 2, "c", "number", "int:6", 15)
    add(server, 0, "p", "price", "double:5.0", 1)
    add(server, 0, "n", "name", "str:5", 1)
    add(server, 0, "f", "flag", "bool:true", 1)
    add(server, 1, "j", "data_$.user.id", "str:u1", 1)
    add(server, 1, "k", "data_$.user.id", "int:1", 1)
    add(server, 1, "t", "child-number", "int:7", 1, thread=1)
    return server


def add(
    server: FakeServer, shard: int, run: str, name: str, text: str, at: int, *, thread: int = 0, revision: int = 0
) -> None:
    """Indexes a Variable."""
    variable_id = VariableId(wf_run_id=WfRunId(id=run), thread_run_number=thread, name=name.partition("_$")[0])
    entry = IndexEntry(id=variable_id.SerializeToString(), time_ms=at, revision=revision)
    prefix = server.keys.index_prefix(TENANT, Index.VARIABLE, ["ship", name, text])
    key = prefix + TIME.pack(at) + f"{run}/{thread}/{name}".encode()
    server.stores[shard].entries[key] = FORMAT + entry.SerializeToString()


def search(server: FakeServer, name: str, value: VariableValue, **more: object) -> list[str]:
    """Runs whose variable was found."""
    request = SearchVariableRequest(wf_spec_name="ship", var_name=name, value=value)
    request.MergeFrom(SearchVariableRequest(**more))  # type: ignore[arg-type]
    found = server.call("SearchVariable", request, VariableIdList)
    return [variable_id.wf_run_id.id for variable_id in found.results]


def test_by_value(variables: FakeServer) -> None:
    """07/V-1, V-5, V-7, V-9: typed, over all shards and threads, by creation time."""
    assert search(variables, "number", VariableValue(int=5)) == ["b", "a"]
    assert search(variables, "number", VariableValue(int=7)) == []
    assert search(variables, "price", VariableValue(double=5.0)) == ["p"]
    assert search(variables, "name", VariableValue(str="5")) == ["n"]
    assert search(variables, "flag", VariableValue(bool=True)) == ["f"]
    assert search(variables, "child-number", VariableValue(int=7)) == ["t"]


def test_values_are_cast_to_the_type_of_the_variable(variables: FakeServer) -> None:
    """07/V-2.6; 02/T-3: what could be assigned can be searched."""
    assert search(variables, "price", VariableValue(int=5)) == ["p"]
    assert search(variables, "name", VariableValue(int=5)) == ["n"]


def test_json_fields(variables: FakeServer) -> None:
    """07/V-4, V-7: by declared path, typed by the value searched."""
    assert search(variables, "data_$.user.id", VariableValue(str="u1")) == ["j"]
    assert search(variables, "data_$.user.id", VariableValue(int=1)) == ["k"]


def test_by_version(variables: FakeServer) -> None:
    """07/V-3; a revision without major version is ignored (07/V-2)."""
    exact = {"wf_spec_major_version": 0, "wf_spec_revision": 0}
    assert search(variables, "number", VariableValue(int=5), **exact) == ["b"]
    assert search(variables, "number", VariableValue(int=5), wf_spec_revision=1) == ["b", "a"]


def test_pages(variables: FakeServer) -> None:
    """07/S-3."""
    request = SearchVariableRequest(wf_spec_name="ship", var_name="number", value=VariableValue(int=5), limit=1)
    page = variables.call("SearchVariable", request, VariableIdList)
    assert [found.wf_run_id.id for found in page.results] == ["b"]
    assert search(variables, "number", VariableValue(int=5), bookmark=page.bookmark) == ["a"]


@pytest.mark.parametrize(
    ("name", "value", "more", "message"),
    [
        ("number", VariableValue(int=5), {"wf_spec_major_version": 0}, "must also provide revision"),
        ("number", VariableValue(json_obj="{}"), {}, "not supported"),
        ("number", VariableValue(), {}, "not supported"),
        ("number", VariableValue(bytes=b"5"), {"wf_spec_name": "none"}, "not supported"),
        ("number", VariableValue(int=5), {"wf_spec_name": "none"}, "Couldn't find wfSpec"),
        (
            "number",
            VariableValue(int=5),
            {"wf_spec_major_version": 3, "wf_spec_revision": 0},
            "Couldn't find wfSpec",
        ),
        ("none", VariableValue(int=5), {}, "has no variable named"),
        ("INPUT", VariableValue(str="5"), {}, "has no variable named"),
        ("hidden", VariableValue(str="5"), {}, "has no index"),
        ("data", VariableValue(str="5"), {}, "has no index"),
        ("number", VariableValue(str="5"), {}, "Invalid value for variable"),
        ("number", VariableValue(double=5.0), {}, "Invalid value for variable"),
        ("flag", VariableValue(int=1), {}, "Invalid value for variable"),
        ("none_$.user.id", VariableValue(str="5"), {}, "no variable named"),
        ("name_$.user.id", VariableValue(str="5"), {}, "not of type JSON"),
        ("data_$.user", VariableValue(str="5"), {}, "no indexed field"),
        ("number", VariableValue(int=5), {"limit": -1}, "limit"),
    ],
)
def test_refusals(
    variables: FakeServer, name: str, value: VariableValue, more: dict[str, object], message: str
) -> None:
    """07/V-2 in its order, V-4, S-2: INVALID_ARGUMENT."""
    with pytest.raises(RpcError) as refused:
        search(variables, name, value, **more)
    assert refused.value.code == Code.INVALID_ARGUMENT
    assert message in refused.value.message
