"""The connection of a worker to one server: polls for tasks, runs them, reports (PY-31, PY-32)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse.config import LHConfig
from littlehorse.model.service_pb2 import PollTaskRequest, PollTaskResponse, ScheduledTask
from littlehorse.worker.execution import run_task, send_report
from littlehorse.worker.slots import Slots
from littlehorse.worker.task import LHTask
from littlehorse.worker.transport import Transport, open_transport

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub


class LHConnection:
    """A worker's connection to one server, reconnected whenever it breaks.

    Parameters: `server` is `host:port`; `on_lost` is called each time the stream breaks.
    """

    _log = logging.getLogger("LHConnection")

    def __init__(self, server: str, config: LHConfig, task: LHTask, on_lost: Callable[[], None] | None = None) -> None:
        self.server = server
        self.running = False
        self._config = config
        self._task = task
        self._on_lost = on_lost
        self._is_stopping = False
        self._stopped = asyncio.Event()
        self._slots = Slots(config.num_worker_threads)
        self._work: set[asyncio.Task[None]] = set()
        self._executor: ThreadPoolExecutor | None = None
        self._client: LittleHorseAsyncStub | None = None
        self._transport: Transport | None = None

    def _poll(self) -> PollTaskRequest:
        """What every poll of this connection says (PY-32)."""
        return PollTaskRequest(
            client_id=self._config.task_worker_id,
            task_worker_version=self._config.worker_version,
            task_def_id=self._task.task_def.id,
        )

    def _threads(self) -> Executor:
        """Threads for functions that are no coroutine functions: as many as tasks may run."""
        if self._executor is None:
            name = f"lh-task-{self._task.task_name}"
            self._executor = ThreadPoolExecutor(self._config.num_worker_threads, thread_name_prefix=name)
        return self._executor

    async def start(self) -> None:
        """Works until `stop()`, then until the tasks at hand are done and reported. Cancelling it cancels them."""
        self.running = not self._is_stopping
        pause = settings.RECONNECT_MIN_SECONDS
        loop = asyncio.get_running_loop()
        try:
            self._client = self._config.stub(self.server, name=self._task.task_name, async_channel=True)
            transport = self._transport = open_transport(
                self.server, self._config, self._client, self._poll(), self._slots, self._take_on
            )
            while not self._is_stopping:
                began = loop.time()
                try:
                    await self._serve_stream(transport)
                    self._log.info("Stream to %s ended", self.server)
                except grpc.RpcError as error:
                    self._log.warning("Stream to %s broke: %s", self.server, _describe(error))
                except Exception:  # the worker must go on whatever happens to a stream
                    self._log.exception("Stream to %s broke", self.server)
                if self._is_stopping:
                    break
                if self._on_lost is not None:
                    self._on_lost()
                if loop.time() - began > settings.RECONNECT_MAX_SECONDS:
                    pause = settings.RECONNECT_MIN_SECONDS
                await self._pause(pause * random.uniform(0.5, 1.0))  # apart, when all workers lose the same server
                pause = min(pause * 2, settings.RECONNECT_MAX_SECONDS)
            if self._work:
                await asyncio.wait(self._work)
        finally:
            self.running = False
            for work in self._work:
                work.cancel()
            if self._transport is not None:
                self._transport.close()
            if self._executor is not None:
                self._executor.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Takes on no more tasks; those at hand go on. To be called in the event loop."""
        self._is_stopping = True
        self.running = False
        self._slots.close()
        self._stopped.set()

    async def _pause(self, seconds: float) -> None:
        """Waits, but not beyond `stop()`."""
        # Not wait_for: before Python 3.12 that loses a cancellation that comes together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _serve_stream(self, transport: Transport) -> None:
        """Works on what one PollTask stream brings. Returns when it ends, raises when it breaks."""
        closer = asyncio.create_task(self._close_after_stop(transport))
        try:
            await transport.serve()
        finally:
            closer.cancel()

    async def _close_after_stop(self, transport: Transport) -> None:
        """Ends a stream that the server leaves open although it was half-closed (TW-34f).

        Claims under way get HALF_CLOSE_GRACE_SECONDS to be delivered.
        """
        await self._stopped.wait()
        await asyncio.sleep(settings.HALF_CLOSE_GRACE_SECONDS)
        transport.cut()

    def _take_on(self, response: PollTaskResponse) -> None:
        """Starts the task of a response. A response without one means: ask again after a while (TW-34b)."""
        if not response.HasField("result"):
            self._log.info("No task for %s at %s, polling again later", self._task.task_name, self.server)
            loop = asyncio.get_running_loop()
            loop.call_later(settings.POLL_TASK_INTERVAL_SECONDS, self._slots.give_back)
            return
        work = asyncio.create_task(self._work_on(response.result))
        self._work.add(work)  # asyncio itself keeps no reference to its tasks
        work.add_done_callback(self._work.discard)

    async def _work_on(self, scheduled_task: ScheduledTask) -> None:
        """Runs a task and reports it; its place is free for another one before the report is sent."""
        assert self._client is not None
        assert self._transport is not None  # tasks come from it
        try:
            report = await run_task(self._task, scheduled_task, self._client, self._threads)
        finally:
            self._slots.give_back()
        await send_report(report, self._transport.report)


def _describe(error: grpc.RpcError) -> str:
    """Code and details of an error."""
    code, details = getattr(error, "code", None), getattr(error, "details", None)
    return f"{code()}: {details()}" if callable(code) and callable(details) else str(error)
