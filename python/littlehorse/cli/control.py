"""`lh stop`, `resume`, `rescue` and `delete`: what is done to a WfRun from outside."""

from __future__ import annotations

import argparse

import grpc

from littlehorse.cli import show
from littlehorse.cli.connection import Connection
from littlehorse.cli.output import Answer
from littlehorse.cli.values import parse_wf_run_id, wf_run_text
from littlehorse.model import (
    HALTED,
    HALTING,
    DeleteWfRunRequest,
    RescueThreadRunRequest,
    ResumeWfRunRequest,
    StopWfRunRequest,
    WfRun,
    WfRunId,
    WfRunIdList,
)


def add_thread_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what names a thread of a WfRun."""
    parser.add_argument("wf_run", metavar="WFRUN", help="id of the WfRun; ids of a child are joined with _")
    parser.add_argument("--thread", type=int, default=0, metavar="N", help="number of the ThreadRun (default: 0)")


def add_rescue_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `lh rescue` takes."""
    add_thread_arguments(parser)
    parser.add_argument("--skip", action="store_true", help="go on after the failed node instead of running it again")


def add_delete_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares what `lh delete` takes."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    runs = kinds.add_parser("wf-run", parents=[output], help="a finished WfRun with all that belongs to it")
    runs.add_argument("wf_run", nargs="+", metavar="WFRUN", help="id of a WfRun; several may be given")
    runs.set_defaults(carry_out=delete_wf_run)


def stop(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """StopWfRun; a thread that has ended already is left as it is (03/E-701)."""
    wf_run_id = parse_wf_run_id(arguments.wf_run)
    connection.call("StopWfRun", StopWfRunRequest(wf_run_id=wf_run_id, thread_run_number=arguments.thread))
    reply: WfRun = connection.call("GetWfRun", wf_run_id)
    is_stopped = any(
        thread.number == arguments.thread and thread.status in (HALTED, HALTING) for thread in reply.thread_runs
    )
    resume = f"Next: lh resume {arguments.wf_run}{_thread(arguments)}"
    ended = f"It had ended already. Next: lh describe wf-run {arguments.wf_run}"
    return Answer(reply, show.wf_run(reply), resume if is_stopped else ended)


def resume(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """ResumeWfRun; shows the run as it is now, since the RPC itself answers nothing."""
    wf_run_id = parse_wf_run_id(arguments.wf_run)
    connection.call("ResumeWfRun", ResumeWfRunRequest(wf_run_id=wf_run_id, thread_run_number=arguments.thread))
    reply: WfRun = connection.call("GetWfRun", wf_run_id)
    return Answer(reply, show.wf_run(reply), f"Next: lh describe wf-run {arguments.wf_run}")


def rescue(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """RescueThreadRun."""
    request = RescueThreadRunRequest(
        wf_run_id=parse_wf_run_id(arguments.wf_run),
        thread_run_number=arguments.thread,
        skip_current_node=arguments.skip,
    )
    reply: WfRun = connection.call("RescueThreadRun", request)
    return Answer(reply, show.wf_run(reply), f"Next: lh describe wf-run {arguments.wf_run}")


def delete_wf_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """DeleteWfRun, for each; stops at the first that the server refuses. One that is not there is no failure."""
    deleted, told = WfRunIdList(), []
    for wf_run_id in [parse_wf_run_id(text) for text in arguments.wf_run]:
        # The RPC answers the same either way, and takes away events that were posted ahead of a run (07/D-2).
        was_there = _exists(connection, wf_run_id)
        connection.call("DeleteWfRun", DeleteWfRunRequest(id=wf_run_id))
        if was_there:
            deleted.results.append(wf_run_id)
        name = wf_run_text(wf_run_id)
        told.append(f"Deleted {name}" if was_there else f"There was no WfRun {name}")
    return Answer(deleted, [], "\n".join(told))


def _exists(connection: Connection, wf_run_id: WfRunId) -> bool:
    try:
        connection.call("GetWfRun", wf_run_id)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        raise
    return True


def _thread(arguments: argparse.Namespace) -> str:
    return f" --thread {arguments.thread}" if arguments.thread else ""
