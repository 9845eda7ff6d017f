"""A server for one TaskDef in the event loop of a test: keeps what a worker sends, hands out what the test gives it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from littlehorse.client_interceptors import STATUS_DETAILS_HEADER
from littlehorse.config import LHConfig
from littlehorse.model import (
    Checkpoint,
    CheckpointId,
    LHHostInfo,
    LittleHorseServicer,
    PollTaskRequest,
    PollTaskResponse,
    PutCheckpointRequest,
    PutCheckpointResponse,
    RegisterTaskWorkerRequest,
    RegisterTaskWorkerResponse,
    ReportTaskRun,
    ScheduledTask,
    TaskDef,
    TaskDefId,
    TaskRunId,
    VariableValue,
    VarNameAndVal,
    WfRunId,
    add_LittleHorseServicer_to_server,
)

PATIENCE_SECONDS = 30
"""How long a test waits for a condition before it fails; none waits that long when things work."""

_RETRY_INFO = AnyMessage()
_RETRY_INFO.Pack(RetryInfo(retry_delay=Duration(nanos=1_000_000)))
RETRY_SOON = Status(code=8, details=[_RETRY_INFO]).SerializeToString()
"""What an overloaded server says about when to try again: after a millisecond."""


class Stream:
    """One PollTask stream: the responses that are to be written to it, and how it is to end."""

    def __init__(self) -> None:
        self.outgoing: asyncio.Queue[PollTaskResponse | grpc.StatusCode] = asyncio.Queue()
        self.metadata: dict[str, Any] = {}


class FakeServer(LittleHorseServicer):
    """Answers the calls of workers; every attribute may be looked at and most may be changed by a test."""

    def __init__(self, task_def: TaskDef) -> None:
        self.task_def = task_def
        self.port = 0
        self.hosts: list[LHHostInfo] | None = None
        self.is_cluster_healthy: bool | None = None
        self.missing_task_defs = 0
        self.failing_heartbeats = 0
        self.failing_reports = 0
        self.unanswered_reports = 0
        self.refused_reports = 0
        self.answers_half_close = True
        self.go_on = True
        self.registrations: list[RegisterTaskWorkerRequest] = []
        self.polls: list[PollTaskRequest] = []
        self.reports: list[ReportTaskRun] = []
        self.report_attempts = 0
        self.report_metadata: dict[str, Any] = {}
        self.checkpoints: list[PutCheckpointRequest] = []
        self.kept_checkpoints: list[VariableValue] = []
        self.streams: list[Stream] = []
        self.half_closed = 0
        self.waiting: list[Stream] = []
        self.metadata: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()

    async def changed(self) -> None:
        """Lets waiting tests look again."""
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until something that the worker did makes the condition true."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    def give(self, response: PollTaskResponse | ScheduledTask) -> None:
        """Answers the poll that waits longest."""
        if isinstance(response, ScheduledTask):
            response = PollTaskResponse(result=response)
        self.waiting.pop(0).outgoing.put_nowait(response)

    def break_streams(self, code: grpc.StatusCode) -> None:
        """Ends all streams with a status."""
        self.waiting.clear()
        for stream in self.streams:
            stream.outgoing.put_nowait(code)

    # ---- RPCs

    async def GetTaskDef(self, request: TaskDefId, context: Any) -> TaskDef:
        if self.missing_task_defs > 0:
            self.missing_task_defs -= 1
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such TaskDef")
        return self.task_def

    async def RegisterTaskWorker(self, request: RegisterTaskWorkerRequest, context: Any) -> RegisterTaskWorkerResponse:
        self.registrations.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        await self.changed()
        if self.failing_heartbeats > 0:
            self.failing_heartbeats -= 1
            await context.abort(grpc.StatusCode.INTERNAL, "not now")
        hosts = [LHHostInfo(host="localhost", port=self.port)] if self.hosts is None else self.hosts
        response = RegisterTaskWorkerResponse(your_hosts=hosts)
        if self.is_cluster_healthy is not None:
            response.is_cluster_healthy = self.is_cluster_healthy
        return response

    async def PollTask(self, request_iterator: AsyncIterator[PollTaskRequest], context: Any) -> None:
        stream = Stream()
        stream.metadata = dict(context.invocation_metadata())
        self.streams.append(stream)
        reader = asyncio.create_task(self._read(request_iterator, stream))
        try:
            await self.changed()
            while True:
                response = await stream.outgoing.get()
                if isinstance(response, grpc.StatusCode):
                    if response is grpc.StatusCode.OK:
                        return
                    await context.abort(response, "the test wants it")
                else:
                    await context.write(response)
        finally:
            reader.cancel()
            self.waiting = [waiting for waiting in self.waiting if waiting is not stream]
            self.streams.remove(stream)
            await self.changed()

    async def _read(self, requests: AsyncIterator[PollTaskRequest], stream: Stream) -> None:
        async for request in requests:
            self.polls.append(request)
            self.waiting.append(stream)
            await self.changed()
        self.waiting = [waiting for waiting in self.waiting if waiting is not stream]
        self.half_closed += 1
        if self.answers_half_close:
            stream.outgoing.put_nowait(grpc.StatusCode.OK)
        await self.changed()

    async def ReportTask(self, request: ReportTaskRun, context: Any) -> Empty:
        self.report_attempts += 1
        self.report_metadata = dict(context.invocation_metadata())
        if self.failing_reports > 0:
            self.failing_reports -= 1
            await self.changed()
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if self.unanswered_reports > 0:
            self.unanswered_reports -= 1
            await self.changed()
            await asyncio.Event().wait()
        if self.refused_reports > 0:
            self.refused_reports -= 1
            await self.changed()
            context.set_trailing_metadata(((STATUS_DETAILS_HEADER, RETRY_SOON),))
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")
        self.reports.append(request)
        await self.changed()
        return Empty()

    async def GetCheckpoint(self, request: CheckpointId, context: Any) -> Checkpoint:
        return Checkpoint(id=request, value=self.kept_checkpoints[request.checkpoint_number])

    async def PutCheckpoint(self, request: PutCheckpointRequest, context: Any) -> PutCheckpointResponse:
        self.checkpoints.append(request)
        kind = PutCheckpointResponse.FlowControlContinue
        return PutCheckpointResponse(flow_control_continue_type=kind.CONTINUE_TASK if self.go_on else kind.STOP_TASK)


@asynccontextmanager
async def serving(fake: FakeServer, port: int = 0) -> AsyncIterator[FakeServer]:
    """Serves on a free port, or on the given one, until the block ends; open streams are cut."""
    server = grpc.aio.server()
    add_LittleHorseServicer_to_server(fake, server)
    fake.port = server.add_insecure_port(f"localhost:{port}")
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(None)


def config_for(fake: FakeServer, **settings: Any) -> LHConfig:
    """A configuration of a client of this server."""
    config = LHConfig()
    config.load({"LHC_API_HOST": "localhost", "LHC_API_PORT": fake.port, **settings})
    return config


def scheduled(number: int, *values: VariableValue, **fields: Any) -> ScheduledTask:
    """Attempt 0 of a task of the run `run-<number>` with these inputs."""
    return ScheduledTask(
        task_run_id=TaskRunId(wf_run_id=WfRunId(id=f"run-{number}"), task_guid=f"guid-{number}"),
        task_def_id=TaskDefId(name="greet"),
        variables=[VarNameAndVal(var_name=f"v{index}", value=value) for index, value in enumerate(values)],
        **fields,
    )
