"""`lh user-task`: what people do with work that a WfRun has for them."""

from __future__ import annotations

import argparse

from littlehorse.cli import show_user_task
from littlehorse.cli.connection import Connection
from littlehorse.cli.errors import CliError
from littlehorse.cli.output import Answer
from littlehorse.cli.values import parse_user_task_run_id, parse_value, wf_run_text
from littlehorse.model import (
    CANCELLED,
    AssignUserTaskRunRequest,
    CancelUserTaskRunRequest,
    CompleteUserTaskRunRequest,
    PutUserTaskRunCommentRequest,
    SaveUserTaskRunProgressRequest,
    TypeDefinition,
    UserTaskDef,
    UserTaskRun,
    UserTaskRunId,
    VariableValue,
)


def add_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares what `lh user-task` takes."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, parents=[output], help=text)
        parser.add_argument("id", nargs="+", metavar="WFRUN/GUID", help="the id, in parts or joined with /")
        parser.set_defaults(carry_out=_ACTIONS[name])
        return parser

    assigning = action("assign", "give it to a user, a group, or a user of a group")
    assigning.add_argument("--user", help="id of the user; without it, it is taken from its user")
    assigning.add_argument("--group", help="id of the group; without it, it is taken from its group")
    assigning.add_argument("--override", action="store_true", help="even if a user has it already")
    claiming = action("claim", "take it, unless somebody has it already; its group stays")
    claiming.add_argument("--user", required=True, help="who takes it")
    for name, text in (("save", "keep what is filled in so far"), ("complete", "hand in the form")):
        filling = action(name, text)
        filling.add_argument("--user", required=True, help="who does it")
        filling.add_argument(
            "--result", action="append", default=[], metavar="FIELD=VALUE", help="a field of the form; repeat it"
        )
        if name == "save":
            filling.add_argument("--override", action="store_true", help="even if another user has it")
    action("cancel", "nobody has to do it any more")
    commenting = action("comment", "write a comment to it")
    commenting.add_argument("--user", required=True, help="who writes")
    commenting.add_argument("--text", required=True, help="the comment")


def assign(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """AssignUserTaskRun (06/U-25)."""
    if arguments.user is None and arguments.group is None:
        raise CliError("Say to whom: --user, --group, or both.", exit_code=2)
    user_task_run_id = parse_user_task_run_id(arguments.id)
    request = AssignUserTaskRunRequest(
        user_task_run_id=user_task_run_id,
        user_id=arguments.user,
        user_group=arguments.group,
        override_claim=arguments.override,
    )
    connection.call("AssignUserTaskRun", request)
    return _afterwards(connection, user_task_run_id)


def claim(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """AssignUserTaskRun without override: of two that claim at once the second is refused (06/U-25)."""
    user_task_run_id = parse_user_task_run_id(arguments.id)
    now: UserTaskRun = connection.call("GetUserTaskRun", user_task_run_id)
    request = AssignUserTaskRunRequest(
        user_task_run_id=user_task_run_id,
        user_id=arguments.user,
        user_group=now.user_group if now.HasField("user_group") else None,
    )
    connection.call("AssignUserTaskRun", request)
    return _afterwards(connection, user_task_run_id)


def save(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SaveUserTaskRunProgress (06/U-36)."""
    user_task_run_id = parse_user_task_run_id(arguments.id)
    policies = SaveUserTaskRunProgressRequest.SaveUserTaskRunAssignmentPolicy
    request = SaveUserTaskRunProgressRequest(
        user_task_run_id=user_task_run_id,
        results=_results(connection, user_task_run_id, arguments.result),
        user_id=arguments.user,
        policy=policies.IGNORE_CLAIM if arguments.override else policies.FAIL_IF_CLAIMED_BY_OTHER,
    )
    return _answer(connection.call("SaveUserTaskRunProgress", request))


def complete(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """CompleteUserTaskRun. Raises CliError if it was cancelled before: the server then drops the results (06/U-29)."""
    user_task_run_id = parse_user_task_run_id(arguments.id)
    request = CompleteUserTaskRunRequest(
        user_task_run_id=user_task_run_id,
        results=_results(connection, user_task_run_id, arguments.result),
        user_id=arguments.user,
    )
    connection.call("CompleteUserTaskRun", request)
    answer = _afterwards(connection, user_task_run_id)
    if isinstance(answer.message, UserTaskRun) and answer.message.status == CANCELLED:
        raise CliError(f"UserTaskRun {'/'.join(arguments.id)} is CANCELLED: what was handed in counts for nothing.")
    return answer


def cancel(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """CancelUserTaskRun."""
    user_task_run_id = parse_user_task_run_id(arguments.id)
    connection.call("CancelUserTaskRun", CancelUserTaskRunRequest(user_task_run_id=user_task_run_id))
    return _afterwards(connection, user_task_run_id)


def comment(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """PutUserTaskRunComment."""
    request = PutUserTaskRunCommentRequest(
        user_task_run_id=parse_user_task_run_id(arguments.id), user_id=arguments.user, comment=arguments.text
    )
    return _answer(connection.call("PutUserTaskRunComment", request))


def _results(
    connection: Connection, user_task_run_id: UserTaskRunId, assignments: list[str]
) -> dict[str, VariableValue]:
    """The fields that are filled in, in the types that the form declares. Raises CliError for one it has not."""
    if not assignments:
        return {}
    run: UserTaskRun = connection.call("GetUserTaskRun", user_task_run_id)
    form: UserTaskDef = connection.call("GetUserTaskDef", run.user_task_def_id)
    types = {field.name: field.type for field in form.fields}
    results = {}
    for text in assignments:
        name, mark, value = text.partition("=")
        if not mark:
            raise CliError(f"--result {text} has no value: write --result {name}=VALUE.", exit_code=2)
        if name not in types:
            raise CliError(f"Form {form.name} has no field {name!r}; it has: {', '.join(types) or 'none'}.")
        results[name] = parse_value(value, TypeDefinition(primitive_type=types[name]), name, role="field")
    return results


def _afterwards(connection: Connection, user_task_run_id: UserTaskRunId) -> Answer:
    """The UserTaskRun as it is now: the RPC itself answers nothing."""
    return _answer(connection.call("GetUserTaskRun", user_task_run_id))


def _answer(run: UserTaskRun) -> Answer:
    note = f"Next: lh describe wf-run {wf_run_text(run.id.wf_run_id)}"
    return Answer(run, show_user_task.user_task_run(run), note)


_ACTIONS = {
    "assign": assign,
    "claim": claim,
    "save": save,
    "complete": complete,
    "cancel": cancel,
    "comment": comment,
}
