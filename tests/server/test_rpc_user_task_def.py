"""PutUserTaskDef, GetUserTaskDef, GetLatestUserTaskDef, SearchUserTaskDef, DeleteUserTaskDef."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    STR,
    DeleteUserTaskDefRequest,
    GetLatestUserTaskDefRequest,
    PutUserTaskDefRequest,
    SearchUserTaskDefRequest,
    UserTaskDef,
    UserTaskDefId,
    UserTaskDefIdList,
    UserTaskField,
)
from littlehorse.server.errors import Code, RpcError
from tests.server.fakes import FakeServer


def put(server: FakeServer, name: str, *fields: str) -> UserTaskDef:
    """Puts a UserTaskDef with these text fields."""
    request = PutUserTaskDefRequest(name=name, fields=[UserTaskField(name=field, type=STR) for field in fields])
    return server.call("PutUserTaskDef", request, UserTaskDef)


def test_versions_count_from_zero(server: FakeServer) -> None:
    """02/UT-1, UT-2, 06/U-1, U-2, U-4: unchanged answers the latest; no version asked for means version 0."""
    first = put(server, "approve", "why")
    assert first.version == 0
    assert put(server, "approve", "why") == first
    second = put(server, "approve", "why", "who")
    assert second.version == 1
    assert server.call("GetUserTaskDef", UserTaskDefId(name="approve"), UserTaskDef) == first
    latest = GetLatestUserTaskDefRequest(name="approve")
    assert server.call("GetLatestUserTaskDef", latest, UserTaskDef) == second


def test_search_and_delete(server: FakeServer) -> None:
    """02/UT-3, S-2, 06/U-4, U-5, U-6: every version is found; one is deleted; what is not there is NOT_FOUND."""
    put(server, "approve", "why")
    put(server, "approve", "who")
    put(server, "apply")
    found = server.call("SearchUserTaskDef", SearchUserTaskDefRequest(name="approve"), UserTaskDefIdList)
    assert [found_id.version for found_id in found.results] == [0, 1]
    found = server.call("SearchUserTaskDef", SearchUserTaskDefRequest(prefix="appl"), UserTaskDefIdList)
    assert [found_id.name for found_id in found.results] == ["apply"]
    request = DeleteUserTaskDefRequest(id=UserTaskDefId(name="approve", version=1))
    server.call("DeleteUserTaskDef", request, Empty)
    latest = GetLatestUserTaskDefRequest(name="approve")
    assert server.call("GetLatestUserTaskDef", latest, UserTaskDef).version == 0
    absent = GetLatestUserTaskDefRequest(name="absent")
    for rpc, message in [
        ("DeleteUserTaskDef", request),
        ("GetUserTaskDef", request.id),
        ("GetLatestUserTaskDef", absent),
    ]:
        with pytest.raises(RpcError) as refused:
            server.call(rpc, message, UserTaskDef)
        assert refused.value.code == Code.NOT_FOUND


def test_numbers_are_given_out_again(server: FakeServer) -> None:
    """06/U-5: the next number is the highest existing one + 1; an emptied name starts at 0. The others stay."""
    for field in ("a", "b", "c"):
        put(server, "approve", field)
    for version, next_version in ((2, 2), (0, 3)):
        request = DeleteUserTaskDefRequest(id=UserTaskDefId(name="approve", version=version))
        server.call("DeleteUserTaskDef", request, Empty)
        assert put(server, "approve", f"after-{version}").version == next_version
    found = server.call("SearchUserTaskDef", SearchUserTaskDefRequest(name="approve"), UserTaskDefIdList)
    assert [found_id.version for found_id in found.results] == [1, 2, 3]
    for version in (1, 2, 3):
        request = DeleteUserTaskDefRequest(id=UserTaskDefId(name="approve", version=version))
        server.call("DeleteUserTaskDef", request, Empty)
    assert put(server, "approve", "d").version == 0


def test_search_without_criteria(server: FakeServer) -> None:
    """06/U-6: all, by name (as `name/`, 02/S-2) and then by version; a name is no prefix."""
    for name, field in (("b", "x"), ("a-b", "x"), ("a", "x"), ("a", "y")):
        put(server, name, field)
    found = server.call("SearchUserTaskDef", SearchUserTaskDefRequest(), UserTaskDefIdList)
    assert [(found_id.name, found_id.version) for found_id in found.results] == [
        ("a-b", 0),
        ("a", 0),
        ("a", 1),
        ("b", 0),
    ]
    found = server.call("SearchUserTaskDef", SearchUserTaskDefRequest(name="a"), UserTaskDefIdList)
    assert [(found_id.name, found_id.version) for found_id in found.results] == [("a", 0), ("a", 1)]
