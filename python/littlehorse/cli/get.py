"""`lh get`: one object by its id."""

from __future__ import annotations

import argparse

from littlehorse.cli import show, show_user_task
from littlehorse.cli.connection import Connection
from littlehorse.cli.output import Answer
from littlehorse.cli.run import get_wf_spec
from littlehorse.cli.values import id_number, id_parts, parse_user_task_run_id, parse_wf_run_id
from littlehorse.model import NodeRunId, TaskDefId, TaskRunId, VariableId


def add_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares the kinds of objects; parts of an id may be given apart or joined with `/` (08/K-3)."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")

    def kind(name: str, ids: str, text: str) -> argparse.ArgumentParser:
        parser = kinds.add_parser(name, parents=[output], help=text)
        parser.add_argument("id", nargs="+", metavar=ids, help="the id, in parts or joined with /")
        parser.set_defaults(carry_out=_GETTERS[name])
        return parser

    kind("wf-run", "WFRUN", "a WfRun with its threads")
    kind("node-run", "WFRUN/THREAD/POSITION", "one step of a WfRun")
    kind("task-run", "WFRUN/GUID", "a TaskRun with inputs and attempts")
    kind("user-task-run", "WFRUN/GUID", "a UserTaskRun with results and audit log")
    kind("variable", "WFRUN/THREAD/NAME", "the current value of a variable")
    wf_spec = kind("wf-spec", "NAME", "a WfSpec with variables and nodes")
    wf_spec.add_argument("--major", type=int, help="major version (default: the latest)")
    wf_spec.add_argument("--revision", type=int, help="revision, with --major")
    kind("task-def", "NAME", "a TaskDef with its inputs")


def wf_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetWfRun."""
    (text,) = id_parts(arguments.id, "WFRUN")
    reply = connection.call("GetWfRun", parse_wf_run_id(text))
    return Answer(reply, show.wf_run(reply))


def node_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetNodeRun."""
    text, thread, position = id_parts(arguments.id, "WFRUN/THREAD/POSITION")
    node_run_id = NodeRunId(
        wf_run_id=parse_wf_run_id(text), thread_run_number=id_number(thread), position=id_number(position)
    )
    reply = connection.call("GetNodeRun", node_run_id)
    return Answer(reply, show.node_run(reply))


def task_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetTaskRun."""
    text, guid = id_parts(arguments.id, "WFRUN/GUID")
    reply = connection.call("GetTaskRun", TaskRunId(wf_run_id=parse_wf_run_id(text), task_guid=guid))
    return Answer(reply, show.task_run(reply))


def user_task_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetUserTaskRun."""
    reply = connection.call("GetUserTaskRun", parse_user_task_run_id(arguments.id))
    return Answer(reply, show_user_task.user_task_run(reply))


def variable(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetVariable."""
    text, thread, name = id_parts(arguments.id, "WFRUN/THREAD/NAME")
    variable_id = VariableId(wf_run_id=parse_wf_run_id(text), thread_run_number=id_number(thread), name=name)
    reply = connection.call("GetVariable", variable_id)
    return Answer(reply, show.variable(reply))


def wf_spec(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetLatestWfSpec or GetWfSpec."""
    (name,) = id_parts(arguments.id, "NAME")
    reply = get_wf_spec(connection, name, arguments.major, arguments.revision)
    return Answer(reply, show.wf_spec(reply))


def task_def(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetTaskDef."""
    (name,) = id_parts(arguments.id, "NAME")
    reply = connection.call("GetTaskDef", TaskDefId(name=name))
    return Answer(reply, show.task_def(reply))


_GETTERS = {
    "wf-run": wf_run,
    "node-run": node_run,
    "task-run": task_run,
    "user-task-run": user_task_run,
    "variable": variable,
    "wf-spec": wf_spec,
    "task-def": task_def,
}
