"""Python values and types, and those of the contract (spec 09 section 5)."""

import dataclasses
import decimal
import enum
import math
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any, Optional

import pytest

from littlehorse import utils
from littlehorse.exceptions import SerdeException
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import (
    Array,
    Comparator,
    InlineStruct,
    Map,
    Struct,
    StructDefId,
    StructField,
    VariableType,
    VariableValue,
    WfRunId,
)
from littlehorse.utils import extract_value, to_type, to_variable_type, to_variable_value


class Plain:
    def __init__(self) -> None:
        self.z = 1
        self.a = [None]


@dataclasses.dataclass
class Point:
    x: int
    inner: Any = None


class Color(str, enum.Enum):  # noqa: UP042
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Shape(enum.Enum):
    ROUND = 1


@lh_struct_def("car")
class Car:
    model_name: str


@pytest.mark.parametrize(
    ("value", "case", "content"),
    [
        (True, "bool", True),
        ("ü", "str", "ü"),
        (Color.RED, "str", "red"),
        (-(2**63), "int", -(2**63)),
        (Level.HIGH, "int", 3),
        (1.5, "double", 1.5),
        (math.inf, "double", math.inf),
        (b"\x00", "bytes", b"\x00"),
        (WfRunId(id="x"), "wf_run_id", WfRunId(id="x")),
        ({"a": 1, "b": "ü"}, "json_obj", '{"a": 1, "b": "\\u00fc"}'),
        ([1, {"x": None}], "json_arr", '[1, {"x": null}]'),
        (Plain(), "json_obj", '{"z": 1, "a": [null]}'),
        (Point(1, Point(2)), "json_obj", '{"x": 1, "inner": {"x": 2, "inner": null}}'),
        ([Car(model_name="T")], "json_arr", '[{"model_name": "T"}]'),
        ((1, 2), "json_obj", "[1, 2]"),
    ],
)
def test_to_variable_value(value: Any, case: str, content: Any) -> None:
    """09/PY-16: each row of section 5.1; the first that fits wins."""
    converted = to_variable_value(value)
    assert converted.WhichOneof("value") == case
    assert getattr(converted, case) == content


def test_null_and_values_that_are_converted_already() -> None:
    """09 section 5.1: None sets nothing; a VariableValue goes through as it is."""
    assert to_variable_value(None) == VariableValue()
    value = VariableValue(int=5)
    assert to_variable_value(value) is value


def test_struct_value() -> None:
    """09 section 5.1: an instance of a struct class becomes a struct."""
    converted = to_variable_value(Car(model_name="T"))
    assert converted.struct.struct_def_id == StructDefId(name="car", version=-1)
    assert extract_value(converted) == {"modelName": "T"}


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 1, 2, 3, 4, 5, 678),
        datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        datetime(2024, 1, 2, 5, 4, 5, 678, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times(value: datetime) -> None:
    """09 sections 5.1 and 5.2: naive times are UTC, aware ones are converted; what comes back is naive UTC."""
    converted = to_variable_value(value)
    assert converted.WhichOneof("value") == "utc_timestamp"
    assert extract_value(converted) == datetime(2024, 1, 2, 3, 4, 5, 678)


def circular() -> list[Any]:
    """A list that contains itself."""
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value",
    [
        {1},
        Shape.ROUND,
        decimal.Decimal(1),
        date(2024, 1, 1),
        [datetime(2024, 1, 1)],
        {"a": b"x"},
        {"a": WfRunId()},
        {(1, 2): 3},
        bytearray(b"x"),
        Plain,
        circular(),
    ],
)
def test_values_without_a_form(value: Any) -> None:
    """09/PY-16: SerdeException that names value and type; the cause is kept."""
    with pytest.raises(SerdeException, match="Error when serializing value: ") as error:
        to_variable_value(value)
    assert f"of type '{type(value)}'" in error.value.message
    assert error.value.__cause__ is not None


def test_int_that_is_too_large() -> None:
    """09 section 5.1: outside 64 bits, ValueError."""
    with pytest.raises(ValueError, match="out of range"):
        to_variable_value(2**63)


@pytest.mark.parametrize("value", [None, "x", 5, 1.5, False, b"x", WfRunId(id="r"), {"a": [1]}, [1, None], {}, []])
def test_round_trip(value: Any) -> None:
    """09 section 5.2: these values come back as they were."""
    assert extract_value(to_variable_value(value)) == value


def test_extraction_of_containers() -> None:
    """09 section 5.2: structs by field name, arrays and maps as list and dict, all nested."""
    inner = VariableValue(struct=Struct(struct=InlineStruct(fields={"n": StructField(value=VariableValue(int=1))})))
    array = VariableValue(array=Array(items=[inner, VariableValue(), VariableValue(json_arr="[2]")]))
    entries = [Map.Entry(key=VariableValue(str="k"), value=array)]
    assert extract_value(VariableValue(map=Map(entries=entries))) == {"k": [{"n": 1}, None, [2]]}
    assert extract_value(VariableValue(json_obj="[1]")) == [1]


@pytest.mark.parametrize("text", ["", "{", "nope", "[" * 100_000])
def test_texts_that_are_no_json(text: str) -> None:
    """09 section 5.2: SerdeException with the cause."""
    for value in (VariableValue(json_obj=text), VariableValue(json_arr=text)):
        with pytest.raises(SerdeException, match="Error when deserializing") as error:
            extract_value(value)
        assert error.value.__cause__ is not None


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (dict[str, Any], VariableType.JSON_OBJ),
        (list[Any], VariableType.JSON_ARR),
        (float, VariableType.DOUBLE),
        (bool, VariableType.BOOL),
        (str, VariableType.STR),
        (int, VariableType.INT),
        (bytes, VariableType.BYTES),
        (Annotated[int, "mark"], VariableType.INT),
        (datetime, VariableType.TIMESTAMP),
        (WfRunId, VariableType.WF_RUN_ID),
        (dict, VariableType.JSON_OBJ),
        (list, VariableType.JSON_ARR),
        (Optional[int], VariableType.INT),  # noqa: UP045
        (Annotated[str | None, "mark"], VariableType.STR),
        (dict[str, Any] | None, VariableType.JSON_OBJ),
    ],
)
def test_types(annotation: Any, expected: VariableType) -> None:
    """09 section 5.3, and what section 11 adds to it."""
    assert to_variable_type(annotation) == expected


@pytest.mark.parametrize("annotation", [set, object, complex, int | str, list[int], dict[int, str], None, "int", Plain])
def test_types_without_a_counterpart(annotation: Any) -> None:
    """09 section 5.3: ValueError."""
    with pytest.raises(ValueError, match="not supported"):
        to_variable_type(annotation)


def test_types_and_back() -> None:
    """09 section 5.3: every primitive type has an annotation that stands for it."""
    for number in utils.VARIABLE_TYPE_TO_TYPE_MAP:
        assert to_variable_type(to_type(number)) == number
    unknown: Any = 99
    with pytest.raises(ValueError, match="VariableType not found"):
        to_type(unknown)


def test_comparators() -> None:
    """09 section 5: negating twice gives the same; unknown ones are refused."""
    assert utils.negate_comparator(Comparator.LESS_THAN) == Comparator.GREATER_THAN_EQ
    assert utils.negate_comparator(Comparator.GREATER_THAN) == Comparator.LESS_THAN_EQ
    assert utils.negate_comparator(Comparator.IN) == Comparator.NOT_IN
    assert utils.negate_comparator(Comparator.EQUALS) == Comparator.NOT_EQUALS
    for number in utils.NEGATE_COMPARATOR_MAP:
        assert utils.negate_comparator(utils.negate_comparator(number)) == number
    unknown: Any = 77
    with pytest.raises(ValueError, match="Comparator not found"):
        utils.negate_comparator(unknown)


def test_files(tmp_path: Path) -> None:
    """09 section 5: content as it is."""
    path = tmp_path / "file"
    path.write_bytes(b"\x00\r\n")
    assert utils.read_binary(path) == utils.read_binary(str(path)) == b"\x00\r\n"
    assert utils.get_event_loop_is_deprecated()
