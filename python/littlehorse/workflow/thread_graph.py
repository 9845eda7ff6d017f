"""The graph that a thread builds up: nodes, edges, variables, mutations that wait for an edge (spec 09 section 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from littlehorse.model.common_wfspec_pb2 import VariableAssignment, VariableMutation, VariableMutationType
from littlehorse.model.type_definition_pb2 import TypeDefinition
from littlehorse.model.wf_spec_pb2 import (
    Edge,
    ExitNode,
    ThreadRetentionPolicy,
    ThreadSpec,
    WfRunVariableAccessLevel,
)
from littlehorse.workflow.expressions import to_json, to_variable_assignment
from littlehorse.workflow.nodes import NodeCase, NodeType, WorkflowInterruption, WorkflowNode
from littlehorse.workflow.variables import WfRunVariable

if TYPE_CHECKING:
    from littlehorse.workflow.thread import WorkflowThread
    from littlehorse.workflow.workflow import Workflow

ThreadInitializer = Callable[["WorkflowThread"], Any]
"""A function that builds a thread, or a block of one, by calling methods of the WorkflowThread that it is given."""

INPUT_VARIABLE = "INPUT"
"""Name of the variable in which handlers, interrupts and for-each children get their input.

Every thread may have its own.
"""


def check_initializer(initializer: ThreadInitializer) -> None:
    """Raises ValueError for None and TypeError for what cannot be called."""
    if initializer is None:
        raise ValueError("ThreadInitializer cannot be None")
    if not callable(initializer):
        raise TypeError("Object is not a ThreadInitializer")


class ThreadGraph:
    """What all building methods of a thread work on; `WorkflowThread` adds the methods."""

    def __init__(self, workflow: Workflow) -> None:
        if workflow is None:
            raise ValueError("Workflow cannot be None.")
        self.is_active = False
        self._workflow = workflow
        self._variables: list[WfRunVariable] = []
        self._interruptions: list[WorkflowInterruption] = []
        self._nodes: dict[str, WorkflowNode] = {}
        self._last_name = ""
        self._pending_mutations: list[VariableMutation] = []
        self._pending_condition: VariableAssignment | None = None
        self._retention_policy: ThreadRetentionPolicy | None = None

    def __str__(self) -> str:
        return to_json(self.compile())

    def get_parent_workflow(self) -> Workflow:
        """The workflow that this thread belongs to."""
        return self._workflow

    def compile(self) -> ThreadSpec:
        """The thread in the contract's form."""
        return ThreadSpec(
            variable_defs=[variable.compile() for variable in self._variables],
            nodes={name: node.compile() for name, node in self._nodes.items()},
            interrupt_defs=[interruption.compile() for interruption in self._interruptions],
            retention_policy=self._retention_policy,
        )

    def with_retention_policy(self, policy: ThreadRetentionPolicy) -> None:
        """How long finished threads of this kind are kept."""
        self._retention_policy = policy

    # ---- nodes and edges

    def check_active(self) -> None:
        """Raises ReferenceError when this thread is not being built any more."""
        if not self.is_active:
            raise ReferenceError("Using an inactive thread, check your workflow")

    def run_block(self, body: ThreadInitializer) -> None:
        """Lets a block of the program add to this thread."""
        body(cast("WorkflowThread", self))

    def last_node(self) -> WorkflowNode:
        """The node that the next one will be connected to."""
        return self.find_node(self._last_name)

    def continue_from(self, node: WorkflowNode) -> None:
        """Makes `node` the one that the next one will be connected to."""
        self._last_name = node.name

    def find_node(self, name: str) -> WorkflowNode:
        """The node of that name; raises ReferenceError if this thread has none."""
        if name not in self._nodes:
            raise ReferenceError(f"Node {name} not found in this thread")
        return self._nodes[name]

    def add_node(self, name: str, sub_node: NodeType) -> str:
        """Adds a node and the edge to it; returns its full name `<index>-<name>-<kind>` (PY-42, PY-43).

        Raises ReferenceError on an inactive thread and TypeError after an exit, where only NOP nodes may follow.
        """
        self.check_active()
        case = NodeCase.from_node(sub_node)
        full_name = f"{len(self._nodes)}-{name}-{case.name}"
        if self._nodes:
            self._connect_last_node(full_name, case)
        elif case is not NodeCase.ENTRYPOINT:
            raise TypeError("The first node should be a EntrypointNode")
        self._nodes[full_name] = WorkflowNode(full_name, case, sub_node)
        self._last_name = full_name
        return full_name

    def _connect_last_node(self, sink_node_name: str, sink_case: NodeCase) -> None:
        """Adds the edge from the last node, with everything that waited for it; an exit gets no edge."""
        last = self.last_node()
        if last.node_case is NodeCase.EXIT:
            if sink_case is not NodeCase.NOP:
                raise TypeError("You cannot add a Node in a given thread after the thread has completed.")
            return
        last.outgoing_edges.append(
            Edge(
                sink_node_name=sink_node_name,
                variable_mutations=self.take_mutations(),
                condition=self._pending_condition,
            )
        )
        self._pending_condition = None

    def put_condition_on_next_edge(self, condition: Any) -> None:
        """The next edge is taken only if `condition` holds."""
        self._pending_condition = to_variable_assignment(condition)

    def take_mutations(self) -> list[VariableMutation]:
        """The mutations that wait for an edge; they wait no longer."""
        taken, self._pending_mutations = self._pending_mutations, []
        return taken

    def add_final_exit(self) -> None:
        """Ends the thread with an exit node unless it has one already."""
        if self.last_node().node_case is not NodeCase.EXIT:
            self.add_node("exit", ExitNode())

    # ---- variables

    def mutate(self, left_hand: WfRunVariable, operation: VariableMutationType, right_hand: Any) -> None:
        """Changes a variable, or a part of it, on the way to the next node (PY-44).

        Raises ReferenceError on an inactive thread and TypeError after an exit.
        """
        self.check_active()
        if self.last_node().node_case is NodeCase.EXIT:
            raise TypeError("You cannot mutate a variable in a given thread after the thread has completed.")
        self._pending_mutations.append(
            VariableMutation(
                lhs_name=left_hand.name,
                lhs_json_path=left_hand.json_path,
                lhs_lh_path=left_hand.path(),
                operation=operation,
                rhs_assignment=to_variable_assignment(right_hand),
            )
        )

    def add_variable(
        self,
        variable_name: str,
        variable_type: Any = None,
        access_level: WfRunVariableAccessLevel | str | None = WfRunVariableAccessLevel.PRIVATE_VAR,
        default_value: Any = None,
        struct_def_name: str | None = None,
        struct_def_version: int = -1,
        container_type: TypeDefinition | None = None,
    ) -> WfRunVariable:
        """Declares a variable of this thread; for the parameters see WfRunVariable.

        Raises ReferenceError on an inactive thread, TypeError after an exit, ValueError for a name used before.
        """
        self.check_active()
        if self._nodes and self.last_node().node_case is NodeCase.EXIT:
            raise TypeError("You cannot add a variable in a given thread after the thread has completed.")
        if any(variable.name == variable_name for variable in self._variables):
            raise ValueError(f"Variable {variable_name} already added")
        variable = WfRunVariable(
            variable_name,
            self,
            variable_type=variable_type,
            default_value=default_value,
            access_level=access_level,
            struct_def_name=struct_def_name,
            struct_def_version=struct_def_version,
            container_type=container_type,
        )
        self._variables.append(variable)
        return variable

    def find_variable(self, variable_name: str) -> WfRunVariable:
        """The variable of that name of any thread built so far.

        `INPUT` only of this thread. Raises ValueError if unknown.
        """
        own_only = variable_name == INPUT_VARIABLE
        threads: list[ThreadGraph] = [self] if own_only else [*self._workflow.get_threads()]
        for thread in threads:
            for variable in thread._variables:
                if variable.name == variable_name:
                    return variable
        raise ValueError(f"Variable {variable_name} {'unaccessible' if own_only else 'not found'}")
