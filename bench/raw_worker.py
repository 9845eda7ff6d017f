"""A worker without an SDK: takes one task after the other, so that a case decides when each is done."""

import queue
from collections.abc import Iterator

import grpc

from bench.contract import PATIENCE_S
from bench.server import BenchError
from littlehorse.model import PollTaskRequest, ReportTaskRun, ScheduledTask, TaskDefId, TaskStatus, VariableValue
from littlehorse.model.service_pb2_grpc import LittleHorseStub


class RawWorker:
    """One PollTask stream for one TaskDef. Ends with the channel, or with `close`."""

    def __init__(self, stub: LittleHorseStub, task_def: str) -> None:
        self._stub = stub
        self._poll = PollTaskRequest(task_def_id=TaskDefId(name=task_def), client_id="bench")
        self._polls: queue.SimpleQueue[PollTaskRequest | None] = queue.SimpleQueue()
        self._tasks = stub.PollTask(self._requests(), timeout=10 * PATIENCE_S)

    def _requests(self) -> Iterator[PollTaskRequest]:
        while (poll := self._polls.get()) is not None:
            yield poll

    def take(self) -> ScheduledTask:
        """The next task of the queue; waits for it. Raises BenchError when the stream ended."""
        try:
            while True:
                self._polls.put(self._poll)
                response = next(self._tasks)
                if response.HasField("result"):
                    return response.result
        except (grpc.RpcError, StopIteration) as error:
            raise BenchError(f"PollTask: {error}") from error

    def report(self, task: ScheduledTask, output: VariableValue) -> None:
        """Reports success. Raises BenchError with the server's words."""
        done = ReportTaskRun(
            task_run_id=task.task_run_id,
            attempt_number=task.attempt_number,
            status=TaskStatus.TASK_SUCCESS,
            output=output,
        )
        done.time.GetCurrentTime()
        try:
            self._stub.ReportTask(done, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            raise BenchError(f"ReportTask: {error}") from error

    def close(self) -> None:
        """Ends the stream."""
        self._polls.put(None)
        self._tasks.cancel()
