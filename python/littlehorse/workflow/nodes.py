"""Nodes and interrupts of a thread while it is being built."""

from __future__ import annotations

from enum import Enum
from typing import Any, cast

from littlehorse.model.common_wfspec_pb2 import TaskNode
from littlehorse.model.object_id_pb2 import ExternalEventDefId
from littlehorse.model.wf_spec_pb2 import (
    Edge,
    EntrypointNode,
    ExitNode,
    ExternalEventNode,
    FailureHandlerDef,
    InterruptDef,
    Node,
    NopNode,
    RunChildWfNode,
    SleepNode,
    StartMultipleThreadsNode,
    StartThreadNode,
    ThrowEventNode,
    UserTaskNode,
    WaitForChildWfNode,
    WaitForConditionNode,
    WaitForThreadsNode,
)
from littlehorse.workflow.expressions import to_json

NodeType = (
    TaskNode
    | EntrypointNode
    | ExitNode
    | ExternalEventNode
    | SleepNode
    | StartThreadNode
    | WaitForThreadsNode
    | NopNode
    | UserTaskNode
    | StartMultipleThreadsNode
    | ThrowEventNode
    | RunChildWfNode
    | WaitForChildWfNode
    | WaitForConditionNode
)


class NodeCase(Enum):
    """Kind of a node; the lower-case name is the field of `Node` that holds it."""

    ENTRYPOINT = "ENTRYPOINT"
    EXIT = "EXIT"
    TASK = "TASK"
    EXTERNAL_EVENT = "EXTERNAL_EVENT"
    START_THREAD = "START_THREAD"
    WAIT_FOR_THREADS = "WAIT_FOR_THREADS"
    NOP = "NOP"
    SLEEP = "SLEEP"
    USER_TASK = "USER_TASK"
    START_MULTIPLE_THREADS = "START_MULTIPLE_THREADS"
    THROW_EVENT = "THROW_EVENT"
    RUN_CHILD_WF = "RUN_CHILD_WF"
    WAIT_FOR_CHILD_WF = "WAIT_FOR_CHILD_WF"
    WAIT_FOR_CONDITION = "WAIT_FOR_CONDITION"

    @classmethod
    def from_node(cls, node: NodeType) -> NodeCase:
        """Kind of a node message; raises TypeError for other objects."""
        case = _CASE_OF_MESSAGE.get(type(node))
        if case is None:
            raise TypeError("Unrecognized node type")
        return case


_CASE_OF_MESSAGE: dict[type, NodeCase] = {
    TaskNode: NodeCase.TASK,
    EntrypointNode: NodeCase.ENTRYPOINT,
    ExitNode: NodeCase.EXIT,
    ExternalEventNode: NodeCase.EXTERNAL_EVENT,
    SleepNode: NodeCase.SLEEP,
    StartThreadNode: NodeCase.START_THREAD,
    WaitForThreadsNode: NodeCase.WAIT_FOR_THREADS,
    NopNode: NodeCase.NOP,
    UserTaskNode: NodeCase.USER_TASK,
    StartMultipleThreadsNode: NodeCase.START_MULTIPLE_THREADS,
    ThrowEventNode: NodeCase.THROW_EVENT,
    RunChildWfNode: NodeCase.RUN_CHILD_WF,
    WaitForChildWfNode: NodeCase.WAIT_FOR_CHILD_WF,
    WaitForConditionNode: NodeCase.WAIT_FOR_CONDITION,
}


class WorkflowNode:
    """A node of a thread with what has been attached to it so far."""

    def __init__(self, name: str, node_case: NodeCase, sub_node: NodeType) -> None:
        self.name = name
        self.node_case = node_case
        self.sub_node = sub_node
        self.outgoing_edges: list[Edge] = []
        self.failure_handlers: list[FailureHandlerDef] = []

    def __str__(self) -> str:
        return to_json(self.compile())

    def edge_to(self, sink_node_name: str) -> Edge:
        """The first edge to that node; raises ValueError if there is none."""
        for edge in self.outgoing_edges:
            if edge.sink_node_name == sink_node_name:
                return edge
        raise ValueError(f"No edge from {self.name} to {sink_node_name}")

    def compile(self) -> Node:
        """The node in the contract's form."""
        sub_node: dict[str, Any] = {self.node_case.value.lower(): self.sub_node}
        return Node(outgoing_edges=self.outgoing_edges, failure_handlers=self.failure_handlers, **sub_node)

    def user_task(self) -> UserTaskNode:
        """The message of a USER_TASK node."""
        return cast(UserTaskNode, self.sub_node)


class WorkflowInterruption:
    """An external event that halts a thread while another thread handles it."""

    def __init__(self, name: str, thread_name: str) -> None:
        self.name = name
        self.thread_name = thread_name

    def __str__(self) -> str:
        return to_json(self.compile())

    def compile(self) -> InterruptDef:
        """The interrupt in the contract's form."""
        return InterruptDef(
            external_event_def_id=ExternalEventDefId(name=self.name), handler_spec_name=self.thread_name
        )
