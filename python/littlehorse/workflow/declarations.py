"""Shortcuts of a thread for declaring variables and for expressions (PY-48, spec 09 section 9.4)."""

from __future__ import annotations

from typing import Any

from littlehorse.exceptions import SerdeException
from littlehorse.lh_struct import get_struct_def_name
from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.common_wfspec_pb2 import VariableMutationType
from littlehorse.model.type_definition_pb2 import Comparator, InlineArrayDef, InlineMapDef, TypeDefinition
from littlehorse.type_hints import type_definition
from littlehorse.workflow.expressions import ComparatorExpression, LHExpression, LHFormatString
from littlehorse.workflow.thread_graph import ThreadGraph
from littlehorse.workflow.variables import WfRunVariable


class Declarations(ThreadGraph):
    """The methods of a thread that add nothing but variables and expressions."""

    def declare_bool(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a BOOL variable."""
        return self.add_variable(name, VariableType.BOOL, default_value=default_value)

    def declare_int(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares an INT variable."""
        return self.add_variable(name, VariableType.INT, default_value=default_value)

    def declare_str(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a STR variable."""
        return self.add_variable(name, VariableType.STR, default_value=default_value)

    def declare_double(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a DOUBLE variable."""
        return self.add_variable(name, VariableType.DOUBLE, default_value=default_value)

    def declare_bytes(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a BYTES variable."""
        return self.add_variable(name, VariableType.BYTES, default_value=default_value)

    def declare_json_arr(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a JSON_ARR variable."""
        return self.add_variable(name, VariableType.JSON_ARR, default_value=default_value)

    def declare_json_obj(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a JSON_OBJ variable."""
        return self.add_variable(name, VariableType.JSON_OBJ, default_value=default_value)

    def declare_timestamp(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a TIMESTAMP variable."""
        return self.add_variable(name, VariableType.TIMESTAMP, default_value=default_value)

    def declare_wf_run_id(self, name: str, default_value: Any = None) -> WfRunVariable:
        """Declares a WF_RUN_ID variable."""
        return self.add_variable(name, VariableType.WF_RUN_ID, default_value=default_value)

    def declare_struct(self, name: str, struct_def: str | type, struct_def_version: int = -1) -> WfRunVariable:
        """Declares a variable of a StructDef, named or given as its class; version -1 is the latest.

        Raises TypeError for a class without `@lh_struct_def`.
        """
        struct_def_name = struct_def if isinstance(struct_def, str) else get_struct_def_name(struct_def)
        return self.add_variable(name, struct_def_name=struct_def_name, struct_def_version=struct_def_version)

    def declare_array(self, name: str, element_type: Any, default_value: Any = None) -> WfRunVariable:
        """Declares a native array; `element_type` is an annotation such as `int` or a struct class (`type_hints`).

        Raises ValueError for a type that is not possible.
        """
        array = InlineArrayDef(array_type=type_definition(element_type))
        container_type = TypeDefinition(inline_array_def=array)
        return self.add_variable(name, default_value=default_value, container_type=container_type)

    def declare_map(self, name: str, key_type: Any, value_type: Any, default_value: Any = None) -> WfRunVariable:
        """Declares a native map; the types are annotations as for `declare_array`."""
        types = InlineMapDef(key_type=type_definition(key_type), value_type=type_definition(value_type))
        container_type = TypeDefinition(inline_map_def=types)
        return self.add_variable(name, default_value=default_value, container_type=container_type)

    def condition(self, left_hand: Any, comparator: Comparator, right_hand: Any) -> ComparatorExpression:
        """A comparison of two values."""
        return ComparatorExpression(left_hand, comparator, right_hand)

    def format(self, format: str, *args: Any) -> LHFormatString:
        """A text whose placeholders `{0}`, `{1}`, ... are filled in when the workflow runs."""
        return LHFormatString(format, *args)

    def add(self, lhs: Any, rhs: Any) -> LHExpression:
        """lhs + rhs."""
        return LHExpression(lhs, VariableMutationType.ADD, rhs)

    def subtract(self, lhs: Any, rhs: Any) -> LHExpression:
        """lhs - rhs."""
        return LHExpression(lhs, VariableMutationType.SUBTRACT, rhs)

    def multiply(self, lhs: Any, rhs: Any) -> LHExpression:
        """lhs * rhs."""
        return LHExpression(lhs, VariableMutationType.MULTIPLY, rhs)

    def divide(self, lhs: Any, rhs: Any) -> LHExpression:
        """lhs / rhs."""
        return LHExpression(lhs, VariableMutationType.DIVIDE, rhs)

    def pow(self, base: Any, exponent: Any) -> LHExpression:
        """base to the power of exponent."""
        return LHExpression(base, VariableMutationType.POW, exponent)

    def extend(self, lhs: Any, rhs: Any) -> LHExpression:
        """The array or text `lhs` with `rhs` appended."""
        return LHExpression(lhs, VariableMutationType.EXTEND, rhs)

    def remove_if_present(self, lhs: Any, rhs: Any) -> LHExpression:
        """The array `lhs` without items equal to `rhs`."""
        return LHExpression(lhs, VariableMutationType.REMOVE_IF_PRESENT, rhs)

    def remove_index(self, index: Any = None, *, lhs: Any = None) -> LHExpression:
        """The array `lhs` without the item at `index`.

        Raises ValueError without an index, SerdeException without an array: the published client has no `lhs`, and what
        it makes cannot be compiled.
        """
        if index is None:
            raise ValueError("Expected 'index' to be set, but it was None.")
        if lhs is None:
            raise SerdeException("remove_index of a thread needs an array: pass lhs=, or call it on a variable")
        return LHExpression(lhs, VariableMutationType.REMOVE_INDEX, index)

    def remove_key(self, lhs: Any, rhs: Any) -> LHExpression:
        """The object `lhs` without the key `rhs`."""
        return LHExpression(lhs, VariableMutationType.REMOVE_KEY, rhs)
