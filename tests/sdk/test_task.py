"""Task functions: the TaskDef of a signature, and whether a function fits a TaskDef (spec 09 sections 7.2 and 7.3)."""

import datetime
import functools
from collections.abc import Callable
from typing import Annotated, Any, Optional

import pytest

from littlehorse.exceptions import TaskSchemaMismatchException
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import (
    InlineArrayDef,
    InlineMapDef,
    PutTaskDefRequest,
    ReturnType,
    StructDefId,
    TaskDef,
    TaskDefId,
    TypeDefinition,
    VariableDef,
    VariableType,
    WfRunId,
)
from littlehorse.worker import LHTask, LHType, WorkerContext
from littlehorse.worker.task_definition import put_task_def_request
from tests.sdk import postponed_annotations


@lh_struct_def("car")
class Car:
    model: str


CAR = TypeDefinition(struct_def_id=StructDefId(name="car", version=-1))


def primitive(kind: VariableType, masked: bool = False) -> TypeDefinition:
    return TypeDefinition(primitive_type=kind, masked=masked)


class Worker:
    async def method(self, value: int) -> None:
        pass

    async def __call__(self, value: int) -> None:
        pass


# ---- definitions


def test_every_type() -> None:
    """09/PY-25, PY-26: inputs in order, contexts left out, by parameter name or by LHType."""

    async def task(
        text: str,
        number: int,
        ratio: float,
        flag: bool,
        raw: bytes,
        document: dict[str, Any],
        items: list[Any],
        when: datetime.datetime,
        run: WfRunId,
        maybe: Optional[int],  # noqa: UP045
        car: Car,
        renamed: Annotated[str, LHType("other-name", masked=True)],
        masked_car: Annotated[Car, LHType("c", True)],
        second_mark: Annotated[str, "x", LHType("ignored")],
        with_default: int = 5,
        context: WorkerContext = None,  # type: ignore[assignment]
    ) -> Annotated[str, LHType("ignored", masked=True)]:
        return ""

    kinds = VariableType
    expected = [
        ("text", primitive(kinds.STR)),
        ("number", primitive(kinds.INT)),
        ("ratio", primitive(kinds.DOUBLE)),
        ("flag", primitive(kinds.BOOL)),
        ("raw", primitive(kinds.BYTES)),
        ("document", primitive(kinds.JSON_OBJ)),
        ("items", primitive(kinds.JSON_ARR)),
        ("when", primitive(kinds.TIMESTAMP)),
        ("run", primitive(kinds.WF_RUN_ID)),
        ("maybe", primitive(kinds.INT)),
        ("car", CAR),
        ("other-name", primitive(kinds.STR, masked=True)),
        ("c", TypeDefinition(struct_def_id=CAR.struct_def_id, masked=True)),
        ("second_mark", primitive(kinds.STR)),
        ("with_default", primitive(kinds.INT)),
    ]
    assert put_task_def_request(task, "name") == PutTaskDefRequest(
        name="name",
        input_vars=[VariableDef(name=name, type_def=kind) for name, kind in expected],
        return_type=ReturnType(return_type=primitive(kinds.STR, masked=True)),
    )


def test_results() -> None:
    """09/PY-27: None, however it is written, and no annotation mean that nothing is returned."""

    async def annotated() -> None:
        pass

    async def bare():  # type: ignore[no-untyped-def]
        pass

    async def struct() -> Car:
        raise NotImplementedError

    for function in (annotated, bare, postponed_annotations.nothing):
        assert not put_task_def_request(function, "name").HasField("return_type")
    assert put_task_def_request(struct, "name").return_type.return_type == CAR


def test_postponed_annotations() -> None:
    """09/PY-25: annotations that are still text are resolved; if that fails, the parameter is refused by its text."""
    request = put_task_def_request(postponed_annotations.everything, "name")
    assert [variable.name for variable in request.input_vars] == ["text", "renamed"]
    assert request.input_vars[1].type_def == primitive(VariableType.INT, masked=True)
    assert request.return_type.return_type == primitive(VariableType.JSON_OBJ)
    with pytest.raises(ValueError, match="not supported"):
        put_task_def_request(postponed_annotations.unknown, "name")


def test_kinds_of_functions() -> None:
    """09/PY-25: methods lose `self`; functions without `async` and callable objects have TaskDefs too."""

    def plain(value: int) -> None:
        pass

    for function in (Worker().method, Worker(), plain, functools.partial(plain)):
        assert [variable.name for variable in put_task_def_request(function, "name").input_vars] == ["value"]


def test_parameters_without_a_type() -> None:
    """09/PY-28: ValueError."""

    async def unannotated(value):  # type: ignore[no-untyped-def]
        pass

    async def anything(value: Any) -> None:
        pass

    for function in (unannotated, anything):
        with pytest.raises(ValueError, match="not supported"):
            put_task_def_request(function, "name")


# ---- validation


def fits(function: Callable[..., Any], *inputs: TypeDefinition) -> LHTask:
    """A task of this function and a TaskDef with inputs of these types."""
    variables = [VariableDef(name=f"input{index}", type_def=kind) for index, kind in enumerate(inputs)]
    return LHTask(function, TaskDef(id=TaskDefId(name="task"), input_vars=variables))


async def variadic(*args: int) -> None: ...


async def keywords(**kwargs: int) -> None: ...


async def unannotated(x) -> None: ...  # type: ignore[no-untyped-def]


async def anything(x: Any) -> None: ...


async def two_contexts(x: WorkerContext, y: WorkerContext) -> None: ...


async def context_first(x: WorkerContext, y: int) -> None: ...


async def one_number(x: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (variadic, "Positional parameters"),
        (keywords, "Keyword parameters"),
        (unannotated, "Not annotated parameters found"),
        (anything, "Any is not allowed"),
        (two_contexts, "Too many context arguments"),
        (context_first, "The WorkerContext should be the last parameter"),
        (one_number, "Incorrect parameter list"),
    ],
)
def test_functions_that_fit_nothing(function: Callable[..., Any], message: str) -> None:
    """09 section 7.3: each mistake by its words."""
    with pytest.raises(TaskSchemaMismatchException, match=message):
        fits(function)


def test_order_of_checks() -> None:
    """09 section 7.3: the first mistake counts."""

    async def everything_wrong(a, b: Any, *args: int, **kwargs: int) -> None: ...  # type: ignore[no-untyped-def]

    async def the_rest_wrong(a, b: Any, c: WorkerContext, d: WorkerContext, e: int) -> None: ...  # type: ignore[no-untyped-def]

    with pytest.raises(TaskSchemaMismatchException, match="Positional parameters"):
        fits(everything_wrong)
    with pytest.raises(TaskSchemaMismatchException, match="Not annotated parameters found"):
        fits(the_rest_wrong)
    not_callable: Any = 3
    with pytest.raises(TypeError):
        fits(not_callable)


def function_of(annotation: Any) -> Callable[..., Any]:
    """A task function with one parameter of this type."""

    async def function(x: int) -> None: ...

    function.__annotations__["x"] = annotation
    return function


ARRAY = TypeDefinition(inline_array_def=InlineArrayDef(array_type=primitive(VariableType.INT)))
MAP = TypeDefinition(
    inline_map_def=InlineMapDef(key_type=primitive(VariableType.STR), value_type=primitive(VariableType.INT))
)


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (int, primitive(VariableType.INT)),
        (Annotated[int, LHType("x")], primitive(VariableType.INT)),
        (int | None, primitive(VariableType.INT)),
        (dict, primitive(VariableType.JSON_OBJ)),
        (list[Any], primitive(VariableType.JSON_ARR)),
        (datetime.datetime, primitive(VariableType.TIMESTAMP)),
        (WfRunId, primitive(VariableType.WF_RUN_ID)),
        (Car, CAR),
        (Annotated[Car | None, LHType("x")], TypeDefinition(struct_def_id=StructDefId(name="other"))),
        (list[int], ARRAY),
        (dict[str, int], MAP),
        (dict[str, Any], ARRAY),
        (dict[str, Any], MAP),
    ],
)
def test_types_that_fit(annotation: Any, kind: TypeDefinition) -> None:
    """09 section 7.3: by type and position; the names of parameters and of StructDefs do not matter."""
    fits(function_of(annotation), kind)


@pytest.mark.parametrize(
    ("annotation", "kind", "message"),
    [
        (str, primitive(VariableType.INT), "Parameter types do not match for 'x'"),
        (int, primitive(VariableType.DOUBLE), "Parameter types do not match for 'x'"),
        (list[Any], primitive(VariableType.JSON_OBJ), "Parameter types do not match for 'x'"),
        (set[int], primitive(VariableType.INT), "Parameter types do not match for 'x'"),
        (Car, primitive(VariableType.JSON_OBJ), "Parameter types do not match for 'x'"),
        (dict[str, Any], CAR, "expected a @lh_struct_def class for struct 'car'"),
        (int, ARRAY, "Parameter types do not match for 'x'"),
    ],
)
def test_types_that_do_not_fit(annotation: Any, kind: TypeDefinition, message: str) -> None:
    """09 section 7.3: the message names the parameter and both types."""
    with pytest.raises(TaskSchemaMismatchException, match=message):
        fits(function_of(annotation), kind)


def test_contexts() -> None:
    """09 section 7.1: a last parameter of type WorkerContext gets the context."""

    async def with_context(x: int, context: WorkerContext) -> None: ...

    assert fits(with_context, primitive(VariableType.INT)).has_context()
    assert not fits(one_number, primitive(VariableType.INT)).has_context()
    assert fits(
        postponed_annotations.everything, primitive(VariableType.STR), primitive(VariableType.INT)
    ).has_context()
    assert fits(one_number, primitive(VariableType.INT)).task_name == "task"
