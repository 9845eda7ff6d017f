"""The data directory: where each part lies, and the note that says how it was laid out when it was made."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from littlehorse.server.config import default_shards
from littlehorse.server.errors import StartError

NOTE = "layout.json"
LAYOUT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DataDir:
    """An opened data directory. The log and the lock in it belong to the engine."""

    path: Path
    run_shards: int

    @property
    def shard_stores(self) -> list[Path]:
        """Directories of the stores of the run shards, in order."""
        return [self.path / "shards" / str(shard) for shard in range(self.run_shards)]

    @property
    def meta_store(self) -> Path:
        """Directory of the store of the metadata group."""
        return self.path / "meta"


def open_data_dir(path: Path, shards: int | None) -> DataDir:
    """Makes the directory if it does not exist, else reads how it is laid out.

    The number of shards decides where every run lies, so it is written down once and must not change.
    Raises StartError for another number of shards than noted, an unknown layout, or a directory that cannot be used.
    """
    note = path / NOTE
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            if any((path / part).exists() for part in ("shards", "meta", "log")):
                raise StartError(
                    f"{path} holds data but no {NOTE}: restore that file from a backup, or choose another --data-dir."
                )
            _write_note(note, shards or default_shards())
        noted = json.loads(note.read_text("utf-8"))
        version, run_shards = int(noted["layout"]), int(noted["shards"])
    except OSError as error:
        raise StartError(f"The data directory {path} cannot be used: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StartError(f"{note} is damaged: restore it from a backup.") from error
    if version != LAYOUT_VERSION:
        raise StartError(
            f"{path} was made by another version of this server (layout {version}, this one knows {LAYOUT_VERSION})."
        )
    if shards is not None and shards != run_shards:
        raise StartError(
            f"{path} was made with --shards {run_shards} and cannot be opened with {shards}: leave the flag out."
        )
    return DataDir(path, run_shards)


def _write_note(note: Path, shards: int) -> None:
    """Writes the note so that it is there entirely or not at all after a crash."""
    draft = note.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"layout": LAYOUT_VERSION, "shards": shards}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(note)
    directory = os.open(note.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
