"""`lh run`: starts a WfRun, and waits for its end if told to."""

from __future__ import annotations

import argparse
import time

import grpc

from littlehorse.cli import show
from littlehorse.cli.connection import Connection
from littlehorse.cli.errors import CliError
from littlehorse.cli.output import Answer
from littlehorse.cli.values import find_variable, parse_value, parse_wf_run_id, wf_run_text
from littlehorse.model import (
    COMPLETED,
    ERROR,
    EXCEPTION,
    AwaitWorkflowEventRequest,
    GetLatestWfSpecRequest,
    LHStatus,
    RunWfRequest,
    VariableValue,
    WfRun,
    WfSpec,
    WfSpecId,
    WorkflowEvent,
    WorkflowEventDefId,
)

FINISHED = (COMPLETED, ERROR, EXCEPTION)
# A waiting command asks often at first, since most runs are short, and less often later.
PAUSE_SECONDS_MIN = 0.02
PAUSE_SECONDS_MAX = 1.0
# A call that awaits an event is renewed this often, to see whether the run ended without throwing it.
AWAIT_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `lh run` takes."""
    parser.add_argument("wf_spec", metavar="WFSPEC", help="name of the WfSpec")
    parser.add_argument("--id", help="id of the WfRun; running the same id twice is refused")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="an input variable; repeat it")
    parser.add_argument("--major", type=int, help="major version of the WfSpec (default: the latest)")
    parser.add_argument("--revision", type=int, help="revision of the WfSpec, with --major")
    parser.add_argument("--parent", metavar="WFRUN", help="the WfRun that this one belongs to")
    until = parser.add_mutually_exclusive_group()
    until.add_argument("--wait", action="store_true", help="wait for the end; the exit code is 0 only if it completed")
    until.add_argument(
        "--await",
        dest="awaited",
        action="append",
        default=[],
        metavar="EVENT",
        help="wait until it throws this workflow event, and show the event; repeat it for any of several",
    )


def run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """Starts the WfRun that the arguments describe."""
    wf_spec = get_wf_spec(connection, arguments.wf_spec, arguments.major, arguments.revision)
    for name in arguments.awaited:
        connection.call("GetWorkflowEventDef", WorkflowEventDefId(name=name))  # before anything is started
    request = RunWfRequest(
        wf_spec_name=arguments.wf_spec,
        major_version=arguments.major,
        revision=arguments.revision,
        id=arguments.id,
        parent_wf_run_id=None if arguments.parent is None else parse_wf_run_id(arguments.parent),
        variables=dict(parse_assignment(text, wf_spec) for text in arguments.var),
    )
    wf_run: WfRun = connection.call("RunWf", request)
    if arguments.awaited:
        return _await_event(connection, wf_run, arguments.awaited)
    if arguments.wait:
        wf_run = _wait(connection, wf_run)
    name = wf_run_text(wf_run.id)
    is_failed = arguments.wait and wf_run.status != COMPLETED
    note = f"Next: lh list node-runs {name}" if arguments.wait else f"Next: lh get wf-run {name}"
    return Answer(wf_run, show.wf_run(wf_run), note, exit_code=1 if is_failed else 0)


def get_wf_spec(connection: Connection, name: str, major: int | None, revision: int | None) -> WfSpec:
    """The WfSpec of this version; without revision the latest one."""
    if revision is None:
        latest: WfSpec = connection.call("GetLatestWfSpec", GetLatestWfSpecRequest(name=name, major_version=major))
        return latest
    if major is None:
        raise CliError("--revision needs --major.", exit_code=2)
    exact: WfSpec = connection.call("GetWfSpec", WfSpecId(name=name, major_version=major, revision=revision))
    return exact


def parse_assignment(text: str, wf_spec: WfSpec) -> tuple[str, VariableValue]:
    """`name=value`, with the value read as the type that the WfSpec declares."""
    name, mark, value = text.partition("=")
    if not mark:
        raise CliError(f"--var {text} has no value: write --var {name}=VALUE.", exit_code=2)
    return name, parse_value(value, find_variable(wf_spec, name).var_def.type_def, name)


def _await_event(connection: Connection, wf_run: WfRun, names: list[str]) -> Answer:
    """The first event of these names that the run throws. Raises CliError if the run ends without one."""
    definitions = [WorkflowEventDefId(name=name) for name in names]
    request = AwaitWorkflowEventRequest(wf_run_id=wf_run.id, event_def_ids=definitions)
    has_ended = False
    while True:
        try:
            event: WorkflowEvent = connection.call("AwaitWorkflowEvent", request, seconds=AWAIT_SECONDS)
            return Answer(event, show.workflow_event(event), f"Next: lh describe wf-run {wf_run_text(wf_run.id)}")
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
        # Asked once more after the end was seen: the event may have been thrown between the two questions.
        if has_ended:
            status = LHStatus.Name(wf_run.status)
            raise CliError(f"WfRun {wf_run_text(wf_run.id)} ended as {status} and threw no {' or '.join(names)}.")
        wf_run = connection.call("GetWfRun", wf_run.id)
        has_ended = wf_run.status in FINISHED


def _wait(connection: Connection, wf_run: WfRun) -> WfRun:
    pause = PAUSE_SECONDS_MIN
    while wf_run.status not in FINISHED:
        time.sleep(pause)
        pause = min(pause * 1.5, PAUSE_SECONDS_MAX)
        wf_run = connection.call("GetWfRun", wf_run.id)
    return wf_run
