"""How user tasks are shown to people."""

from __future__ import annotations

from collections.abc import Iterable

from littlehorse.cli.output import Facts, Table
from littlehorse.cli.values import time_text, value_text, wf_run_text
from littlehorse.model import UserTaskEvent, UserTaskRun, UserTaskRunStatus


def user_task_runs(runs: Iterable[UserTaskRun]) -> Table:
    """UserTaskRuns, one per row."""
    table = Table(["USER TASK RUN", "FORM", "STATUS", "USER", "GROUP", "SCHEDULED"])
    for run in runs:
        form, status = run.user_task_def_id.name, UserTaskRunStatus.Name(run.status)
        table.rows.append(
            [run.id.user_task_guid, form, status, run.user_id, run.user_group, time_text(run.scheduled_time)]
        )
    return table


def user_task_run(run: UserTaskRun) -> list[Table | Facts]:
    """One UserTaskRun with its results and its audit log."""
    facts = [
        ("UserTaskRun", f"{wf_run_text(run.id.wf_run_id)}/{run.id.user_task_guid}"),
        ("Form", f"{run.user_task_def_id.name} {run.user_task_def_id.version}"),
        ("Status", UserTaskRunStatus.Name(run.status)),
        ("User", run.user_id),
        ("Group", run.user_group),
        ("Notes", run.notes),
        ("Scheduled", time_text(run.scheduled_time)),
    ]
    results = Table(["FIELD", "VALUE"], [[name, value_text(value)] for name, value in sorted(run.results.items())])
    log = Table(["TIME", "WHAT HAPPENED"], [[time_text(event.time), event_text(event)] for event in run.events])
    return [Facts(facts), results, log]


def event_text(event: UserTaskEvent) -> str:
    """One entry of an audit log."""
    case = event.WhichOneof("event")
    if case == "assigned":
        assigned = event.assigned
        before = _owner(assigned.old_user_id, assigned.old_user_group)
        return f"assigned to {_owner(assigned.new_user_id, assigned.new_user_group)}, before to {before}"
    if case == "saved":
        fields = ", ".join(f"{name} = {value_text(value)}" for name, value in sorted(event.saved.results.items()))
        return f"{event.saved.user_id} saved {fields or 'nothing'}"
    if case == "cancelled":
        return f"cancelled {event.cancelled.message}".rstrip()
    if case == "task_executed":
        return f"task {event.task_executed.task_run.task_guid} started"
    if case == "comment_added":
        comment = event.comment_added
        return f"{comment.user_id} commented ({comment.user_comment_id}): {comment.comment}"
    if case == "comment_edited":
        comment = event.comment_edited
        return f"{comment.user_id} edited comment {comment.user_comment_id}: {comment.comment}"
    if case == "comment_deleted":
        return f"{event.comment_deleted.user_id} deleted comment {event.comment_deleted.user_comment_id}"
    return case or "unknown"


def _owner(user: str, group: str) -> str:
    parts = [*([f"user {user}"] if user else []), *([f"group {group}"] if group else [])]
    return " of ".join(parts) or "nobody"
