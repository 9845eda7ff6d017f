"""What a cold handler is given: the caller, the metadata, and the stores of the run shards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from littlehorse.server.definitions import Definitions
from littlehorse.server.engine_port import EnginePort, KeyLayout, RunStore


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls: the tenant that the request acts in and the resolved principal, both checked by the front (08/G-1)."""

    tenant: str
    principal: str


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that handlers work with; made once by the composition root.

    `stores` are those of the run shards, in order.
    """

    engine: EnginePort
    keys: KeyLayout
    definitions: Definitions
    stores: Sequence[RunStore]
    clock_ms: Callable[[], int] = field(default=wall_clock_ms)
