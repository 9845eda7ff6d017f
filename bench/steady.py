"""`make load`: drives a server of its own with steady load and says every figure of the driver."""

import argparse
import json
import sys
from collections.abc import Sequence

from bench.cases import problems, single_server, summarize
from bench.driver import drive
from bench.server import BenchError, running_server
from bench.setting import OUT, default_shards
from bench.table import render


def main(words: Sequence[str] | None = None) -> int:
    """Runs the load; returns the exit code: 0, or 1 if something was lost or could not run."""
    parser = argparse.ArgumentParser(prog="python -m bench.steady", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: %(default)s)")
    parser.add_argument("--length", type=int, default=10, help="tasks per run (default: %(default)s)")
    parser.add_argument("--in-flight", type=int, default=64, help="runs in flight (default: %(default)s)")
    parser.add_argument("--rate", type=float, help="start this many runs per second instead of keeping some in flight")
    parser.add_argument("--shards", type=int, default=default_shards(), help="shards (default: %(default)s)")
    arguments = parser.parse_args(words)
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        with running_server(OUT / "load-data", arguments.shards, OUT / "load-server.log") as server:
            options: dict[str, object] = {
                "server": server.address,
                "server-pid": server.process_id,
                "length": arguments.length,
                "seconds": arguments.seconds,
            }
            if arguments.rate is None:
                done = drive("chain", options | {"in-flight": arguments.in_flight})
            else:
                done = drive("latency", options | {"rate": arguments.rate, "polls": 512})
    except BenchError as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    print(json.dumps(done, indent=2))
    print(render({"load": summarize([done], single_server(arguments.shards))}))
    for problem in problems(done):
        print(f"load: {problem}", file=sys.stderr)
    return 1 if problems(done) else 0


if __name__ == "__main__":
    sys.exit(main())
