"""Where each part lies in the data directory. The directory itself, its lock and its log belong to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from littlehorse.server.errors import StartError


@dataclass(frozen=True, slots=True)
class DataDir:
    """The places of the stores in a data directory of so many run shards."""

    path: Path
    run_shards: int

    @property
    def stores(self) -> list[Path]:
        """Directories of the stores: run shards in order, then the metadata group."""
        return [*(self.path / "shards" / str(shard) for shard in range(self.run_shards)), self.path / "meta"]


def make(path: Path) -> None:
    """Makes the directory unless it exists. Raises StartError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StartError(f"{path} is not a directory: choose another --data-dir.") from error
    except OSError as error:
        raise StartError(f"{path} cannot be made ({error.strerror}): choose another --data-dir.") from error


def choose(path: Path, wanted_shards: int | None, stored_shards: int | None, default_shards: int) -> DataDir:
    """Decides on the number of run shards: it says where every run lies, so it is fixed when a directory is made.

    `stored_shards` is what the directory was made with, None for a new one. Raises StartError if another one is wanted.
    """
    if stored_shards is not None and wanted_shards not in (None, stored_shards):
        raise StartError(
            f"{path} was made with --shards {stored_shards} and cannot be opened with {wanted_shards}: "
            "leave the flag out."
        )
    return DataDir(path, stored_shards or wanted_shards or default_shards)
