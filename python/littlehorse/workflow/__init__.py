"""Workflows written as Python programs (spec 09 sections 8 to 10)."""

from typing import TYPE_CHECKING

from littlehorse.reexport import imported_name
from littlehorse.workflow.child_threads import SpawnedThread, SpawnedThreads, WaitForThreadsNodeOutput
from littlehorse.workflow.control_flow import WorkflowIfStatement
from littlehorse.workflow.events import (
    ExternalEventDefRegistration,
    ExternalEventNodeOutput,
    InterruptExternalEventDefRegistration,
    InterruptHandler,
    ThrowEventNodeOutput,
    python_type_to_return_type,
)
from littlehorse.workflow.expressions import (
    CastExpression,
    ComparatorExpression,
    LHExpression,
    LHFormatString,
    NodeOutput,
    to_json,
    to_variable_assignment,
)
from littlehorse.workflow.nodes import NodeCase, NodeType, WorkflowInterruption, WorkflowNode
from littlehorse.workflow.registration import (
    create_external_event_def,
    create_struct_def,
    create_task_def,
    create_workflow_event_def,
    create_workflow_spec,
)
from littlehorse.workflow.steps import SpawnedChildWf, WaitForConditionNodeOutput
from littlehorse.workflow.thread import WorkflowThread
from littlehorse.workflow.thread_graph import ThreadInitializer
from littlehorse.workflow.user_tasks import UserTaskOutput
from littlehorse.workflow.variables import WfRunVariable
from littlehorse.workflow.workflow import ENTRYPOINT, Workflow

__all__ = [
    "ENTRYPOINT",
    "CastExpression",
    "ComparatorExpression",
    "ExternalEventDefRegistration",
    "ExternalEventNodeOutput",
    "InterruptExternalEventDefRegistration",
    "InterruptHandler",
    "LHExpression",
    "LHFormatString",
    "NodeCase",
    "NodeOutput",
    "NodeType",
    "SpawnedChildWf",
    "SpawnedThread",
    "SpawnedThreads",
    "ThreadInitializer",
    "ThrowEventNodeOutput",
    "UserTaskOutput",
    "WaitForConditionNodeOutput",
    "WaitForThreadsNodeOutput",
    "WfRunVariable",
    "Workflow",
    "WorkflowIfStatement",
    "WorkflowInterruption",
    "WorkflowNode",
    "WorkflowThread",
    "create_external_event_def",
    "create_struct_def",
    "create_task_def",
    "create_workflow_event_def",
    "create_workflow_spec",
    "python_type_to_return_type",
    "to_json",
    "to_variable_assignment",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What programs for the published client may import from here, too."""
        return imported_name(__name__, name)
