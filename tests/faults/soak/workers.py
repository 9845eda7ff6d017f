"""Task workers of a soak: most do what they should; some die with a task in hand, are late, report twice, or lie."""

import asyncio
import random

import grpc
import grpc.aio

from littlehorse.model import (
    LHErrorType,
    LHTaskError,
    PollTaskRequest,
    PollTaskResponse,
    ReportTaskRun,
    ScheduledTask,
    TaskDefId,
    TaskStatus,
    VariableValue,
)
from tests.faults.soak.calls import PAUSE_SECONDS, Caller, passes, pause
from tests.faults.soak.specs import TASK_DEFS, TIMEOUT_SECONDS
from tests.faults.soak.views import task_name

# What the client library itself says when it writes to a stream that broke a moment before.
BROKEN_STREAM = "Internal error from Core"
# In how many of a hundred tasks a worker dies, is late, reports the same twice, reports something else again; fails.
MANNERS = {"dies": 1, "late": 1, "twice": 5, "lies": 4}
FAILS_PERCENT = 6
# Of a hundred tasks, so many are worked on while the worker polls for more.
BESIDE_PERCENT = 30
WAIT_SECONDS = 2.0


class Worker:
    """One worker after the other, each with a stream and an id of its own."""

    def __init__(self, caller: Caller, name: str, chance: random.Random) -> None:
        self._caller = caller
        self._name = name
        self._chance = chance
        self._beside: set[asyncio.Task[None]] = set()
        self.is_calm = False

    async def work(self) -> None:
        """Works until it is cancelled."""
        life = 0
        while True:
            life += 1
            try:
                await self._serve(f"{self._name}-{life}")
            except grpc.aio.AioRpcError as error:
                if not passes(error) and error.details() != BROKEN_STREAM:
                    raise
                await pause(error)
            except asyncio.InvalidStateError:
                pass  # the stream ended between two of our steps
            for task in [task for task in self._beside if task.done()]:
                self._beside.discard(task)
                task.result()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _serve(self, worker: str) -> None:
        """One stream, until it breaks or the worker dies."""
        stream = self._caller.stub.PollTask()
        try:
            while True:
                task_def = self._chance.choice(TASK_DEFS)
                poll = PollTaskRequest(task_def_id=TaskDefId(name=task_def), client_id=worker)
                await stream.write(poll)
                # Another poll waits beside one that nothing came for.
                response = None
                reading = asyncio.ensure_future(stream.read())
                while response is None:
                    done, _ = await asyncio.wait([reading], timeout=WAIT_SECONDS)
                    if done:
                        response = reading.result()
                    else:
                        poll.task_def_id.name = self._chance.choice(TASK_DEFS)
                        await stream.write(poll)
                if not isinstance(response, PollTaskResponse):
                    return
                if response.HasField("result") and not await self._handle(response.result, worker):
                    return
        finally:
            stream.cancel()

    async def _handle(self, task: ScheduledTask, worker: str) -> bool:
        """False if the worker is gone afterwards."""
        name = task_name(task.task_run_id)
        self._caller.recorder.note("delivered", worker=worker, task=name, attempt=task.attempt_number)
        manner = "honest"
        if not self.is_calm:
            odd = 100 - sum(MANNERS.values())
            manner = self._chance.choices([manner, *MANNERS], [odd, *MANNERS.values()])[0]
        if manner == "dies":
            return False
        reporting = self._report(task, name, worker, manner)
        if manner == "late" or self._chance.randrange(100) < BESIDE_PERCENT:
            self._beside.add(asyncio.create_task(reporting))
        else:
            await reporting
        return True

    async def _report(self, task: ScheduledTask, name: str, worker: str, manner: str) -> None:
        if manner == "late":
            await asyncio.sleep(TIMEOUT_SECONDS + self._chance.random() * 2)
        succeeds = self.is_calm or self._chance.randrange(100) >= FAILS_PERCENT
        await self._send(task, name, f"{worker} {name} {task.attempt_number} 0", succeeds)
        if manner == "twice":
            await self._send(task, name, f"{worker} {name} {task.attempt_number} 0", succeeds)
        elif manner == "lies":
            other = self._chance.random() < 0.5
            await self._send(task, name, f"{worker} {name} {task.attempt_number} 1", other)

    async def _send(self, task: ScheduledTask, name: str, token: str, succeeds: bool) -> None:
        """One report, until its outcome is known."""
        report = ReportTaskRun(
            task_run_id=task.task_run_id,
            attempt_number=task.attempt_number,
            status=TaskStatus.TASK_SUCCESS if succeeds else TaskStatus.TASK_FAILED,
        )
        if succeeds:
            report.output.CopyFrom(VariableValue(str=token))
        else:
            report.error.CopyFrom(LHTaskError(type=LHErrorType.TASK_FAILURE, message=token))
        status = TaskStatus.Name(report.status)
        fields = {"task": name, "attempt": task.attempt_number, "status": status, "token": token}
        await self._caller.insist("ReportTask", report, ("report", fields))
