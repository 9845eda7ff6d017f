"""Which function answers which cold RPC, and the door that the engine calls: bytes in, bytes out.

To add an RPC: a function in the file of its noun, a row here, and a row in the route table of the front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from littlehorse import model
from littlehorse.server.errors import Code, RpcError, invalid
from littlehorse.server.rpc import (
    external_event_def,
    identity,
    search_event,
    search_task_run,
    search_user_task_run,
    search_variable,
    search_wf_run,
    struct_def,
    task_def,
    user_task_def,
    wf_spec,
    workflow_event_def,
)
from littlehorse.server.services import Call, Services


@dataclass(frozen=True, slots=True)
class Row:
    """One cold RPC: the type of its request and the function that answers it."""

    request: type[Message]
    answer: Callable[[Services, Call, Any], Message]


TABLE: dict[str, Row] = {
    "DeleteExternalEventDef": Row(model.DeleteExternalEventDefRequest, external_event_def.delete),
    "DeleteStructDef": Row(model.DeleteStructDefRequest, struct_def.delete),
    "DeleteTaskDef": Row(model.DeleteTaskDefRequest, task_def.delete),
    "DeleteUserTaskDef": Row(model.DeleteUserTaskDefRequest, user_task_def.delete),
    "DeleteWfSpec": Row(model.DeleteWfSpecRequest, wf_spec.delete),
    "DeleteWorkflowEventDef": Row(model.DeleteWorkflowEventDefRequest, workflow_event_def.delete),
    "GetExternalEventDef": Row(model.ExternalEventDefId, external_event_def.get),
    "GetLatestUserTaskDef": Row(model.GetLatestUserTaskDefRequest, user_task_def.get_latest),
    "GetLatestWfSpec": Row(model.GetLatestWfSpecRequest, wf_spec.get_latest),
    "GetPrincipal": Row(model.PrincipalId, identity.get_principal),
    "GetStructDef": Row(model.StructDefId, struct_def.get),
    "GetTaskDef": Row(model.TaskDefId, task_def.get),
    "GetTenant": Row(model.TenantId, identity.get_tenant),
    "GetUserTaskDef": Row(model.UserTaskDefId, user_task_def.get),
    "GetWfSpec": Row(model.WfSpecId, wf_spec.get),
    "GetWorkflowEventDef": Row(model.WorkflowEventDefId, workflow_event_def.get),
    "PutExternalEventDef": Row(model.PutExternalEventDefRequest, external_event_def.put),
    "PutStructDef": Row(model.PutStructDefRequest, struct_def.put),
    "PutTaskDef": Row(model.PutTaskDefRequest, task_def.put),
    "PutUserTaskDef": Row(model.PutUserTaskDefRequest, user_task_def.put),
    "PutWfSpec": Row(model.PutWfSpecRequest, wf_spec.put),
    "PutWorkflowEventDef": Row(model.PutWorkflowEventDefRequest, workflow_event_def.put),
    "SearchCorrelatedEvent": Row(model.SearchCorrelatedEventRequest, search_event.correlated_events),
    "SearchExternalEvent": Row(model.SearchExternalEventRequest, search_event.external_events),
    "SearchExternalEventDef": Row(model.SearchExternalEventDefRequest, external_event_def.search),
    "SearchNodeRun": Row(model.SearchNodeRunRequest, search_event.node_runs),
    "SearchStructDef": Row(model.SearchStructDefRequest, struct_def.search),
    "SearchTaskDef": Row(model.SearchTaskDefRequest, task_def.search),
    "SearchTaskRun": Row(model.SearchTaskRunRequest, search_task_run.search),
    "SearchTenant": Row(model.SearchTenantRequest, identity.search_tenant),
    "SearchUserTaskDef": Row(model.SearchUserTaskDefRequest, user_task_def.search),
    "SearchUserTaskRun": Row(model.SearchUserTaskRunRequest, search_user_task_run.search),
    "SearchVariable": Row(model.SearchVariableRequest, search_variable.search),
    "SearchWfRun": Row(model.SearchWfRunRequest, search_wf_run.search),
    "SearchWfSpec": Row(model.SearchWfSpecRequest, wf_spec.search),
    "SearchWorkflowEvent": Row(model.SearchWorkflowEventRequest, search_event.workflow_events),
    "SearchWorkflowEventDef": Row(model.SearchWorkflowEventDefRequest, workflow_event_def.search),
    "ValidateStructDefEvolution": Row(model.ValidateStructDefEvolutionRequest, struct_def.validate_evolution),
}


class ColdRpcs:
    """Implements `littlehorse.server.ports.ColdHandler`. The engine is made with it, so the services are told later."""

    def __init__(self) -> None:
        self._services: Services | None = None

    def serve(self, services: Services) -> None:
        """Answers with these services from now on. Raises LookupError if the front sends RPCs that have no row here."""
        missing = sorted(name for name, kind in services.engine.routes() if kind == "cold" and name not in TABLE)
        if missing:
            raise LookupError(f"cold RPCs without a handler: {', '.join(missing)}")
        self._services = services

    def __call__(self, rpc: str, request: bytes, tenant: str, principal: str, /) -> bytes:
        """Answers `rpc`. Raises RpcError for every refusal; anything else is our bug, which the front logs."""
        if self._services is None:
            raise RpcError(Code.UNAVAILABLE, "Server Initializing: try again in a moment.")
        row = TABLE[rpc]
        try:
            message = row.request.FromString(request)
        except DecodeError as error:
            raise invalid(f"The request of {rpc} is not a valid {row.request.DESCRIPTOR.name}.") from error
        try:
            return row.answer(self._services, Call(tenant, principal), message).SerializeToString()
        except TimeoutError as error:
            text = f"{rpc} was not finished in time; it may still take effect."
            raise RpcError(Code.DEADLINE_EXCEEDED, text) from error
