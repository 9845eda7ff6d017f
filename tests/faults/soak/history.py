"""The history of a soak: each process writes JSON lines with monotonic times; in the end they become one file.

The lines are those that `lh_sim check` reads (rust/lh_sim/src/history.rs), in real-time order: all processes of a
machine share one monotonic clock.
"""

import bisect
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# Written by a recorder, replaced by the number of lines before that moment when the files are merged.
ASKED = "asked_ns"


class Recorder:
    """Writes what one process sees; counts the calls that were acknowledged."""

    def __init__(self, path: Path, number: int) -> None:
        """`number` tells the process from others, so that numbers of calls are unique."""
        self._file = path.open("w")
        self._next_call = number << 32
        self.acknowledged = 0

    def note(self, event: str, **fields: Any) -> None:
        """Writes a line: what happened just now, or is about to."""
        line = {"ns": time.monotonic_ns(), "wall_ms": time.time_ns() // 1_000_000, "event": event, **fields}
        self._file.write(json.dumps(line, separators=(",", ":")))
        self._file.write("\n")

    def sent(self, event: str, **fields: Any) -> int:
        """Writes that a call is about to be sent; returns its number."""
        self._next_call += 1
        self.note(event, call=self._next_call, **fields)
        return self._next_call

    def answered(self, call: int, outcome: str) -> None:
        """Writes how a call ended."""
        self.acknowledged += outcome == "ok"
        self.note("answered", call=call, outcome=outcome)

    def close(self) -> None:
        """Everything is in the file afterwards."""
        self._file.close()


def merge(sources: Iterable[Path], target: Path) -> int:
    """Makes one history of the files; returns its number of lines."""
    keyed: list[tuple[int, int, str]] = []
    for source in sources:
        with source.open() as lines:
            # `{"ns":123,...`. Lines of one file keep their order also within a nanosecond.
            for line in lines:
                keyed.append((int(line[6 : line.index(",")]), len(keyed), line))
    keyed.sort()
    times = [moment for moment, _, _ in keyed]
    with target.open("w") as merged:
        for _, _, line in keyed:
            if ASKED in line:
                fields = json.loads(line)
                fields["asked"] = bisect.bisect_left(times, fields.pop(ASKED))
                line = json.dumps(fields, separators=(",", ":")) + "\n"
            merged.write(line)
    return len(keyed)
