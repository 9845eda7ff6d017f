"""`python -m loadtest`: a server of its own, unless one is named, and Locust against it."""

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.driver import ROOT
from bench.server import BenchError, running_server
from bench.setting import default_shards
from loadtest.profiles import PROFILES

OUT = ROOT / "loadtest" / "out"


def main(words: Sequence[str] | None = None) -> int:
    """Runs Locust until it is stopped (Ctrl-C, or --run-time); returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    parser.add_argument("--profile", choices=list(PROFILES), default="steady", help="default: %(default)s")
    parser.add_argument("--peak", type=int, default=50, help="users at the most (default: %(default)s)")
    parser.add_argument("--server", metavar="HOST:PORT", help="a server that runs already (default: one of its own)")
    parser.add_argument(
        "--lh", default=str(ROOT / ".venv" / "bin" / "lh"), help="its own server (default: %(default)s)"
    )
    parser.add_argument("--web", metavar="PORT", default="8089", help="port of the page (default: %(default)s)")
    parser.add_argument("--headless", action="store_true", help="no page; figures on the terminal")
    parser.add_argument("--run-time", metavar="TIME", help="e.g. 30s, 10m, 8h (default: until stopped)")
    arguments = parser.parse_args(words)
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        with _server(arguments) as address:
            return _locust(arguments, address)
    except BenchError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def _server(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.server:
        yield arguments.server
        return
    with running_server(OUT / "data", default_shards(), OUT / "server.log", Path(arguments.lh)) as server:
        yield server.address


def _locust(arguments: argparse.Namespace, address: str) -> int:
    command = [sys.executable, "-m", "locust", "--locustfile", str(ROOT / "loadtest" / "locustfile.py")]
    command += ["--host", address, "--load", arguments.profile, "--peak", str(arguments.peak)]
    command += ["--run-time", arguments.run_time] if arguments.run_time else []
    command += ["--csv", str(OUT / "figures")]
    if arguments.headless:
        command += ["--headless", "--only-summary"]
    else:
        command += ["--web-host", "127.0.0.1", "--web-port", arguments.web, "--autostart"]
        print(f"the page: http://127.0.0.1:{arguments.web}", flush=True)
    # The SDK of this revision, without installing it where Locust lives.
    paths = os.pathsep.join([str(ROOT), str(ROOT / "python")])
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
