"""The store of a shard: what it keeps, what it loses, and what it says when it cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from littlehorse.shard.store import Store, StoreMemory

MEMORY = StoreMemory.share(64 << 20, 2)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store", MEMORY)


def put(store: Store, **entries: bytes | None) -> None:
    """Writes these entries as one batch; None deletes."""
    batch = store.new_batch()
    for key, value in entries.items():
        if value is None:
            batch.delete(key.encode())
        else:
            batch.put(key.encode(), value)
    store.write(batch)


def test_get_many_answers_in_the_order_of_the_keys(store: Store) -> None:
    """Absent keys have their place in the answer; no keys, no values."""
    put(store, a=b"1", b=b"", c=b"\x00\xff")
    assert store.get_many([b"c", b"nothing", b"a", b"b"]) == [b"\x00\xff", None, b"1", b""]
    assert store.get_many([]) == []


def test_a_batch_writes_and_deletes(store: Store) -> None:
    """The last word on a key counts."""
    put(store, a=b"1", b=b"2")
    batch = store.new_batch()
    batch.put(b"a", b"3")
    batch.put(b"c", b"4")
    batch.delete(b"b")
    batch.delete(b"c")
    store.write(batch)
    assert store.scan(b"", b"\xff", 10) == [(b"a", b"3")]


def test_scan_is_bounded(store: Store) -> None:
    """start <= key < end, ascending, at most `limit`."""
    put(store, a=b"1", b=b"2", c=b"3", d=b"4")
    assert store.scan(b"b", b"d", 10) == [(b"b", b"2"), (b"c", b"3")]
    assert store.scan(b"a", b"z", 3) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]
    assert store.scan(b"x", b"z", 10) == []
    assert store.scan(b"a", b"z", 0) == []


def test_a_view_stands_still(store: Store) -> None:
    """07/S-9: what is written after a view was taken is not in it."""
    put(store, a=b"1", b=b"2")
    with store.view() as view:
        put(store, a=b"changed", b=None, c=b"3")
        assert view.get(b"a") == b"1"
        assert view.get(b"c") is None
        assert list(view.scan(b"", b"\xff")) == [(b"a", b"1"), (b"b", b"2")]
    assert store.get_many([b"a", b"b", b"c"]) == [b"changed", None, b"3"]


def test_a_view_scans_a_range(store: Store) -> None:
    """The end is not part of the range."""
    put(store, a=b"1", b=b"2", c=b"3")
    with store.view() as view:
        assert list(view.scan(b"b", b"c")) == [(b"b", b"2")]


def test_closing_releases_the_directory(tmp_path: Path) -> None:
    """A store that was read in every way can be closed and opened again in the same process."""
    path = tmp_path / "store"
    first = Store(path, MEMORY)
    put(first, a=b"1")
    with first.view() as view:
        assert next(view.scan(b"", b"\xff")) == (b"a", b"1")
    first.persist()
    first.close()
    second = Store(path, MEMORY)
    assert second.get_many([b"a"]) == [b"1"]
    second.close()


def test_a_crash_keeps_what_was_persisted_and_nothing_else(tmp_path: Path) -> None:
    """RocksDB's own log is off: the shard's log is what brings the rest back."""
    run_and_crash(
        tmp_path,
        """
        put(b"before", b"1")
        store.persist()
        put(b"after", b"2")
        """,
    )
    store = Store(tmp_path / "store", MEMORY)
    assert store.get_many([b"before", b"after"]) == [b"1", None]


def test_a_second_opener_is_told(tmp_path: Path, store: Store) -> None:
    """The message names the directory and what to do."""
    put(store, a=b"1")
    with pytest.raises(OSError, match=r"store is open in another process: stop that server, or choose another"):
        Store(tmp_path / "store", MEMORY)


def test_another_process_is_told(tmp_path: Path, store: Store) -> None:
    """The lock holds between processes."""
    put(store, a=b"1")
    crashed = run_and_crash(tmp_path, "")
    assert "is open in another process" in crashed.stderr


@pytest.mark.parametrize("part", ["MANIFEST-*", "*.sst"])
def test_damage_is_told(tmp_path: Path, part: str) -> None:
    """A damaged file is never read over silently."""
    store = Store(tmp_path / "store", MEMORY)
    put(store, **{f"key{number}": b"value" * 100 for number in range(100)})
    store.persist()
    store.close()
    for path in (tmp_path / "store").glob(part):
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        for offset in range(middle, middle + 64):
            content[offset % len(content)] ^= 0xFF
        path.write_bytes(content)

    def read_everything() -> None:
        damaged = Store(tmp_path / "store", MEMORY)
        damaged.scan(b"", b"\xff", 1000)

    with pytest.raises(OSError, match="is damaged"):
        read_everything()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file is where the directory should be."""
    (tmp_path / "store").write_text("not a directory")
    with pytest.raises(OSError):
        Store(tmp_path / "store", MEMORY)


def test_memory_is_shared_out() -> None:
    """Write buffers shrink with the number of stores, down to what makes sense."""
    assert StoreMemory.share(1 << 30, 2).write_buffer_bytes == (1 << 30) // 8
    assert StoreMemory.share(1 << 20, 64).write_buffer_bytes == 4 << 20


def run_and_crash(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Runs statements with an open `store` in another process, which then ends without closing anything."""
    lines = [line.strip() for line in body.strip().splitlines()]
    program = "\n".join(
        [
            "import os, pathlib",
            "from littlehorse.shard.store import Store, StoreMemory",
            f"store = Store(pathlib.Path({str(tmp_path / 'store')!r}), StoreMemory.share(64 << 20, 2))",
            "def put(key, value):",
            "    batch = store.new_batch()",
            "    batch.put(key, value)",
            "    store.write(batch)",
            *lines,
            "os._exit(0)",
        ]
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
