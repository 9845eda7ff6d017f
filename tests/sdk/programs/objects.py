"""The classes behind the methods of a thread, made and used directly."""

from collections.abc import Callable
from typing import Any

from littlehorse import model
from littlehorse.workflow import (
    ExternalEventNodeOutput,
    InterruptExternalEventDefRegistration,
    InterruptHandler,
    LHFormatString,
    NodeCase,
    NodeOutput,
    SpawnedChildWf,
    SpawnedThread,
    SpawnedThreads,
    ThrowEventNodeOutput,
    UserTaskOutput,
    WaitForConditionNodeOutput,
    WaitForThreadsNodeOutput,
    WfRunVariable,
    Workflow,
    WorkflowIfStatement,
    WorkflowInterruption,
    WorkflowNode,
    WorkflowThread,
    python_type_to_return_type,
    to_json,
    to_variable_assignment,
)

NODES = [
    model.TaskNode, model.EntrypointNode, model.ExitNode, model.ExternalEventNode, model.StartThreadNode,
    model.WaitForThreadsNode, model.NopNode, model.SleepNode, model.UserTaskNode, model.StartMultipleThreadsNode,
    model.ThrowEventNode, model.RunChildWfNode, model.WaitForChildWfNode, model.WaitForConditionNode,
]  # fmt: skip


def inside(build: Callable[[WorkflowThread], Any]) -> Any:
    """What `build` returns while a thread is being built, and what that thread compiles to."""
    kept: list[Any] = []
    return [Workflow("inside", lambda thread: kept.append(build(thread))).compile(), *kept]


def node_of(kind: Any) -> Any:
    case = NodeCase.from_node(node=kind())
    return [case, WorkflowNode(name="n", node_case=case, sub_node=kind()).compile()]


def variable(**arguments: Any) -> Any:
    """A variable that is made without its thread."""

    def build(thread: WorkflowThread) -> Any:
        made = WfRunVariable(variable_name="v", parent=thread, **arguments)
        return [made.compile(), str(made), made.name, made.type, made.default_value, made.parent is thread]

    return inside(build)[1]


def user_task(thread: WorkflowThread) -> Any:
    name = thread.add_node(name="form", sub_node=model.UserTaskNode(user_task_def_name="form"))
    described = {"notes": "n", "on_cancellation_exception_name": "e", "user_id": "u", "user_group": "g"}
    made = UserTaskOutput(node_name=name, thread=thread, user_task_def_name="form", **described)
    return made.with_notes("other").node_name


def waiting(thread: WorkflowThread) -> Any:
    name = thread.add_node("wait", SpawnedThreads(fixed_threads=[]).compile(model.WaitForThreadsStrategy.WAIT_FOR_ALL))
    made = WaitForThreadsNodeOutput(node_name=name, builder=thread)
    made.handle_any_failure_on_child(handler=lambda body: None)
    condition = WaitForConditionNodeOutput(node_name=name, builder=thread)
    return [made.builder is thread, condition.node_name == name, condition.builder is thread]


def branch(thread: WorkflowThread) -> Any:
    def first(body: WorkflowThread) -> None:
        body.execute("first")

    def second(body: WorkflowThread) -> None:
        body.execute("second")

    flag = thread.declare_bool("flag")
    made = thread.do_if(flag.is_equal_to(True), first)
    names = [made.get_first_nop_node_name(), made.get_last_nop_node_name()]
    same = WorkflowIfStatement(parent_workflow_thread=thread, first_nop_node_name=names[0], last_nop_node_name=names[1])
    thread.organize_edges_for_else_if_execution(if_statement=same, input_condition=flag.is_equal_to(None), body=second)
    same.do_else(lambda body: body.fail(failure_name="f", message="m", output=1))
    return names


def events(thread: WorkflowThread) -> Any:
    config = model.CorrelatedEventConfig(ttl_seconds=4)
    awaited = ExternalEventNodeOutput(
        node_name="n", event_name="e", parent=thread, payload_type=dict, correlated_event_config=config
    )
    thrown = ThrowEventNodeOutput(event_name="t", parent=thread, payload_type=str)
    interrupt = InterruptExternalEventDefRegistration(event_name="i", payload_type=float)
    untyped = InterruptExternalEventDefRegistration("i", None)
    handler = InterruptHandler(workflow=thread.get_parent_workflow(), event_name="h")
    workflow = thread.get_parent_workflow()
    workflow.add_external_event_def_to_register(node=awaited)
    workflow.add_workflow_event_def_to_register(node=thrown)
    return [
        awaited.to_put_external_event_def_request(),
        [awaited.event_name, awaited.parent is thread, awaited.node_name],
        thrown.to_put_workflow_event_def_request(),
        interrupt.to_put_external_event_def_request(),
        untyped.to_put_external_event_def_request(),
        handler.with_event_type(event_type=int) is handler,
        [event.to_put_external_event_def_request() for event in workflow.external_events_to_register],
        [event.to_put_workflow_event_def_request() for event in workflow.workflow_events_to_register],
    ]


def spawned(thread: WorkflowThread) -> Any:
    number = thread.declare_int("number")
    one = SpawnedThread(name="child", number=number)
    each = SpawnedThreads(iterable=thread.declare_json_arr("all"), fixed_threads=None)
    fixed = SpawnedThreads(fixed_threads=[one, one])
    child = SpawnedChildWf(source_node_name="node", thread=thread)
    return [
        one.name,
        one.number is number,
        each.compile(strategy=model.WaitForThreadsStrategy.WAIT_FOR_ANY),
        fixed.compile(strategy=model.WaitForThreadsStrategy.WAIT_FOR_FIRST),
        SpawnedThreads().compile(model.WaitForThreadsStrategy.WAIT_FOR_ALL),
        [child.source_node_name, child.thread is thread],
    ]


def a_thread() -> Any:
    """A thread that is made without `Workflow.compile`."""
    backoff = model.ExponentialBackoffRetryPolicy(base_interval_ms=1)
    made = WorkflowThread(
        workflow=Workflow("w", lambda thread: None),
        initializer=lambda thread: thread.execute("t"),
        default_retries=3,
        default_exponential_backoff=backoff,
        default_timeout_seconds=5,
    )
    return [made.compile(), str(made), made.is_active, made.get_parent_workflow().name]


def interruption() -> Any:
    made = WorkflowInterruption(name="event", thread_name="thread")
    return [made.compile(), str(made), made.name, made.thread_name]


def observations(_config: Any) -> dict[str, Callable[[], Any]]:
    node = WorkflowNode("name", NodeCase.NOP, model.NopNode())
    calls: dict[str, Callable[[], Any]] = {kind.__name__: lambda kind=kind: node_of(kind) for kind in NODES}
    for kind in (str, int, float, bool, dict, list):
        calls[f"event of {kind.__name__}"] = lambda kind=kind: python_type_to_return_type(py_type=kind)
    access = model.WfRunVariableAccessLevel.INHERITED_VAR
    return calls | {
        "variable": lambda: variable(variable_type=model.VariableType.INT, default_value=4, access_level=access),
        "struct variable": lambda: variable(struct_def_name="car", struct_def_version=2, access_level="PUBLIC_VAR"),
        "variable without access level": lambda: variable(variable_type=model.VariableType.STR, access_level=None),
        "node text": lambda: [str(node), node.name, node.outgoing_edges, node.failure_handlers, node.sub_node],
        "interruption": interruption,
        "user task": lambda: inside(user_task),
        "waiting": lambda: inside(waiting),
        "branch": lambda: inside(branch),
        "events": lambda: inside(events),
        "spawned": lambda: inside(spawned),
        "thread": a_thread,
        "json": lambda: to_json(proto=model.WfRunId(id="x", parent_wf_run_id=model.WfRunId(id="y"))),
        "format": lambda: to_variable_assignment(LHFormatString(format="{0}")),
        "formats": lambda: to_variable_assignment(LHFormatString("{0}{1}", NodeOutput("n"), None)),
    }
