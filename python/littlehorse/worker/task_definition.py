"""From the signature of a function to the request that registers its TaskDef (PY-25 to PY-28)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from inspect import Parameter, Signature
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from littlehorse.model.common_wfspec_pb2 import VariableDef
from littlehorse.model.service_pb2 import PutTaskDefRequest
from littlehorse.model.type_definition_pb2 import ReturnType, TypeDefinition
from littlehorse.type_hints import type_definition
from littlehorse.worker.context import WorkerContext


class LHType:
    """Marker for `Annotated`: the name of an input in the TaskDef, and whether its value is masked."""

    def __init__(self, name: str, masked: bool = False) -> None:
        self.name = name
        self.masked = masked


def resolved_signature(function: Callable[..., Any]) -> Signature:
    """The signature with textual annotations turned into types; as it is if one of them cannot be resolved (PY-25).

    Raises TypeError for what cannot be called.
    """
    signature = inspect.signature(function)
    annotated = function if inspect.isroutine(function) else type(function).__call__
    try:
        hints = get_type_hints(annotated, include_extras=True)
    except Exception:  # whatever evaluating somebody's annotations raises; they are reported by name later
        return signature
    parameters = [
        parameter.replace(annotation=hints.get(parameter.name, parameter.annotation))
        if isinstance(parameter.annotation, str)
        else parameter
        for parameter in signature.parameters.values()
    ]
    returned = signature.return_annotation
    if isinstance(returned, str):
        returned = hints.get("return", returned)
    return signature.replace(parameters=parameters, return_annotation=returned)


def _mark_of(annotation: Any) -> LHType | None:
    """The LHType of an annotation; it counts only as the first mark of `Annotated`."""
    if get_origin(annotation) is Annotated:
        mark = get_args(annotation)[1]
        if isinstance(mark, LHType):
            return mark
    return None


def _type_definition(annotation: Any) -> TypeDefinition:
    """The contract's type of an annotation; raises ValueError if there is none."""
    mark = _mark_of(annotation)
    definition = type_definition(annotation)
    definition.masked = mark is not None and mark.masked
    return definition


def _variable_def(parameter: Parameter) -> VariableDef:
    """The input that a parameter stands for (PY-26)."""
    mark = _mark_of(parameter.annotation)
    name = parameter.name if mark is None else mark.name
    return VariableDef(name=name, type_def=_type_definition(parameter.annotation))


def _return_type(annotation: Any) -> ReturnType | None:
    """What the function returns; no annotation and None mean nothing (PY-27)."""
    if annotation is None or annotation is NoneType or annotation is Signature.empty:
        return None
    return ReturnType(return_type=_type_definition(annotation))


def put_task_def_request(function: Callable[..., Any], name: str) -> PutTaskDefRequest:
    """The request that registers a function as a TaskDef.

    Raises ValueError if a type of its signature is not possible.
    """
    signature = resolved_signature(function)
    inputs = [parameter for parameter in signature.parameters.values() if parameter.annotation is not WorkerContext]
    return PutTaskDefRequest(
        name=name,
        input_vars=[_variable_def(parameter) for parameter in inputs],
        return_type=_return_type(signature.return_annotation),
    )
