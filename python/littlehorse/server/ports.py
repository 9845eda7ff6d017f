"""What Python implements for the extension: the store of a shard and the cold RPC handlers."""

from typing import Any, Protocol


class Store(Protocol):
    """The ordered map of one shard with atomic batches; calls come from Rust threads, one writer at a time."""

    def get_many(self, keys: list[bytes], /) -> list[bytes | None]:
        """Values of these keys, in order."""

    def scan(self, start: bytes, end: bytes, limit: int, /) -> list[tuple[bytes, bytes]]:
        """Entries with start <= key < end, ascending, at most `limit`."""

    def new_batch(self) -> Any:
        """An empty rocksdict `WriteBatch`; the extension calls its bound `put(key, value)` and `delete(key)`."""

    def write(self, batch: Any, /) -> None:
        """Writes the batch atomically, without RocksDB's own log."""

    def persist(self) -> None:
        """Makes everything written so far survive a crash (explicit RocksDB flush)."""


class ColdHandler(Protocol):
    """Answers the RPCs that happen per deployment, per look and per person."""

    def __call__(self, rpc: str, request: bytes, tenant: str, principal: str, /) -> bytes:
        """Answers RPC `rpc` (e.g. "PutTaskDef"); runs on a lane thread.

        Raises `littlehorse.server.errors.RpcError(code, message)` for every refusal; anything else is our bug.
        """
