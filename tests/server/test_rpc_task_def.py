"""PutTaskDef, GetTaskDef, SearchTaskDef, DeleteTaskDef."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    DeleteTaskDefRequest,
    PutTaskDefRequest,
    SearchTaskDefRequest,
    StructDefId,
    TaskDef,
    TaskDefId,
    TaskDefIdList,
    TypeDefinition,
    VariableDef,
)
from littlehorse.server.definitions import Kind
from littlehorse.server.errors import Code, RpcError
from tests.server.fakes import NOW_MS, TENANT, FakeServer


def put(server: FakeServer, name: str, *inputs: VariableDef) -> TaskDef:
    """Puts a TaskDef."""
    return server.call("PutTaskDef", PutTaskDefRequest(name=name, input_vars=inputs), TaskDef)


def code_of(server: FakeServer, rpc: str, request: object) -> tuple[int, str]:
    """Status and message of a refused call."""
    with pytest.raises(RpcError) as refused:
        server.call(rpc, request, Empty)  # type: ignore[arg-type]
    return refused.value.code, refused.value.message


def test_put_answers_what_get_answers(server: FakeServer) -> None:
    """02/G-4, G-5, G-8: read-your-writes, the complete stored object, created now."""
    stored = put(server, "greet", VariableDef(name="who"))
    assert stored.created_at.ToMilliseconds() == NOW_MS
    assert server.call("GetTaskDef", TaskDefId(name="greet"), TaskDef) == stored


def test_putting_again_keeps_the_stored_one(server: FakeServer) -> None:
    """02/TD-2: same definition, old created_at, nothing written."""
    first = put(server, "greet")
    server.now_ms += 1000
    assert put(server, "greet") == first
    assert server.engine.meta[server.services.definitions.key(Kind.TASK_DEF, TENANT, "greet")][0] == 1


def test_a_different_definition_is_refused(server: FakeServer) -> None:
    """02/TD-2."""
    put(server, "greet")
    request = PutTaskDefRequest(name="greet", input_vars=[VariableDef(name="who")])
    code, message = code_of(server, "PutTaskDef", request)
    assert (code, message) == (Code.ALREADY_EXISTS, "TaskDef [greet] already exists and is immutable.")


def test_another_definition_that_came_first_wins(server: FakeServer) -> None:
    """02/G-3: the check saw nothing, but a different TaskDef was written before ours."""
    other = TaskDef(id=TaskDefId(name="greet"), input_vars=[VariableDef(name="theirs")])
    key = server.services.definitions.key(Kind.TASK_DEF, TENANT, "greet")
    server.engine.interfere = lambda: server.engine.put(key, other.SerializeToString())
    assert code_of(server, "PutTaskDef", PutTaskDefRequest(name="greet"))[0] == Code.ALREADY_EXISTS
    assert server.call("GetTaskDef", TaskDefId(name="greet"), TaskDef) == other


def test_a_struct_def_that_vanishes_makes_it_evaluate_again(server: FakeServer) -> None:
    """02/G-2, T-2: a TaskDef is never stored beside a StructDef that is gone."""
    struct_key = server.services.definitions.key(Kind.STRUCT_DEF, TENANT, "car", 0)
    server.engine.put(struct_key, b"")
    deletions = iter([None])
    server.engine.interfere = lambda: next(deletions, 0) is None and server.engine.meta.pop(struct_key)
    car = TypeDefinition(struct_def_id=StructDefId(name="car", version=0))
    request = PutTaskDefRequest(name="paint", input_vars=[VariableDef(name="car", type_def=car)])
    assert code_of(server, "PutTaskDef", request)[0] == Code.UNAVAILABLE
    assert code_of(server, "GetTaskDef", TaskDefId(name="paint"))[0] == Code.NOT_FOUND


def test_absent_ones_are_not_found(server: FakeServer) -> None:
    """02/TD-4, D-1."""
    assert code_of(server, "GetTaskDef", TaskDefId(name="none")) == (
        Code.NOT_FOUND,
        "Couldn't find specified TaskDef 'none'.",
    )
    code, message = code_of(server, "DeleteTaskDef", DeleteTaskDefRequest(id=TaskDefId(name="none")))
    assert code == Code.NOT_FOUND
    assert "Couldn't find provided TaskDef" in message


def test_a_deleted_name_is_free(server: FakeServer) -> None:
    """02/TD-4: a different definition may follow."""
    put(server, "greet")
    server.call("DeleteTaskDef", DeleteTaskDefRequest(id=TaskDefId(name="greet")), Empty)
    assert code_of(server, "GetTaskDef", TaskDefId(name="greet"))[0] == Code.NOT_FOUND
    put(server, "greet", VariableDef(name="who"))


def test_tenants_do_not_see_each_other(server: FakeServer) -> None:
    """02/G-1: the same name in two tenants is two objects."""
    put(server, "greet")
    listed = server.call("SearchTaskDef", SearchTaskDefRequest(), TaskDefIdList, tenant="other")
    assert listed == TaskDefIdList()


def search(server: FakeServer, **criteria: object) -> TaskDefIdList:
    """Searches TaskDefs."""
    return server.call("SearchTaskDef", SearchTaskDefRequest(**criteria), TaskDefIdList)  # type: ignore[arg-type]


def names(found: TaskDefIdList) -> list[str]:
    """Names found."""
    return [task_def_id.name for task_def_id in found.results]


def test_search_by_prefix_in_byte_order(server: FakeServer) -> None:
    """02/S-1, S-2, S-6; 07/O-7: case matters, unset or empty lists all, unknown is empty."""
    for name in ["b", "a", "B", "ab", "a-b"]:
        put(server, name)
    assert names(search(server)) == ["B", "a", "a-b", "ab", "b"]
    assert names(search(server, prefix="")) == names(search(server))
    assert names(search(server, prefix="a")) == ["a", "a-b", "ab"]
    assert names(search(server, prefix="x")) == []


def test_pages_neither_repeat_nor_skip(server: FakeServer) -> None:
    """02/S-5; 07/S-2, S-3: a bookmark exactly when there is more; an empty one is the beginning."""
    wanted = [f"task-{number:03}" for number in range(250)]
    for name in wanted:
        put(server, name)
    first = search(server, bookmark=b"")
    assert names(first) == wanted[:100]
    second = search(server, bookmark=first.bookmark, limit=0)
    third = search(server, bookmark=second.bookmark)
    assert names(second) + names(third) == wanted[100:]
    assert not third.HasField("bookmark")
    assert not search(server, limit=250).HasField("bookmark")


@pytest.mark.parametrize("page", [{"limit": -1}, {"bookmark": b"nonsense"}])
def test_malformed_pages_are_refused(server: FakeServer, page: dict[str, object]) -> None:
    """07/S-2, S-3."""
    assert code_of(server, "SearchTaskDef", SearchTaskDefRequest(**page))[0] == Code.INVALID_ARGUMENT  # type: ignore[arg-type]
