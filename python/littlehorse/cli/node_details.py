"""What hangs below a NodeRun in the tree of a WfRun: inputs, attempts, results, failures with their stack traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.cli.show_user_task import event_text
from littlehorse.cli.tree import Branch
from littlehorse.cli.values import time_text, value_text, wf_run_text
from littlehorse.model import (
    ExternalEvent,
    Failure,
    LHErrorType,
    LHStatus,
    NodeRun,
    TaskAttempt,
    TaskRun,
    TaskStatus,
    UserTaskRun,
    UserTaskRunStatus,
    VariableValue,
    WaitForThreadsRun,
    WorkflowEvent,
)

# Longer values are cut in the tree; JSON shows everything.
VALUE_LENGTH_MAX = 500

Clock = Callable[[Timestamp, Timestamp | None], str]


def shown(value: VariableValue) -> str:
    """A value on one line, cut if it is very long."""
    text = value_text(value).replace("\n", "\\n")
    return text if len(text) <= VALUE_LENGTH_MAX else text[: VALUE_LENGTH_MAX - 1] + "…"


class NodeDetails:
    """Finds what belongs to a node and tells it. `clock` writes moments and spans."""

    def __init__(
        self,
        clock: Clock,
        tasks: Iterable[TaskRun],
        user_tasks: Iterable[UserTaskRun],
        events: Iterable[ExternalEvent],
        thrown: Iterable[WorkflowEvent],
    ) -> None:
        self._clock = clock
        self._tasks = {task.id.task_guid: task for task in tasks}
        self._user_tasks = {task.id.user_task_guid: task for task in user_tasks}
        self._events = {(event.id.external_event_def_id.name, event.id.guid): event for event in events}
        self._thrown = {(event.id.workflow_event_def_id.name, event.id.number): event for event in thrown}

    def tell(self, node: NodeRun, branch: Branch) -> None:
        """Hangs everything about this node below its branch."""
        tell = _TELLERS.get(node.WhichOneof("node_type") or "")
        if tell is not None:
            tell(self, node, branch)
        for failure in node.failures:
            _tell_failure(failure, branch)
        told = {failure.message for failure in node.failures}
        if node.error_message and node.error_message not in told:
            branch.add(f"error: {node.error_message}")

    def _tell_task(self, node: NodeRun, branch: Branch) -> None:
        task = self._tasks.get(node.task.task_run_id.task_guid)
        if task is not None:
            self._tell_task_run(task, branch)

    def _tell_task_run(self, task: TaskRun, branch: Branch) -> None:
        below = branch.add(f"task {task.task_def_id.name} {task.id.task_guid}  {TaskStatus.Name(task.status)}")
        for given in task.input_variables:
            below.add(f"in {given.var_name} = {shown(given.value)}")
        for number, attempt in enumerate(task.attempts):
            self._tell_attempt(number, attempt, below)

    def _tell_attempt(self, number: int, attempt: TaskAttempt, branch: Branch) -> None:
        text = f"attempt {number}  {TaskStatus.Name(attempt.status)}"
        if attempt.HasField("start_time"):
            text += f"  {self._clock(attempt.start_time, attempt.end_time if attempt.HasField('end_time') else None)}"
        if attempt.task_worker_id:
            text += f"  by {attempt.task_worker_id}"
        below = branch.add(text)
        case = attempt.WhichOneof("result")
        if case == "output":
            below.add(f"out {shown(attempt.output)}")
        if case == "error":
            below.add(f"{LHErrorType.Name(attempt.error.type)}: {attempt.error.message.strip()}")
        if case == "exception":
            below.add(f"{attempt.exception.name}: {attempt.exception.message.strip()}")
            if attempt.exception.content.WhichOneof("value"):
                below.add(f"content {shown(attempt.exception.content)}")
        if attempt.log_output.WhichOneof("value"):
            below.add(f"log\n{value_text(attempt.log_output).strip()}")

    def _tell_user_task(self, node: NodeRun, branch: Branch) -> None:
        task = self._user_tasks.get(node.user_task.user_task_run_id.user_task_guid)
        if task is None:
            return
        owner = "".join(
            [f"  user {task.user_id}" if task.user_id else "", f"  group {task.user_group}" if task.user_group else ""]
        )
        status = UserTaskRunStatus.Name(task.status)
        below = branch.add(f"user task {task.user_task_def_id.name} {task.id.user_task_guid}  {status}{owner}")
        if task.notes:
            below.add(f"notes: {task.notes}")
        for name, value in sorted(task.results.items()):
            below.add(f"{name} = {shown(value)}")
        for event in task.events:
            entry = below.add(f"{self._clock(event.time, None)}  {event_text(event)}")
            started = self._tasks.get(event.task_executed.task_run.task_guid)
            if started is not None:
                self._tell_task_run(started, entry)

    def _tell_external_event(self, node: NodeRun, branch: Branch) -> None:
        waiting = node.external_event
        name = waiting.external_event_def_id.name
        if waiting.HasField("correlation_key"):
            branch.add(f"key = {'(masked)' if waiting.mask_correlation_key else waiting.correlation_key}")
        if waiting.timed_out:
            branch.add(f"event {name} did not come in time")
        elif waiting.HasField("external_event_id"):
            guid = waiting.external_event_id.guid
            text = f"event {name} {guid}"
            if waiting.HasField("event_time"):
                text += f"  {self._clock(waiting.event_time, None)}"
            event = self._events.get((waiting.external_event_id.external_event_def_id.name, guid))
            branch.add(text if event is None else f"{text}  {shown(event.content)}")
        elif not node.HasField("end_time"):
            branch.add(f"waits for event {name}")

    def _tell_throw_event(self, node: NodeRun, branch: Branch) -> None:
        event_id = node.throw_event.workflow_event_id
        name = event_id.workflow_event_def_id.name
        event = self._thrown.get((name, event_id.number))
        branch.add(f"threw {name} {event_id.number}" + ("" if event is None else f"  {shown(event.content)}"))

    def _tell_sleep(self, node: NodeRun, branch: Branch) -> None:
        branch.add(f"until {time_text(node.sleep.maturation_time)}")

    def _tell_wait_for_threads(self, node: NodeRun, branch: Branch) -> None:
        for waiting in node.wait_for_threads.threads:
            state = WaitForThreadsRun.WaitingThreadStatus.Name(waiting.waiting_status)
            words = state.removeprefix("THREAD_").replace("_", " ").lower()
            branch.add(
                f"waits for thread {waiting.thread_run_number}: {words} ({LHStatus.Name(waiting.thread_status)})"
            )

    def _tell_run_child_wf(self, node: NodeRun, branch: Branch) -> None:
        started = node.run_child_wf
        for name, value in sorted(started.inputs.items()):
            branch.add(f"in {name} = {shown(value)}")
        if started.HasField("child_wf_run_id"):
            branch.add(f"child run {wf_run_text(started.child_wf_run_id)} of {started.wf_spec_id.name}")

    def _tell_wait_for_child_wf(self, node: NodeRun, branch: Branch) -> None:
        if node.wait_for_child_wf.HasField("child_wf_run_id"):
            branch.add(f"child run {wf_run_text(node.wait_for_child_wf.child_wf_run_id)}")


def _tell_failure(failure: Failure, branch: Branch) -> None:
    handled = "handled" if failure.was_properly_handled else "not handled"
    below = branch.add(f"failure {failure.failure_name} ({handled}): {failure.message.strip()}")
    if failure.content.WhichOneof("value"):
        below.add(f"content {shown(failure.content)}")


_TELLERS: dict[str, Callable[[NodeDetails, NodeRun, Branch], None]] = {
    "task": NodeDetails._tell_task,
    "user_task": NodeDetails._tell_user_task,
    "external_event": NodeDetails._tell_external_event,
    "throw_event": NodeDetails._tell_throw_event,
    "sleep": NodeDetails._tell_sleep,
    "wait_for_threads": NodeDetails._tell_wait_for_threads,
    "run_child_wf": NodeDetails._tell_run_child_wf,
    "wait_for_child_wf": NodeDetails._tell_wait_for_child_wf,
}
