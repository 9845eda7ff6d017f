"""Conversions between Python values and types and those of the contract (spec 09 section 5)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.exceptions import SerdeException
from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.object_id_pb2 import WfRunId
from littlehorse.model.type_definition_pb2 import Comparator, VariableValue

VARIABLE_TYPE_TO_TYPE_MAP: dict[VariableType, Any] = {
    VariableType.JSON_OBJ: dict[str, Any],
    VariableType.JSON_ARR: list[Any],
    VariableType.DOUBLE: float,
    VariableType.BOOL: bool,
    VariableType.STR: str,
    VariableType.INT: int,
    VariableType.BYTES: bytes,
    VariableType.WF_RUN_ID: WfRunId,
    VariableType.TIMESTAMP: datetime,
}
"""The annotation that stands for each primitive type."""

TYPE_TO_VARIABLE_TYPE_MAP: dict[Any, VariableType] = {
    python_type: variable_type for variable_type, python_type in VARIABLE_TYPE_TO_TYPE_MAP.items()
}
"""The inverse of VARIABLE_TYPE_TO_TYPE_MAP."""

_BARE_CONTAINERS: dict[Any, Any] = {dict: dict[str, Any], list: list[Any]}

NEGATE_COMPARATOR_MAP: dict[Comparator, Comparator] = {
    Comparator.LESS_THAN: Comparator.GREATER_THAN_EQ,
    Comparator.GREATER_THAN_EQ: Comparator.LESS_THAN,
    Comparator.GREATER_THAN: Comparator.LESS_THAN_EQ,
    Comparator.LESS_THAN_EQ: Comparator.GREATER_THAN,
    Comparator.IN: Comparator.NOT_IN,
    Comparator.NOT_IN: Comparator.IN,
    Comparator.EQUALS: Comparator.NOT_EQUALS,
    Comparator.NOT_EQUALS: Comparator.EQUALS,
}
"""The comparator that holds exactly when the other does not."""


def read_binary(file_path: str | Path) -> bytes:
    """Content of a file; raises the operating system's error."""
    return Path(file_path).read_bytes()


def get_event_loop_is_deprecated() -> bool:
    """Whether `asyncio.get_event_loop` is deprecated: true on every supported Python; kept for old programs."""
    return True


def _attributes_of(value: object) -> dict[str, Any]:
    """What an object that JSON does not know is written as (PY-16); raises TypeError if it has no attributes."""
    if isinstance(value, type) or not isinstance(getattr(value, "__dict__", None), dict):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    attributes: dict[str, Any] = value.__dict__
    if "__objclass__" in attributes:  # members of an Enum carry their class, which is not data
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return attributes


def _to_json_text(value: object) -> str:
    """JSON text of a value; raises SerdeException (PY-16)."""
    try:
        return json.dumps(value, default=_attributes_of)
    except (TypeError, ValueError, RecursionError) as error:
        raise SerdeException(f"Error when serializing value: '{value}' of type '{type(value)}'") from error


def to_variable_value(value: Any) -> VariableValue:
    """VariableValue of a Python value, by the table of spec 09 section 5.1; the first row that fits wins.

    A VariableValue is returned as it is. Raises SerdeException for what JSON cannot express (PY-16) and ValueError for
    an int outside 64 bits.
    """
    if value is None:
        return VariableValue()
    if isinstance(value, VariableValue):
        return value
    if isinstance(value, bool):
        return VariableValue(bool=value)
    if isinstance(value, str):
        return VariableValue(str=value)
    if isinstance(value, int):
        return VariableValue(int=value)
    if isinstance(value, float):
        return VariableValue(double=value)
    if isinstance(value, bytes):
        return VariableValue(bytes=value)
    if isinstance(value, WfRunId):
        return VariableValue(wf_run_id=value)
    if isinstance(value, datetime):
        timestamp = Timestamp()
        timestamp.FromDatetime(value)  # converts aware times to UTC and takes naive ones as UTC
        return VariableValue(utc_timestamp=timestamp)

    from littlehorse.lh_struct import is_lh_struct, serialize_to_struct  # that module needs this one

    if is_lh_struct(type(value)):
        return VariableValue(struct=serialize_to_struct(value))
    if isinstance(value, list):
        return VariableValue(json_arr=_to_json_text(value))
    return VariableValue(json_obj=_to_json_text(value))


def extract_value(lh_value: VariableValue) -> Any:
    """Python value of a VariableValue, by the table of spec 09 section 5.2.

    Structs, arrays and maps become dict, list and dict. Raises SerdeException if the text of a JSON value is no JSON.
    """
    case = lh_value.WhichOneof("value")
    if case is None:
        return None
    value = getattr(lh_value, case)
    if case in ("json_obj", "json_arr"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise SerdeException(f"Error when deserializing {lh_value}") from error
    if case == "utc_timestamp":
        return value.ToDatetime()
    if case == "struct":
        return {name: extract_value(field.value) for name, field in value.struct.fields.items()}
    if case == "array":
        return [extract_value(item) for item in value.items]
    if case == "map":
        return {extract_value(entry.key): extract_value(entry.value) for entry in value.entries}
    return value


def unwrap_annotation(annotation: Any) -> Any:
    """The type behind `Annotated[T, ...]`, `Optional[T]` and `T | None`, in any nesting.

    Other annotations as they are.
    """
    from types import NoneType, UnionType

    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
            continue
        if origin is Union or origin is UnionType:
            others = [argument for argument in get_args(annotation) if argument is not NoneType]
            if len(others) == 1:
                annotation = others[0]
                continue
        return annotation


def to_type(lh_type: VariableType) -> Any:
    """The annotation that stands for a primitive type; raises ValueError for an unknown one."""
    if lh_type not in VARIABLE_TYPE_TO_TYPE_MAP:
        raise ValueError("VariableType not found")
    return VARIABLE_TYPE_TO_TYPE_MAP[lh_type]


def to_variable_type(python_type: Any) -> VariableType:
    """The primitive type that an annotation stands for; raises ValueError if there is none (section 5.3).

    `Annotated`, `Optional`, bare `dict` and `list`, and the aliases of `typing` are understood.
    """
    plain = unwrap_annotation(python_type)
    plain = _BARE_CONTAINERS.get(plain, plain) if isinstance(plain, type) else plain
    origin, arguments = get_origin(plain), get_args(plain)
    if origin is dict and arguments == (str, Any):
        plain = dict[str, Any]
    elif origin is list and arguments == (Any,):
        plain = list[Any]
    elif origin in _BARE_CONTAINERS and not arguments:  # typing.Dict and typing.List without parameters
        plain = _BARE_CONTAINERS[origin]
    for variable_type, known in VARIABLE_TYPE_TO_TYPE_MAP.items():
        if plain == known:
            return variable_type
    raise ValueError(f"Type {python_type} not supported")


def negate_comparator(comparator: Comparator) -> Comparator:
    """The comparator that holds exactly when this one does not; raises ValueError for an unknown one."""
    if comparator not in NEGATE_COMPARATOR_MAP:
        raise ValueError("Comparator not found")
    return NEGATE_COMPARATOR_MAP[comparator]
