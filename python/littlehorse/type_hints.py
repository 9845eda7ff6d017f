"""Annotations of task functions as types of the contract, and values by such types (spec 09 section 11).

| Annotation | Type |
|---|---|
| those of `utils.to_variable_type` | primitive |
| a class of `@lh_struct_def` | its StructDef |
| `list[T]`, `dict[K, V]` | native array and map; with `Any` for T or V they stay JSON |
| a dataclass, a TypedDict | JSON_OBJ |
| an Enum whose values are all text or all whole numbers | STR or INT |
"""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from littlehorse.exceptions import SerdeException
from littlehorse.lh_struct import deserialize_struct, get_struct_def_name, is_lh_struct
from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.object_id_pb2 import StructDefId, WfRunId
from littlehorse.model.type_definition_pb2 import (
    Array,
    InlineArrayDef,
    InlineMapDef,
    Map,
    TypeDefinition,
    VariableValue,
)
from littlehorse.utils import extract_value, to_variable_type, to_variable_value, unwrap_annotation

_READ_AS_THEY_ARE = (str, int, float, bool, bytes, datetime, WfRunId)
"""Annotations that ask for nothing beyond `extract_value`."""


def type_definition(annotation: Any) -> TypeDefinition:
    """The type that an annotation stands for; raises ValueError if there is none."""
    plain = unwrap_annotation(annotation)
    arguments = get_args(plain)
    if isinstance(plain, type) and is_lh_struct(plain):
        return TypeDefinition(struct_def_id=StructDefId(name=get_struct_def_name(plain), version=-1))
    if _is_native(plain, list):
        return TypeDefinition(inline_array_def=InlineArrayDef(array_type=type_definition(arguments[0])))
    if _is_native(plain, dict):
        key, value = (type_definition(argument) for argument in arguments)
        return TypeDefinition(inline_map_def=InlineMapDef(key_type=key, value_type=value))
    if _is_record(plain):
        return TypeDefinition(primitive_type=VariableType.JSON_OBJ)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return TypeDefinition(primitive_type=_type_of_members(plain))
    return TypeDefinition(primitive_type=to_variable_type(annotation))


def _is_native(plain: Any, container: type) -> bool:
    """Whether this is `list[T]` or `dict[K, V]` without `Any`."""
    arguments = get_args(plain)
    return get_origin(plain) is container and bool(arguments) and Any not in arguments


def _is_record(plain: Any) -> bool:
    """Whether values of this type are JSON objects with known fields."""
    return is_typeddict(plain) or (isinstance(plain, type) and dataclasses.is_dataclass(plain))


def _type_of_members(enum: type[Enum]) -> VariableType:
    """STR or INT, by the values of all members; raises ValueError for others."""
    values = [member.value for member in enum]
    if values and all(isinstance(value, str) for value in values):
        return VariableType.STR
    if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return VariableType.INT
    raise ValueError(f"Type {enum} not supported: the values of its members are neither all text nor all int")


def to_typed_value(value: Any, definition: TypeDefinition) -> VariableValue:
    """The value as the type wants it: lists and dicts become native arrays and maps where it says so.

    Members of an Enum are sent as their values, tuples as lists: the server takes no JSON array as an object. Raises
    SerdeException and ValueError as `to_variable_value`.
    """
    if isinstance(value, tuple):
        value = list(value)
    elif isinstance(value, Enum):
        value = value.value
    kind = definition.WhichOneof("defined_type")
    if kind == "inline_array_def" and isinstance(value, list):
        element_type = definition.inline_array_def.array_type
        return VariableValue(array=Array(items=[to_typed_value(item, element_type) for item in value]))
    if kind == "inline_map_def" and isinstance(value, dict):
        types = definition.inline_map_def
        entries = [
            Map.Entry(key=to_typed_value(key, types.key_type), value=to_typed_value(item, types.value_type))
            for key, item in value.items()
        ]
        return VariableValue(map=Map(entries=entries))
    return to_variable_value(value)


def from_typed_value(value: VariableValue, annotation: Any) -> Any:
    """The Python value of the annotated type, as far as value and type fit; else what `extract_value` gives.

    Raises SerdeException if a JSON object does not fit a dataclass or a value is no member of an Enum.
    """
    plain = unwrap_annotation(annotation)
    case = value.WhichOneof("value")
    arguments = get_args(plain)
    if case == "struct" and is_lh_struct(plain):
        return deserialize_struct(value.struct, plain)
    if case == "array" and _is_native(plain, list):
        return [from_typed_value(item, arguments[0]) for item in value.array.items]
    if case == "map" and _is_native(plain, dict):
        return {
            from_typed_value(entry.key, arguments[0]): from_typed_value(entry.value, arguments[1])
            for entry in value.map.entries
        }
    return _revived(extract_value(value), plain)


def value_reader(annotation: Any) -> Callable[[VariableValue], Any]:
    """`from_typed_value` for one annotation, looked at once instead of for every value."""
    if unwrap_annotation(annotation) in _READ_AS_THEY_ARE:
        return extract_value
    return partial(from_typed_value, annotation=annotation)


def _revived(value: Any, annotation: Any) -> Any:
    """Plain JSON data as dataclasses and members of Enums, where the annotation asks for them."""
    plain = unwrap_annotation(annotation)
    try:
        if isinstance(plain, type) and issubclass(plain, Enum) and value is not None:
            return plain(value)
        if isinstance(plain, type) and dataclasses.is_dataclass(plain) and isinstance(value, dict):
            hints = get_type_hints(plain, include_extras=True)
            return plain(**{name: _revived(item, hints.get(name, Any)) for name, item in value.items()})
    except (TypeError, ValueError) as error:
        raise SerdeException(f"Error when deserializing {value!r} as {plain}") from error
    if get_origin(plain) is list and isinstance(value, list) and get_args(plain):
        return [_revived(item, get_args(plain)[0]) for item in value]
    return value
