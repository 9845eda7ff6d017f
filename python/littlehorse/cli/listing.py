"""`lh list`: everything of one kind that belongs to a WfRun, page after page."""

from __future__ import annotations

import argparse
from typing import Any

from littlehorse.cli import show, show_user_task
from littlehorse.cli.connection import Connection
from littlehorse.cli.output import Answer
from littlehorse.cli.values import parse_wf_run_id
from littlehorse.model import (
    ListNodeRunsRequest,
    ListTaskRunsRequest,
    ListUserTaskRunRequest,
    ListVariablesRequest,
    NodeRunList,
    TaskRunList,
    UserTaskRunList,
    VariableList,
)


def add_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares the kinds of lists."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    for name, text, carry_out in (
        ("node-runs", "the steps of a WfRun", node_runs),
        ("task-runs", "the TaskRuns of a WfRun", task_runs),
        ("user-task-runs", "the UserTaskRuns of a WfRun", user_task_runs),
        ("variables", "the variables of a WfRun", variables),
    ):
        kind = kinds.add_parser(name, parents=[output], help=text)
        kind.add_argument("wf_run", metavar="WFRUN", help="id of the WfRun; ids of a child are joined with _")
        kind.set_defaults(carry_out=carry_out)
        if name == "node-runs":
            kind.add_argument("--thread", type=int, help="only this ThreadRun")


def node_runs(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """ListNodeRuns."""
    wf_run_id = parse_wf_run_id(arguments.wf_run)
    request = ListNodeRunsRequest(wf_run_id=wf_run_id, thread_run_number=arguments.thread)
    found = _all_of_run(connection, "ListNodeRuns", request, NodeRunList())
    return Answer(found, [show.node_runs(found.results)])


def task_runs(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """ListTaskRuns."""
    request = ListTaskRunsRequest(wf_run_id=parse_wf_run_id(arguments.wf_run))
    found = _all_of_run(connection, "ListTaskRuns", request, TaskRunList())
    return Answer(found, [show.task_runs(found.results)])


def user_task_runs(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """ListUserTaskRuns."""
    request = ListUserTaskRunRequest(wf_run_id=parse_wf_run_id(arguments.wf_run))
    found = _all_of_run(connection, "ListUserTaskRuns", request, UserTaskRunList())
    return Answer(found, [show_user_task.user_task_runs(found.results)])


def variables(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """ListVariables."""
    request = ListVariablesRequest(wf_run_id=parse_wf_run_id(arguments.wf_run))
    found = _all_of_run(connection, "ListVariables", request, VariableList())
    return Answer(found, [show.variables(found.results)])


def _all_of_run(connection: Connection, rpc: str, request: Any, found: Any) -> Any:
    """All pages; if they are empty, GetWfRun says NOT_FOUND for a run that does not exist: no list does."""
    all_pages(connection, rpc, request, found)
    if not found.results:
        connection.call("GetWfRun", request.wf_run_id)
    return found


def all_pages(connection: Connection, rpc: str, request: Any, found: Any) -> Any:
    """Adds the results of all pages to the list `found`, and returns it."""
    while True:
        page = connection.call(rpc, request)
        found.results.extend(page.results)
        if not page.HasField("bookmark"):
            return found
        request.bookmark = page.bookmark
