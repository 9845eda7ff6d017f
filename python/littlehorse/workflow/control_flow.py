"""Branches and loops (PY-46, PY-47; C-6, C-7 of spec 02 section 17)."""

from __future__ import annotations

from typing import Any

from littlehorse.model.wf_spec_pb2 import Edge, NopNode
from littlehorse.workflow.expressions import negated, to_variable_assignment
from littlehorse.workflow.nodes import NodeCase
from littlehorse.workflow.thread_graph import ThreadGraph, ThreadInitializer, check_initializer


class WorkflowIfStatement:
    """A branch that was added to a thread, to which further branches can be chained.

    The empty names stand for a branch whose `else` was given already; nothing can be chained to it.
    """

    def __init__(self, parent_workflow_thread: ControlFlow, first_nop_node_name: str, last_nop_node_name: str) -> None:
        self._thread = parent_workflow_thread
        self._first_nop_node_name = first_nop_node_name
        self._last_nop_node_name = last_nop_node_name
        self._has_else = False

    def get_first_nop_node_name(self) -> str:
        """Name of the node where the branches part."""
        return self._first_nop_node_name

    def get_last_nop_node_name(self) -> str:
        """Name of the node where the branches meet."""
        return self._last_nop_node_name

    def _check_open(self, method: str) -> None:
        if not self._first_nop_node_name and not self._last_nop_node_name:
            raise AttributeError(
                f"'WorkflowIfStatement' object has no attribute '{method}': its else was given to do_if"
            )

    def do_else_if(self, condition: Any, body: ThreadInitializer) -> WorkflowIfStatement:
        """Adds a branch for when none before was taken and `condition` holds; returns self.

        Raises AttributeError if do_if was given an else.
        """
        self._check_open("do_else_if")
        self._thread.organize_edges_for_else_if_execution(self, condition, body)
        return self

    def do_else(self, body: ThreadInitializer) -> None:
        """Adds the branch for when no other was taken.

        Raises RuntimeError when called twice, AttributeError as do_else_if.
        """
        self._check_open("do_else")
        if self._has_else:
            raise RuntimeError("Else block has already been executed. Cannot add another else block.")
        self._has_else = True
        self._thread.organize_edges_for_else_if_execution(self, None, body)


class ControlFlow(ThreadGraph):
    """The methods of a thread that branch and loop; the blocks add their nodes to the same thread."""

    def do_if(
        self, condition: Any, if_body: ThreadInitializer, else_body: ThreadInitializer | None = None
    ) -> WorkflowIfStatement:
        """Runs `if_body` if the condition holds, else `else_body` or what is chained to the returned object.

        Raises ReferenceError on an inactive thread, ValueError or TypeError for a body that cannot be called.
        """
        self.check_active()
        check_initializer(if_body)
        if else_body is not None:
            check_initializer(else_body)

        first = self.find_node(self.add_node("nop", NopNode()))
        self.put_condition_on_next_edge(condition)
        self.run_block(if_body)
        last_name = self.add_node("nop", NopNode())
        first.outgoing_edges.append(
            Edge(sink_node_name=last_name)
        )  # taken when no condition holds; always the last one

        statement = WorkflowIfStatement(self, first.name, last_name)
        if else_body is None:
            return statement
        statement.do_else(else_body)
        return WorkflowIfStatement(self, "", "")

    def organize_edges_for_else_if_execution(
        self, if_statement: WorkflowIfStatement, input_condition: Any, body: ThreadInitializer
    ) -> None:
        """Adds one more branch to `if_statement`; `input_condition` None means the else.

        The body's nodes are appended after the thread's current last node as always; then the edge that leads to the
        first of them is moved to the node where the branches part, so the thread goes on as if the body were not there.
        """
        self.check_active()
        if not callable(body):
            raise TypeError("Object is not a ThreadInitializer")
        parting = self.find_node(if_statement.get_first_nop_node_name())
        meeting_name = if_statement.get_last_nop_node_name()
        before = self.last_node()
        edges_before = len(before.outgoing_edges)
        fallback = parting.outgoing_edges.pop()

        self.run_block(body)

        last_of_body = self.last_node()
        branch = Edge(sink_node_name=meeting_name)
        if last_of_body is not before:
            if len(before.outgoing_edges) <= edges_before:
                raise TypeError("You cannot add a branch after the thread has completed.")
            moved = before.outgoing_edges.pop()
            branch = Edge(sink_node_name=moved.sink_node_name, variable_mutations=moved.variable_mutations)
            if last_of_body.node_case is not NodeCase.EXIT:
                last_of_body.outgoing_edges.append(
                    Edge(sink_node_name=meeting_name, variable_mutations=self.take_mutations())
                )
        else:
            branch.variable_mutations.extend(self.take_mutations())
        if input_condition is not None:
            branch.condition.CopyFrom(to_variable_assignment(input_condition))
        parting.outgoing_edges.append(branch)
        if input_condition is not None:
            parting.outgoing_edges.append(fallback)
        self.continue_from(before)

    def do_while(self, condition: Any, while_body: ThreadInitializer) -> None:
        """Runs `while_body` again and again for as long as the condition holds; it is looked at first.

        Raises ReferenceError on an inactive thread, ValueError or TypeError for a body that cannot be called or a
        condition that cannot be negated.
        """
        self.check_active()
        check_initializer(while_body)
        holds = to_variable_assignment(condition)
        holds_not = to_variable_assignment(negated(condition))

        start = self.find_node(self.add_node("nop", NopNode()))
        self.run_block(while_body)
        end = self.find_node(self.add_node("nop", NopNode()))

        start.outgoing_edges[0].condition.CopyFrom(
            holds
        )  # the edge into the body, or to the end if the body has no node
        start.outgoing_edges.append(Edge(sink_node_name=end.name, condition=holds_not))
        end.outgoing_edges.append(Edge(sink_node_name=start.name, condition=holds))
