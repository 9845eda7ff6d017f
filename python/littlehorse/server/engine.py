"""The only door to the extension: everything that imports `littlehorse._core` is in this file."""

from __future__ import annotations

from littlehorse import _core
from littlehorse.server.engine_port import KeyLayout
from littlehorse.server.ports import ColdHandler, Store

Engine = _core.Engine
keys: KeyLayout = _core


def create(
    *,
    data_dir: str,
    listen: str,
    advertise: str | None,
    run_shards: int,
    lanes: int,
    memory_limit_bytes: int,
    call_memory_bytes: int,
    max_connections: int,
    version: str,
    stores: list[Store],
    cold: ColdHandler,
) -> _core.Engine:
    """Makes the engine over these stores (run shards in order, then metadata), not started yet. Raises OSError."""
    config = _core.EngineConfig(
        data_dir=data_dir,
        listen=listen,
        advertise=advertise,
        run_shards=run_shards,
        lanes=lanes,
        memory_limit_bytes=memory_limit_bytes,
        call_memory_bytes=call_memory_bytes,
        max_connections=max_connections,
        version=version,
    )
    return _core.Engine(config, stores, cold)


def stored_run_shards(data_dir: str) -> int | None:
    """The number of run shards that a data directory was made with; None if it is new. Raises OSError if damaged."""
    return _core.stored_run_shards(data_dir)


def routes() -> list[tuple[str, str]]:
    """All RPCs of the contract: name and "hot", "cold" or "unimplemented"."""
    return _core.routes()


def examine(data_dir: str, stores: list[Store | None], whole_log: str | None) -> list[tuple[bool, str, str]]:
    """Looks at a stopped server's directory: whether sound, part, what was found. None = a store that cannot be opened.

    `whole_log` is a directory with every segment that the log ever had, to be replayed from the first entry on.

    Raises OSError if it is no data directory, in use, or without identity or log.
    """
    return _core.examine(data_dir, stores, whole_log)
