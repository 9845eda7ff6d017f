"""What a workflow computes with: variables, outputs, literals, and expressions over them (spec 09 section 8).

Every class here is an `Operand`; `to_variable_assignment` turns operands and plain Python values into the contract's
form.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.common_wfspec_pb2 import LHPath, VariableAssignment, VariableMutationType
from littlehorse.model.type_definition_pb2 import Comparator, TypeDefinition
from littlehorse.utils import negate_comparator, to_variable_value


def to_json(proto: Message) -> str:
    """The message as protobuf JSON with sorted keys."""
    return MessageToJson(proto, sort_keys=True)


def to_variable_assignment(value: Any) -> VariableAssignment:
    """How the server gets at a value: an operand's own form, or a literal for any other Python value (C-11).

    Raises SerdeException for a value that has no literal form.
    """
    if isinstance(value, Operand):
        return value.to_assignment()
    return VariableAssignment(literal_value=to_variable_value(value))


def path_selector(field: str | int) -> LHPath.Selector:
    """One step into a value: a key, or an index; raises TypeError for anything else."""
    if isinstance(field, str):
        return LHPath.Selector(key=field)
    if isinstance(field, int):
        return LHPath.Selector(index=field)
    raise TypeError(f"Expected str or int, got {type(field)}")


def checked_json_path(new: str, current: str | None) -> str:
    """The new JSON path; raises ValueError if it is malformed or another one is set already."""
    if new is None:
        raise ValueError("None is not allowed as a JsonPath")
    if not new.startswith("$."):
        raise ValueError(f"Invalid JsonPath: {new}. It must start with $.")
    if current is not None:
        raise ValueError("Cannot set a json_path twice on same var")
    return new


class Operand:
    """A value that is known only when the workflow runs; its methods build expressions with it on the left side."""

    def to_assignment(self) -> VariableAssignment:
        """The contract's form of this operand."""
        raise NotImplementedError

    def add(self, other: Any) -> LHExpression:
        """self + other."""
        return LHExpression(self, VariableMutationType.ADD, other)

    def subtract(self, other: Any) -> LHExpression:
        """self - other."""
        return LHExpression(self, VariableMutationType.SUBTRACT, other)

    def multiply(self, other: Any) -> LHExpression:
        """self * other."""
        return LHExpression(self, VariableMutationType.MULTIPLY, other)

    def divide(self, other: Any) -> LHExpression:
        """self / other."""
        return LHExpression(self, VariableMutationType.DIVIDE, other)

    def pow(self, exponent: Any) -> LHExpression:
        """self to the power of exponent."""
        return LHExpression(self, VariableMutationType.POW, exponent)

    def extend(self, other: Any) -> LHExpression:
        """The array or text with `other` appended."""
        return LHExpression(self, VariableMutationType.EXTEND, other)

    def remove_if_present(self, other: Any) -> LHExpression:
        """The array without items equal to `other`."""
        return LHExpression(self, VariableMutationType.REMOVE_IF_PRESENT, other)

    def remove_index(self, index: Any = None) -> LHExpression:
        """The array without the item at `index`; raises ValueError without an index."""
        if index is None:
            raise ValueError("Expected 'index' to be set, but it was None.")
        return LHExpression(self, VariableMutationType.REMOVE_INDEX, index)

    def remove_key(self, other: Any) -> LHExpression:
        """The object without the key `other`."""
        return LHExpression(self, VariableMutationType.REMOVE_KEY, other)

    def do_and(self, other: Any) -> LHExpression:
        """Whether both hold."""
        return LHExpression(self, VariableMutationType.AND, other)

    def do_or(self, other: Any) -> LHExpression:
        """Whether one of them holds."""
        return LHExpression(self, VariableMutationType.OR, other)

    def cast_to(self, target_type: VariableType) -> CastExpression:
        """self converted to another type."""
        return CastExpression(self, target_type)

    def cast_to_int(self) -> CastExpression:
        """self as INT."""
        return self.cast_to(VariableType.INT)

    def cast_to_double(self) -> CastExpression:
        """self as DOUBLE."""
        return self.cast_to(VariableType.DOUBLE)

    def cast_to_str(self) -> CastExpression:
        """self as STR."""
        return self.cast_to(VariableType.STR)

    def cast_to_bool(self) -> CastExpression:
        """self as BOOL."""
        return self.cast_to(VariableType.BOOL)

    def cast_to_bytes(self) -> CastExpression:
        """self as BYTES."""
        return self.cast_to(VariableType.BYTES)

    def cast_to_wf_run_id(self) -> CastExpression:
        """self as WF_RUN_ID."""
        return self.cast_to(VariableType.WF_RUN_ID)

    def is_equal_to(self, rhs: Any) -> ComparatorExpression:
        """self == rhs."""
        return ComparatorExpression(self, Comparator.EQUALS, rhs)

    def is_not_equal_to(self, rhs: Any) -> ComparatorExpression:
        """self != rhs."""
        return ComparatorExpression(self, Comparator.NOT_EQUALS, rhs)

    def is_greater_than(self, rhs: Any) -> ComparatorExpression:
        """self > rhs."""
        return ComparatorExpression(self, Comparator.GREATER_THAN, rhs)

    def is_greater_than_eq(self, rhs: Any) -> ComparatorExpression:
        """self >= rhs."""
        return ComparatorExpression(self, Comparator.GREATER_THAN_EQ, rhs)

    def is_less_than(self, rhs: Any) -> ComparatorExpression:
        """self < rhs."""
        return ComparatorExpression(self, Comparator.LESS_THAN, rhs)

    def is_less_than_eq(self, rhs: Any) -> ComparatorExpression:
        """self <= rhs."""
        return ComparatorExpression(self, Comparator.LESS_THAN_EQ, rhs)

    def is_in(self, rhs: Any) -> ComparatorExpression:
        """Whether the collection `rhs` contains self."""
        return ComparatorExpression(self, Comparator.IN, rhs)

    def is_not_in(self, rhs: Any) -> ComparatorExpression:
        """Whether the collection `rhs` does not contain self."""
        return ComparatorExpression(self, Comparator.NOT_IN, rhs)

    def does_contain(self, rhs: Any) -> ComparatorExpression:
        """Whether self contains `rhs`."""
        return ComparatorExpression(rhs, Comparator.IN, self)

    def does_not_contain(self, rhs: Any) -> ComparatorExpression:
        """Whether self does not contain `rhs`."""
        return ComparatorExpression(rhs, Comparator.NOT_IN, self)


class LHExpression(Operand):
    """An operation of VariableMutationType on two values."""

    def __init__(self, lhs: Any, operation: VariableMutationType, rhs: Any) -> None:
        self._lhs = lhs
        self._operation = operation
        self._rhs = rhs

    def lhs(self) -> Any:
        """The left side."""
        return self._lhs

    def rhs(self) -> Any:
        """The right side."""
        return self._rhs

    def operation(self) -> VariableMutationType:
        """The operation."""
        return self._operation

    def negate(self) -> Operand:
        """What holds exactly when this AND or OR does not; raises TypeError for other operations."""
        opposite = {
            VariableMutationType.AND: VariableMutationType.OR,
            VariableMutationType.OR: VariableMutationType.AND,
        }.get(self._operation)
        if opposite is None:
            name = VariableMutationType.Name(self._operation)
            raise TypeError(f"Only conditions can be negated; the result of {name} is none")
        return LHExpression(negated(self._lhs), opposite, negated(self._rhs))

    def to_assignment(self) -> VariableAssignment:
        return VariableAssignment(
            expression=VariableAssignment.Expression(
                lhs=to_variable_assignment(self._lhs),
                mutation_type=self._operation,
                rhs=to_variable_assignment(self._rhs),
            )
        )


class CastExpression(Operand):
    """A value converted to another primitive type; a cast of a cast keeps only the outer type (PY-51)."""

    def __init__(self, source: Any, target_type: VariableType) -> None:
        self.source = source
        self.target_type = target_type

    def to_assignment(self) -> VariableAssignment:
        assignment = to_variable_assignment(self.source)
        assignment.target_type.CopyFrom(TypeDefinition(primitive_type=self.target_type))
        return assignment


class ComparatorExpression(Operand):
    """A comparison of two values."""

    def __init__(self, lhs: Any, comparator: Comparator, rhs: Any) -> None:
        self._lhs = lhs
        self._comparator = comparator
        self._rhs = rhs

    def __str__(self) -> str:
        return to_json(self.to_assignment())

    def lhs(self) -> Any:
        """The left side."""
        return self._lhs

    def rhs(self) -> Any:
        """The right side."""
        return self._rhs

    def comparator(self) -> Comparator:
        """The comparator."""
        return self._comparator

    def negate(self) -> ComparatorExpression:
        """The comparison that holds exactly when this one does not."""
        return ComparatorExpression(self._lhs, negate_comparator(self._comparator), self._rhs)

    def to_assignment(self) -> VariableAssignment:
        return VariableAssignment(
            expression=VariableAssignment.Expression(
                lhs=to_variable_assignment(self._lhs),
                comparator=self._comparator,
                rhs=to_variable_assignment(self._rhs),
            )
        )


def negated(condition: Any) -> Operand:
    """What holds exactly when `condition` does not: comparisons are turned around, other booleans compared with true.

    Raises TypeError for an operation whose result is no boolean, AttributeError for None.
    """
    if condition is None:
        raise AttributeError("A loop needs a condition")
    if isinstance(condition, ComparatorExpression):
        return condition.negate()
    if isinstance(condition, LHExpression) and not isinstance(condition, NodeOutput):
        return condition.negate()
    return ComparatorExpression(condition, Comparator.NOT_EQUALS, True)


class LHFormatString(Operand):
    """A text whose placeholders `{0}`, `{1}`, ... the server fills in."""

    def __init__(self, format: str, *args: Any) -> None:
        self.format = format
        self.args = args

    def to_assignment(self) -> VariableAssignment:
        return VariableAssignment(
            format_string=VariableAssignment.FormatString(
                format=to_variable_assignment(self.format),
                args=[to_variable_assignment(argument) for argument in self.args],
            )
        )


class NodeOutput(LHExpression):
    """The output of a node, or a part of it."""

    def __init__(self, node_name: str) -> None:
        # Not an operation on two values, so the constructor of LHExpression does not apply; programs rely on the base
        # class.
        self.node_name = node_name
        self._json_path: str | None = None
        self._path: list[LHPath.Selector] = []

    @property
    def json_path(self) -> str | None:
        """JSON path of the part, `$.` first; it can be set once (ValueError)."""
        return self._json_path

    @json_path.setter
    def json_path(self, json_path: str) -> None:
        self._json_path = checked_json_path(json_path, self._json_path)

    def with_json_path(self, json_path: str) -> NodeOutput:
        """A part of this output by JSON path; raises ValueError if the path is malformed or set already."""
        part = NodeOutput(self.node_name)
        part.json_path = checked_json_path(json_path, self._json_path)
        return part

    def get(self, field: str | int) -> NodeOutput:
        """A part of this output by key or index; can be chained, but not on a JSON path (ValueError)."""
        if self._json_path is not None:
            raise ValueError("Cannot use .get() on an output that already uses json_path")
        part = NodeOutput(self.node_name)
        part._path = [*self._path, path_selector(field)]
        return part

    def to_assignment(self) -> VariableAssignment:
        return VariableAssignment(
            node_output=VariableAssignment.NodeOutputReference(node_name=self.node_name),
            json_path=self._json_path,
            lh_path=LHPath(path=self._path) if self._path else None,
        )
