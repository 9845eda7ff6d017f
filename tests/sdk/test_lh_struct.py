"""Struct classes (spec 09 section 6)."""

import dataclasses
import datetime
from typing import Annotated, Any, Optional

import pytest

from littlehorse.lh_struct import (
    LHStructField,
    LHStructIgnore,
    class_to_inline_struct_def,
    class_to_put_struct_def_request,
    deserialize_struct,
    get_struct_def_info,
    get_struct_def_name,
    is_lh_struct,
    lh_struct_def,
    serialize_to_struct,
)
from littlehorse.model import (
    InlineStructDef,
    PutStructDefRequest,
    Struct,
    StructDefCompatibilityType,
    StructDefId,
    StructFieldDef,
    TypeDefinition,
    VariableType,
    VariableValue,
    WfRunId,
)


@lh_struct_def("address", "where somebody lives")
class Address:
    street_name: str
    house__number: int = 3
    code_: Annotated[str, LHStructField("zip", masked=True, description="postal code")] = "0"
    since: datetime.datetime
    remark: Optional[str] = None  # noqa: UP045
    hidden: Annotated[dict[str, Any], LHStructIgnore()] = {}
    _private: int = 0


@lh_struct_def("person")
class Person:
    home: Address
    run: WfRunId
    ratio: float = 0.5
    raw: bytes = b"x"
    flag: bool = False


def field(kind: VariableType, **fields: Any) -> StructFieldDef:
    return StructFieldDef(field_type=TypeDefinition(primitive_type=kind), **fields)


def make(cls: type, **values: Any) -> Any:
    """An instance, made in ways that type checkers would refuse too."""
    return cls(**values)


def test_definition() -> None:
    """09/PY-17, PY-18, PY-19: names, types, defaults, masking, descriptions; what is no field."""
    masked = TypeDefinition(primitive_type=VariableType.STR, masked=True)
    assert class_to_inline_struct_def(Address) == InlineStructDef(
        fields={
            "streetName": field(VariableType.STR),
            "houseNumber": field(VariableType.INT, default_value=VariableValue(int=3)),
            "zip": StructFieldDef(field_type=masked, default_value=VariableValue(str="0"), description="postal code"),
            "since": field(VariableType.TIMESTAMP),
            "remark": field(VariableType.STR, default_value=VariableValue(), is_nullable=True),
        }
    )
    nested = class_to_inline_struct_def(Person).fields["home"].field_type
    assert nested.struct_def_id == StructDefId(name="address", version=-1)


def test_request() -> None:
    """09/PY-21, PY-22: one request for the class itself."""
    kind = StructDefCompatibilityType.FULLY_COMPATIBLE_SCHEMA_UPDATES
    assert class_to_put_struct_def_request(Address, kind) == PutStructDefRequest(
        name="address",
        description="where somebody lives",
        struct_def=class_to_inline_struct_def(Address),
        allowed_updates=kind,
    )
    request = class_to_put_struct_def_request(Person)
    assert request.allowed_updates == StructDefCompatibilityType.NO_SCHEMA_UPDATES
    assert request.HasField("description")
    assert request.description == ""


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (dict, "Forbidden JSON type: JSON_OBJ"),
        (dict[str, Any], "Forbidden JSON type: JSON_OBJ"),
        (list, "Forbidden JSON type: JSON_ARR"),
        (list[int], "Forbidden JSON type: JSON_ARR"),
        (object, "Unsupported type"),
        (int | str, "Unsupported type"),
        (Annotated[set[int], LHStructField()], "Unsupported type"),
    ],
)
def test_types_that_no_field_has(annotation: Any, message: str) -> None:
    """09/PY-19: TypeError that says which type."""

    class Wrong:
        x: int

    Wrong.__annotations__["x"] = annotation
    with pytest.raises(TypeError, match=message):
        class_to_inline_struct_def(lh_struct_def("wrong")(Wrong))


def test_other_classes_are_none() -> None:
    """09 section 6: the functions refuse classes without the decorator."""
    assert not is_lh_struct(int)
    assert is_lh_struct(Address)
    assert get_struct_def_name(Address) == "address"
    assert get_struct_def_info(Address).description == "where somebody lives"
    for use in (get_struct_def_info, get_struct_def_name, class_to_inline_struct_def):
        with pytest.raises(TypeError, match="int is not decorated with @lh_struct_def"):
            use(int)
    with pytest.raises(TypeError, match="int is not decorated with @lh_struct_def"):
        serialize_to_struct(5)
    with pytest.raises(TypeError, match="int is not decorated with @lh_struct_def"):
        deserialize_struct(Struct(), int)


def test_constructor() -> None:
    """09/PY-20: keyword arguments only; missing ones are an error, unknown ones are ignored, defaults apply."""
    when = datetime.datetime(2024, 1, 1)
    address = make(Address, street_name="s", since=when, unknown=1)
    assert (address.street_name, address.house__number, address.remark) == ("s", 3, None)
    assert not hasattr(address, "unknown")
    with pytest.raises(TypeError, match=r"Address\(\) missing required keyword argument: 'since'"):
        make(Address, street_name="s")
    positional: Any = Address
    with pytest.raises(TypeError, match="positional"):
        positional("s")


def test_own_constructor_is_kept() -> None:
    """09/PY-20: that of a dataclass, or one written by hand."""

    @lh_struct_def("point")
    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 2

    assert Point(1) == Point(x=1, y=2)
    assert class_to_inline_struct_def(Point).fields["y"].default_value.int == 2


def test_subclass() -> None:
    """09/PY-20: the same StructDef with more fields; only those of the decorated class must be given."""

    class Office(Address):
        floor: int
        wing: str = "east"

    assert get_struct_def_name(Office) == "address"
    assert {"floor", "wing", "streetName"} <= set(class_to_inline_struct_def(Office).fields)
    office = make(Office, street_name="s", since=None)
    assert not hasattr(office, "floor")
    assert make(Office, street_name="s", since=None, floor=7).floor == 7


def test_round_trip() -> None:
    """09/PY-23, PY-24: nested structs become nested instances; the constructor is not called."""
    when = datetime.datetime(2024, 1, 1)
    home = make(Address, street_name="s", since=when, code_="9")
    person = make(Person, home=home, run=WfRunId(id="r"))
    struct = serialize_to_struct(person)
    assert struct.struct_def_id == StructDefId(name="person", version=-1)
    assert struct.struct.fields["home"].value.struct.struct.fields["zip"].value.str == "9"
    again = deserialize_struct(struct, Person)
    assert isinstance(again.home, Address)
    assert vars(again.home) == vars(home)
    assert (again.run, again.ratio, again.raw, again.flag) == (WfRunId(id="r"), 0.5, b"x", False)


def test_what_is_missing() -> None:
    """09/PY-23, PY-24: a missing attribute is NULL; a missing field gets its default, else None."""
    empty = object.__new__(Address)
    assert serialize_to_struct(empty).struct.fields["streetName"].value == VariableValue()
    address = deserialize_struct(Struct(), Address)
    assert (address.street_name, address.house__number, address.since) == (None, 3, None)
