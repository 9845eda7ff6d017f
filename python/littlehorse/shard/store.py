"""The store of one shard: an ordered map of bytes with atomic batches, kept by RocksDB (through rocksdict).

The shard's log is the truth and this store a checkpoint of it, hence RocksDB's own log is off: a write survives a crash
only after `persist`. Everything of a shard is in one column family, so that a batch never reaches the disk in halves.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

# A bloom filter of this size answers "no such key" wrongly once in about a hundred times.
BLOOM_BITS_PER_KEY = 10
# Written bytes go to the disk in steps of this size, so that a flush does not end in one long stall of the device.
BYTES_PER_SYNC = 1 << 20
# RocksDB holds every table file open; this many are plenty for a shard and below common limits of file descriptors.
OPEN_FILES_MAX = 512
# Smallest write buffer and block cache that still make sense.
BUFFER_BYTES_MIN = 4 << 20
CACHE_BYTES_MIN = 8 << 20
# How many entries a scan of a view reads ahead: few at first, since most searches want few.
READ_AHEAD_MIN = 16
READ_AHEAD_MAX = 512
# What RocksDB says when files are not what they were, or are gone.
DAMAGE = ("corruption", "bad table magic", "no such file", "does not exist", "while pread")
RESTORE = "restore the whole data directory from a backup"
# Compaction and flush threads of one shard: the machine's cores belong to the shards themselves.
BACKGROUND_JOBS = 2


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """How much memory the stores of a server may use; `cache` is shared by all, `write_buffer_bytes` is per store."""

    cache: Cache
    write_buffer_bytes: int

    @classmethod
    def share(cls, total_bytes: int, stores: int) -> StoreMemory:
        """Divides `total_bytes`: half for the common block cache, half for two write buffers of each store."""
        cache_bytes = max(total_bytes // 2, CACHE_BYTES_MIN)
        buffer_bytes = max(total_bytes // 2 // (2 * max(stores, 1)), BUFFER_BYTES_MIN)
        return cls(Cache(cache_bytes), buffer_bytes)


class ReadView:
    """The store as it stood at one moment: what a search reads, so that an object that changes is seen once.

    It is one RocksDB cursor, which shows the store as of its creation wherever it is moved. (rocksdict's own snapshots
    do not hold for cursors made from them.) Scans take turns on it, each reading some entries ahead. For one thread.
    """

    def __init__(self, path: Path, cursor: Any) -> None:
        self._path = path
        self._cursor = cursor

    def get(self, key: bytes) -> bytes | None:
        """Value of this key, or None."""
        return next((value for _, value in self._read(key, key + b"\0", 1)), None)

    def scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries with start <= key < end, ascending, read as they are asked for."""
        ahead = READ_AHEAD_MIN
        while entries := self._read(start, end, ahead):
            yield from entries
            start = entries[-1][0] + b"\0"
            ahead = min(ahead * 2, READ_AHEAD_MAX)

    def _read(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        return list(itertools.islice(_entries(self._path, self._cursor, start, end), limit))


class Store:
    """Implements `littlehorse.server.ports.Store` in the directory `path`, which is made unless `read_only`.

    Errors: OSError whose message names the directory and says what to do, for a store that is damaged, open in another
    process, or cannot be written; `errno` is ENOSPC if the disk is full.
    """

    def __init__(self, path: Path, memory: StoreMemory, *, read_only: bool = False) -> None:
        self._path = path
        if not read_only:
            path.mkdir(parents=True, exist_ok=True)
        _check_root(path)
        self._without_log = WriteOptions()
        # A plain attribute at run time, although the package's stub calls it a method.
        self._without_log.disable_wal = True  # type: ignore[method-assign,assignment]
        try:
            access = AccessType.read_only() if read_only else AccessType.read_write()
            self._rocks = Rdict(str(path), _options(memory), access_type=access)
        except Exception as error:
            _refuse(path, error)

    def get_many(self, keys: list[bytes], /) -> list[bytes | None]:
        """Values of these keys, in order."""
        if not keys:
            return []
        try:
            values: list[bytes | None] | None = self._rocks.get(keys)  # type: ignore[arg-type]
        except Exception as error:
            _refuse(self._path, error)
        return values or []

    def scan(self, start: bytes, end: bytes, limit: int, /) -> list[tuple[bytes, bytes]]:
        """Entries with start <= key < end, ascending, at most `limit`."""
        bounds = ReadOptions()
        bounds.set_iterate_upper_bound(end)
        entries = _entries(self._path, self._rocks.iter(bounds), start, end)
        return list(itertools.islice(entries, limit))

    def new_batch(self) -> WriteBatch:
        """An empty batch; its `put(key, value)` and `delete(key)` take bytes."""
        return WriteBatch(raw_mode=True)

    def write(self, batch: WriteBatch, /) -> None:
        """Writes the batch atomically, without RocksDB's own log."""
        try:
            self._rocks.write(batch, self._without_log)
        except Exception as error:
            _refuse(self._path, error)

    def persist(self) -> None:
        """Makes everything written so far survive a crash."""
        try:
            self._rocks.flush(True)
        except Exception as error:
            _refuse(self._path, error)

    @contextlib.contextmanager
    def view(self) -> Iterator[ReadView]:
        """The store as it stands now; must be left before `close`, since RocksDB stays locked while a view exists."""
        view = ReadView(self._path, self._rocks.iter())
        try:
            yield view
        finally:
            view._cursor = None

    def close(self) -> None:
        """Releases the directory. What was written and not persisted is lost, and comes back from the shard's log."""
        try:
            self._rocks.close()
        except Exception as error:
            _refuse(self._path, error)


def _check_root(path: Path) -> None:
    """Refuses table files without the file that says which of them count: RocksDB would begin a new store over them."""
    if not (path / "CURRENT").exists() and any(path.glob("*.sst")):
        raise OSError(f"the store in {path} is damaged (its file CURRENT is missing): {RESTORE}")


def _options(memory: StoreMemory) -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(memory.cache)
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, False)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(memory.write_buffer_bytes)
    options.set_max_write_buffer_number(2)
    options.set_bytes_per_sync(BYTES_PER_SYNC)
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_max_background_jobs(BACKGROUND_JOBS)
    options.set_level_compaction_dynamic_level_bytes(True)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_paranoid_checks(True)
    return options


def _entries(path: Path, cursor: Any, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
    try:
        cursor.seek(start)
        while cursor.valid() and (key := cursor.key()) < end:
            yield key, cursor.value()
            cursor.next()
        cursor.status()
    except Exception as error:
        _refuse(path, error)


def _refuse(path: Path, error: Exception) -> NoReturn:
    """Raises the OSError that says what happened; RocksDB tells kinds of errors apart by their text only."""
    text = str(error)
    lowered = text.lower()
    if "lock hold by" in lowered or "while lock file" in lowered:
        raise OSError(f"{path} is open in another process: stop that server, or choose another --data-dir") from error
    if "no space left" in lowered:
        raise OSError(errno.ENOSPC, f"the disk under {path} is full: free some space") from error
    if any(sign in lowered for sign in DAMAGE):
        raise OSError(f"the store in {path} is damaged ({text}): {RESTORE}") from error
    raise OSError(f"the store in {path} failed: {text}") from error
