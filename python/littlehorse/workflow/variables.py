"""Variables of a workflow: their declaration and handles to them and their parts (spec 09 section 8.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.common_wfspec_pb2 import LHPath, VariableAssignment, VariableDef, VariableMutationType
from littlehorse.model.object_id_pb2 import StructDefId
from littlehorse.model.type_definition_pb2 import TypeDefinition, VariableValue
from littlehorse.model.wf_spec_pb2 import JsonIndex, ThreadVarDef, WfRunVariableAccessLevel
from littlehorse.type_hints import to_typed_value
from littlehorse.utils import to_variable_value
from littlehorse.workflow.expressions import LHExpression, Operand, checked_json_path, path_selector, to_json

if TYPE_CHECKING:
    from littlehorse.workflow.thread_graph import ThreadGraph

JSON_TYPES = (VariableType.JSON_OBJ, VariableType.JSON_ARR)


def value_case(variable_type: VariableType) -> str:
    """The case of VariableValue that holds values of this type."""
    return "utc_timestamp" if variable_type == VariableType.TIMESTAMP else VariableType.Name(variable_type).lower()


class WfRunVariable(Operand):
    """A variable of a thread, or a part of one.

    Parameters: exactly one of `variable_type`, `struct_def_name` and `container_type` (a native array or map);
    `parent` is the declaring thread; `access_level` is an enum value or its name; `struct_def_version` -1 means the
    latest. Raises ValueError for a wrong combination, TypeError for a default value of another type.
    """

    def __init__(
        self,
        variable_name: str,
        parent: ThreadGraph,
        *,
        variable_type: VariableType | None = None,
        default_value: Any = None,
        access_level: WfRunVariableAccessLevel | str | None = WfRunVariableAccessLevel.PRIVATE_VAR,
        struct_def_name: str | None = None,
        struct_def_version: int = -1,
        container_type: TypeDefinition | None = None,
    ) -> None:
        if parent is None:
            raise ValueError("Parent workflow thread cannot be None.")
        if variable_type is not None and struct_def_name is not None:
            raise ValueError("Cannot specify both variable_type and struct_def_name")
        if variable_type is None and struct_def_name is None and container_type is None:
            raise ValueError("Must specify either variable_type or struct_def_name")
        self.name = variable_name
        self.type = variable_type
        self.parent = parent
        self.default_value: VariableValue | None = None
        self.is_masked = False
        self._struct_def_name = struct_def_name
        self._struct_def_version = struct_def_version
        self._container_type = container_type
        self._access_level = access_level
        self._required = False
        self._searchable = False
        self._json_indexes: list[JsonIndex] = []
        self._json_path: str | None = None
        self._path: list[LHPath.Selector] = []
        if default_value is not None:
            self._set_default(default_value)

    def __str__(self) -> str:
        return to_json(self.compile())

    # ---- declaration

    def as_public(self) -> WfRunVariable:
        """Other workflows may read it, and its type takes part in versioning; returns self."""
        return self.with_access_level(WfRunVariableAccessLevel.PUBLIC_VAR)

    def as_inherited(self) -> WfRunVariable:
        """It is the variable of that name of the parent workflow; returns self."""
        return self.with_access_level(WfRunVariableAccessLevel.INHERITED_VAR)

    def with_access_level(self, access_level: WfRunVariableAccessLevel) -> WfRunVariable:
        """Sets who may see it; returns self."""
        self._access_level = access_level
        return self

    def required(self) -> WfRunVariable:
        """A run cannot start without a value for it; returns self."""
        self._required = True
        return self

    def searchable(self) -> WfRunVariable:
        """Runs can be searched by its value; returns self."""
        self._searchable = True
        return self

    def searchable_on(self, field_path: str, field_type: VariableType) -> WfRunVariable:
        """Runs can be searched by the part at a JSON path (`$.` first) of this JSON_OBJ or struct; returns self.

        Raises ValueError for another kind of variable or a malformed path.
        """
        if field_path is None or field_type is None:
            raise ValueError("None is not allowed: searchable_on needs a path and a type")
        if not field_path.startswith("$."):
            raise ValueError(f"Invalid JsonPath: {field_path}")
        if self.type != VariableType.JSON_OBJ and self._struct_def_name is None:
            raise ValueError(f"JsonPath not allowed in a {self._type_name()} variable")
        self._json_indexes.append(JsonIndex(field_path=field_path, field_type=field_type))
        return self

    def masked(self) -> WfRunVariable:
        """Its value is shown to nobody but workers; returns self."""
        self.is_masked = True
        return self

    def with_default(self, default_value: Any) -> WfRunVariable:
        """Sets the value of runs that are started without one; returns self.

        Raises TypeError if it is not of the declared type.
        """
        self._set_default(default_value)
        return self

    def _type_name(self) -> str:
        if self.type is not None:
            return VariableType.Name(self.type)
        return "STRUCT" if self._container_type is None else "native container"

    def _set_default(self, default_value: Any) -> None:
        if self._container_type is not None:
            value = to_typed_value(default_value, self._container_type)
            expected = "array" if self._container_type.HasField("inline_array_def") else "map"
        else:
            value = to_variable_value(default_value)
            expected = "struct" if self.type is None else value_case(self.type)
        if value.WhichOneof("value") != expected:
            raise TypeError(f"Default value type does not match LH variable type {self._type_name()}")
        self.default_value = value

    def compile(self) -> ThreadVarDef:
        """The declaration in the contract's form (C-10)."""
        if self._container_type is not None:
            type_definition = TypeDefinition(masked=self.is_masked)
            type_definition.MergeFrom(self._container_type)
        elif self.type is None:
            struct_def_id = StructDefId(name=self._struct_def_name, version=self._struct_def_version)
            type_definition = TypeDefinition(struct_def_id=struct_def_id, masked=self.is_masked)
        else:
            type_definition = TypeDefinition(primitive_type=self.type, masked=self.is_masked)
        return ThreadVarDef(
            var_def=VariableDef(name=self.name, type_def=type_definition, default_value=self.default_value),
            required=self._required,
            searchable=self._searchable,
            json_indexes=self._json_indexes,
            access_level=self._access_level,
        )

    # ---- parts

    def _part(self) -> WfRunVariable:
        """Another handle to this variable."""
        part = WfRunVariable(
            self.name,
            self.parent,
            variable_type=self.type,
            access_level=self._access_level,
            struct_def_name=self._struct_def_name,
            struct_def_version=self._struct_def_version,
            container_type=self._container_type,
        )
        part.default_value = self.default_value
        part._path = list(self._path)
        return part

    @property
    def json_path(self) -> str | None:
        """JSON path of the part, `$.` first; it can be set once (ValueError)."""
        return self._json_path

    @json_path.setter
    def json_path(self, json_path: str) -> None:
        self._json_path = checked_json_path(json_path, self._json_path)

    def with_json_path(self, json_path: str) -> WfRunVariable:
        """A handle to the part at a JSON path of this JSON_OBJ or JSON_ARR variable.

        Raises ValueError for another kind of variable, a malformed path or a second path.
        """
        if self._json_path is not None:
            raise ValueError("Cannot set a json_path twice on same var")
        if self.type not in JSON_TYPES:
            raise ValueError(f"JsonPath not allowed in a {self._type_name()} variable")
        part = self._part()
        part._path = []  # a JSON path begins at the variable; steps of `get` before it do not count (PY-51)
        part.json_path = json_path
        return part

    def get(self, field: str | int) -> WfRunVariable:
        """A handle to the part with this key or index; can be chained, but not on a JSON path (ValueError).

        Raises TypeError if `field` is neither str nor int.
        """
        if self._json_path is not None:
            raise ValueError("Cannot use .get() on a variable that already uses json_path")
        selector = path_selector(field)
        part = self._part()
        part.is_masked = self.is_masked
        part._path.append(selector)
        return part

    def path(self) -> LHPath | None:
        """The steps of `get` that lead to this part, or None for the whole variable."""
        return LHPath(path=self._path) if self._path else None

    def to_assignment(self) -> VariableAssignment:
        return VariableAssignment(variable_name=self.name, json_path=self._json_path, lh_path=self.path())

    # ---- change

    def remove_key(self, key: Any) -> LHExpression:
        """The object without the key `key`."""
        return super().remove_key(key)

    def assign(self, rhs: Any) -> None:
        """Sets this variable, or this part of it, when the thread being built gets here."""
        threads = self.parent.get_parent_workflow().get_threads()
        thread: ThreadGraph = threads[-1] if threads and threads[-1].is_active else self.parent
        thread.mutate(self, VariableMutationType.ASSIGN, rhs)
