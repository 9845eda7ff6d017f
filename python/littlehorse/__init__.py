"""LittleHorse for Python: workflows, workers and a client (spec 09).

`import littlehorse` makes the submodules reachable as attributes, so `littlehorse.model.WfRun` works after it.
"""

from littlehorse import (
    client_interceptors,
    config,
    exceptions,
    lh_struct,
    model,
    utils,
    worker,
    workflow,
)
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
