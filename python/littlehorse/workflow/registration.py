"""Functions that register definitions with the server.

They use the synchronous default stub and block (spec 09 section 10).

All take a `timeout` in seconds for each request and raise grpc.RpcError if the server refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from littlehorse import lh_struct
from littlehorse.config import LHConfig
from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.external_event_pb2 import CorrelatedEventConfig
from littlehorse.model.service_pb2 import (
    PutExternalEventDefRequest,
    PutWorkflowEventDefRequest,
    StructDefCompatibilityType,
)
from littlehorse.model.type_definition_pb2 import ReturnType, TypeDefinition
from littlehorse.worker.task_definition import put_task_def_request
from littlehorse.workflow.expressions import to_json
from littlehorse.workflow.workflow import Workflow

_log = logging.getLogger("littlehorse")


def create_workflow_spec(workflow: Workflow, config: LHConfig, timeout: int | None = None) -> None:
    """Registers the events that the workflow wants registered, then the workflow itself (PY-50)."""
    request = workflow.compile()
    stub = config.stub()
    for external_event in workflow.external_events_to_register:
        external_event_request = external_event.to_put_external_event_def_request()
        stub.PutExternalEventDef(external_event_request, timeout=timeout)
        _log.info("Registered ExternalEventDef %s", external_event_request.name)
    for workflow_event in workflow.workflow_events_to_register:
        workflow_event_request = workflow_event.to_put_workflow_event_def_request()
        stub.PutWorkflowEventDef(workflow_event_request, timeout=timeout)
        _log.info("Registered WorkflowEventDef %s", workflow_event_request.name)
    _log.info("Creating a new version of %s:\n%s", workflow.name, to_json(request))
    stub.PutWfSpec(request, timeout=timeout)


def create_task_def(task: Callable[..., Any], name: str, config: LHConfig, timeout: int | None = None) -> None:
    """Registers a TaskDef with the inputs and the output of a function (PY-25 to PY-28).

    Raises ValueError if a type of its signature is not possible.
    """
    config.stub().PutTaskDef(put_task_def_request(task, name), timeout=timeout)
    _log.info("TaskDef %s was created", name)


def create_external_event_def(
    name: str,
    config: LHConfig,
    timeout: int | None = None,
    correlated_event_config: CorrelatedEventConfig | None = None,
) -> None:
    """Registers an external event whose content is not declared."""
    request = PutExternalEventDefRequest(name=name, correlated_event_config=correlated_event_config)
    config.stub().PutExternalEventDef(request, timeout=timeout)
    _log.info("ExternalEventDef %s was created", name)


def create_workflow_event_def(name: str, type: VariableType, config: LHConfig, timeout: int | None = None) -> None:
    """Registers a workflow event with content of a primitive type."""
    content_type = ReturnType(return_type=TypeDefinition(primitive_type=type))
    config.stub().PutWorkflowEventDef(PutWorkflowEventDefRequest(name=name, content_type=content_type), timeout=timeout)
    _log.info("WorkflowEventDef %s was created", name)


def create_struct_def(
    cls: type, config: LHConfig, allowed_updates: StructDefCompatibilityType | None = None, timeout: int | None = None
) -> None:
    """Registers the StructDef of a class; `allowed_updates` None means that an existing one must not change."""
    if allowed_updates is None:
        allowed_updates = StructDefCompatibilityType.NO_SCHEMA_UPDATES
    lh_struct.create_struct_def(cls, config, allowed_updates, timeout)
