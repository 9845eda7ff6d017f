"""Python classes as StructDefs and their instances as Structs (spec 09 section 6)."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.object_id_pb2 import StructDefId, WfRunId
from littlehorse.model.service_pb2 import PutStructDefRequest, StructDefCompatibilityType
from littlehorse.model.type_definition_pb2 import (
    InlineStruct,
    InlineStructDef,
    Struct,
    StructField,
    StructFieldDef,
    TypeDefinition,
)
from littlehorse.model.type_definition_pb2 import VariableValue as VariableValue  # programs import it from here, too
from littlehorse.utils import extract_value, to_variable_value, unwrap_annotation

if TYPE_CHECKING:
    from littlehorse.config import LHConfig

_log = logging.getLogger(__name__)

_STRUCT_DEF_ATTRIBUTE = "__lh_struct_def__"
_LATEST_VERSION = -1
_NO_DEFAULT = object()

_FIELD_TYPES: dict[Any, VariableType] = {
    str: VariableType.STR,
    int: VariableType.INT,
    float: VariableType.DOUBLE,
    bool: VariableType.BOOL,
    bytes: VariableType.BYTES,
    datetime.datetime: VariableType.TIMESTAMP,
    WfRunId: VariableType.WF_RUN_ID,
}

DecoratedClass = TypeVar("DecoratedClass", bound=type)


class StructDefInfo:
    """Name and description that `@lh_struct_def` gave a class."""

    __slots__ = ("description", "name")

    def __init__(self, name: str, description: str = "") -> None:
        self.name = name
        self.description = description


class LHStructField:
    """Marker for `Annotated`: another field name, masking, a description; empty values change nothing."""

    __slots__ = ("description", "masked", "name")

    def __init__(self, name: str = "", masked: bool = False, description: str = "") -> None:
        self.name = name
        self.masked = masked
        self.description = description


class LHStructIgnore:
    """Marker for `Annotated`: this attribute is no field of the StructDef."""


@dataclass_transform(kw_only_default=True)
def lh_struct_def(name: str, description: str = "") -> Callable[[DecoratedClass], DecoratedClass]:
    """Class decorator: the class stands for the StructDef `name`.

    A class without an `__init__` of its own gets one that takes the fields as keyword arguments (PY-20).
    """

    def decorate(cls: DecoratedClass) -> DecoratedClass:
        setattr(cls, _STRUCT_DEF_ATTRIBUTE, StructDefInfo(name, description))
        if "__init__" not in vars(cls):
            _add_constructor(cls)
        return cls

    return decorate


def _add_constructor(cls: type) -> None:
    """Gives the class a constructor with keyword arguments only; unknown ones are ignored (PY-20)."""

    def __init__(self: Any, **values: Any) -> None:
        # Fields are looked up at each use, not while the class is being defined: annotations may name classes defined
        # later.
        required = {field.python_name for field in _fields_of(cls) if field.default is _NO_DEFAULT}
        # Fields without a default come first: JSON text made from the instance keeps this order (PY-16).
        for field in sorted(_fields_of(type(self)), key=lambda field: field.default is not _NO_DEFAULT):
            name = field.python_name
            if name in values:
                setattr(self, name, values[name])
            elif field.default is not _NO_DEFAULT:
                setattr(self, name, field.default)
            elif name in required:  # fields that only an undecorated subclass has may be left out
                raise TypeError(f"{type(self).__name__}() missing required keyword argument: '{name}'")

    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = __init__  # type: ignore[misc]  # replacing it is the purpose


def is_lh_struct(cls: Any) -> bool:
    """Whether this is a class that stands for a StructDef, or an instance of one."""
    return hasattr(cls, _STRUCT_DEF_ATTRIBUTE)


def get_struct_def_info(cls: type) -> StructDefInfo:
    """Name and description of the StructDef of a class; raises TypeError for other classes."""
    if not is_lh_struct(cls):
        raise TypeError(f"{getattr(cls, '__name__', cls)} is not decorated with @lh_struct_def")
    info: StructDefInfo = getattr(cls, _STRUCT_DEF_ATTRIBUTE)
    return info


def get_struct_def_name(cls: type) -> str:
    """Name of the StructDef of a class; raises TypeError for other classes."""
    return get_struct_def_info(cls).name


def _field_name(python_name: str) -> str:
    """snake_case as camelCase: the first segment as it is, later ones with an upper-case first letter (PY-17)."""
    first, *others = python_name.split("_")
    return first + "".join(segment[:1].upper() + segment[1:] for segment in others)


class _Field:
    """One field of a StructDef, as the annotations and attributes of a class say."""

    def __init__(self, python_name: str, annotation: Any, default: Any) -> None:
        marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
        mark = next((item for item in marks if isinstance(item, LHStructField)), LHStructField())
        declared = get_args(annotation)[0] if marks else annotation
        self.python_name = python_name
        self.name = mark.name or _field_name(python_name)
        self.python_type = unwrap_annotation(declared)
        self.nullable = self.python_type is not declared
        self.masked = mark.masked
        self.description = mark.description
        self.default = default

    def definition(self) -> StructFieldDef:
        """The field's part of the StructDef (PY-18, PY-19); raises TypeError if its type is not possible."""
        definition = StructFieldDef(field_type=_field_type(self.python_type))
        if self.masked:
            definition.field_type.masked = True
        if self.nullable:
            definition.is_nullable = True
        if self.description:
            definition.description = self.description
        if self.default is not _NO_DEFAULT:
            definition.default_value.CopyFrom(to_variable_value(self.default))
        return definition


def _field_type(python_type: Any) -> TypeDefinition:
    """Type of a field (PY-19)."""
    if is_lh_struct(python_type):
        struct_def_id = StructDefId(name=get_struct_def_name(python_type), version=_LATEST_VERSION)
        return TypeDefinition(struct_def_id=struct_def_id)
    if python_type is dict or get_origin(python_type) is dict:
        raise TypeError("Forbidden JSON type: JSON_OBJ. Declare a class with @lh_struct_def for the nested object.")
    if python_type is list or get_origin(python_type) is list:
        raise TypeError("Forbidden JSON type: JSON_ARR. A field of a StructDef cannot be a JSON array.")
    try:
        return TypeDefinition(primitive_type=_FIELD_TYPES[python_type])
    except (KeyError, TypeError):  # TypeError: an annotation that cannot be hashed
        raise TypeError(f"Unsupported type {python_type} for a field of a StructDef") from None


def _fields_of(cls: type) -> list[_Field]:
    """The fields of a class: its annotations and inherited ones, without private and ignored ones (PY-17)."""
    fields = []
    for name, annotation in get_type_hints(cls, include_extras=True).items():
        marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
        if name.startswith("_") or any(mark is LHStructIgnore or isinstance(mark, LHStructIgnore) for mark in marks):
            continue
        fields.append(_Field(name, annotation, getattr(cls, name, _NO_DEFAULT)))
    return fields


def class_to_inline_struct_def(cls: type) -> InlineStructDef:
    """The fields of a class as a definition.

    Raises TypeError for a class that is no struct or a type that is not possible.
    """
    get_struct_def_info(cls)
    return InlineStructDef(fields={field.name: field.definition() for field in _fields_of(cls)})


def class_to_put_struct_def_request(
    cls: type,
    allowed_updates: StructDefCompatibilityType = StructDefCompatibilityType.NO_SCHEMA_UPDATES,
) -> PutStructDefRequest:
    """The request that registers the StructDef of a class (PY-21)."""
    info = get_struct_def_info(cls)
    return PutStructDefRequest(
        name=info.name,
        description=info.description,
        struct_def=class_to_inline_struct_def(cls),
        allowed_updates=allowed_updates,
    )


def serialize_to_struct(obj: Any) -> Struct:
    """The Struct of an instance, nested ones included; a missing attribute is NULL (PY-23)."""
    cls = type(obj)
    struct_def_id = StructDefId(name=get_struct_def_name(cls), version=_LATEST_VERSION)
    fields = {
        field.name: StructField(value=to_variable_value(getattr(obj, field.python_name, None)))
        for field in _fields_of(cls)
    }
    return Struct(struct_def_id=struct_def_id, struct=InlineStruct(fields=fields))


def deserialize_struct(struct: Struct, cls: type) -> Any:
    """An instance of `cls` with the values of a Struct, made without calling its constructor (PY-24)."""
    get_struct_def_info(cls)
    instance: Any = object.__new__(cls)
    for field in _fields_of(cls):
        if field.name in struct.struct.fields:
            value = struct.struct.fields[field.name].value
            if value.WhichOneof("value") == "struct" and is_lh_struct(field.python_type):
                attribute = deserialize_struct(value.struct, field.python_type)
            else:
                attribute = extract_value(value)
        else:
            attribute = None if field.default is _NO_DEFAULT else field.default
        setattr(instance, field.python_name, attribute)
    return instance


def create_struct_def(
    cls: type,
    config: LHConfig,
    allowed_updates: StructDefCompatibilityType = StructDefCompatibilityType.NO_SCHEMA_UPDATES,
    timeout: int | None = None,
) -> None:
    """Registers the StructDef of a class; nested ones must be registered before (PY-22).

    `timeout` is in seconds. Raises grpc.RpcError if the server refuses.
    """
    request = class_to_put_struct_def_request(cls, allowed_updates)
    config.stub().PutStructDef(request, timeout=timeout)
    _log.info("StructDef %s was created", request.name)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What programs for the published client may import from here, too."""
        from littlehorse.reexport import imported_name  # at the first use: it needs this module

        return imported_name(__name__, name)
