"""What a task function can learn about its task, and checkpoints (spec 09 section 7.5)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from littlehorse.model.object_id_pb2 import CheckpointId, NodeRunId, TaskRunId, WfRunId
from littlehorse.model.service_pb2 import PutCheckpointRequest, PutCheckpointResponse, ScheduledTask
from littlehorse.utils import extract_value, to_variable_value

if TYPE_CHECKING:
    from littlehorse.model.service_pb2_grpc import LittleHorseAsyncStub


class _Log:
    """Lines that go to the server with a report or a checkpoint."""

    def __init__(self) -> None:
        self._entries: list[str] = []

    def _add(self, entry: Any) -> None:
        self._entries.append(f"[{datetime.now()}] {entry}")

    @property
    def log_output(self) -> str:
        """All lines so far."""
        return "\n".join(self._entries)


class CheckpointContext(_Log):
    """Handed to the function of a checkpoint."""

    def log(self, obj: Any) -> None:
        """Adds a line with the local time in front."""
        self._add(obj)


class WorkerContext(_Log):
    """Handed to a task function whose last parameter has this type.

    Parameters: `client` is an asyncio stub of the server that handed out the task.
    """

    def __init__(self, scheduled_task: ScheduledTask, client: LittleHorseAsyncStub) -> None:
        super().__init__()
        self._scheduled_task = scheduled_task
        self._client = client
        self._checkpoints = 0

    def log(self, entry: Any) -> None:
        """Adds a line with the local time in front."""
        self._add(entry)

    def __str__(self) -> str:
        return str(
            {
                "wf_run_id": self.wf_run_id,
                "idempotency_key": self.idempotency_key,
                "task_def_name": self.task_def_name,
                "scheduled_time": str(self.scheduled_time),
                "attempt_number": self.attempt_number,
            }
        )

    @property
    def scheduled_time(self) -> datetime:
        """When this attempt was scheduled: naive local time in whole seconds."""
        return datetime.fromtimestamp(self._scheduled_task.created_at.seconds)

    @property
    def scheduled_time_utc(self) -> datetime:
        """When this attempt was scheduled, to the microsecond, with its time zone."""
        return self._scheduled_task.created_at.ToDatetime(tzinfo=UTC)

    @property
    def task_run_id(self) -> TaskRunId:
        """Id of the TaskRun."""
        return self._scheduled_task.task_run_id

    @property
    def wf_run_id(self) -> WfRunId:
        """Id of the WfRun that the task belongs to."""
        return self._scheduled_task.task_run_id.wf_run_id

    @property
    def attempt_number(self) -> int:
        """How often the task was tried before."""
        return self._scheduled_task.attempt_number

    @property
    def idempotency_key(self) -> str:
        """The same for all attempts of this task; other WfRuns may use it too (see `unique_idempotency_key`)."""
        return self.task_run_id.task_guid

    @property
    def unique_idempotency_key(self) -> str:
        """The same for all attempts of this task, and different from that of every other task."""
        parts = [self.idempotency_key]
        wf_run_id = self.wf_run_id
        while True:
            parts.append(wf_run_id.id)
            if not wf_run_id.HasField("parent_wf_run_id"):
                return "/".join(reversed(parts))
            wf_run_id = wf_run_id.parent_wf_run_id

    @property
    def task_def_name(self) -> str:
        """Name of the TaskDef."""
        return self._scheduled_task.task_def_id.name

    @property
    def node_run_id(self) -> NodeRunId:
        """The NodeRun that the task belongs to: a task node, or the user task that triggered it."""
        source = self._scheduled_task.source
        if source.WhichOneof("task_run_source") == "task_node":
            return source.task_node.node_run_id
        return source.user_task_trigger.node_run_id

    @property
    def user_id(self) -> str | None:
        """The user that the triggering user task is assigned to, if any."""
        trigger = self._scheduled_task.source.user_task_trigger
        return trigger.user_id if trigger.HasField("user_id") else None

    @property
    def user_group(self) -> str | None:
        """The group that the triggering user task is assigned to, if any."""
        trigger = self._scheduled_task.source.user_task_trigger
        return trigger.user_group if trigger.HasField("user_group") else None

    @property
    def checkpoints(self) -> int:
        """How many checkpoints this attempt has passed."""
        return self._checkpoints

    async def execute_and_checkpoint(self, callable: Callable[[CheckpointContext], Any]) -> Any:
        """The result of `callable`, which is run at most once over all attempts of this task (PY-39).

        `callable` may be a coroutine function. A result kept from an earlier attempt comes back as plain dict, list or
        scalar. Raises RuntimeError if the server says that this attempt must end.
        """
        if self._checkpoints < self._scheduled_task.total_observed_checkpoints:
            kept = CheckpointId(task_run=self.task_run_id, checkpoint_number=self._checkpoints)
            checkpoint = await self._client.GetCheckpoint(kept)
            self._checkpoints += 1
            return extract_value(checkpoint.value)

        context = CheckpointContext()
        result = callable(context)
        if inspect.isawaitable(result):
            result = await result
        request = PutCheckpointRequest(
            task_run_id=self.task_run_id,
            task_attempt=self.attempt_number,
            value=to_variable_value(result),
            logs=context.log_output,
        )
        response = await self._client.PutCheckpoint(request)
        self._checkpoints += 1
        if response.flow_control_continue_type != PutCheckpointResponse.FlowControlContinue.CONTINUE_TASK:
            raise RuntimeError("Halting execution because the server told us to.")
        return result
