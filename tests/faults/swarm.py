"""A few hundred runs kept in flight from one event loop, which write down what was acknowledged and what was delivered.

Plain gRPC stubs, so that the test sees every delivery itself. Everything is tried again when the server is gone.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import grpc.aio

from littlehorse.model import (
    PollTaskRequest,
    PollTaskResponse,
    ReportTaskRun,
    RunWfRequest,
    ScheduledTask,
    TaskDefId,
    TaskStatus,
    VariableValue,
    WfRun,
    WfRunId,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub

T = TypeVar("T")
# The server is gone, going or coming back; whether the call was carried out is not known. Or it is overloaded for the
# moment, as one with a slow disk is after a restart, and did nothing (docs/operating/overload.md).
GONE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
# What the client library itself says when it writes to a stream that broke a moment before.
BROKEN_STREAM = "Internal error from Core"
RETRY_SECONDS = 0.05
CALL_SECONDS = 30
# A worker and its channel reconnect quickly, so that a restart costs the test little.
CHANNEL_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]


class Swarm:
    """Starts runs of one WfSpec whose every task adds one to a number, and works on the tasks."""

    def __init__(self, address: str, wf_spec: str, task_def: str, steps: int) -> None:
        self._channels = [grpc.aio.insecure_channel(address, options=[*CHANNEL_OPTIONS, ("n", n)]) for n in range(3)]
        self._stubs = [LittleHorseStub(channel) for channel in self._channels]
        self._wf_spec = wf_spec
        self._task_def = task_def
        self._steps = steps
        self._starters: list[asyncio.Task[None]] = []
        self._pollers: list[asyncio.Task[None]] = []
        self._changed = asyncio.Condition()
        self._next = 0
        self.acknowledged: set[str] = set()
        self.last_step_reported: set[str] = set()
        self.deliveries: Counter[tuple[str, str, int]] = Counter()
        self.reports = 0

    @property
    def in_flight(self) -> int:
        """Acknowledged runs whose last step was not reported yet."""
        return len(self.acknowledged) - len(self.last_step_reported)

    async def begin(self, runs: int, starters: int, pollers: int) -> None:
        """Keeps `runs` runs in flight from now on."""
        self._starters = [asyncio.create_task(self._keep_starting(runs, number)) for number in range(starters)]
        self._pollers = [asyncio.create_task(self._poll(number)) for number in range(pollers)]

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Waits until the condition holds; fails when the deadline passed or a part of the swarm broke."""
        async with asyncio.timeout(seconds), self._changed:
            while not condition():
                self.check()
                await self._changed.wait()

    def check(self) -> None:
        """Raises what a part of the swarm failed with."""
        for task in self._starters + self._pollers:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    async def stop_starting(self) -> None:
        """Starts no new runs from now on; returns once those being started are acknowledged."""
        self._wf_spec = ""
        await asyncio.gather(*self._starters)

    async def finished(self, wf_run_id: str, seconds: float) -> WfRun:
        """The run, once it has ended."""
        async with asyncio.timeout(seconds):
            while True:
                run: WfRun = await self._again(lambda: self._stubs[0].GetWfRun(WfRunId(id=wf_run_id)))
                if run.HasField("end_time"):
                    return run
                await asyncio.sleep(RETRY_SECONDS)

    async def end(self) -> None:
        """Stops everything."""
        for task in self._starters + self._pollers:
            task.cancel()
        await asyncio.gather(*self._starters, *self._pollers, return_exceptions=True)
        for channel in self._channels:
            await channel.close()

    async def _note(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _again(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeats a call until the server is there to answer it."""
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if error.code() not in GONE:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _keep_starting(self, runs: int, number: int) -> None:
        stub = self._stubs[number % len(self._stubs)]
        while self._wf_spec:
            if self.in_flight >= runs:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            wf_run_id = f"run-{self._next}"
            self._next += 1
            request = RunWfRequest(wf_spec_name=self._wf_spec, id=wf_run_id)
            try:
                await self._again(lambda request=request: stub.RunWf(request, timeout=CALL_SECONDS))  # type: ignore[misc]
            except grpc.aio.AioRpcError as error:
                # The first try was carried out, its answer was lost: the run exists all the same.
                if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                    raise
            self.acknowledged.add(wf_run_id)
            await self._note()

    async def _poll(self, number: int) -> None:
        stub = self._stubs[number % len(self._stubs)]
        poll = PollTaskRequest(task_def_id=TaskDefId(name=self._task_def), client_id=f"worker-{number}")
        while True:
            try:
                stream = stub.PollTask()
                while True:
                    await stream.write(poll)
                    response = await stream.read()
                    if not isinstance(response, PollTaskResponse):
                        break
                    if response.HasField("result"):
                        await self._work(stub, response.result)
            except grpc.aio.AioRpcError as error:
                if error.code() not in GONE and error.details() != BROKEN_STREAM:
                    raise
            except asyncio.InvalidStateError:
                pass  # the stream ended between two of our steps; open another
            await asyncio.sleep(RETRY_SECONDS)

    async def _work(self, stub: LittleHorseStub, task: ScheduledTask) -> None:
        wf_run_id = task.task_run_id.wf_run_id.id
        self.deliveries[wf_run_id, task.task_run_id.task_guid, task.attempt_number] += 1
        done = task.variables[0].value.int + 1
        report = ReportTaskRun(
            task_run_id=task.task_run_id,
            attempt_number=task.attempt_number,
            status=TaskStatus.TASK_SUCCESS,
            output=VariableValue(int=done),
        )
        await self._again(lambda: stub.ReportTask(report, timeout=CALL_SECONDS))
        self.reports += 1
        if done == self._steps:
            self.last_step_reported.add(wf_run_id)
            self.acknowledged.add(wf_run_id)  # its task was delivered, so the run was made durable
        await self._note()
