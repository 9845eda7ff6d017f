"""`lh describe`: everything that happened in a WfRun, as a tree of threads, nodes, attempts and failures."""

from __future__ import annotations

import argparse

from littlehorse.cli.connection import Connection
from littlehorse.cli.listing import all_pages
from littlehorse.cli.output import Answer, Facts
from littlehorse.cli.run_story import RunStory
from littlehorse.cli.show import end_text, wf_spec_id
from littlehorse.cli.values import parse_wf_run_id, time_text, wf_run_text
from littlehorse.model import (
    ExternalEventList,
    InactiveThreadRun,
    InactiveThreadRunId,
    LHStatus,
    ListExternalEventsRequest,
    ListNodeRunsRequest,
    ListTaskRunsRequest,
    ListUserTaskRunRequest,
    ListVariablesRequest,
    ListWorkflowEventsRequest,
    NodeRunList,
    TaskRunList,
    ThreadRun,
    UserTaskRunList,
    VariableList,
    WfRun,
    WorkflowEventList,
)

# Each archived thread costs a call, and a run may have had thousands.
ARCHIVED_THREADS = 100


def add_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares what `lh describe` takes."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    run = kinds.add_parser("wf-run", parents=[output], help="threads, nodes, attempts and failures of a WfRun")
    run.add_argument("wf_run", metavar="WFRUN", help="id of the WfRun; ids of a child are joined with _")
    run.add_argument(
        "--archived",
        type=_count,
        default=ARCHIVED_THREADS,
        metavar="N",
        help=f"how many of its archived threads are told, the newest (default: {ARCHIVED_THREADS})",
    )
    run.set_defaults(carry_out=describe_wf_run)


def describe_wf_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """GetWfRun, then everything that belongs to it."""
    wf_run_id = parse_wf_run_id(arguments.wf_run)
    run: WfRun = connection.call("GetWfRun", wf_run_id)
    nodes: NodeRunList = all_pages(connection, "ListNodeRuns", ListNodeRunsRequest(wf_run_id=wf_run_id), NodeRunList())
    tasks = all_pages(connection, "ListTaskRuns", ListTaskRunsRequest(wf_run_id=wf_run_id), TaskRunList())
    people = all_pages(connection, "ListUserTaskRuns", ListUserTaskRunRequest(wf_run_id=wf_run_id), UserTaskRunList())
    variables = all_pages(connection, "ListVariables", ListVariablesRequest(wf_run_id=wf_run_id), VariableList())
    events = all_pages(
        connection, "ListExternalEvents", ListExternalEventsRequest(wf_run_id=wf_run_id), ExternalEventList()
    )
    thrown = all_pages(
        connection, "ListWorkflowEvents", ListWorkflowEventsRequest(wf_run_id=wf_run_id), WorkflowEventList()
    )
    archived = _archived_threads(run, nodes)
    left_out = max(0, len(archived) - arguments.archived)
    # JSON has the messages as they are, and no tree that needs these threads.
    told = [] if arguments.output == "json" else archived[left_out:]
    story = RunStory(
        run=run,
        threads=[*run.thread_runs, *(_archived_thread(connection, run, number) for number in told)],
        nodes=nodes.results,
        tasks=tasks.results,
        user_tasks=people.results,
        variables=variables.results,
        events=events.results,
        thrown=thrown.results,
    )
    facts = Facts(
        [
            ("WfRun", wf_run_text(run.id)),
            ("WfSpec", wf_spec_id(run.wf_spec_id)),
            ("Status", LHStatus.Name(run.status)),
            ("Started", time_text(run.start_time)),
            ("Ended", end_text(run.start_time, run.end_time if run.HasField("end_time") else None)),
        ]
    )
    messages = {
        "wfRun": run,
        "nodeRuns": nodes,
        "taskRuns": tasks,
        "userTaskRuns": people,
        "variables": variables,
        "externalEvents": events,
        "workflowEvents": thrown,
    }
    note = f"{left_out} older archived threads are left out; all are told with --archived {len(archived)}"
    return Answer(messages, [facts, *story.trees()], note if left_out else "")


def _archived_threads(run: WfRun, nodes: NodeRunList) -> list[int]:
    """Numbers of the threads that ran but are no longer part of the WfRun itself, oldest first."""
    return sorted({node.id.thread_run_number for node in nodes.results} - {thread.number for thread in run.thread_runs})


def _archived_thread(connection: Connection, run: WfRun, number: int) -> ThreadRun:
    inactive_id = InactiveThreadRunId(wf_run_id=run.id, thread_run_number=number)
    inactive: InactiveThreadRun = connection.call("GetInactiveThreadRun", inactive_id)
    return inactive.thread_run


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads")
    return int(text)
