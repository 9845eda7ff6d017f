"""`lh search`: ids of objects by what is known about them, one page at a time."""

from __future__ import annotations

import argparse
import base64
import binascii
import re
import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.cli.connection import Connection
from littlehorse.cli.errors import CliError
from littlehorse.cli.output import Answer, Table
from littlehorse.cli.run import get_wf_spec, parse_assignment
from littlehorse.cli.values import parse_time, parse_value, parse_wf_run_id, wf_run_text
from littlehorse.model import (
    LHStatus,
    SearchTaskDefRequest,
    SearchTaskRunRequest,
    SearchUserTaskRunRequest,
    SearchVariableRequest,
    SearchWfRunRequest,
    SearchWfSpecRequest,
    TaskStatus,
    ThreadVarDef,
    TypeDefinition,
    UserTaskRunStatus,
    VariableMatch,
    WfSpec,
)

_AGO = re.compile(r"(\d+)(s|m|h|d)")
_AGO_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares the kinds of searches."""
    page = argparse.ArgumentParser(add_help=False)
    page.add_argument("--limit", type=int, default=100, help="results per page (default: 100)")
    page.add_argument("--bookmark", type=_bookmark, help="where the previous page ended", metavar="BASE64")
    span = argparse.ArgumentParser(add_help=False)
    span.add_argument("--earliest", type=_moment, metavar="TIME", help="not before: ISO time, or age like 10m, 2h, 1d")
    span.add_argument("--latest", type=_moment, metavar="TIME", help="not after: ISO time, or age")
    kinds = parser.add_subparsers(required=True, metavar="KIND")

    runs = kinds.add_parser("wf-run", parents=[output, page, span], help="WfRuns")
    runs.add_argument("wf_spec", nargs="?", default="", metavar="WFSPEC", help="name of their WfSpec")
    runs.add_argument("--major", type=int, help="major version of the WfSpec")
    runs.add_argument("--revision", type=int, help="revision of the WfSpec")
    runs.add_argument("--status", choices=LHStatus.keys(), type=str.upper, metavar="STATUS", help="e.g. RUNNING, ERROR")
    runs.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="value of a variable; repeat it")
    runs.add_argument("--parent", metavar="WFRUN", help="only children of this WfRun")
    runs.add_argument("--full-tree", action="store_true", help="with --parent: descendants at any depth")
    runs.set_defaults(carry_out=wf_run)

    tasks = kinds.add_parser("task-run", parents=[output, page, span], help="TaskRuns")
    tasks.add_argument("task_def", metavar="TASKDEF", help="name of their TaskDef")
    tasks.add_argument("--status", choices=TaskStatus.keys(), type=_task_status, metavar="STATUS", help="e.g. FAILED")
    tasks.set_defaults(carry_out=task_run)

    people = kinds.add_parser("user-task-run", parents=[output, page, span], help="UserTaskRuns: work for people")
    people.add_argument(
        "--status", choices=UserTaskRunStatus.keys(), type=str.upper, metavar="STATUS", help="e.g. UNASSIGNED, DONE"
    )
    people.add_argument("--user", help="whose they are")
    people.add_argument("--group", help="for whose members they are")
    people.add_argument("--def", dest="user_task_def", metavar="USERTASKDEF", help="name of their UserTaskDef")
    people.set_defaults(carry_out=user_task_run)

    variables = kinds.add_parser("variable", parents=[output, page], help="Variables by value")
    variables.add_argument("wf_spec", metavar="WFSPEC", help="name of the WfSpec that declares it")
    variables.add_argument("name", metavar="NAME", help="name of the variable, or NAME_$.path into its JSON")
    variables.add_argument("value", metavar="VALUE", help="the value")
    variables.add_argument("--type", choices=["STR", "INT", "DOUBLE", "BOOL"], type=str.upper, help="type of VALUE")
    variables.add_argument("--major", type=int, help="major version of the WfSpec")
    variables.add_argument("--revision", type=int, help="revision of the WfSpec")
    variables.set_defaults(carry_out=variable)

    specs = kinds.add_parser("wf-spec", parents=[output, page], help="WfSpecs")
    criterion = specs.add_mutually_exclusive_group()
    criterion.add_argument("--name", help="all versions of this name")
    criterion.add_argument("--prefix", help="names that begin so")
    criterion.add_argument("--task-def", help="those that use this TaskDef")
    specs.set_defaults(carry_out=wf_spec)

    definitions = kinds.add_parser("task-def", parents=[output, page], help="TaskDefs")
    definitions.add_argument("prefix", nargs="?", metavar="PREFIX", help="names that begin so")
    definitions.set_defaults(carry_out=task_def)


def wf_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SearchWfRun."""
    request = SearchWfRunRequest(
        wf_spec_name=arguments.wf_spec,
        wf_spec_major_version=arguments.major,
        wf_spec_revision=arguments.revision,
        status=arguments.status,
        earliest_start=arguments.earliest,
        latest_start=arguments.latest,
        parent_wf_run_id=None if arguments.parent is None else parse_wf_run_id(arguments.parent),
        **_page(arguments),
    )
    if arguments.full_tree:
        request.show_full_tree = True
    if arguments.var:
        if not arguments.wf_spec:
            raise CliError("--var needs a WFSPEC, which says what type the variable has.", exit_code=2)
        spec = get_wf_spec(connection, arguments.wf_spec, arguments.major, arguments.revision)
        for text in arguments.var:
            name, value = parse_assignment(text, spec)
            request.variable_filters.append(VariableMatch(var_name=name, value=value))
    reply = connection.call("SearchWfRun", request)
    return _answer(reply, Table(["WF RUN"], [[wf_run_text(found)] for found in reply.results]))


def task_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SearchTaskRun."""
    request = SearchTaskRunRequest(
        task_def_name=arguments.task_def,
        status=arguments.status,
        earliest_start=arguments.earliest,
        latest_start=arguments.latest,
        **_page(arguments),
    )
    reply = connection.call("SearchTaskRun", request)
    rows = [[wf_run_text(found.wf_run_id), found.task_guid] for found in reply.results]
    return _answer(reply, Table(["WF RUN", "TASK RUN"], rows))


def user_task_run(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SearchUserTaskRun; the server wants one of the four filters at least (07/O-3)."""
    request = SearchUserTaskRunRequest(
        status=arguments.status,
        user_task_def_name=arguments.user_task_def,
        user_id=arguments.user,
        user_group=arguments.group,
        earliest_start=arguments.earliest,
        latest_start=arguments.latest,
        **_page(arguments),
    )
    reply = connection.call("SearchUserTaskRun", request)
    rows = [[wf_run_text(found.wf_run_id), found.user_task_guid] for found in reply.results]
    return _answer(reply, Table(["WF RUN", "USER TASK RUN"], rows))


def variable(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SearchVariable; without --type the value is read as the type that the WfSpec declares."""
    if arguments.type:
        declared = TypeDefinition(primitive_type=arguments.type)
    else:
        spec = get_wf_spec(connection, arguments.wf_spec, arguments.major, arguments.revision)
        declared = _searched_type(spec, arguments.name)
    request = SearchVariableRequest(
        wf_spec_name=arguments.wf_spec,
        var_name=arguments.name,
        value=parse_value(arguments.value, declared, arguments.name),
        wf_spec_major_version=arguments.major,
        wf_spec_revision=arguments.revision,
        **_page(arguments),
    )
    reply = connection.call("SearchVariable", request)
    rows = [[wf_run_text(found.wf_run_id), str(found.thread_run_number), found.name] for found in reply.results]
    return _answer(reply, Table(["WF RUN", "THREAD", "NAME"], rows))


def wf_spec(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SearchWfSpec."""
    request = SearchWfSpecRequest(
        name=arguments.name, prefix=arguments.prefix, task_def_name=arguments.task_def, **_page(arguments)
    )
    reply = connection.call("SearchWfSpec", request)
    rows = [[found.name, f"{found.major_version}.{found.revision}"] for found in reply.results]
    return _answer(reply, Table(["WF SPEC", "VERSION"], rows))


def task_def(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """SearchTaskDef."""
    reply = connection.call("SearchTaskDef", SearchTaskDefRequest(prefix=arguments.prefix, **_page(arguments)))
    return _answer(reply, Table(["TASK DEF"], [[found.name] for found in reply.results]))


def _answer(reply: Any, table: Table) -> Answer:
    note = ""
    if reply.HasField("bookmark"):
        note = f"There are more; the next page: --bookmark {base64.b64encode(reply.bookmark).decode()}"
    return Answer(reply, [table], note)


def _page(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"limit": arguments.limit, "bookmark": arguments.bookmark}


def _searched_type(spec: WfSpec, name: str) -> TypeDefinition:
    """The declared type of a variable of any thread; of a JSON path, the type of its index."""
    declared: dict[str, ThreadVarDef] = {
        found.var_def.name: found for thread in spec.thread_specs.values() for found in thread.variable_defs
    }
    if name in declared:
        return declared[name].var_def.type_def
    variable_name, _, path = name.partition("_$")
    for index in declared[variable_name].json_indexes if variable_name in declared else []:
        if index.field_path == f"${path}":
            return TypeDefinition(primitive_type=index.field_type)
    raise CliError(f"WfSpec {spec.id.name} has no variable or indexed path {name!r}; give --type to search anyway.")


def _task_status(text: str) -> str:
    """Statuses may be given without their prefix."""
    return text.upper() if text.upper().startswith("TASK_") else f"TASK_{text.upper()}"


def _bookmark(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a bookmark of an earlier page") from error


def _moment(text: str) -> Timestamp:
    """A time, or how long ago it was."""
    ago = _AGO.fullmatch(text)
    try:
        if ago is None:
            return parse_time(text)
        moment = Timestamp()
        moment.FromMilliseconds(int((time.time() - int(ago[1]) * _AGO_SECONDS[ago[2]]) * 1000))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither an ISO time nor an age like 10m") from error
    return moment
