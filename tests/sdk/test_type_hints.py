"""Native arrays and maps, records and enums by annotation (spec 09 section 11)."""

import dataclasses
import enum
from typing import Any, TypedDict

import pytest

from littlehorse.exceptions import SerdeException
from littlehorse.lh_struct import lh_struct_def, serialize_to_struct
from littlehorse.model import (
    INT,
    JSON_ARR,
    JSON_OBJ,
    STR,
    InlineArrayDef,
    InlineMapDef,
    StructDefId,
    ThreadVarDef,
    TypeDefinition,
    VariableValue,
)
from littlehorse.type_hints import from_typed_value, to_typed_value, type_definition
from littlehorse.workflow import Workflow, WorkflowThread


@lh_struct_def("car")
class Car:
    model: str


@dataclasses.dataclass
class Inner:
    value: int


@dataclasses.dataclass
class Outer:
    inner: Inner
    many: list[Inner]
    note: str | None = None


class Options(TypedDict):
    verbose: bool


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Mixed(enum.Enum):
    TEXT = "a"
    NUMBER = 1


def primitive(kind: Any) -> TypeDefinition:
    return TypeDefinition(primitive_type=kind)


def array(element: TypeDefinition) -> TypeDefinition:
    return TypeDefinition(inline_array_def=InlineArrayDef(array_type=element))


def mapping(key: TypeDefinition, value: TypeDefinition) -> TypeDefinition:
    return TypeDefinition(inline_map_def=InlineMapDef(key_type=key, value_type=value))


CAR = TypeDefinition(struct_def_id=StructDefId(name="car", version=-1))


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[int], array(primitive(INT))),
        (list[list[str]] | None, array(array(primitive(STR)))),
        (dict[str, int], mapping(primitive(STR), primitive(INT))),
        (dict[str, list[Car]], mapping(primitive(STR), array(CAR))),
        (Outer, primitive(JSON_OBJ)),
        (Options, primitive(JSON_OBJ)),
        (Color, primitive(STR)),
        (Level, primitive(INT)),
        (list[Any], primitive(JSON_ARR)),
        (dict[str, Any], primitive(JSON_OBJ)),
        (list[dict[str, Any]], array(primitive(JSON_OBJ))),
    ],
)
def test_types(annotation: Any, expected: TypeDefinition) -> None:
    """09 section 11: what section 5.3 leaves free; JSON stays JSON."""
    assert type_definition(annotation) == expected


@pytest.mark.parametrize("annotation", [Mixed, set[int], list[set[int]], dict[str, object], tuple[int, ...]])
def test_types_without_a_counterpart(annotation: Any) -> None:
    """09 section 11: ValueError."""
    with pytest.raises(ValueError, match="not supported"):
        type_definition(annotation)


@pytest.mark.parametrize(
    ("annotation", "value", "case"),
    [
        (list[int], [1, 2], "array"),
        (list[list[str]], [["a"], []], "array"),
        (dict[str, int], {"a": 1}, "map"),
        (dict[int, list[int]], {1: [2]}, "map"),
        (Outer, Outer(Inner(1), [Inner(2), Inner(3)]), "json_obj"),
        (list[Outer], [Outer(Inner(1), [])], "array"),
        (Options, {"verbose": True}, "json_obj"),
        (Color, Color.RED, "str"),
        (Level, Level.HIGH, "int"),
        (list[Color], [Color.RED], "array"),
        (list[Any], [1], "json_arr"),
        (list[int], None, None),
        (Color | None, None, None),
    ],
)
def test_round_trip(annotation: Any, value: Any, case: str | None) -> None:
    """09 section 11: what the type declares is sent, and comes back as it was."""
    sent = to_typed_value(value, type_definition(annotation))
    assert sent.WhichOneof("value") == case
    assert from_typed_value(sent, annotation) == value


def test_structs_in_containers() -> None:
    """09 section 11: structs arrive as instances there too."""
    sent = to_typed_value([Car(model="T")], array(CAR))
    assert sent.array.items[0].struct == serialize_to_struct(Car(model="T"))
    (car,) = from_typed_value(sent, list[Car])
    assert isinstance(car, Car)
    assert car.model == "T"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Color, VariableValue(str="green")),
        (Inner, VariableValue(json_obj='{"other": 1}')),
        (Outer, VariableValue(json_obj='{"inner": {"value": 1, "more": 2}, "many": []}')),
    ],
)
def test_values_that_do_not_fit(annotation: Any, value: VariableValue) -> None:
    """09 section 11: SerdeException, so that the attempt is reported as one with bad input."""
    with pytest.raises(SerdeException, match="Error when deserializing"):
        from_typed_value(value, annotation)


def test_variables() -> None:
    """09 section 11: native containers as variables, with defaults of that type."""

    def body(thread: WorkflowThread) -> None:
        thread.declare_array("numbers", int, [1, 2]).masked()
        thread.declare_map("cars", str, Car)
        with pytest.raises(TypeError, match="Default value type does not match"):
            thread.declare_array("wrong", int, {"a": 1})
        with pytest.raises(ValueError, match="JsonPath not allowed"):
            thread.find_variable("numbers").with_json_path("$.x")
        thread.execute("task", thread.find_variable("numbers").get(0))

    numbers, cars = Workflow("example", body).compile().thread_specs["entrypoint"].variable_defs
    assert isinstance(numbers, ThreadVarDef)
    expected = array(primitive(INT))
    expected.masked = True
    assert numbers.var_def.type_def == expected
    assert [item.int for item in numbers.var_def.default_value.array.items] == [1, 2]
    assert cars.var_def.type_def == mapping(primitive(STR), CAR)
