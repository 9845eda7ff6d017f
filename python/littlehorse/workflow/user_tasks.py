"""Work for people and what happens to it as time passes (spec 09 section 9.5)."""

from __future__ import annotations

import logging
from typing import Any

from littlehorse.model.common_wfspec_pb2 import TaskNode, UTActionTrigger, VariableAssignment
from littlehorse.model.object_id_pb2 import TaskDefId
from littlehorse.model.wf_spec_pb2 import UserTaskNode
from littlehorse.workflow.expressions import LHFormatString, NodeOutput, to_variable_assignment
from littlehorse.workflow.thread_graph import ThreadGraph
from littlehorse.workflow.variables import WfRunVariable

_log = logging.getLogger(__name__)

Owner = str | WfRunVariable
"""A user or a group: its id, or a variable that holds it."""


def _optional(value: Any) -> VariableAssignment | None:
    """The assignment of a value; None and empty text set nothing."""
    return None if value is None or value == "" else to_variable_assignment(value)


class UserTaskOutput(NodeOutput):
    """The result of a user task, and, while it is the last node of its thread, a way to describe it further."""

    def __init__(
        self,
        node_name: str,
        thread: ThreadGraph,
        user_task_def_name: str,
        user_id: Owner | None = None,
        user_group: Owner | None = None,
        notes: str | WfRunVariable | LHFormatString | None = None,
        on_cancellation_exception_name: Owner | None = None,
    ) -> None:
        super().__init__(node_name)
        self._thread = thread
        self._user_task_def_name = user_task_def_name
        self._user_id = user_id
        self._user_group = user_group
        self._notes = notes
        self._exception_name = on_cancellation_exception_name

    def with_notes(self, notes: str | WfRunVariable | LHFormatString) -> UserTaskOutput:
        """Notes for whoever gets the task; returns self. Raises ValueError if other nodes were added since."""
        self._rebuild(to_variable_assignment(notes), _optional(self._exception_name))
        self._notes = notes
        return self

    def with_on_cancellation_exception(self, exception_name: Owner) -> UserTaskOutput:
        """The business exception that cancelling the task raises; returns self. Raises ValueError as with_notes."""
        self._rebuild(_optional(self._notes), to_variable_assignment(exception_name))
        return self

    def _rebuild(self, notes: VariableAssignment | None, exception_name: VariableAssignment | None) -> None:
        """Describes the node anew.

        What the published client drops on this occasion is dropped here too, so that the compiled workflow stays the
        same (PY-51, C-13): actions scheduled before, and by `with_notes` an exception set before.
        """
        node = self._thread.last_node()
        if node.name != self.node_name:
            raise ValueError("tried to mutate stale UserTaskOutput!")
        if node.user_task().actions:
            _log.warning("%s: actions scheduled before its description are dropped; schedule them after", node.name)
        if exception_name is None and node.user_task().HasField("on_cancellation_exception_name"):
            _log.warning("%s: call with_notes before with_on_cancellation_exception, which is dropped", node.name)
        node.sub_node = UserTaskNode(
            user_task_def_name=self._user_task_def_name,
            user_id=_optional(self._user_id),
            user_group=_optional(self._user_group),
            notes=notes,
            on_cancellation_exception_name=exception_name,
        )


class UserTasks(ThreadGraph):
    """The methods of a thread for user tasks.

    Those that schedule something need the task to be the last node (ValueError).
    """

    def assign_user_task(
        self, user_task_def_name: str, user_id: Owner | None = None, user_group: Owner | None = None
    ) -> UserTaskOutput:
        """Has a user, or anyone of a group, fill in a form; the output is what they entered.

        Raises ValueError if neither is given or one is blank.
        """
        self.check_active()
        if user_id is None and user_group is None:
            raise ValueError("Must provide either user_id or user_group to assign_user_task()")
        if isinstance(user_id, str) and not user_id.strip():
            raise ValueError("UserId can't be empty to assign_user_task()")
        if isinstance(user_group, str) and not user_group.strip():
            raise ValueError("UserGroup can't be empty to assign_user_task()")
        node = UserTaskNode(
            user_task_def_name=user_task_def_name, user_id=_optional(user_id), user_group=_optional(user_group)
        )
        node_name = self.add_node(user_task_def_name, node)
        return UserTaskOutput(node_name, self, user_task_def_name, user_id=user_id, user_group=user_group)

    def _current_user_task(self, user_task: UserTaskOutput) -> UserTaskNode:
        """The node of a user task that is the last node of this thread."""
        node = self.last_node()
        if node.name != user_task.node_name:
            raise ValueError("Tried to reassign stale User Task!")
        return node.user_task()

    def reassign_user_task_on_deadline(
        self,
        user_task: UserTaskOutput,
        deadline_seconds: int | WfRunVariable,
        user_group: Owner | None = None,
        user_id: Owner | None = None,
    ) -> None:
        """Gives the task to someone else this long after it was created."""
        self.check_active()
        node = self._current_user_task(user_task)
        reassign = UTActionTrigger.UTAReassign(
            user_id=None if user_id is None else to_variable_assignment(user_id),
            user_group=None if user_group is None else to_variable_assignment(user_group),
        )
        node.actions.append(UTActionTrigger(reassign=reassign, delay_seconds=to_variable_assignment(deadline_seconds)))

    def release_to_group_on_deadline(self, user_task: UserTaskOutput, deadline_seconds: int | WfRunVariable) -> None:
        """Takes the task back from its user this long after it was assigned.

        Without a group nothing will happen.
        """
        self.check_active()
        node = self._current_user_task(user_task)
        if not node.HasField("user_group"):
            _log.warning("%s: it has no group to be released to", user_task.node_name)
        node.actions.append(
            UTActionTrigger(
                reassign=UTActionTrigger.UTAReassign(user_group=node.user_group),
                delay_seconds=to_variable_assignment(deadline_seconds),
                hook=UTActionTrigger.UTHook.ON_TASK_ASSIGNED,
            )
        )

    def schedule_reminder_task(
        self, user_task: UserTaskOutput, delay_in_seconds: int | WfRunVariable, task_def_name: str, *args: Any
    ) -> None:
        """Has a worker run a task this long after the user task was created."""
        self._schedule_task(user_task, delay_in_seconds, task_def_name, args, UTActionTrigger.UTHook.ON_ARRIVAL)

    def schedule_reminder_task_on_assignment(
        self, user_task: UserTaskOutput, delay_in_seconds: int | WfRunVariable, task_def_name: str, *args: Any
    ) -> None:
        """Has a worker run a task this long after the user task was assigned to someone."""
        self._schedule_task(user_task, delay_in_seconds, task_def_name, args, UTActionTrigger.UTHook.ON_TASK_ASSIGNED)

    def _schedule_task(
        self,
        user_task: UserTaskOutput,
        delay_in_seconds: int | WfRunVariable,
        task_def_name: str,
        args: tuple[Any, ...],
        hook: UTActionTrigger.UTHook,
    ) -> None:
        node = self._current_user_task(user_task)
        task = TaskNode(
            task_def_id=TaskDefId(name=task_def_name),
            variables=[to_variable_assignment(argument) for argument in args],
        )
        node.actions.append(
            UTActionTrigger(
                task=UTActionTrigger.UTATask(task=task),
                delay_seconds=to_variable_assignment(delay_in_seconds),
                hook=hook,
            )
        )

    def cancel_user_task_run_after(self, user_task: UserTaskOutput, delay_in_seconds: int | WfRunVariable) -> None:
        """Cancels the user task this long after it was created."""
        self._schedule_cancel(user_task, delay_in_seconds, UTActionTrigger.UTHook.ON_ARRIVAL)

    def cancel_user_task_run_after_assignment(
        self, user_task: UserTaskOutput, delay_in_seconds: int | WfRunVariable
    ) -> None:
        """Cancels the user task this long after it was assigned to someone."""
        self._schedule_cancel(user_task, delay_in_seconds, UTActionTrigger.UTHook.ON_TASK_ASSIGNED)

    def _schedule_cancel(
        self, user_task: UserTaskOutput, delay_in_seconds: int | WfRunVariable, hook: UTActionTrigger.UTHook
    ) -> None:
        self.check_active()
        node = self._current_user_task(user_task)
        node.actions.append(
            UTActionTrigger(
                cancel=UTActionTrigger.UTACancel(), delay_seconds=to_variable_assignment(delay_in_seconds), hook=hook
            )
        )
