"""Events that a workflow waits for, throws or is interrupted by, and the definitions that they need (PY-45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, get_origin

from littlehorse.lh_struct import get_struct_def_name, is_lh_struct
from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.external_event_pb2 import CorrelatedEventConfig
from littlehorse.model.object_id_pb2 import StructDefId
from littlehorse.model.service_pb2 import PutExternalEventDefRequest, PutWorkflowEventDefRequest
from littlehorse.model.type_definition_pb2 import ReturnType, TypeDefinition
from littlehorse.utils import to_variable_type
from littlehorse.workflow.expressions import NodeOutput

if TYPE_CHECKING:
    from littlehorse.workflow.thread_graph import ThreadGraph
    from littlehorse.workflow.workflow import Workflow


def python_type_to_return_type(py_type: Any) -> ReturnType:
    """The content type of an event as the contract says it.

    Raises ValueError for None and for types that no event can carry, TypeError for what is no type.

    Subclasses of dict and list stand for JSON, classes of `@lh_struct_def` for their StructDef.
    """
    if py_type is None:
        raise ValueError("Payload type must be set before generating the request.")
    if is_lh_struct(py_type):
        struct_def_id = StructDefId(name=get_struct_def_name(py_type), version=-1)
        return ReturnType(return_type=TypeDefinition(struct_def_id=struct_def_id))
    if isinstance(py_type, type) and issubclass(py_type, dict):
        primitive_type = VariableType.JSON_OBJ
    elif isinstance(py_type, type) and issubclass(py_type, list):
        primitive_type = VariableType.JSON_ARR
    else:
        try:
            primitive_type = to_variable_type(py_type)
        except ValueError:
            wrong = ValueError if isinstance(py_type, type) or get_origin(py_type) is not None else TypeError
            raise wrong(f"Unsupported payload type: {py_type}") from None
    return ReturnType(return_type=TypeDefinition(primitive_type=primitive_type))


def external_event_def_request(
    event_name: str, payload_type: Any, correlated_event_config: CorrelatedEventConfig | None = None
) -> PutExternalEventDefRequest:
    """The request that defines an external event; without a type its content is not declared."""
    request = PutExternalEventDefRequest(name=event_name, correlated_event_config=correlated_event_config)
    if payload_type is not None:
        request.content_type.CopyFrom(python_type_to_return_type(payload_type))
    return request


class ExternalEventDefRegistration(Protocol):
    """Something that knows an external event which must be defined before the workflow is."""

    def to_put_external_event_def_request(self) -> PutExternalEventDefRequest:
        """The request that defines the event."""
        ...


class ExternalEventNodeOutput(NodeOutput):
    """The content of the external event that a node waited for."""

    def __init__(
        self,
        node_name: str,
        event_name: str,
        parent: ThreadGraph,
        payload_type: Any = None,
        correlated_event_config: CorrelatedEventConfig | None = None,
    ) -> None:
        super().__init__(node_name)
        self.event_name = event_name
        self.parent = parent
        self._payload_type = payload_type
        self._correlated_event_config = correlated_event_config

    def to_put_external_event_def_request(self) -> PutExternalEventDefRequest:
        """The request that defines the event."""
        return external_event_def_request(self.event_name, self._payload_type, self._correlated_event_config)


class ThrowEventNodeOutput:
    """A workflow event that a node throws."""

    def __init__(self, event_name: str, parent: ThreadGraph, payload_type: Any = None) -> None:
        self.event_name = event_name
        self.parent = parent
        self._payload_type = payload_type

    def to_put_workflow_event_def_request(self) -> PutWorkflowEventDefRequest:
        """The request that defines the event."""
        request = PutWorkflowEventDefRequest(name=self.event_name)
        if self._payload_type is not None:
            request.content_type.CopyFrom(python_type_to_return_type(self._payload_type))
        return request


class InterruptExternalEventDefRegistration:
    """The definition of an external event that interrupts a thread."""

    def __init__(self, event_name: str, payload_type: Any) -> None:
        self.event_name = event_name
        self._payload_type = payload_type

    def to_put_external_event_def_request(self) -> PutExternalEventDefRequest:
        """The request that defines the event."""
        return external_event_def_request(self.event_name, self._payload_type)


class InterruptHandler:
    """An interrupt that was added to a thread."""

    def __init__(self, workflow: Workflow, event_name: str) -> None:
        self._workflow = workflow
        self._event_name = event_name
        self._has_event_type = False

    def with_event_type(self, event_type: Any) -> InterruptHandler:
        """Has the event defined together with the workflow (None = content not declared); returns self.

        Raises ValueError when called twice.
        """
        if self._has_event_type:
            raise ValueError(f"Interrupt event type already registered: {self._event_name}")
        self._has_event_type = True
        registration = InterruptExternalEventDefRegistration(self._event_name, event_type)
        self._workflow.add_external_event_def_to_register(registration)
        return self
