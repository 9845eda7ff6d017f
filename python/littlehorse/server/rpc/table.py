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
    identity,
    search_task_run,
    search_variable,
    search_wf_run,
    struct_def,
    task_def,
    wf_spec,
)
from littlehorse.server.services import Call, Services


@dataclass(frozen=True, slots=True)
class Row:
    """One cold RPC: the type of its request and the function that answers it."""

    request: type[Message]
    answer: Callable[[Services, Call, Any], Message]


TABLE: dict[str, Row] = {
    "DeleteStructDef": Row(model.DeleteStructDefRequest, struct_def.delete),
    "DeleteTaskDef": Row(model.DeleteTaskDefRequest, task_def.delete),
    "DeleteWfSpec": Row(model.DeleteWfSpecRequest, wf_spec.delete),
    "GetLatestWfSpec": Row(model.GetLatestWfSpecRequest, wf_spec.get_latest),
    "GetPrincipal": Row(model.PrincipalId, identity.get_principal),
    "GetStructDef": Row(model.StructDefId, struct_def.get),
    "GetTaskDef": Row(model.TaskDefId, task_def.get),
    "GetTenant": Row(model.TenantId, identity.get_tenant),
    "GetWfSpec": Row(model.WfSpecId, wf_spec.get),
    "PutStructDef": Row(model.PutStructDefRequest, struct_def.put),
    "PutTaskDef": Row(model.PutTaskDefRequest, task_def.put),
    "PutWfSpec": Row(model.PutWfSpecRequest, wf_spec.put),
    "SearchStructDef": Row(model.SearchStructDefRequest, struct_def.search),
    "SearchTaskDef": Row(model.SearchTaskDefRequest, task_def.search),
    "SearchTaskRun": Row(model.SearchTaskRunRequest, search_task_run.search),
    "SearchTenant": Row(model.SearchTenantRequest, identity.search_tenant),
    "SearchVariable": Row(model.SearchVariableRequest, search_variable.search),
    "SearchWfRun": Row(model.SearchWfRunRequest, search_wf_run.search),
    "SearchWfSpec": Row(model.SearchWfSpecRequest, wf_spec.search),
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
