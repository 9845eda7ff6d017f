"""How each kind of object is shown to people."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.cli.output import Facts, Table
from littlehorse.cli.values import seconds_between, time_text, value_text, wf_run_text
from littlehorse.model import (
    CorrelatedEvent,
    Edge,
    ExternalEvent,
    LHErrorType,
    LHStatus,
    NodeRun,
    TaskAttempt,
    TaskDef,
    TaskRun,
    TaskStatus,
    TypeDefinition,
    Variable,
    VariableDef,
    VariableType,
    WfRun,
    WfRunVariableAccessLevel,
    WfSpec,
    WfSpecId,
    WorkflowEvent,
)


def wf_run(run: WfRun) -> list[Table | Facts]:
    """A WfRun and its threads."""
    threads = Table(["THREAD", "SPEC", "STATUS", "STARTED", "ENDED", "ERROR"])
    for thread in run.thread_runs:
        threads.rows.append(
            [
                str(thread.number),
                thread.thread_spec_name,
                LHStatus.Name(thread.status),
                time_text(thread.start_time),
                end_text(thread.start_time, thread.end_time if thread.HasField("end_time") else None),
                thread.error_message,
            ]
        )
    facts = [
        ("WfRun", wf_run_text(run.id)),
        ("WfSpec", wf_spec_id(run.wf_spec_id)),
        ("Status", LHStatus.Name(run.status)),
        ("Started", time_text(run.start_time)),
        ("Ended", end_text(run.start_time, run.end_time if run.HasField("end_time") else None)),
    ]
    return [Facts(facts), threads]


def node_runs(runs: Iterable[NodeRun]) -> Table:
    """NodeRuns, one per row."""
    table = Table(["THREAD", "POSITION", "NODE", "STATUS", "ARRIVED", "ENDED", "TASK RUN", "ERROR"])
    for run in runs:
        table.rows.append(
            [
                str(run.id.thread_run_number),
                str(run.id.position),
                run.node_name,
                LHStatus.Name(run.status),
                time_text(run.arrival_time),
                end_text(run.arrival_time, run.end_time if run.HasField("end_time") else None),
                run.task.task_run_id.task_guid,
                run.error_message,
            ]
        )
    return table


def node_run(run: NodeRun) -> list[Table | Facts]:
    """One NodeRun with its failures."""
    facts = [
        ("NodeRun", f"{wf_run_text(run.id.wf_run_id)}/{run.id.thread_run_number}/{run.id.position}"),
        ("Node", run.node_name),
        ("Kind", (run.WhichOneof("node_type") or "nop").replace("_", " ")),
        ("Status", LHStatus.Name(run.status)),
        ("Arrived", time_text(run.arrival_time)),
        ("Ended", end_text(run.arrival_time, run.end_time if run.HasField("end_time") else None)),
        ("TaskRun", run.task.task_run_id.task_guid),
        ("Matures", time_text(run.sleep.maturation_time) if run.WhichOneof("node_type") == "sleep" else ""),
        ("Error", run.error_message),
    ]
    failures = Table(["FAILURE", "MESSAGE"], [[failure.failure_name, failure.message] for failure in run.failures])
    return [Facts(facts), failures] if run.failures else [Facts(facts)]


def task_runs(runs: Iterable[TaskRun]) -> Table:
    """TaskRuns, one per row, with the result of the last attempt."""
    table = Table(["TASK RUN", "TASK DEF", "STATUS", "ATTEMPTS", "SCHEDULED", "RESULT"])
    for run in runs:
        result = result_text(run.attempts[-1]) if run.attempts else ""
        table.rows.append(
            [
                run.id.task_guid,
                run.task_def_id.name,
                TaskStatus.Name(run.status),
                str(len(run.attempts)),
                time_text(run.scheduled_at),
                result,
            ]
        )
    return table


def task_run(run: TaskRun) -> list[Table | Facts]:
    """One TaskRun with its inputs and attempts."""
    facts = [
        ("TaskRun", f"{wf_run_text(run.id.wf_run_id)}/{run.id.task_guid}"),
        ("TaskDef", run.task_def_id.name),
        ("Status", TaskStatus.Name(run.status)),
        ("Scheduled", time_text(run.scheduled_at)),
        ("Timeout", f"{run.timeout_seconds} s"),
    ]
    inputs = Table(
        ["INPUT", "VALUE"], [[variable.var_name, value_text(variable.value)] for variable in run.input_variables]
    )
    attempts = Table(["ATTEMPT", "STATUS", "WORKER", "STARTED", "ENDED", "RESULT"])
    for number, attempt in enumerate(run.attempts):
        started = attempt.start_time if attempt.HasField("start_time") else None
        ended = attempt.end_time if attempt.HasField("end_time") else None
        attempts.rows.append(
            [
                str(number),
                TaskStatus.Name(attempt.status),
                attempt.task_worker_id,
                time_text(started) if started else "",
                end_text(started or ended, ended) if ended else "",
                result_text(attempt),
            ]
        )
    return [Facts(facts), inputs, attempts]


def variables(found: Iterable[Variable]) -> Table:
    """Variables, one per row."""
    table = Table(["THREAD", "NAME", "VALUE"])
    for variable in found:
        table.rows.append([str(variable.id.thread_run_number), variable.id.name, value_text(variable.value)])
    return table


def variable(found: Variable) -> list[Table | Facts]:
    """One Variable."""
    return [
        Facts(
            [
                ("Variable", f"{wf_run_text(found.id.wf_run_id)}/{found.id.thread_run_number}/{found.id.name}"),
                ("Type", (found.value.WhichOneof("value") or "null").upper()),
                ("Value", value_text(found.value)),
                ("Created", time_text(found.created_at)),
                ("WfSpec", wf_spec_id(found.wf_spec_id)),
            ]
        )
    ]


def external_event(event: ExternalEvent) -> list[Table | Facts]:
    """An event that was sent to a WfRun."""
    return [
        Facts(
            [
                ("Event", f"{wf_run_text(event.id.wf_run_id)}/{event.id.external_event_def_id.name}/{event.id.guid}"),
                ("Content", value_text(event.content)),
                ("Created", time_text(event.created_at)),
                ("Claimed", "yes" if event.claimed else "not yet"),
            ]
        )
    ]


def correlated_event(event: CorrelatedEvent) -> list[Table | Facts]:
    """An event that was sent by key, and the runs that it reached so far."""
    reached = [wf_run_text(found.wf_run_id) for found in event.external_events]
    return [
        Facts(
            [
                ("Event", event.id.external_event_def_id.name),
                ("Key", event.id.key),
                ("Content", value_text(event.content)),
                ("Created", time_text(event.created_at)),
                ("Reached", ", ".join(reached) or "no WfRun yet"),
            ]
        )
    ]


def workflow_event(event: WorkflowEvent) -> list[Table | Facts]:
    """An event that a WfRun threw."""
    name = event.id.workflow_event_def_id.name
    return [
        Facts(
            [
                ("Event", f"{wf_run_text(event.id.wf_run_id)}/{name}/{event.id.number}"),
                ("Content", value_text(event.content)),
                ("Thrown", time_text(event.created_at)),
            ]
        )
    ]


def wf_spec(spec: WfSpec) -> list[Table | Facts]:
    """A WfSpec: its variables, and the nodes of each thread."""
    facts = [
        ("WfSpec", wf_spec_id(spec.id)),
        ("Created", time_text(spec.created_at)),
        ("Entrypoint", spec.entrypoint_thread_name),
        ("Parent", spec.parent_wf_spec.wf_spec_name),
    ]
    declared = Table(["VARIABLE", "THREAD", "TYPE", "REQUIRED", "SEARCHABLE", "ACCESS"])
    nodes = Table(["THREAD", "NODE", "KIND", "THEN"])
    for name, thread in sorted(spec.thread_specs.items()):
        for declaration in thread.variable_defs:
            declared.rows.append(
                [
                    declaration.var_def.name,
                    name,
                    type_of(declaration.var_def),
                    "yes" if declaration.required else "",
                    ", ".join(
                        [
                            *(["yes"] if declaration.searchable else []),
                            *(index.field_path for index in declaration.json_indexes),
                        ]
                    ),
                    WfRunVariableAccessLevel.Name(declaration.access_level).removesuffix("_VAR").lower(),
                ]
            )
        for node_name, node in sorted(thread.nodes.items(), key=lambda item: _node_order(item[0])):
            kind = (node.WhichOneof("node") or "").replace("_", " ")
            nodes.rows.append([name, node_name, kind, ", ".join(_edge(edge) for edge in node.outgoing_edges)])
    return [Facts(facts), declared, nodes]


def task_def(found: TaskDef) -> list[Table | Facts]:
    """A TaskDef and its inputs."""
    returns = found.return_type.return_type if found.return_type.HasField("return_type") else None
    facts = [
        ("TaskDef", found.id.name),
        ("Returns", type_text(returns) if returns is not None else "nothing"),
        ("Description", found.description),
        ("Created", time_text(found.created_at)),
    ]
    inputs = Table(["INPUT", "TYPE"], [[variable.name, type_of(variable)] for variable in found.input_vars])
    return [Facts(facts), inputs]


def wf_spec_id(number: WfSpecId) -> str:
    """Name and version."""
    return f"{number.name} {number.major_version}.{number.revision}"


def type_of(variable: VariableDef) -> str:
    """The type that a variable is declared with."""
    return type_text(variable.type_def) + (" masked" if variable.type_def.masked else "")


def type_text(declared: TypeDefinition) -> str:
    """A type as it is written in text."""
    kind = declared.WhichOneof("defined_type")
    if kind == "struct_def_id":
        return f"{declared.struct_def_id.name} {declared.struct_def_id.version}"
    if kind == "inline_array_def":
        return f"ARRAY<{type_text(declared.inline_array_def.array_type)}>"
    if kind == "inline_map_def":
        return f"MAP<{type_text(declared.inline_map_def.key_type)}, {type_text(declared.inline_map_def.value_type)}>"
    if kind == "primitive_type":
        return VariableType.Name(declared.primitive_type)
    return "unknown"


def result_text(attempt: TaskAttempt) -> str:
    """Output, error or exception of an attempt; empty while there is none."""
    case = attempt.WhichOneof("result")
    if case == "output":
        return value_text(attempt.output)
    if case == "error":
        return f"{LHErrorType.Name(attempt.error.type)}: {attempt.error.message}"
    if case == "exception":
        return f"{attempt.exception.name}: {attempt.exception.message}"
    return ""


def _edge(edge: Edge) -> str:
    return edge.sink_node_name + (" if ..." if edge.WhichOneof("edge_condition") else "")


def _node_order(name: str) -> tuple[int, str]:
    number = name.partition("-")[0]
    return (int(number) if number.isdecimal() else 0, name)


def end_text(start: Timestamp | None, end: Timestamp | None) -> str:
    """A moment, and how long after `start` it is; empty if one is missing."""
    if start is None or end is None:
        return ""
    return f"{time_text(end)} (+{seconds_between(start, end):.3f} s)"
