"""The connection of a worker to one server: polls for tasks, runs them, reports (PY-31, PY-32)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse.config import LHConfig
from littlehorse.model.service_pb2 import PollTaskRequest, PollTaskResponse, ScheduledTask
from littlehorse.worker.execution import run_task, send_report
from littlehorse.worker.slots import Slots
from littlehorse.worker.task import LHTask

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub


class _Polls:
    """The polls of one stream.

    Each holds a place from before it is sent until its task is done, so no task has to wait here.
    """

    def __init__(self, request: PollTaskRequest, slots: Slots) -> None:
        self._request = request
        self._slots = slots
        self._unanswered = 0
        self._is_open = True

    async def requests(self) -> AsyncIterator[PollTaskRequest]:
        """One poll for every free place, for as long as the stream lives and places are given out."""
        while await self._slots.take():
            if not self._is_open:
                self._slots.give_back()
                return
            self._unanswered += 1
            yield self._request

    def answered(self) -> None:
        """A response came; its place now belongs to the task."""
        self._unanswered -= 1

    def end(self) -> None:
        """The stream is over; its unanswered polls will never be answered."""
        self._is_open = False
        self._slots.give_back(self._unanswered)
        self._unanswered = 0


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
            while not self._is_stopping:
                began = loop.time()
                try:
                    await self._serve_stream()
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

    async def _serve_stream(self) -> None:
        """Opens one PollTask stream and works on what it brings.

        Returns when it ends, raises grpc.RpcError when it breaks.
        """
        client = self._config.stub(self.server, name=self._task.task_name, async_channel=True)
        request = PollTaskRequest(
            client_id=self._config.task_worker_id,
            task_worker_version=self._config.worker_version,
            task_def_id=self._task.task_def.id,
        )
        polls = _Polls(request, self._slots)
        call = client.PollTask(polls.requests())
        closer = asyncio.create_task(self._close_after_stop(call.cancel))
        try:
            async for response in call:
                polls.answered()
                self._take_on(response, client)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self._is_stopping or (current is not None and current.cancelling()):
                raise
        finally:
            polls.end()
            closer.cancel()
            call.cancel()

    async def _close_after_stop(self, cancel: Callable[[], object]) -> None:
        """Ends a stream that the server leaves open although it was half-closed (TW-34f).

        Claims under way get HALF_CLOSE_GRACE_SECONDS to be delivered.
        """
        await self._stopped.wait()
        await asyncio.sleep(settings.HALF_CLOSE_GRACE_SECONDS)
        cancel()

    def _take_on(self, response: PollTaskResponse, client: LittleHorseAsyncStub) -> None:
        """Starts the task of a response. A response without one means: ask again after a while (TW-34b)."""
        if not response.HasField("result"):
            self._log.info("No task for %s at %s, polling again later", self._task.task_name, self.server)
            loop = asyncio.get_running_loop()
            loop.call_later(settings.POLL_TASK_INTERVAL_SECONDS, self._slots.give_back)
            return
        work = asyncio.create_task(self._work_on(response.result, client))
        self._work.add(work)  # asyncio itself keeps no reference to its tasks
        work.add_done_callback(self._work.discard)

    async def _work_on(self, scheduled_task: ScheduledTask, client: LittleHorseAsyncStub) -> None:
        """Runs a task and reports it; its place is free for another one before the report is sent."""
        try:
            report = await run_task(self._task, scheduled_task, client, self._threads)
        finally:
            self._slots.give_back()
        await send_report(report, client)


def _describe(error: grpc.RpcError) -> str:
    """Code and details of an error."""
    code, details = getattr(error, "code", None), getattr(error, "details", None)
    return f"{code()}: {details()}" if callable(code) and callable(details) else str(error)
