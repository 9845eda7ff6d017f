"""PutStructDef, ValidateStructDefEvolution, GetStructDef, SearchStructDef, DeleteStructDef."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteStructDefRequest,
    InlineStructDef,
    PutStructDefRequest,
    SearchStructDefRequest,
    StructDef,
    StructDefId,
    StructDefIdList,
    StructFieldDef,
    ValidateStructDefEvolutionRequest,
    ValidateStructDefEvolutionResponse,
)
from littlehorse.server.errors import Code, RpcError
from tests.server.fakes import FakeServer


def put(server: FakeServer, name: str, *fields: str) -> StructDef:
    """Puts a StructDef with these fields."""
    schema = InlineStructDef(fields={field: StructFieldDef() for field in fields})
    return server.call("PutStructDef", PutStructDefRequest(name=name, struct_def=schema), StructDef)


def test_versions_count_from_zero(server: FakeServer) -> None:
    """02/SD-1, SD-2: unchanged answers the latest."""
    first = put(server, "car", "make")
    assert first.id == StructDefId(name="car", version=0)
    assert put(server, "car", "make") == first
    assert put(server, "car", "make", "model").id.version == 1


def test_get_takes_an_exact_version_or_the_latest(server: FakeServer) -> None:
    """02/SD-8, 01/STR-8: -1 is the latest, unset is 0."""
    first, second = put(server, "car", "make"), put(server, "car", "model")
    assert server.call("GetStructDef", StructDefId(name="car"), StructDef) == first
    assert server.call("GetStructDef", StructDefId(name="car", version=-1), StructDef) == second
    for absent in [StructDefId(name="car", version=2), StructDefId(name="bus", version=-1)]:
        with pytest.raises(RpcError) as refused:
            server.call("GetStructDef", absent, StructDef)
        assert refused.value.code == Code.NOT_FOUND


def test_delete_takes_one_version(server: FakeServer) -> None:
    """02/SD-8, D-2, 01/STR-8: what refers to it does not matter."""
    put(server, "car", "make")
    second = put(server, "car", "model")
    request = DeleteStructDefRequest(id=StructDefId(name="car"))
    server.call("DeleteStructDef", request, Empty)
    assert server.call("GetStructDef", StructDefId(name="car", version=-1), StructDef) == second
    with pytest.raises(RpcError) as refused:
        server.call("DeleteStructDef", request, Empty)
    assert refused.value.code == Code.NOT_FOUND


def test_search_by_name_finds_exactly_that_name(server: FakeServer) -> None:
    """02/S-1, S-3; 07/O-7."""
    put(server, "car", "make")
    put(server, "car", "model")
    put(server, "car-door", "side")

    def search(request: SearchStructDefRequest) -> list[tuple[str, int]]:
        found = server.call("SearchStructDef", request, StructDefIdList)
        return [(number.name, number.version) for number in found.results]

    assert search(SearchStructDefRequest(name="car")) == [("car", 0), ("car", 1)]
    assert search(SearchStructDefRequest(prefix="car")) == [("car-door", 0), ("car", 0), ("car", 1)]
    assert search(SearchStructDefRequest()) == [("car-door", 0), ("car", 0), ("car", 1)]


def test_evolution_is_only_asked(server: FakeServer) -> None:
    """02/SD-7: nothing is stored."""
    request = ValidateStructDefEvolutionRequest(struct_def_id=StructDefId(name="car"))
    answer = server.call("ValidateStructDefEvolution", request, ValidateStructDefEvolutionResponse)
    assert answer.is_valid
    assert not server.engine.meta
