"""Values and ids as people type and read them (08/K-3, K-7)."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.cli.errors import CliError
from littlehorse.model import ThreadVarDef, TypeDefinition, UserTaskRunId, VariableType, VariableValue, WfRunId, WfSpec

_BOOLS = {"true": True, "false": False}


def parse_wf_run_id(text: str) -> WfRunId:
    """A WfRun id; ids of a child are joined with `_` from the root (08/K-3)."""
    wf_run_id: WfRunId | None = None
    for part in text.split("_"):
        if not part:
            raise CliError(f"{text!r} is not a WfRun id.")
        wf_run_id = WfRunId(id=part, parent_wf_run_id=wf_run_id)
    assert wf_run_id is not None
    return wf_run_id


def wf_run_text(wf_run_id: WfRunId) -> str:
    """The reverse of `parse_wf_run_id`."""
    parent = f"{wf_run_text(wf_run_id.parent_wf_run_id)}_" if wf_run_id.HasField("parent_wf_run_id") else ""
    return parent + wf_run_id.id


def id_parts(given: list[str], form: str) -> list[str]:
    """The parts of an id; the last part may contain slashes itself (names of variables are free).

    Raises CliError if there are not as many as `form` has.
    """
    count = form.count("/") + 1
    parts = "/".join(given).split("/", count - 1)
    if len(parts) != count:
        raise CliError(f"{'/'.join(given)!r} is not an id of the form {form}.", exit_code=2)
    return parts


def id_number(text: str) -> int:
    """A number within an id. Raises CliError for anything else."""
    if not text.isdecimal() or int(text) >= 1 << 31:
        raise CliError(f"{text!r} is not a number.", exit_code=2)
    return int(text)


def parse_user_task_run_id(given: list[str]) -> UserTaskRunId:
    """The id of a UserTaskRun, in parts or joined with `/`."""
    text, guid = id_parts(given, "WFRUN/GUID")
    return UserTaskRunId(wf_run_id=parse_wf_run_id(text), user_task_guid=guid)


def find_variable(wf_spec: WfSpec, name: str) -> ThreadVarDef:
    """The variable of this name that the entrypoint thread declares. Raises CliError that lists those there are."""
    variables = wf_spec.thread_specs[wf_spec.entrypoint_thread_name].variable_defs
    for variable in variables:
        if variable.var_def.name == name:
            return variable
    known = ", ".join(variable.var_def.name for variable in variables) or "none"
    raise CliError(f"WfSpec {wf_spec.id.name} has no variable {name!r}; it has: {known}.")


def parse_value(text: str, declared: TypeDefinition, name: str, role: str = "variable") -> VariableValue:
    """The value that `text` stands for in this type. Raises CliError that names what it is for and the type."""
    kind = declared.WhichOneof("defined_type")
    if kind != "primitive_type":
        raise CliError(
            f"{role.capitalize()} {name!r} is of a composite type, which the command line cannot give: use an SDK."
        )
    try:
        return _PARSERS[declared.primitive_type](text)
    except (ValueError, KeyError) as error:
        expected = VariableType.Name(declared.primitive_type)
        raise CliError(f"{text!r} is not a value of type {expected} for {role} {name!r}.") from error


def value_text(value: VariableValue) -> str:
    """A value as it is shown in tables."""
    case = value.WhichOneof("value")
    if case is None:
        return "-"
    content = getattr(value, case)
    if case == "bool":
        return "true" if content else "false"
    if case == "bytes":
        return base64.b64encode(content).decode()
    if case == "wf_run_id":
        return wf_run_text(content)
    if case == "utc_timestamp":
        return time_text(content)
    if case == "struct":
        fields = (f"{name}: {value_text(field.value)}" for name, field in sorted(content.struct.fields.items()))
        return f"{content.struct_def_id.name}({', '.join(fields)})"
    if case == "array":
        return f"[{', '.join(value_text(item) for item in content.items)}]"
    if case == "map":
        entries = (f"{value_text(entry.key)}: {value_text(entry.value)}" for entry in content.entries)
        return f"{{{', '.join(entries)}}}"
    return str(content)


def time_text(time: Timestamp) -> str:
    """A time in UTC with milliseconds."""
    moment = time.ToDatetime(tzinfo=UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03}"


def seconds_between(start: Timestamp, end: Timestamp) -> float:
    """Seconds from start to end."""
    return (end.ToNanoseconds() - start.ToNanoseconds()) / 1e9


def parse_time(text: str) -> Timestamp:
    """A moment: ISO 8601 (UTC if no zone is given) or milliseconds since the epoch. Raises ValueError."""
    time = Timestamp()
    if text.isdecimal():
        time.FromMilliseconds(int(text))
        return time
    moment = datetime.fromisoformat(text)
    time.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return time


def _json(text: str, expected: type) -> str:
    if not isinstance(json.loads(text), expected):
        raise ValueError(text)
    return text


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


_PARSERS = {
    VariableType.STR: lambda text: VariableValue(str=text),
    VariableType.INT: lambda text: VariableValue(int=int(text)),
    VariableType.DOUBLE: lambda text: VariableValue(double=float(text)),
    VariableType.BOOL: lambda text: VariableValue(bool=_BOOLS[text.lower()]),
    VariableType.BYTES: lambda text: VariableValue(bytes=_bytes(text)),
    VariableType.JSON_OBJ: lambda text: VariableValue(json_obj=_json(text, dict)),
    VariableType.JSON_ARR: lambda text: VariableValue(json_arr=_json(text, list)),
    VariableType.WF_RUN_ID: lambda text: VariableValue(wf_run_id=parse_wf_run_id(text)),
    VariableType.TIMESTAMP: lambda text: VariableValue(utc_timestamp=parse_time(text)),
}
