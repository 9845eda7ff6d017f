"""Steps of a thread that do one thing: tasks, waiting, events, child workflows, and the end (spec 09 section 9.2)."""

from __future__ import annotations

from typing import Any

from littlehorse.model.common_enums_pb2 import VariableType
from littlehorse.model.common_wfspec_pb2 import ExponentialBackoffRetryPolicy, TaskNode
from littlehorse.model.external_event_pb2 import CorrelatedEventConfig
from littlehorse.model.object_id_pb2 import ExternalEventDefId, TaskDefId, WorkflowEventDefId
from littlehorse.model.wf_spec_pb2 import (
    ExitNode,
    ExternalEventNode,
    FailureDef,
    RunChildWfNode,
    SleepNode,
    ThrowEventNode,
    WaitForChildWfNode,
    WaitForConditionNode,
)
from littlehorse.workflow.events import ExternalEventDefRegistration, ExternalEventNodeOutput, ThrowEventNodeOutput
from littlehorse.workflow.expressions import LHFormatString, NodeOutput, Operand, to_variable_assignment
from littlehorse.workflow.thread_graph import ThreadGraph
from littlehorse.workflow.variables import WfRunVariable


class WaitForConditionNodeOutput(NodeOutput):
    """A node that waits until a condition holds."""

    def __init__(self, node_name: str, builder: ThreadGraph) -> None:
        super().__init__(node_name)
        self.builder = builder


class SpawnedChildWf:
    """A child workflow that a node started."""

    def __init__(self, source_node_name: str, thread: ThreadGraph) -> None:
        self.source_node_name = source_node_name
        self.thread = thread


def _check_int_variable(value: Any) -> None:
    """Raises ValueError for a variable that is no INT."""
    if isinstance(value, WfRunVariable) and value.type != VariableType.INT:
        raise ValueError("WfRunVariable must be VariableType.INT")


class Steps(ThreadGraph):
    """The methods of a thread that add one node; all raise as `add_node` does."""

    default_retries: int | None
    default_exponential_backoff: ExponentialBackoffRetryPolicy | None
    default_timeout_seconds: int | None

    def execute(
        self,
        task_name: str | LHFormatString | WfRunVariable,
        *args: Any,
        timeout_seconds: int | None = None,
        retries: int | None = None,
        exponential_backoff: ExponentialBackoffRetryPolicy | None = None,
    ) -> NodeOutput:
        """Has a worker run a task with these inputs; a format string or a variable names the TaskDef at run time.

        What is None is taken from the defaults of the workflow.
        """
        self.check_active()
        node = TaskNode(
            variables=[to_variable_assignment(argument) for argument in args],
            timeout_seconds=self.default_timeout_seconds if timeout_seconds is None else timeout_seconds,
            retries=self.default_retries if retries is None else retries,
            exponential_backoff=self.default_exponential_backoff
            if exponential_backoff is None
            else exponential_backoff,
        )
        if isinstance(task_name, str):
            label = task_name
            node.task_def_id.CopyFrom(TaskDefId(name=task_name))
        else:
            label = task_name.format if isinstance(task_name, LHFormatString) else task_name.name
            node.dynamic_task.CopyFrom(to_variable_assignment(task_name))
        return NodeOutput(self.add_node(label, node))

    def sleep(self, seconds: int | WfRunVariable) -> None:
        """Waits for some seconds; raises ValueError for a number below 1 or a variable that is no INT."""
        self.check_active()
        _check_int_variable(seconds)
        if isinstance(seconds, int) and seconds <= 0:
            raise ValueError(f"Value '{seconds}' not allowed: sleep at least a second")
        self.add_node("sleep", SleepNode(raw_seconds=to_variable_assignment(seconds)))

    def sleep_until(self, timestamp: WfRunVariable) -> None:
        """Waits until a time in milliseconds since 1970; raises ValueError for a variable that is no INT."""
        self.check_active()
        _check_int_variable(timestamp)
        self.add_node("sleep", SleepNode(timestamp=to_variable_assignment(timestamp)))

    def wait_for_condition(self, condition: Any) -> WaitForConditionNodeOutput:
        """Waits until the condition holds."""
        self.check_active()
        node = WaitForConditionNode(condition=to_variable_assignment(condition))
        return WaitForConditionNodeOutput(self.add_node("wait-for-condition", node), self)

    def wait_for_event(
        self,
        event_name: str,
        timeout: int | WfRunVariable = -1,
        correlation_id: str | LHFormatString | WfRunVariable | None = None,
        mask_correlation_id: bool | None = None,
        auto_register: bool | None = False,
        return_type: Any = None,
        correlated_event_config: CorrelatedEventConfig | None = None,
    ) -> ExternalEventNodeOutput:
        """Waits for an external event; the output is its content.

        `timeout` is in seconds (not positive = for ever). `correlation_id` also accepts events put with that key;
        `mask_correlation_id` None means as the variable that it comes from. `auto_register`, `return_type` or
        `correlated_event_config` have the ExternalEventDef registered together with the workflow (PY-45).
        """
        self.check_active()
        if mask_correlation_id is None:
            mask_correlation_id = isinstance(correlation_id, WfRunVariable) and correlation_id.is_masked
        waits_for_ever = not isinstance(timeout, Operand) and timeout <= 0
        node = ExternalEventNode(
            external_event_def_id=ExternalEventDefId(name=event_name),
            timeout_seconds=None if waits_for_ever else to_variable_assignment(timeout),
            correlation_key=None if correlation_id is None else to_variable_assignment(correlation_id),
            mask_correlation_key=mask_correlation_id,
        )
        node_name = self.add_node(event_name, node)
        output = ExternalEventNodeOutput(node_name, event_name, self, return_type, correlated_event_config)
        if auto_register or return_type is not None or correlated_event_config is not None:
            self.register_external_event_def(output)
        return output

    def throw_event(
        self, workflow_event_name: str, content: Any, auto_register: bool | None = False, return_type: Any = None
    ) -> ThrowEventNodeOutput:
        """Throws a workflow event.

        `auto_register` or `return_type` have its definition registered with the workflow (PY-45).
        """
        self.check_active()
        node = ThrowEventNode(
            event_def_id=WorkflowEventDefId(name=workflow_event_name), content=to_variable_assignment(content)
        )
        self.add_node("throw-" + workflow_event_name, node)
        output = ThrowEventNodeOutput(workflow_event_name, self, return_type)
        if auto_register or return_type is not None:
            self.register_workflow_event_def(output)
        return output

    def register_external_event_def(self, node_output: ExternalEventDefRegistration) -> None:
        """Has the external event defined together with the workflow."""
        self._workflow.add_external_event_def_to_register(node_output)

    def register_workflow_event_def(self, node_output: ThrowEventNodeOutput) -> None:
        """Has the workflow event defined together with the workflow."""
        self._workflow.add_workflow_event_def_to_register(node_output)

    def run_wf(self, wf_spec_name: str, inputs: dict[str, Any] | None = None, child_id: Any = None) -> SpawnedChildWf:
        """Starts a run of another workflow (its latest version), with the id `child_id` if that is given."""
        self.check_active()
        node = RunChildWfNode(
            wf_spec_name=wf_spec_name,
            major_version=-1,
            inputs={name: to_variable_assignment(value) for name, value in (inputs or {}).items()},
            child_id=None if child_id is None else to_variable_assignment(child_id),
        )
        return SpawnedChildWf(self.add_node("run-" + wf_spec_name, node), self)

    def wait_for_child_wf(self, childWf: SpawnedChildWf) -> NodeOutput:
        """Waits for a child workflow; the output is its result. Raises ValueError if another thread started it."""
        self.check_active()
        if childWf.thread is not self:
            raise ValueError("Currently cannot wait for WfRun started in other thread")
        node = WaitForChildWfNode(
            child_wf_run_id=NodeOutput(childWf.source_node_name).to_assignment(),
            child_wf_run_source_node=childWf.source_node_name,
        )
        return NodeOutput(self.add_node("wait", node))

    def complete(self, output: Any = None) -> None:
        """Ends the thread, with a result if one is given."""
        self.check_active()
        self.add_node("complete", ExitNode(return_content=None if output is None else to_variable_assignment(output)))

    def fail(self, failure_name: str, message: str, output: Any = None) -> None:
        """Ends the thread with a failure that handlers can catch by its name; raises ValueError without a name."""
        self.check_active()
        if failure_name is None:
            raise ValueError("Failure name cannot be None")
        failure = FailureDef(
            failure_name=failure_name,
            message=message,
            content=None if output is None else to_variable_assignment(output),
        )
        self.add_node(failure_name, ExitNode(failure_def=failure))
