"""One worker process with one worker, for as long as it is told; prints what it did in its window as one JSON object.

Runs under our own SDK and under the published client: imports only `littlehorse` and the standard library.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import time
from pathlib import Path

from littlehorse.config import LHConfig
from littlehorse.worker import LHTaskWorker

done = 0


async def echo(value: str) -> str:
    """The task: gives back what it got."""
    global done
    done += 1
    return value


def server_cpu_ticks(process_id: int) -> int | None:
    """User plus system time of the server in ticks of 10 ms; `None` where there is no /proc."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[11]) + int(fields[12])


async def work(arguments: argparse.Namespace) -> dict[str, object]:
    """Works for warm-up and window; counts tasks that were executed in the window."""
    host, _, port = arguments.server.rpartition(":")
    config = LHConfig()
    config.load({"LHC_API_HOST": host, "LHC_API_PORT": port})
    worker = LHTaskWorker(echo, arguments.task_def, config)
    working = asyncio.ensure_future(worker.start())
    await asyncio.sleep(arguments.warmup)
    before, cpu, server, begin = done, time.process_time(), server_cpu_ticks(arguments.server_pid), time.monotonic()
    await asyncio.sleep(arguments.seconds)
    tasks, used, elapsed = done - before, time.process_time() - cpu, time.monotonic() - begin
    after = server_cpu_ticks(arguments.server_pid)
    worker.stop()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(working, 10)
    known = tasks > 0 and server is not None and after is not None
    return {
        "tasks": tasks,
        "tasks_per_s": round(tasks / elapsed, 2),
        "worker_cpu_us_per_task": round(used * 1e6 / tasks, 2) if tasks else None,
        "server_cpu_us_per_task": round((after - server) * 1e4 / tasks, 2) if known else None,  # type: ignore[operator]
    }


def main() -> None:
    """Reads the command line and prints the result."""
    parser = argparse.ArgumentParser(prog="python_worker.py", description=__doc__)
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--task-def", required=True)
    parser.add_argument("--server-pid", type=int, default=0)
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(work(parser.parse_args()))))


if __name__ == "__main__":
    main()
