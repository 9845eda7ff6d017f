"""Compare-and-write on metadata: who loses a race evaluates again."""

from __future__ import annotations

import pytest

from littlehorse.server.definitions import EVALUATIONS_MAX, SCAN_CHUNK, Change, Definitions, Kind
from littlehorse.server.errors import Code, RpcError
from tests.server.fakes import TENANT, FakeServer


def test_a_lost_race_is_evaluated_again(server: FakeServer) -> None:
    """02/G-3: concurrent puts behave as if made one after another."""
    definitions = server.services.definitions
    key = definitions.key(Kind.TASK_DEF, TENANT, "a")
    others = iter([b"theirs"])
    server.engine.interfere = lambda: server.engine.put(key, value) if (value := next(others, None)) else None
    seen: list[bytes | None] = []

    def evaluate() -> Change[str]:
        stored = definitions.get(Kind.TASK_DEF, TENANT, "a")
        seen.append(stored.value if stored else None)
        change = Change("answer")
        change.put(key, b"ours", stored)
        return change

    assert definitions.change(evaluate) == "answer"
    assert seen == [None, b"theirs"]
    assert server.engine.meta[key] == (2, b"ours")


def test_a_stale_evaluation_is_not_written(server: FakeServer) -> None:
    """02/G-2: what a definition refers to must still be there when it is written."""
    definitions = server.services.definitions
    stale = iter([True, False])

    def evaluate() -> Change[None]:
        change = Change(None, is_stale=next(stale))
        change.put(b"key", b"value", None)
        return change

    definitions.change(evaluate)
    assert server.engine.meta[b"key"] == (1, b"value")


def test_endless_contention_ends(server: FakeServer) -> None:
    """UNAVAILABLE, which clients may retry, after a bounded number of evaluations."""
    definitions = server.services.definitions
    server.engine.interfere = lambda: server.engine.put(b"key", b"theirs")
    evaluations = 0

    def evaluate() -> Change[None]:
        nonlocal evaluations
        evaluations += 1
        change = Change(None)
        change.put(b"key", b"ours", None)
        return change

    with pytest.raises(RpcError) as refused:
        definitions.change(evaluate)
    assert refused.value.code == Code.UNAVAILABLE
    assert evaluations == EVALUATIONS_MAX


def test_versions_sort_as_numbers(server: FakeServer) -> None:
    """02/S-2, V-1: 10 comes after 9, and a name is not a prefix of another."""
    definitions = server.services.definitions
    for name, major, revision in [("a", 10, 0), ("a", 9, 300), ("a", 9, 20), ("a-b", 99, 0)]:
        server.engine.put(definitions.key(Kind.WF_SPEC, TENANT, name, major, revision), b"")
    assert [stored.numbers for stored in definitions.versions(Kind.WF_SPEC, TENANT, "a")] == [
        (9, 20),
        (9, 300),
        (10, 0),
    ]
    latest = definitions.latest(Kind.WF_SPEC, TENANT, "a")
    assert latest is not None
    assert latest.numbers == (10, 0)
    latest_of_nine = definitions.latest(Kind.WF_SPEC, TENANT, "a", 9)
    assert latest_of_nine is not None
    assert latest_of_nine.numbers == (9, 300)
    assert definitions.latest(Kind.WF_SPEC, TENANT, "a", 8) is None


def test_negative_versions_do_not_exist(server: FakeServer) -> None:
    """They are no keys."""
    assert server.services.definitions.get(Kind.WF_SPEC, TENANT, "a", -1, 0) is None


def test_everything_is_scanned_in_chunks(server: FakeServer) -> None:
    """More entries than one chunk, each once; other tenants and kinds are not seen (02/G-1)."""
    definitions: Definitions = server.services.definitions
    for number in range(SCAN_CHUNK * 2 + 3):
        server.engine.put(definitions.key(Kind.TASK_DEF, TENANT, f"task-{number:04}"), b"")
    server.engine.put(definitions.key(Kind.TASK_DEF, "other", "task-x"), b"")
    server.engine.put(definitions.key(Kind.TENANT, TENANT, "task-y"), b"")
    names = [stored.name for stored in definitions.all(Kind.TASK_DEF, TENANT)]
    assert names == [f"task-{number:04}" for number in range(SCAN_CHUNK * 2 + 3)]
