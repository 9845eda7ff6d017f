"""`lh deploy`: registers the workflows of a Python file, and the TaskDefs of the functions beside them.

The TaskDef `charge-card` that a workflow uses is registered from the function `charge_card` of the same file, or from
`TASKS["charge-card"]`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc

from littlehorse.cli.connection import Connection
from littlehorse.cli.errors import CliError
from littlehorse.cli.output import Answer, Table
from littlehorse.cli.user_code import told_by_line
from littlehorse.model import GetLatestWfSpecRequest, PutWfSpecRequest, TaskDefId, WfSpecId, WfSpecIdList

# The names that programs give to a function that builds their workflow.
WORKFLOW_FUNCTIONS = ("get_workflow", "workflow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `lh deploy` takes."""
    parser.add_argument(
        "source",
        metavar="FILE.py|MODULE[:NAME]",
        help="where the workflows are: all in a file or module, or the one of this name",
    )


def deploy(connection: Connection, arguments: argparse.Namespace) -> Answer:
    """Registers TaskDefs first, then WfSpecs; what is registered unchanged stays as it is."""
    from littlehorse import create_task_def, create_workflow_spec
    from littlehorse.config import LHConfig

    module, workflows = _load(arguments.source)
    config = LHConfig()
    registered = WfSpecIdList()
    table = Table(["KIND", "NAME", "VERSION"])
    # All are built before the first is registered: a program that raises leaves nothing behind.
    for workflow, request in [(workflow, _compiled(workflow, module)) for workflow in workflows]:
        for name in sorted(_static_task_defs(request)):
            function = _task_function(module, name)
            if function is not None:
                with told_by_line(f"The function of TaskDef {name}", module.__file__):
                    create_task_def(function, name, config)
                table.rows.append(["task-def", name, ""])
            elif not _exists(connection, name):
                raise CliError(
                    f"Workflow {request.name} uses TaskDef {name!r}, which is neither registered nor defined in "
                    f"{arguments.source}: add a function {name.replace('-', '_')}."
                )
        create_workflow_spec(workflow, config)
        stored: WfSpecId = connection.call("GetLatestWfSpec", GetLatestWfSpecRequest(name=request.name)).id
        registered.results.append(stored)
        table.rows.append(["wf-spec", stored.name, f"{stored.major_version}.{stored.revision}"])
    return Answer(registered, [table], f"Next: lh run {registered.results[0].name}")


def _load(source: str) -> tuple[ModuleType, list[Any]]:
    """The module and the workflows in it. Raises CliError if there are none."""
    place, _, name = source.partition(":")
    module = _import(place)
    if name:
        return module, [_as_workflow(getattr(module, name, None), source, module)]
    from littlehorse.workflow import Workflow

    found = [value for value in vars(module).values() if isinstance(value, Workflow)]
    if not found:
        functions = [function for name in WORKFLOW_FUNCTIONS if callable(function := getattr(module, name, None))]
        found = [_as_workflow(function, source, module) for function in functions]
    if not found:
        raise CliError(f"{source} holds no Workflow and no function {' or '.join(WORKFLOW_FUNCTIONS)}.")
    return module, found


def _import(place: str) -> ModuleType:
    path = Path(place)
    is_file = path.suffix == ".py"
    if is_file and not path.is_file():
        raise CliError(f"There is no file {place}.")
    with told_by_line(place, place if is_file else None):
        try:
            return _import_file(path) if is_file else _import_module(place)
        except ImportError as error:
            raise CliError(f"{place} cannot be imported: {error}.") from error


def _import_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _import_file(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CliError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _as_workflow(value: Any, source: str, module: ModuleType) -> Any:
    from littlehorse.workflow import Workflow

    with told_by_line(source, module.__file__):
        workflow = value() if callable(value) and not inspect.signature(value).parameters else value
    if not isinstance(workflow, Workflow):
        raise CliError(f"{source} is neither a Workflow nor a function that makes one.")
    return workflow


def _compiled(workflow: Any, module: ModuleType) -> PutWfSpecRequest:
    with told_by_line(f"Workflow {workflow.name}", module.__file__):
        request: PutWfSpecRequest = workflow.compile()
        return request


def _task_function(module: ModuleType, name: str) -> Callable[..., Any] | None:
    function = getattr(module, "TASKS", {}).get(name) or getattr(module, name.replace("-", "_"), None)
    return function if callable(function) else None


def _static_task_defs(request: PutWfSpecRequest) -> set[str]:
    return {
        node.task.task_def_id.name
        for thread in request.thread_specs.values()
        for node in thread.nodes.values()
        if node.WhichOneof("node") == "task" and node.task.HasField("task_def_id")
    }


def _exists(connection: Connection, name: str) -> bool:
    try:
        connection.call("GetTaskDef", TaskDefId(name=name))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        raise
    return True
