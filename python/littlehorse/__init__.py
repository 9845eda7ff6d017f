"""LittleHorse for Python: workflows, workers and a client (spec 09); the server lives in `littlehorse.server`.

`import littlehorse` makes the submodules below reachable as attributes, so `littlehorse.model.WfRun` works after it
(section 1.1). They are imported at the first use, so that the server and the command line do not load what only clients
need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from littlehorse import client_interceptors, config, exceptions, lh_struct, model, utils, worker, workflow
    from littlehorse.utils import to_variable_value
    from littlehorse.worker import shutdown_hook, start
    from littlehorse.workflow import (
        create_external_event_def,
        create_struct_def,
        create_task_def,
        create_workflow_event_def,
        create_workflow_spec,
    )

__all__ = [
    "client_interceptors",
    "config",
    "create_external_event_def",
    "create_struct_def",
    "create_task_def",
    "create_workflow_event_def",
    "create_workflow_spec",
    "exceptions",
    "lh_struct",
    "model",
    "shutdown_hook",
    "start",
    "to_variable_value",
    "utils",
    "worker",
    "workflow",
]

_SUBMODULES = (
    "client_interceptors",
    "config",
    "exceptions",
    "lh_struct",
    "model",
    "utils",
    "worker",
    "workflow",
)
_MODULE_OF_FUNCTION = {
    "create_external_event_def": "workflow",
    "create_struct_def": "workflow",
    "create_task_def": "workflow",
    "create_workflow_event_def": "workflow",
    "create_workflow_spec": "workflow",
    "shutdown_hook": "worker",
    "start": "worker",
    "to_variable_value": "utils",
}


def __getattr__(name: str) -> Any:
    """Imports a public name at its first use."""
    if name in _SUBMODULES:
        return import_module(f"littlehorse.{name}")
    if name in _MODULE_OF_FUNCTION:
        value = getattr(import_module(f"littlehorse.{_MODULE_OF_FUNCTION[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'littlehorse' has no attribute '{name}'")


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
