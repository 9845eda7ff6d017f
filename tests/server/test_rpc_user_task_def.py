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
    """02/UT-1, UT-2: unchanged answers the latest."""
    first = put(server, "approve", "why")
    assert first.version == 0
    assert put(server, "approve", "why") == first
    second = put(server, "approve", "why", "who")
    assert second.version == 1
    assert server.call("GetUserTaskDef", UserTaskDefId(name="approve"), UserTaskDef) == first
    latest = GetLatestUserTaskDefRequest(name="approve")
    assert server.call("GetLatestUserTaskDef", latest, UserTaskDef) == second


def test_search_and_delete(server: FakeServer) -> None:
    """02/UT-3, S-2: every version is found; one is deleted; what is not there is NOT_FOUND."""
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
