"""`lh post`: sends an event to a WfRun, or to whichever WfRun waits for its key."""

from __future__ import annotations

import argparse

from littlehorse.cli import show
from littlehorse.cli.connection import Connection
from littlehorse.cli.errors import CliError
from littlehorse.cli.output import Answer
from littlehorse.cli.values import parse_value, parse_wf_run_id
from littlehorse.model import (
    CorrelatedEvent,
    ExternalEvent,
    ExternalEventDef,
    ExternalEventDefId,
    PutCorrelatedEventRequest,
    PutExternalEventRequest,
    TypeDefinition,
    VariableType,
    VariableValue,
)


def add_arguments(parser: argparse.ArgumentParser, output: argparse.ArgumentParser) -> None:
    """Declares what `lh post` takes."""
    kinds = parser.add_subparsers(required=True, metavar="KIND")

    event = kinds.add_parser("event", parents=[output], help="an event for one WfRun")
    event.add_argument("wf_run", metavar="WFRUN", help="id of the WfRun; ids of a child are joined with _")
    _add_content(event)
    event.add_argument("--guid", help="id of the event: a second one of the same id with other content is refused")
    event.add_argument("--thread", type=int, metavar="N", help="only for this ThreadRun")
    event.add_argument("--node", type=int, metavar="N", help="only for the NodeRun at this position of --thread")
    event.set_defaults(carry_out=post_event)

    correlated = kinds.add_parser("correlated-event", parents=[output], help="an event for whoever waits for its key")
    correlated.add_argument("key", metavar="KEY", help="the key that WfRuns wait with, e.g. a payment's number")
    _add_content(correlated)
    correlated.set_defaults(carry_out=post_correlated_event)


def _add_content(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event", metavar="EVENT", help="name of the ExternalEventDef")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="the content, as its ExternalEventDef declares it")
    parser.add_argument(
        "--type",
        choices=VariableType.keys(),
        type=str.upper,
        metavar="TYPE",
        help="type of VALUE if the definition declares none",
    )


def post_event(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """PutExternalEvent."""
    if arguments.node is not None and arguments.thread is None:
        raise CliError("--node needs --thread.", exit_code=2)
    if arguments.guid == "":
        # The server would take it for none and make one (05/E-12): a repetition would count twice.
        raise CliError("--guid is empty: give an id, or leave it away.", exit_code=2)
    request = PutExternalEventRequest(
        wf_run_id=parse_wf_run_id(arguments.wf_run),
        external_event_def_id=ExternalEventDefId(name=arguments.event),
        guid=arguments.guid,
        content=_content(connection, arguments),
        thread_run_number=arguments.thread,
        node_run_position=arguments.node,
    )
    reply: ExternalEvent = connection.call("PutExternalEvent", request)
    return Answer(reply, show.external_event(reply), f"Next: lh describe wf-run {arguments.wf_run}")


def post_correlated_event(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """PutCorrelatedEvent."""
    request = PutCorrelatedEventRequest(
        key=arguments.key,
        external_event_def_id=ExternalEventDefId(name=arguments.event),
        content=_content(connection, arguments),
    )
    reply: CorrelatedEvent = connection.call("PutCorrelatedEvent", request)
    return Answer(reply, show.correlated_event(reply))


def _content(connection: Connection, arguments: argparse.Namespace) -> VariableValue:
    """VALUE in the type that is declared, or else in that of --type; NULL without VALUE."""
    if arguments.value is None:
        if arguments.type is not None:
            raise CliError("--type needs a VALUE.", exit_code=2)
        return VariableValue()
    definition: ExternalEventDef = connection.call("GetExternalEventDef", ExternalEventDefId(name=arguments.event))
    declared = TypeDefinition()
    if definition.HasField("type_information"):
        if not definition.type_information.HasField("return_type"):
            raise CliError(f"ExternalEventDef {arguments.event} is declared without content: leave VALUE away.")
        declared = definition.type_information.return_type
    elif arguments.type is None:
        raise CliError(f"ExternalEventDef {arguments.event} declares no type: say which VALUE has, e.g. --type STR.")
    if arguments.type is not None:
        if declared.HasField("primitive_type") and VariableType.Name(declared.primitive_type) != arguments.type:
            expected = VariableType.Name(declared.primitive_type)
            raise CliError(f"ExternalEventDef {arguments.event} declares {expected}, not {arguments.type}.")
        declared = TypeDefinition(primitive_type=arguments.type)
    return parse_value(arguments.value, declared, arguments.event, role="event")
