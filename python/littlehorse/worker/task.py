"""A task function together with its TaskDef: whether they fit, and how it is called (spec 09 section 7.3)."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from inspect import Parameter
from typing import Any

from littlehorse.exceptions import TaskSchemaMismatchException
from littlehorse.lh_struct import is_lh_struct
from littlehorse.model.common_wfspec_pb2 import VariableDef
from littlehorse.model.service_pb2 import ScheduledTask
from littlehorse.model.task_def_pb2 import TaskDef
from littlehorse.model.type_definition_pb2 import TypeDefinition, VariableValue
from littlehorse.type_hints import to_typed_value, type_definition, value_reader
from littlehorse.utils import to_type, unwrap_annotation
from littlehorse.worker.context import WorkerContext
from littlehorse.worker.task_definition import resolved_signature


class LHTask:
    """A task function that fits its TaskDef.

    Raises TypeError for what cannot be called and TaskSchemaMismatchException for a function that does not fit.
    """

    def __init__(self, callable: Callable[..., Any], task_def: TaskDef) -> None:
        self.task_def = task_def
        self._callable = callable
        self._parameters = list(resolved_signature(callable).parameters.values())
        self._is_coroutine_function = _is_coroutine_function(callable)
        self._has_context = bool(self._parameters) and self._parameters[-1].annotation is WorkerContext
        self._readers = [value_reader(parameter.annotation) for parameter in self._inputs()]
        _check_parameters(self._parameters)
        self._check_inputs()

    @property
    def task_name(self) -> str:
        """Name of the TaskDef."""
        return self.task_def.id.name

    def has_context(self) -> bool:
        """Whether the function wants a WorkerContext."""
        return self._has_context

    def _inputs(self) -> list[Parameter]:
        return [parameter for parameter in self._parameters if parameter.annotation is not WorkerContext]

    def _check_inputs(self) -> None:
        """Compares the parameters with the inputs of the TaskDef, by position."""
        expected, found = self.task_def.input_vars, self._inputs()
        if len(expected) != len(found):
            names = [variable.name for variable in expected]
            raise TaskSchemaMismatchException(f"Incorrect parameter list, the TaskDef has the inputs {names}")
        for variable, parameter in zip(expected, found, strict=True):
            _check_type(variable, parameter)

    def arguments(self, scheduled_task: ScheduledTask, context: WorkerContext) -> list[Any]:
        """What the function is called with (PY-33).

        Raises SerdeException for a value that cannot be converted and ValueError if their number is wrong.
        """
        arguments = [read(given.value) for read, given in zip(self._readers, scheduled_task.variables, strict=True)]
        if self._has_context:
            arguments.append(context)
        return arguments

    def output(self, result: Any) -> VariableValue:
        """What the function returned, in the form that the TaskDef declares.

        Raises SerdeException, TypeError or ValueError if that has no form.
        """
        return to_typed_value(result, self.task_def.return_type.return_type)

    async def call(self, arguments: list[Any], threads: Callable[[], Executor]) -> Any:
        """Calls the function: a coroutine function in the event loop, any other in one of `threads`."""
        if self._is_coroutine_function:
            return await self._callable(*arguments)
        variables = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(threads(), lambda: variables.run(self._callable, *arguments))
        return await result if inspect.isawaitable(result) else result


def _is_coroutine_function(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; objects with an `async def __call__` count."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _check_parameters(parameters: list[Parameter]) -> None:
    """Raises TaskSchemaMismatchException for a signature that no TaskDef fits.

    The order of checks is part of the rule (7.3).
    """

    def refuse(what: str, offending: list[Parameter]) -> None:
        if offending:
            raise TaskSchemaMismatchException(f"{what}: {[parameter.name for parameter in offending]}")

    def where(matches: Callable[[Parameter], bool]) -> list[Parameter]:
        return [parameter for parameter in parameters if matches(parameter)]

    refuse("Positional parameters (*args) not allowed", where(lambda p: p.kind is Parameter.VAR_POSITIONAL))
    refuse("Keyword parameters (*kwargs) not allowed", where(lambda p: p.kind is Parameter.VAR_KEYWORD))
    refuse("Not annotated parameters found", where(lambda p: p.annotation is Parameter.empty))
    refuse("Any is not allowed", where(lambda p: p.annotation is Any))
    contexts = where(lambda p: p.annotation is WorkerContext)
    if len(contexts) > 1:
        refuse("Too many context arguments (expected 1)", contexts)
    if contexts and parameters[-1] is not contexts[0]:
        raise TaskSchemaMismatchException("The WorkerContext should be the last parameter")


def _check_type(variable: VariableDef, parameter: Parameter) -> None:
    """Raises TaskSchemaMismatchException if a parameter cannot take the values of an input."""
    plain = unwrap_annotation(parameter.annotation)
    declared = variable.type_def
    kind = declared.WhichOneof("defined_type")
    if kind == "struct_def_id":
        if not (isinstance(plain, type) and is_lh_struct(plain)):
            name = declared.struct_def_id.name
            raise TaskSchemaMismatchException(
                f"Parameter '{parameter.name}' expected a @lh_struct_def class for struct '{name}'"
            )
        return
    try:
        found = type_definition(plain)
    except ValueError:
        found = TypeDefinition()
    if kind in ("inline_array_def", "inline_map_def"):
        # Programs for the published client, which knows no native containers, say dict[str, Any].
        matches = found.WhichOneof("defined_type") == kind or plain == dict[str, Any]
        expected = kind.removeprefix("inline_").removesuffix("_def")
    else:
        matches = found.HasField("primitive_type") and found.primitive_type == declared.primitive_type
        expected = to_type(declared.primitive_type)
    if not matches:
        raise TaskSchemaMismatchException(
            f"Parameter types do not match for '{parameter.name}', expected: {expected} got: {plain}"
        )
