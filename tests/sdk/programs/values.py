"""Conversions of values and types."""

import datetime
import enum
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from littlehorse import model, to_variable_value, utils
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import VariableValue


@dataclass
class Record:
    name: str
    inner: Any = None


class Plain:
    def __init__(self) -> None:
        self.text = "ü"
        self.inner = Record("r", [1, {"a": None}])


class Slotted:
    __slots__ = ("x",)


class Colour(enum.Enum):
    RED = "red"


class Name(str, enum.Enum):  # noqa: UP042  # as programs for older Pythons have it
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


@lh_struct_def("s")
class Struct:
    some_name: int


EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
VALUES: dict[str, Any] = {
    "None": None, "true": True, "false": False, "empty": "", "text": "ü€😀", "zero": 0, "small": -(2**63),
    "large": 2**63 - 1, "too large": 2**63, "too small": -(2**63) - 1, "float": 1.5, "negative zero": -0.0,
    "infinity": float("inf"), "bytes": b"\x00\xff", "bytearray": bytearray(b"x"), "name": Name.A,
    "number": Number.ONE, "colour": Colour.RED, "naive": datetime.datetime(2024, 5, 6, 7, 8, 9, 10),
    "aware": datetime.datetime(2024, 5, 6, 7, 8, 9, 10, EAST), "date": datetime.date(2024, 5, 6),
    "run": model.WfRunId(id="r", parent_wf_run_id=model.WfRunId(id="p")), "dict": {"b": 1, "a": [None, {"c": 1.0}]},
    "empty dict": {}, "list": [1, "x", None, [True]], "empty list": [], "tuple": (1, 2), "set": {1},
    "int keys": {1: 2}, "nan in list": [float("nan")], "dataclass": Record("x", {"y": (1,)}), "plain": Plain(),
    "list of objects": [Plain(), Record("z")], "dict of objects": {"p": Plain()}, "struct": Struct(some_name=3),
    "struct in list": [Struct(some_name=3)], "date in list": [datetime.date(2024, 1, 1)], "bytes in dict": {"a": b""},
    "message": model.TaskDefId(name="t"), "slotted": Slotted(), "complex": 1j, "object": object(),
    "function": to_variable_value, "class": Plain, "tuple keys": {(1, 2): 3},
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "none": VariableValue(), "str": VariableValue(str="x"), "empty str": VariableValue(str=""),
    "int": VariableValue(int=5), "double": VariableValue(double=0.5), "bool": VariableValue(bool=False),
    "bytes": VariableValue(bytes=b"z"), "object": VariableValue(json_obj='{"a": [1, null]}'),
    "array": VariableValue(json_arr='[1, {"b": 2.0}]'), "array in object": VariableValue(json_obj="[1]"),
    "no json": VariableValue(json_obj="{"), "no text": VariableValue(json_arr=""),
    "run": VariableValue(wf_run_id=model.WfRunId(id="r")), "struct": to_variable_value(Struct(some_name=3)),
}  # fmt: skip
ANNOTATIONS: dict[str, Any] = {
    "dict": dict[str, Any], "list": list[Any], "float": float, "bool": bool, "str": str, "int": int, "bytes": bytes,
    "annotated": Annotated[int, "x"], "nested": Annotated[Annotated[str, 1], 2], "none": None, "object": object,
    "any": Any, "set": set, "text": "int", "dict of sets": dict[set, Any],
}  # fmt: skip


def timestamp() -> Any:
    value = VariableValue()
    value.utc_timestamp.FromMilliseconds(1715000000123)
    return utils.extract_value(lh_value=value)


def cyclic() -> Any:
    items: list[Any] = []
    items.append(items)
    return to_variable_value(items)


def binary() -> Any:
    path = Path(tempfile.mkdtemp()) / "file"
    path.write_bytes(b"\x00x")
    return [utils.read_binary(file_path=path), utils.read_binary(str(path))]


def observations(_config: Any) -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {}
    for name, value in VALUES.items():
        calls[f"to {name}"] = lambda value=value: utils.to_variable_value(value=value)
        calls[f"there and back {name}"] = lambda value=value: utils.extract_value(to_variable_value(value))
    for name, value in ANSWERS.items():
        calls[f"from {name}"] = lambda value=value: utils.extract_value(value)
    for name, annotation in ANNOTATIONS.items():
        calls[f"type of {name}"] = lambda annotation=annotation: utils.to_variable_type(python_type=annotation)
    for kind in (0, 1, 2, 3, 4, 5, 6, 99, None):
        calls[f"annotation of {kind}"] = lambda kind=kind: utils.to_type(lh_type=kind)
    for comparator in [*model.Comparator.values(), 99, None]:
        calls[f"not {comparator}"] = lambda comparator=comparator: utils.negate_comparator(comparator=comparator)
    return calls | {
        "from timestamp": timestamp,
        "cyclic": cyclic,
        "binary": binary,
        "missing file": lambda: utils.read_binary("/nowhere/at/all"),
        "loop": lambda: utils.get_event_loop_is_deprecated(),
        "tables": lambda: [len(utils.NEGATE_COMPARATOR_MAP), len(utils.VARIABLE_TYPE_TO_TYPE_MAP)],
        "json of dict": lambda: json.loads(to_variable_value(VALUES["dict"]).json_obj),
    }
