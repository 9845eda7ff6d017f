"""What the cold handlers need of the engine, as interfaces: they never import the extension, tests give them fakes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from littlehorse.shard.scan import View


class EnginePort(Protocol):
    """The methods of `littlehorse._core.Engine` that handlers use; see the stub for parameters and errors."""

    def meta_get(self, key: bytes, /) -> tuple[int, bytes] | None: ...

    def meta_scan(self, prefix: bytes, start: bytes, limit: int, /) -> list[tuple[bytes, int, bytes]]: ...

    def meta_write(
        self, expects: list[tuple[bytes, int]], writes: list[tuple[bytes, bytes | None]], timeout_ms: int, /
    ) -> bool: ...

    def check_put_wf_spec(self, tenant: str, request: bytes, now_ms: int, /) -> bytes: ...

    def check_put_task_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes: ...

    def check_put_struct_def(self, tenant: str, request: bytes, now_ms: int, /) -> bytes: ...

    def check_struct_def_evolution(self, tenant: str, request: bytes, /) -> bool: ...

    def read_variable(self, tenant: str, variable_id: bytes, /) -> bytes | None: ...

    def flush(self, shard: int, /) -> None: ...

    def routes(self, /) -> list[tuple[str, str]]: ...


class KeyLayout(Protocol):
    """The module functions of `littlehorse._core` that spell keys; the layout itself is in Rust only."""

    def meta_key(self, kind: int, tenant: str, name: str, numbers: list[int], /) -> bytes: ...

    def meta_prefix(self, kind: int, tenant: str, name: str | None, /) -> bytes: ...

    def parse_meta_key(self, key: bytes, numbers: int, /) -> tuple[int, str, str, list[int]]: ...

    def index_prefix(self, tenant: str, kind: int, components: list[str], /) -> bytes: ...

    def index_value(self, value: bytes, /) -> str | None: ...

    def shard_of(self, tenant: str, root_id: str, run_shards: int, /) -> int: ...


class RunStore(Protocol):
    """The store of a run shard as searches use it."""

    def view(self) -> AbstractContextManager[View]:
        """The store as it stands now."""
