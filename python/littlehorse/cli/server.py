"""`lh server start`: the only command that is no client of the wire, so the only file here that imports the server."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = "usage: lh server start [options]   (lh server start --help lists them)"


def main(arguments: Sequence[str]) -> int:
    """Runs a server in this process; returns its exit code."""
    if list(arguments[:1]) != ["start"]:
        print(USAGE, file=sys.stdout if arguments in (["--help"], ["-h"]) else sys.stderr)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    from littlehorse.server.app import main as run_server

    return run_server(arguments[1:], "lh server start")
