"""How many connections the limits of open files leave."""

from __future__ import annotations

import resource

import pytest

from littlehorse.server import open_files
from littlehorse.shard.store import OPEN_FILES_MAX

STORES = 2
RESERVED = STORES * OPEN_FILES_MAX + open_files.FILES_OF_PROCESS
INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "soft_afterwards"),
    [
        (20_000, 20_000, 10_000, None),
        (1_024, 1 << 20, 10_000, RESERVED + 10_000),
        (1_024, INFINITE, 10_000, RESERVED + 10_000),
        (1_024, 4_096, 4_096 - RESERVED, 4_096),
        (1_024, 1_024, 1, 1_024),
        (INFINITE, INFINITE, 10_000, None),
    ],
)
def test_connections(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, connections: int, soft_afterwards: int | None
) -> None:
    """The soft limit is raised if it must be and may be; what the stores need is never given to connections."""
    changed: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: changed.append(limits))
    assert open_files.connections(10_000, STORES) == connections
    assert changed == ([] if soft_afterwards is None else [(soft_afterwards, hard)])
