"""Writes flush sets that `apply_cost --flush-sets` left into a store of ours, and prints how long that took as JSON.

    python bench/store_writer.py FILE DIRECTORY

A program of its own, so that the store of another build can be measured with that build's Python.
"""

import json
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from littlehorse.shard.store import Store, StoreMemory

MEMORY_BYTES = 256 << 20


def flush_sets(data: bytes) -> Iterator[list[tuple[bytes, bytes | None]]]:
    """The sets in the file: see apply_cost.rs for their layout."""
    at = 0
    while at < len(data):
        (count,) = struct.unpack_from("<I", data, at)
        at += 4
        entries: list[tuple[bytes, bytes | None]] = []
        for _ in range(count):
            key_length, value_length = struct.unpack_from("<II", data, at)
            at += 8
            key = data[at : at + key_length]
            at += key_length
            value = data[at : at + value_length - 1] if value_length else None
            at += max(value_length - 1, 0)
            entries.append((key, value))
        yield entries


def write(sets: list[list[tuple[bytes, bytes | None]]], store: Store) -> dict[str, float]:
    """Writes them one after the other; times the filling of batches apart from their writing."""
    put_s = write_s = 0.0
    for entries in sets:
        begin = time.perf_counter()
        batch = store.new_batch()
        put, delete = batch.put, batch.delete
        for key, value in entries:
            if value is None:
                delete(key)
            else:
                put(key, value)
        filled = time.perf_counter()
        store.write(batch)
        written = time.perf_counter()
        put_s += filled - begin
        write_s += written - filled
    begin = time.perf_counter()
    store.persist()
    return {"put_s": put_s, "write_s": write_s, "persist_s": time.perf_counter() - begin}


def main() -> None:
    """Reads the file whole first, so that its reading is not measured."""
    source, directory = map(Path, sys.argv[1:3])
    sets = list(flush_sets(source.read_bytes()))
    store = Store(directory, StoreMemory.share(MEMORY_BYTES, 1))
    times = write(sets, store)
    store.close()
    entries = [entry for one in sets for entry in one]
    size = sum(len(key) + len(value or b"") for key, value in entries)
    print(json.dumps({"sets": len(sets), "puts": len(entries), "bytes": size, **times}))


if __name__ == "__main__":
    main()
