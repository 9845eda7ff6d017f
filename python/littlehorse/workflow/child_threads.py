"""Child threads, failure handlers and interrupts of a thread (spec 09 sections 9.2 and 9.4)."""

from __future__ import annotations

from typing import Any, cast

from littlehorse.model.common_enums_pb2 import LHErrorType, VariableType
from littlehorse.model.common_wfspec_pb2 import VariableMutationType
from littlehorse.model.wf_spec_pb2 import (
    FailureHandlerDef,
    StartMultipleThreadsNode,
    StartThreadNode,
    WaitForThreadsNode,
    WaitForThreadsStrategy,
)
from littlehorse.workflow.events import InterruptHandler
from littlehorse.workflow.expressions import NodeOutput, to_variable_assignment
from littlehorse.workflow.nodes import WorkflowInterruption
from littlehorse.workflow.thread_graph import ThreadGraph, ThreadInitializer
from littlehorse.workflow.variables import WfRunVariable

ANY_ERROR_NAME = "FAILURE_TYPE_ERROR"


def exception_handler(thread_name: str, exception_name: str | None) -> FailureHandlerDef:
    """Handles one business exception, or all of them (None)."""
    if exception_name is not None:
        return FailureHandlerDef(handler_spec_name=thread_name, specific_failure=exception_name)
    kind = FailureHandlerDef.LHFailureType.FAILURE_TYPE_EXCEPTION
    return FailureHandlerDef(handler_spec_name=thread_name, any_failure_of_type=kind)


def error_handler(thread_name: str, error_type: LHErrorType | None) -> FailureHandlerDef:
    """Handles one kind of technical error, or all of them (None)."""
    if error_type is not None:
        return FailureHandlerDef(handler_spec_name=thread_name, specific_failure=LHErrorType.Name(error_type))
    kind = FailureHandlerDef.LHFailureType.FAILURE_TYPE_ERROR
    return FailureHandlerDef(handler_spec_name=thread_name, any_failure_of_type=kind)


class SpawnedThread:
    """A child thread that a node started; `number` is the variable that holds its number."""

    def __init__(self, name: str, number: WfRunVariable) -> None:
        self.name = name
        self.number = number


class SpawnedThreads:
    """Child threads to wait for: those of a for-each (`iterable`), or a fixed list of them."""

    def __init__(self, iterable: WfRunVariable | None = None, fixed_threads: list[SpawnedThread] | None = None) -> None:
        self._iterable = iterable
        self._fixed_threads = fixed_threads

    @classmethod
    def from_list(cls, *spawned_threads: SpawnedThread) -> SpawnedThreads:
        """These threads, which were started one by one."""
        return cls(fixed_threads=list(spawned_threads))

    def compile(self, strategy: WaitForThreadsStrategy) -> WaitForThreadsNode:
        """The node that waits for these threads."""
        if self._fixed_threads is None:
            return WaitForThreadsNode(thread_list=to_variable_assignment(self._iterable), strategy=strategy)
        threads = [
            WaitForThreadsNode.ThreadToWaitFor(thread_run_number=to_variable_assignment(thread.number))
            for thread in self._fixed_threads
        ]
        return WaitForThreadsNode(threads=WaitForThreadsNode.ThreadsToWaitFor(threads=threads), strategy=strategy)


class WaitForThreadsNodeOutput(NodeOutput):
    """A node that waits for child threads; its methods handle failures of single children."""

    def __init__(self, node_name: str, builder: ThreadGraph) -> None:
        super().__init__(node_name)
        self.builder = builder

    def _add(self, thread_name: str, body: ThreadInitializer, handler: FailureHandlerDef) -> WaitForThreadsNodeOutput:
        self.builder.check_active()
        self.builder.get_parent_workflow().add_sub_thread(thread_name, body)
        node = cast(WaitForThreadsNode, self.builder.find_node(self.node_name).sub_node)
        node.per_thread_failure_handlers.append(handler)
        return self

    def handle_exception_on_child(
        self, handler: ThreadInitializer, exception_name: str | None = None
    ) -> WaitForThreadsNodeOutput:
        """Runs `handler` when a child fails with this business exception (None = any); returns self."""
        name = f"exn-handler-{self.node_name}" + ("" if exception_name is None else f"-{exception_name}")
        return self._add(name, handler, exception_handler(name, exception_name))

    def handle_error_on_child(
        self, handler: ThreadInitializer, error_type: LHErrorType | None = None
    ) -> WaitForThreadsNodeOutput:
        """Runs `handler` when a child fails with this technical error (None = any); returns self."""
        name = f"error-handler-{self.node_name}" + ("" if error_type is None else f"-{LHErrorType.Name(error_type)}")
        return self._add(name, handler, error_handler(name, error_type))

    def handle_any_failure_on_child(self, handler: ThreadInitializer) -> WaitForThreadsNodeOutput:
        """Runs `handler` when a child fails for whatever reason; returns self."""
        name = f"failure-handler-{self.node_name}-ANY_FAILURE"
        return self._add(name, handler, FailureHandlerDef(handler_spec_name=name))


class ChildThreads(ThreadGraph):
    """The methods of a thread that make other threads; a thread name used twice raises ValueError."""

    def spawn_thread(
        self, initializer: ThreadInitializer, thread_name: str, input: dict[str, Any] | None = None
    ) -> SpawnedThread:
        """Starts a child thread with values for its variables."""
        self.check_active()
        self._workflow.add_sub_thread(thread_name, initializer)
        variables = {name: to_variable_assignment(value) for name, value in (input or {}).items()}
        node = StartThreadNode(thread_spec_name=thread_name, variables=variables)
        return SpawnedThread(thread_name, self._started(self.add_node(thread_name, node), VariableType.INT))

    def spawn_thread_for_each(
        self,
        arr_var: WfRunVariable,
        initializer: ThreadInitializer,
        thread_name: str,
        input: dict[str, Any] | None = None,
    ) -> SpawnedThreads:
        """Starts a child thread for each item of an array; it finds its item in the variable `INPUT`."""
        self.check_active()
        self._workflow.add_sub_thread(thread_name, initializer)
        node = StartMultipleThreadsNode(
            thread_spec_name=thread_name,
            variables={name: to_variable_assignment(value) for name, value in (input or {}).items()},
            iterable=to_variable_assignment(arr_var),
        )
        return SpawnedThreads(iterable=self._started(self.add_node(thread_name, node), VariableType.JSON_ARR))

    def _started(self, node_name: str, variable_type: VariableType) -> WfRunVariable:
        """A variable, named like the node, that keeps the numbers of the threads that the node started."""
        numbers = self.add_variable(node_name, variable_type)
        self.mutate(numbers, VariableMutationType.ASSIGN, NodeOutput(node_name))
        return numbers

    def wait_for_threads(
        self,
        wait_for: SpawnedThreads,
        strategy: WaitForThreadsStrategy = WaitForThreadsStrategy.WAIT_FOR_ALL,
    ) -> WaitForThreadsNodeOutput:
        """Waits for child threads."""
        self.check_active()
        return WaitForThreadsNodeOutput(self.add_node("threads", wait_for.compile(strategy)), self)

    def add_interrupt_handler(self, name: str, handler: ThreadInitializer) -> InterruptHandler:
        """Runs `handler`, with this thread halted, whenever the external event `name` arrives."""
        self.check_active()
        thread_name = self._workflow.add_sub_thread(f"interrupt-{name}", handler)
        self._interruptions.append(WorkflowInterruption(name, thread_name))
        return InterruptHandler(self._workflow, name)

    def handle_any_failure(self, node: NodeOutput, initializer: ThreadInitializer) -> None:
        """Runs `initializer` when the node fails for whatever reason."""
        name = f"exn-handler-{node.node_name}-any-failure"
        self._handle(node, initializer, FailureHandlerDef(handler_spec_name=name))

    def handle_exception(
        self, node: NodeOutput, initializer: ThreadInitializer, exception_name: str | None = None
    ) -> None:
        """Runs `initializer` when the node fails with this business exception (None = any)."""
        name = f"exn-handler-{node.node_name}" + ("" if exception_name is None else f"-{exception_name}")
        self._handle(node, initializer, exception_handler(name, exception_name))

    def handle_error(
        self, node: NodeOutput, initializer: ThreadInitializer, error_type: LHErrorType | None = None
    ) -> None:
        """Runs `initializer` when the node fails with this technical error (None = any)."""
        error_name = ANY_ERROR_NAME if error_type is None else LHErrorType.Name(error_type)
        name = f"exn-handler-{node.node_name}-{error_name}"
        self._handle(node, initializer, error_handler(name, error_type))

    def _handle(self, node: NodeOutput, initializer: ThreadInitializer, handler: FailureHandlerDef) -> None:
        self.check_active()
        failing = self.find_node(node.node_name)
        self._workflow.add_sub_thread(handler.handler_spec_name, initializer)
        failing.failure_handlers.append(handler)
