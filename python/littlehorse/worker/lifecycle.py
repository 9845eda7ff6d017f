"""Running workers until the process is told to end (PY-40, PY-41)."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

from littlehorse.worker.task_worker import LHTaskWorker


def shutdown_hook(*workers: LHTaskWorker) -> None:
    """Has SIGTERM and SIGINT stop the workers; a second signal has its usual effect.

    Needs a running event loop. Where no signals can be handled (another thread than the main one) nothing happens.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):

        def stop_in_loop(number: signal.Signals = number) -> None:
            loop.remove_signal_handler(number)
            for worker in workers:
                worker.stop()

        def stop_anywhere(number: int, frame: FrameType | None) -> None:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            for worker in workers:
                worker.stop()

        try:
            loop.add_signal_handler(number, stop_in_loop)
        except NotImplementedError:  # an event loop without signals, as on Windows
            try:
                signal.signal(number, stop_anywhere)
            except (ValueError, OSError):
                return
        except (ValueError, RuntimeError):  # not in the main thread
            return


async def start(*workers: LHTaskWorker) -> None:
    """Runs workers until a signal ends them; the first exception of one stops all and is raised."""
    shutdown_hook(*workers)
    try:
        await asyncio.gather(*(worker.start() for worker in workers))
    except BaseException:
        for worker in workers:
            worker.stop()
        raise
