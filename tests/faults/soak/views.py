"""Reads of one run, put together to what the checker compares: the same as rust/lh_sim/src/view, over the wire."""

import time
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    ExternalEvent,
    ExternalEventId,
    LHStatus,
    ListExternalEventsRequest,
    ListNodeRunsRequest,
    ListTaskRunsRequest,
    ListUserTaskRunRequest,
    NodeRun,
    TaskAttempt,
    TaskRun,
    TaskRunId,
    TaskStatus,
    ThreadRun,
    ThreadType,
    UserTaskRun,
    UserTaskRunId,
    UserTaskRunStatus,
    VariableId,
    VariableValue,
    WfRunId,
)
from tests.faults.soak.history import ASKED, Recorder
from tests.faults.soak.specs import TRAIL

CALL_SECONDS = 10
# Objects of one kind that a run has at most.
MOST = 200


class Reads(Protocol):
    """The stub: any of its methods."""

    def __getattr__(self, rpc: str) -> Any: ...


async def look(stub: Reads, recorder: Recorder, run: str) -> dict[str, Any] | None:
    """Reads everything of a run and notes it; None if there is no such run. Raises what a read failed with."""
    asked = time.monotonic_ns()
    view = await read(stub, run)
    recorder.note("seen", run=run, **{ASKED: asked}, view=view)
    return view


async def read(stub: Reads, run: str) -> dict[str, Any] | None:
    """The run first, so that everything of a finished one is final."""
    id = WfRunId(id=run)
    try:
        wf_run = await stub.GetWfRun(id, timeout=CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return None
        raise
    nodes = await stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=id, limit=MOST), timeout=CALL_SECONDS)
    tasks = await stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=id, limit=MOST), timeout=CALL_SECONDS)
    trail_id = VariableId(wf_run_id=id, thread_run_number=0, name=TRAIL)
    trail = await stub.GetVariable(trail_id, timeout=CALL_SECONDS)
    view: dict[str, Any] = {
        "spec": wf_run.wf_spec_id.name,
        "status": LHStatus.Name(wf_run.status),
        "is_whole": wf_run.status == LHStatus.COMPLETED,
        "start_ms": milliseconds(wf_run.start_time),
        "end_ms": optional_time(wf_run, "end_time"),
        "threads": list(map(thread_view, wf_run.thread_runs)),
        "nodes": sorted(map(node_view, nodes.results), key=lambda node: (node["thread"], node["position"])),
        "tasks": sorted(map(task_view, tasks.results), key=lambda task: str(task["task"])),
        "trail": [item.str for item in trail.value.array.items],
    }
    if view["spec"].startswith("payment"):
        request = ListExternalEventsRequest(wf_run_id=id)
        events = await stub.ListExternalEvents(request, timeout=CALL_SECONDS)
        view["events"] = list(map(event_view, events.results))
    if view["spec"].startswith("approval"):
        request = ListUserTaskRunRequest(wf_run_id=id)
        found = await stub.ListUserTaskRuns(request, timeout=CALL_SECONDS)
        view["user_tasks"] = [user_task_view(task) for task in found.results]
    return view


def task_name(id: TaskRunId) -> str:
    """Name of a TaskRun in histories."""
    return f"{id.wf_run_id.id}/{id.task_guid}"


def user_task_name(id: UserTaskRunId) -> str:
    """Name of a UserTaskRun in histories."""
    return f"{id.wf_run_id.id}/{id.user_task_guid}"


def event_name(id: ExternalEventId) -> str:
    """Name of an ExternalEvent in histories, without its run."""
    return f"{id.external_event_def_id.name}/{id.guid}"


def milliseconds(time: Timestamp) -> int:
    """Whole milliseconds since the epoch."""
    return time.seconds * 1_000 + time.nanos // 1_000_000


def optional_time(message: Any, field: str) -> int | None:
    """A time that may not be set."""
    return milliseconds(getattr(message, field)) if message.HasField(field) else None


def optional(message: Any, field: str) -> Any:
    """A field that may not be set."""
    return getattr(message, field) if message.HasField(field) else None


def thread_view(thread: ThreadRun) -> dict[str, Any]:
    """A ThreadRun."""
    return {
        "number": thread.number,
        "kind": ThreadType.Name(thread.type),
        "status": LHStatus.Name(thread.status),
        "parent": optional(thread, "parent_thread_id"),
        "is_stopped": any(reason.HasField("manual_halt") for reason in thread.halt_reasons),
    }


def node_view(node: NodeRun) -> dict[str, Any]:
    """A NodeRun."""
    view: dict[str, Any] = {
        "thread": node.id.thread_run_number,
        "position": node.id.position,
        "node": node.node_name,
        "status": LHStatus.Name(node.status),
        "arrival_ms": milliseconds(node.arrival_time),
        "end_ms": optional_time(node, "end_time"),
        "matures_ms": milliseconds(node.sleep.maturation_time) if node.HasField("sleep") else None,
        "failures": len(node.failures),
    }
    if node.HasField("task"):
        view["task"] = task_name(node.task.task_run_id)
    if node.HasField("user_task") and node.user_task.HasField("user_task_run_id"):
        view["task"] = user_task_name(node.user_task.user_task_run_id)
    if node.HasField("external_event"):
        view["awaits"] = node.external_event.external_event_def_id.name
        id = optional(node.external_event, "external_event_id")
        view["event"] = id and event_name(id)
    return view


def task_view(task: TaskRun) -> dict[str, Any]:
    """A TaskRun."""
    backoff = task.exponential_backoff.base_interval_ms if task.HasField("exponential_backoff") else 0
    return {
        "task": task_name(task.id),
        "status": TaskStatus.Name(task.status),
        "timeout_ms": task.timeout_seconds * 1_000,
        "total_attempts": task.total_attempts,
        "backoff_ms": backoff,
        "attempts": [attempt_view(attempt) for attempt in task.attempts],
    }


def attempt_view(attempt: TaskAttempt) -> dict[str, Any]:
    """An attempt."""
    result = attempt.WhichOneof("result")
    value = getattr(attempt, result) if result else None
    return {
        "status": TaskStatus.Name(attempt.status),
        "worker": attempt.task_worker_id,
        "schedule_ms": optional_time(attempt, "schedule_time"),
        "start_ms": optional_time(attempt, "start_time"),
        "end_ms": optional_time(attempt, "end_time"),
        "token": value.str if isinstance(value, VariableValue) else value and value.message,
    }


def user_task_view(task: UserTaskRun) -> dict[str, Any]:
    """A UserTaskRun."""
    return {
        "task": user_task_name(task.id),
        "status": UserTaskRunStatus.Name(task.status),
        "user": optional(task, "user_id"),
        "epoch": task.epoch,
        "log": len(task.events),
        "token": task.results["token"].str if "token" in task.results else None,
        "scheduled_ms": milliseconds(task.scheduled_time),
    }


def event_view(event: ExternalEvent) -> dict[str, Any]:
    """An ExternalEvent."""
    return {
        "id": event_name(event.id),
        "token": event.content.str,
        "claimed": event.claimed,
        "thread": optional(event, "thread_run_number"),
        "position": optional(event, "node_run_position"),
    }
