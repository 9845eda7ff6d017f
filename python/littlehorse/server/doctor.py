"""`lh doctor`: opens the stores of a stopped server for reading, has the extension look at everything, prints it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from littlehorse.server import engine
from littlehorse.server.data_dir import DataDir
from littlehorse.shard.store import Store, StoreMemory

# Reading everything once needs little: blocks are not read again.
CACHE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one part of the data directory."""

    is_sound: bool
    part: str
    text: str


def examine(path: Path, whole_log: Path | None = None) -> list[Finding]:
    """Looks at everything in a data directory; changes nothing. A part that cannot be read is a finding."""
    try:
        run_shards = engine.stored_run_shards(str(path))
    except OSError as error:
        return [Finding(False, "directory", str(error))]
    if run_shards is None:
        return [Finding(False, "directory", f"{path} is no data directory of a server: it has no IDENTITY file")]
    directory = DataDir(path, run_shards)
    findings: list[Finding] = []
    stores: list[Store | None] = []
    memory = StoreMemory.share(CACHE_BYTES, len(directory.stores))
    for place in directory.stores:
        try:
            stores.append(Store(place, memory, read_only=True))
        except OSError as error:
            stores.append(None)
            findings.append(Finding(False, place.relative_to(path).as_posix(), str(error)))
    whole = None if whole_log is None else str(whole_log)
    try:
        findings += [Finding(*row) for row in engine.examine(str(path), list(stores), whole)]
    except OSError as error:
        findings.append(Finding(False, "directory", str(error)))
    finally:
        for store in stores:
            if store is not None:
                store.close()
    return findings


def main(arguments: Sequence[str], program: str = "lh doctor") -> int:
    """Prints what was found; returns 0 if all is sound, 1 if something is not."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Verifies the data directory of a stopped server: log, stores, indexes and their agreement. "
        "Changes nothing; exits with 1 if something is wrong.",
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the --data-dir of the server")
    parser.add_argument(
        "--whole-log",
        metavar="DIR",
        type=Path,
        help="every segment that the log ever had, if somebody kept them: the stores must hold what a replay from the "
        "first entry gives",
    )
    chosen = parser.parse_args(arguments)
    findings = examine(chosen.directory, chosen.whole_log)
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        print(f"{'ok  ' if finding.is_sound else 'BAD '} {finding.part.ljust(width)}  {finding.text}")
    problems = sum(not finding.is_sound for finding in findings)
    print("Everything is sound." if not problems else f"{problems} problems were found; nothing was changed.")
    return 1 if problems else 0
