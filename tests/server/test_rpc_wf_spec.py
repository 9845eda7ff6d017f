"""PutWfSpec, GetWfSpec, GetLatestWfSpec, SearchWfSpec, DeleteWfSpec."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from littlehorse.model import (
    DeleteWfSpecRequest,
    GetLatestWfSpecRequest,
    Node,
    PutWfSpecRequest,
    SearchWfSpecRequest,
    TaskDefId,
    TaskNode,
    ThreadSpec,
    VariableAssignment,
    WfSpec,
    WfSpecId,
    WfSpecIdList,
)
from littlehorse.server.errors import Code, RpcError
from tests.server.fakes import FakeServer


def put(server: FakeServer, name: str, *tasks: str) -> WfSpec:
    """Puts a WfSpec with these TASK nodes."""
    nodes = {
        f"{number}-{task}": Node(task=TaskNode(task_def_id=TaskDefId(name=task))) for number, task in enumerate(tasks)
    }
    thread = ThreadSpec(nodes=nodes)
    request = PutWfSpecRequest(name=name, thread_specs={"entrypoint": thread}, entrypoint_thread_name="entrypoint")
    return server.call("PutWfSpec", request, WfSpec)


def refusal(server: FakeServer, rpc: str, request: Message) -> tuple[int, str]:
    """Status and message of a refused call."""
    with pytest.raises(RpcError) as refused:
        server.call(rpc, request, Empty)
    return refused.value.code, refused.value.message


def search(server: FakeServer, **criteria: object) -> list[str]:
    """Versions found, as text."""
    found = server.call("SearchWfSpec", SearchWfSpecRequest(**criteria), WfSpecIdList)  # type: ignore[arg-type]
    return [f"{number.name} {number.major_version}.{number.revision}" for number in found.results]


def test_versions_follow_each_other(server: FakeServer) -> None:
    """02/G-5, V-1, V-2, W-4: unchanged answers the stored one, a change is stored beside it."""
    first = put(server, "ship", "pack")
    assert put(server, "ship", "pack") == first
    second = put(server, "ship", "pack", "send")
    assert (second.id.major_version, second.id.revision) == (0, 1)
    assert server.call("GetWfSpec", WfSpecId(name="ship"), WfSpec) == first
    assert server.call("GetLatestWfSpec", GetLatestWfSpecRequest(name="ship"), WfSpec) == second


def test_concurrent_changes_get_consecutive_versions(server: FakeServer) -> None:
    """02/G-3: the loser of the race is versioned after the winner."""
    put(server, "ship", "pack")
    others = iter([None])

    def interfere() -> None:
        if next(others, 0) is None:
            put(server, "ship", "theirs")

    server.engine.interfere = interfere
    ours = put(server, "ship", "ours")
    assert (ours.id.major_version, ours.id.revision) == (0, 2)
    assert search(server, name="ship") == ["ship 0.0", "ship 0.1", "ship 0.2"]


def test_concurrent_identical_puts_make_one_version(server: FakeServer) -> None:
    """02/G-3: exactly one creates."""
    others = iter([None])

    def interfere() -> None:
        if next(others, 0) is None:
            put(server, "ship", "pack")

    server.engine.interfere = interfere
    put(server, "ship", "pack")
    assert search(server) == ["ship 0.0"]


def test_get_is_exact_and_latest_is_highest(server: FakeServer) -> None:
    """02/V-7: unset numbers are 0; latest overall or of a major version; NOT_FOUND otherwise."""
    put(server, "ship", "pack")
    absent = [
        ("GetWfSpec", WfSpecId(name="ship", revision=1)),
        ("GetWfSpec", WfSpecId(name="ship", major_version=-1)),
        ("GetWfSpec", WfSpecId(name="shi")),
        ("GetLatestWfSpec", GetLatestWfSpecRequest(name="none")),
        ("GetLatestWfSpec", GetLatestWfSpecRequest(name="ship", major_version=1)),
    ]
    for rpc, request in absent:
        code, message = refusal(server, rpc, request)
        assert code == Code.NOT_FOUND
        assert "Couldn't find specified WfSpec" in message


def test_delete_takes_one_version(server: FakeServer) -> None:
    """02/D-1, D-2: without numbers 0.0; the highest number left counts."""
    put(server, "ship", "pack")
    put(server, "ship", "pack", "send")
    server.call("DeleteWfSpec", DeleteWfSpecRequest(id=WfSpecId(name="ship")), Empty)
    assert search(server, name="ship") == ["ship 0.1"]
    code, message = refusal(server, "DeleteWfSpec", DeleteWfSpecRequest(id=WfSpecId(name="ship")))
    assert code == Code.NOT_FOUND
    assert "Couldn't find provided WfSpec" in message


def test_search_by_name_and_prefix(server: FakeServer) -> None:
    """02/S-1, S-2, S-3, S-6: all versions, `a-b` before `a`, empty criteria list all."""
    for name in ["a", "a-b", "ab", "b"]:
        put(server, name)
    put(server, "a", "task")
    everything = ["a-b 0.0", "a 0.0", "a 0.1", "ab 0.0", "b 0.0"]
    assert search(server) == search(server, name="") == search(server, prefix="") == everything
    assert search(server, task_def_name="") == everything
    assert search(server, prefix="a") == everything[:4]
    assert search(server, name="a") == ["a 0.0", "a 0.1"]
    assert search(server, name="A") == search(server, prefix="x") == search(server, task_def_name="x") == []


def test_pages_by_name(server: FakeServer) -> None:
    """02/S-5, over a boundary between versions of one name."""
    for tasks in range(5):
        put(server, "a", *["task"] * tasks)
    put(server, "a-b")
    pages: list[str] = []
    bookmark = b""
    while True:
        request = SearchWfSpecRequest(prefix="a", limit=2, bookmark=bookmark)
        found = server.call("SearchWfSpec", request, WfSpecIdList)
        pages += [f"{number.name} {number.major_version}.{number.revision}" for number in found.results]
        if not found.HasField("bookmark"):
            break
        bookmark = found.bookmark
    assert pages == ["a-b 0.0", "a 0.0", "a 0.1", "a 0.2", "a 0.3", "a 0.4"]


def test_search_by_task_def(server: FakeServer) -> None:
    """02/S-4: static tasks only, each version once, by creation time; a deleted WfSpec disappears."""
    put(server, "z", "pack", "pack")
    server.now_ms += 1
    put(server, "a", "pack")
    server.now_ms += 1
    put(server, "z", "pack", "send")
    put(server, "b", "send")
    dynamic = Node(task=TaskNode(dynamic_task=VariableAssignment(variable_name="pack")))
    thread = ThreadSpec(nodes={"0": dynamic})
    request = PutWfSpecRequest(name="dynamic", thread_specs={"e": thread}, entrypoint_thread_name="e")
    server.call("PutWfSpec", request, WfSpec)
    assert search(server, task_def_name="pack") == ["z 0.0", "a 0.0", "z 0.1"]
    page = server.call("SearchWfSpec", SearchWfSpecRequest(task_def_name="pack", limit=2), WfSpecIdList)
    assert search(server, task_def_name="pack", bookmark=page.bookmark) == ["z 0.1"]
    server.call("DeleteWfSpec", DeleteWfSpecRequest(id=WfSpecId(name="a")), Empty)
    assert search(server, task_def_name="pack") == ["z 0.0", "z 0.1"]


def test_bookmarks_of_another_kind_are_refused(server: FakeServer) -> None:
    """02/S-5; 07/S-3: structurally foreign."""
    put(server, "a", "pack")
    put(server, "b", "pack")
    page = server.call("SearchWfSpec", SearchWfSpecRequest(task_def_name="pack", limit=1), WfSpecIdList)
    foreign = SearchWfSpecRequest(prefix="", bookmark=page.bookmark)
    assert refusal(server, "SearchWfSpec", foreign)[0] == Code.INVALID_ARGUMENT
