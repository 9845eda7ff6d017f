"""Tables, and values as they are shown and typed."""

from __future__ import annotations

import pytest

from littlehorse.cli.errors import CliError
from littlehorse.cli.output import Facts, Table
from littlehorse.cli.values import parse_time, parse_value, parse_wf_run_id, value_text, wf_run_text
from littlehorse.model import (
    Array,
    InlineStruct,
    Map,
    Struct,
    StructDefId,
    StructField,
    TypeDefinition,
    VariableType,
    VariableValue,
    WfRunId,
)


def test_columns_are_aligned_and_cells_are_one_line() -> None:
    """Long cells are cut, line ends become spaces, nothing is said to be there when nothing is."""
    table = Table(["A", "LONGER"], [["xx", "y\nz"], ["x", "y" * 100]])
    lines = table.render().splitlines()
    assert lines[:2] == ["A   LONGER", "xx  y z"]
    assert lines[2] == "x   " + "y" * 59 + "…"
    assert Table(["A"]).render() == "(none)"


def test_facts_leave_out_what_is_not_known() -> None:
    """Names are aligned."""
    assert Facts([("Name", "x"), ("Much longer", ""), ("Is", "y")]).render() == "Name  x\nIs    y"


@pytest.mark.parametrize("text", ["a", "root_child", "a_b_c"])
def test_wf_run_ids(text: str) -> None:
    """08/K-3: both ways."""
    assert wf_run_text(parse_wf_run_id(text)) == text


@pytest.mark.parametrize("text", ["", "_", "a_", "_a"])
def test_wf_run_ids_have_no_empty_parts(text: str) -> None:
    """08/K-3."""
    with pytest.raises(CliError):
        parse_wf_run_id(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (VariableType.STR, "", VariableValue(str="")),
        (VariableType.INT, "-7", VariableValue(int=-7)),
        (VariableType.DOUBLE, "1e3", VariableValue(double=1000.0)),
        (VariableType.BOOL, "FALSE", VariableValue(bool=False)),
        (VariableType.BYTES, "aGk", VariableValue(bytes=b"hi")),
        (VariableType.JSON_OBJ, '{"a": 1}', VariableValue(json_obj='{"a": 1}')),
        (VariableType.JSON_ARR, "[]", VariableValue(json_arr="[]")),
        (VariableType.WF_RUN_ID, "a_b", VariableValue(wf_run_id=WfRunId(id="b", parent_wf_run_id=WfRunId(id="a")))),
        (VariableType.TIMESTAMP, "1500", VariableValue(utc_timestamp=parse_time("1970-01-01T00:00:01.5"))),
    ],
)
def test_values_of_every_primitive_type(kind: int, text: str, value: VariableValue) -> None:
    """08/K-7."""
    assert parse_value(text, TypeDefinition(primitive_type=kind), "x") == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (VariableType.INT, "1.5"),
        (VariableType.DOUBLE, "x"),
        (VariableType.BOOL, "1"),
        (VariableType.BYTES, "%"),
        (VariableType.JSON_OBJ, "[]"),
        (VariableType.JSON_ARR, "["),
        (VariableType.TIMESTAMP, "now"),
        (VariableType.INT, "9" * 30),
    ],
)
def test_other_text_is_refused(kind: int, text: str) -> None:
    """08/K-7: names the variable and the type."""
    with pytest.raises(CliError, match="'x'"):
        parse_value(text, TypeDefinition(primitive_type=kind), "x")  # type: ignore[arg-type]


def test_composite_types_cannot_be_typed() -> None:
    """Says what to use instead."""
    with pytest.raises(CliError, match="use an SDK"):
        parse_value("{}", TypeDefinition(struct_def_id=StructDefId(name="car")), "x")


def test_every_kind_of_value_is_shown() -> None:
    """Composite values in words."""
    five = VariableValue(int=5)
    struct = Struct(
        struct_def_id=StructDefId(name="car"), struct=InlineStruct(fields={"doors": StructField(value=five)})
    )
    entries = Map(entries=[Map.Entry(key=VariableValue(str="k"), value=five)])
    shown = {
        "-": VariableValue(),
        "5": five,
        "2.5": VariableValue(double=2.5),
        "true": VariableValue(bool=True),
        "aGk=": VariableValue(bytes=b"hi"),
        "a": VariableValue(wf_run_id=WfRunId(id="a")),
        "1970-01-01 00:00:01.500": VariableValue(utc_timestamp=parse_time("1500")),
        "car(doors: 5)": VariableValue(struct=struct),
        "[5, 5]": VariableValue(array=Array(items=[five, five])),
        "{k: 5}": VariableValue(map=entries),
    }
    for text, value in shown.items():
        assert value_text(value) == text
