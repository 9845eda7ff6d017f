"""A worker: registers with the servers, keeps a connection to each that it is told, stops gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import grpc

import littlehorse.worker as settings  # read at use, so that tests can patch them
from littlehorse.config import LHConfig
from littlehorse.model.object_id_pb2 import TaskDefId
from littlehorse.model.service_pb2 import RegisterTaskWorkerRequest, RegisterTaskWorkerResponse
from littlehorse.model.task_def_pb2 import TaskDef
from littlehorse.worker.connection import LHConnection
from littlehorse.worker.health import LHLivenessController, LHTaskWorkerHealth
from littlehorse.worker.task import LHTask
from littlehorse.worker.task_definition import put_task_def_request

HEARTBEAT_CHANNEL = "heartbeat"


class LHTaskWorker:
    """Runs a function for the tasks of a TaskDef.

    Parameters: `callable` is a coroutine function, or any other callable, which then runs in a thread; `task_def_name`
    names a TaskDef that is registered by the time `start` is called. Raises ValueError if an argument is None.
    """

    _log = logging.getLogger("LHTaskWorker")

    def __init__(self, callable: Callable[..., Any], task_def_name: str, config: LHConfig) -> None:
        if config is None:
            raise ValueError("LHConfig cannot be None")
        if task_def_name is None:
            raise ValueError("TaskDefName cannot be None")
        if callable is None:
            raise ValueError("Callable cannot be None")
        self._callable = callable
        self._task_def_name = task_def_name
        self._config = config
        self._liveness = LHLivenessController()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake_up = asyncio.Event()
        self._connections: dict[str, LHConnection] = {}
        self._connection_tasks: set[asyncio.Task[None]] = set()

    def health(self) -> LHTaskWorkerHealth:
        """Whether this worker works, as far as its heartbeats tell."""
        return self._liveness.health()

    @property
    def is_running(self) -> bool:
        """True until `stop()`."""
        return self._liveness.keep_worker_running

    def register_task_def(self) -> None:
        """Registers the TaskDef of the function (PY-25).

        Raises ValueError for an impossible type, grpc.RpcError if refused.
        """
        request = put_task_def_request(self._callable, self._task_def_name)
        self._config.stub().PutTaskDef(request)

    async def start(self) -> None:
        """Works until `stop()`, then finishes the tasks at hand, at most for DRAIN_TIMEOUT_SECONDS.

        Raises grpc.RpcError if the TaskDef cannot be fetched, and what LHTask raises if the function does not fit it.
        """
        self._loop = asyncio.get_running_loop()
        self._log.info("Starting worker '%s'", self._task_def_name)
        task_def = await self._fetch_task_def()
        if task_def is None:
            return
        task = LHTask(self._callable, task_def)
        try:
            await self._heartbeats(task)
            if self._connection_tasks:
                await asyncio.wait(self._connection_tasks, timeout=settings.DRAIN_TIMEOUT_SECONDS)
        finally:
            for connection_task in self._connection_tasks:
                connection_task.cancel()

    def stop(self) -> None:
        """Takes on no more tasks and lets `start` return; may be called from any thread and from signal handlers."""
        self._log.info("Stopping worker '%s'", self._task_def_name)
        self._liveness.stop()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_connections)

    def _stop_connections(self) -> None:
        self._wake_up.set()
        for connection in self._connections.values():
            connection.stop()

    async def _pause(self, seconds: float) -> None:
        """Waits, but not beyond `stop()` or a reason for a heartbeat."""
        # Not wait_for: before Python 3.12 that loses a cancellation that comes together with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake_up.wait()
        self._wake_up.clear()

    async def _fetch_task_def(self) -> TaskDef | None:
        """The TaskDef; one that was registered just now may be unknown for a moment. None if stopped meanwhile."""
        client = self._config.stub(name=HEARTBEAT_CHANNEL, async_channel=True)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.TASK_DEF_WAIT_SECONDS
        while self.is_running:
            try:
                return await client.GetTaskDef(
                    TaskDefId(name=self._task_def_name), timeout=settings.GRPC_UNARY_CALL_TIMEOUT_SECONDS
                )
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND or loop.time() >= deadline:
                    raise
            self._log.info("TaskDef '%s' is not registered yet", self._task_def_name)
            await self._pause(settings.TASK_DEF_RETRY_SECONDS)
        return None

    async def _heartbeats(self, task: LHTask) -> None:
        """Tells the server regularly that this worker lives, and follows the list of servers that it answers."""
        client = self._config.stub(name=HEARTBEAT_CHANNEL, async_channel=True)
        request = RegisterTaskWorkerRequest(task_worker_id=self._config.task_worker_id, task_def_id=task.task_def.id)
        retry_after = settings.RECONNECT_MIN_SECONDS
        while self.is_running:
            try:
                reply = await client.RegisterTaskWorker(request, timeout=settings.GRPC_UNARY_CALL_TIMEOUT_SECONDS)
            except Exception as error:  # whatever it is: connections go on, and so do heartbeats
                self._log.error("Error when registering task worker: %s. %s", task.task_name, error)
                self._liveness.notify_worker_failure()
                await self._pause(min(retry_after, settings.HEARTBEAT_INTERVAL_SECONDS))
                retry_after = min(retry_after * 2, settings.HEARTBEAT_INTERVAL_SECONDS)
                continue
            retry_after = settings.RECONNECT_MIN_SECONDS
            self._liveness.notify_success_call(reply)
            if self.is_running:
                self._connect(reply, task)
            await self._pause(settings.HEARTBEAT_INTERVAL_SECONDS)
        self._stop_connections()

    def _connect(self, reply: RegisterTaskWorkerResponse, task: LHTask) -> None:
        """Stops connections to servers that are not in the list any more and makes the missing ones."""
        hosts = [f"{host.host}:{host.port}" for host in reply.your_hosts]
        for host in [known for known in self._connections if known not in hosts]:
            self._log.info("Leaving server %s", host)
            self._connections.pop(host).stop()
        for host in hosts:
            if host not in self._connections:
                self._log.info("Connecting to server %s", host)
                # A broken stream may mean that the server is gone: the next heartbeat tells which ones there are now.
                connection = LHConnection(host, self._config, task, on_lost=self._wake_up.set)
                self._connections[host] = connection
                connection_task = asyncio.create_task(connection.start())
                self._connection_tasks.add(connection_task)
                connection_task.add_done_callback(self._connection_tasks.discard)
