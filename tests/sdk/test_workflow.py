"""Compiling workflows: mistakes of programs, and what the golden programs do not show (spec 09 sections 8 to 10)."""

import datetime
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from littlehorse.exceptions import SerdeException
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import (
    BOOL,
    CHILD_FAILURE,
    INT,
    JSON_OBJ,
    STR,
    TIMESTAMP,
    Comparator,
    Edge,
    EntrypointNode,
    ExitNode,
    FailureHandlerDef,
    Node,
    PutWfSpecRequest,
    SleepNode,
    ThreadSpec,
    VariableAssignment,
    VariableMutationType,
    VariableValue,
)
from littlehorse.workflow import (
    LHExpression,
    NodeOutput,
    SpawnedThreads,
    UserTaskOutput,
    WfRunVariable,
    Workflow,
    WorkflowThread,
    python_type_to_return_type,
    to_variable_assignment,
)

Body = Callable[[WorkflowThread], Any]


def compiled(body: Body) -> PutWfSpecRequest:
    """The request of a workflow with this entrypoint."""
    return Workflow("example", body).compile()


def entrypoint_of(body: Body) -> ThreadSpec:
    """The first thread of a workflow with this entrypoint."""
    return compiled(body).thread_specs["entrypoint"]


def nothing(thread: WorkflowThread) -> None:
    pass


# ---- requests


def test_smallest_workflow() -> None:
    """09/PY-42, PY-49, 02/C-1: nothing is set that was not asked for."""
    nodes = {
        "0-entrypoint-ENTRYPOINT": Node(
            entrypoint=EntrypointNode(), outgoing_edges=[Edge(sink_node_name="1-exit-EXIT")]
        ),
        "1-exit-EXIT": Node(exit=ExitNode()),
    }
    assert compiled(nothing) == PutWfSpecRequest(
        name="example", entrypoint_thread_name="entrypoint", thread_specs={"entrypoint": ThreadSpec(nodes=nodes)}
    )


def test_threads_are_built_in_the_order_in_which_they_are_mentioned() -> None:
    """09/PY-49, 02/C-2: breadth first; a body runs after the one that mentioned it has ended."""
    order = []

    def named(name: str, *mentions: str) -> Body:
        def body(thread: WorkflowThread) -> None:
            for mentioned in mentions:
                thread.spawn_thread(named(mentioned), mentioned)
            order.append(name)

        return body

    compiled(named("root", "a", "b"))
    assert order == ["root", "a", "b"]


def test_compile_can_be_repeated_after_a_mistake() -> None:
    """09/PY-49: a compilation that raised leaves nothing behind."""
    mistakes = [True]

    def body(thread: WorkflowThread) -> None:
        thread.spawn_thread(nothing, "child")
        thread.wait_for_event("event", auto_register=True)
        if mistakes:
            raise KeyError(mistakes.pop())

    workflow = Workflow("example", body)
    with pytest.raises(KeyError):
        workflow.compile()
    first = workflow.compile()
    assert workflow.compile() == first
    assert len(workflow.external_events_to_register) == 1
    assert workflow.get_threads() == []


def test_text_forms(tmp_path: Path) -> None:
    """09 section 10: `str` and `save` give the request as JSON; `str` of a thread its part of it."""
    threads: list[WorkflowThread] = []
    workflow = Workflow("example", threads.append)
    expected = json_format.MessageToDict(workflow.compile())
    workflow.save(tmp_path / "workflow.json")
    assert json.loads((tmp_path / "workflow.json").read_text("utf-8")) == expected == json.loads(str(workflow))
    assert json.loads(str(threads[0])) == expected["threadSpecs"]["entrypoint"]


# ---- mistakes


def test_names_are_needed() -> None:
    """09 section 10: a workflow has a name, a thread a workflow."""
    absent: Any = None
    with pytest.raises(ValueError, match="Name cannot be None"):
        Workflow(absent, nothing)
    with pytest.raises(ValueError, match="Workflow cannot be None"):
        WorkflowThread(absent, nothing)
    with pytest.raises(ValueError, match="Parent workflow thread cannot be None"):
        WfRunVariable("x", absent, variable_type=INT)


def test_initializers() -> None:
    """09 section 8: any callable builds a thread, anything else does not."""

    class Builder:
        def __call__(self, thread: WorkflowThread) -> None:
            thread.execute("task")

        def method(self, thread: WorkflowThread) -> None:
            self(thread)

    def with_argument(name: str, thread: WorkflowThread) -> None:
        thread.execute(name)

    for good in (Builder(), Builder().method, functools.partial(with_argument, "task"), lambda t: t.execute("task")):
        assert "1-task-TASK" in entrypoint_of(good).nodes
    absent: Any = None
    number: Any = 3
    with pytest.raises(ValueError, match="ThreadInitializer cannot be None"):
        compiled(absent)
    with pytest.raises(TypeError, match="Object is not a ThreadInitializer"):
        compiled(number)


def test_inactive_threads() -> None:
    """09 section 9: every building method of a thread that is complete raises ReferenceError."""
    kept: list[tuple[WorkflowThread, WfRunVariable, NodeOutput, UserTaskOutput]] = []

    def body(thread: WorkflowThread) -> None:
        variable = thread.declare_int("x")
        output = thread.execute("task")
        kept.append((thread, variable, output, thread.assign_user_task("form", user_id="a")))

    compiled(body)
    thread, variable, output, user_task = kept[0]
    assert not thread.is_active
    condition = variable.is_equal_to(1)
    uses: list[Callable[[], Any]] = [
        lambda: thread.execute("task"),
        lambda: thread.declare_int("y"),
        lambda: thread.mutate(variable, VariableMutationType.ASSIGN, 1),
        lambda: thread.sleep(1),
        lambda: thread.complete(),
        lambda: thread.fail("a", "b"),
        lambda: thread.do_if(condition, nothing),
        lambda: thread.do_while(condition, nothing),
        lambda: thread.wait_for_event("e"),
        lambda: thread.throw_event("e", 1),
        lambda: thread.wait_for_condition(condition),
        lambda: thread.spawn_thread(nothing, "t"),
        lambda: thread.wait_for_threads(SpawnedThreads(variable)),
        lambda: thread.add_interrupt_handler("e", nothing),
        lambda: thread.handle_error(output, nothing),
        lambda: thread.run_wf("w"),
        lambda: thread.assign_user_task("form", user_id="a"),
        lambda: thread.cancel_user_task_run_after(user_task, 1),
        lambda: thread.add_node("n", SleepNode()),
    ]
    for use in uses:
        with pytest.raises(ReferenceError, match="Using an inactive thread"):
            use()


def test_after_the_end() -> None:
    """09/PY-43, 02/C-4: after an exit come no nodes but NOP, no mutations and no variables."""

    def body(thread: WorkflowThread) -> None:
        variable = thread.declare_int("x")
        thread.complete()
        for use in (
            lambda: thread.execute("task"),
            lambda: variable.assign(1),
            lambda: thread.declare_int("y"),
            lambda: thread.complete(),
        ):
            with pytest.raises(TypeError, match="after the thread has completed"):
                use()
        thread.do_if(variable.is_equal_to(1), nothing)

    assert [*entrypoint_of(body).nodes["1-complete-EXIT"].outgoing_edges] == []


def test_names_used_twice() -> None:
    """09 section 9.4: a variable of a thread and a thread of a workflow have names of their own."""

    def body(thread: WorkflowThread) -> None:
        thread.declare_int("x")
        with pytest.raises(ValueError, match="Variable x already added"):
            thread.declare_str("x")
        thread.spawn_thread(nothing, "t")
        with pytest.raises(ValueError, match="Thread t already added"):
            thread.spawn_thread(nothing, "t")
        with pytest.raises(ValueError, match="Variable y not found"):
            thread.find_variable("y")
        with pytest.raises(ValueError, match="Variable INPUT unaccessible"):
            thread.find_variable("INPUT")

    compiled(body)


def test_variables() -> None:
    """09 section 8.3: what a variable may be asked for depends on its type."""

    def body(thread: WorkflowThread) -> None:
        number = thread.declare_int("number")
        document = thread.declare_json_obj("document")
        struct = thread.declare_struct("struct", "car")
        with pytest.raises(ValueError, match="Must specify either"):
            thread.add_variable("neither")
        with pytest.raises(ValueError, match="Cannot specify both"):
            thread.add_variable("both", INT, struct_def_name="car")
        with pytest.raises(ValueError, match="JsonPath not allowed in a INT variable"):
            number.with_json_path("$.x")
        with pytest.raises(ValueError, match="JsonPath not allowed in a STRUCT variable"):
            struct.with_json_path("$.x")
        with pytest.raises(ValueError, match="JsonPath not allowed in a INT variable"):
            number.searchable_on("$.x", STR)
        with pytest.raises(ValueError, match="Invalid JsonPath: x"):
            document.searchable_on("x", STR)
        with pytest.raises(ValueError, match="Invalid JsonPath: x"):
            document.with_json_path("x")
        with pytest.raises(ValueError, match="Cannot set a json_path twice"):
            document.with_json_path("$.x").with_json_path("$.y")
        with pytest.raises(ValueError, match=r"Cannot use \.get\(\)"):
            document.with_json_path("$.x").get("y")
        wrong: Any = 1.5
        with pytest.raises(TypeError, match="Expected str or int"):
            document.get(wrong)
        with pytest.raises(TypeError, match="int is not decorated with @lh_struct_def"):
            thread.declare_struct("no-struct", int)

    compiled(body)


@pytest.mark.parametrize(("kind", "default"), [(INT, True), (STR, 1), (BOOL, "x"), (JSON_OBJ, [1]), (TIMESTAMP, 5)])
def test_defaults_have_the_declared_type(kind: Any, default: Any) -> None:
    """09 section 8.3: a bool is no default of an INT, and so on."""

    def body(thread: WorkflowThread) -> None:
        with pytest.raises(TypeError, match="Default value type does not match LH variable type"):
            thread.add_variable("x", kind, default_value=default)
        with pytest.raises(TypeError, match="Default value type does not match LH variable type"):
            thread.add_variable("y", kind).with_default(default)

    compiled(body)


def test_default_of_a_timestamp() -> None:
    """09 section 8.3: the published client can set none."""
    when = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    spec = entrypoint_of(lambda thread: thread.declare_timestamp("when", when))
    assert spec.variable_defs[0].var_def.default_value.utc_timestamp.ToDatetime(datetime.UTC) == when


def test_steps_with_wrong_values() -> None:
    """09 section 9.2: sleeps last at least a second, failures have names, user tasks owners."""

    def body(thread: WorkflowThread) -> None:
        text = thread.declare_str("text")
        absent: Any = None
        for seconds in (0, -1):
            with pytest.raises(ValueError, match="not allowed"):
                thread.sleep(seconds)
        for sleep in (thread.sleep, thread.sleep_until):
            with pytest.raises(ValueError, match=r"WfRunVariable must be VariableType\.INT"):
                sleep(text)
        with pytest.raises(ValueError, match="Failure name cannot be None"):
            thread.fail(absent, "message")
        with pytest.raises(ValueError, match="Must provide either user_id or user_group"):
            thread.assign_user_task("form")
        with pytest.raises(ValueError, match="UserId can't be empty"):
            thread.assign_user_task("form", user_id="  ")
        with pytest.raises(ValueError, match="UserGroup can't be empty"):
            thread.assign_user_task("form", user_group="")
        with pytest.raises(ValueError, match="Expected 'index' to be set"):
            text.remove_index()

    compiled(body)


def test_child_workflow_of_another_thread() -> None:
    """09 section 9.2: only the thread that started a child workflow can wait for it."""

    def body(thread: WorkflowThread) -> None:
        started = thread.run_wf("other")

        def child(inner: WorkflowThread) -> None:
            with pytest.raises(ValueError, match="started in other thread"):
                inner.wait_for_child_wf(started)

        thread.spawn_thread(child, "child")

    compiled(body)


def test_branches_that_cannot_be_added() -> None:
    """09/PY-46: one else; none after do_if was given one."""

    def body(thread: WorkflowThread) -> None:
        condition = thread.declare_int("x").is_equal_to(1)
        statement = thread.do_if(condition, nothing)
        statement.do_else(nothing)
        with pytest.raises(RuntimeError, match="Else block has already been executed"):
            statement.do_else(nothing)
        complete = thread.do_if(condition, nothing, nothing)
        with pytest.raises(AttributeError, match="do_else_if"):
            complete.do_else_if(condition, nothing)
        with pytest.raises(AttributeError, match="do_else"):
            complete.do_else(nothing)

    compiled(body)


def test_stale_user_tasks() -> None:
    """09 section 9.5: a user task can be described and scheduled only while it is the last node."""

    def body(thread: WorkflowThread) -> None:
        stale = thread.assign_user_task("form", user_id="a", user_group="g")
        thread.execute("something-else")
        uses: list[Callable[[], Any]] = [
            lambda: stale.with_notes("x"),
            lambda: stale.with_on_cancellation_exception("x"),
            lambda: thread.reassign_user_task_on_deadline(stale, 1, user_id="b"),
            lambda: thread.release_to_group_on_deadline(stale, 1),
            lambda: thread.schedule_reminder_task(stale, 1, "t"),
            lambda: thread.schedule_reminder_task_on_assignment(stale, 1, "t"),
            lambda: thread.cancel_user_task_run_after(stale, 1),
            lambda: thread.cancel_user_task_run_after_assignment(stale, 1),
        ]
        for use in uses:
            with pytest.raises(ValueError, match=r"(?i)stale"):
                use()

    compiled(body)


def test_interrupt_event_type_is_given_once() -> None:
    """09 section 9.4: `with_event_type` registers the event, once."""

    def body(thread: WorkflowThread) -> None:
        handler = thread.add_interrupt_handler("event", nothing).with_event_type(None)
        with pytest.raises(ValueError, match="already registered: event"):
            handler.with_event_type(str)

    compiled(body)


@pytest.mark.parametrize("kind", [None, set, object, list[int]])
def test_types_that_no_event_has(kind: Any) -> None:
    """09 section 8.2: ValueError, whatever the reason."""
    with pytest.raises(ValueError):
        python_type_to_return_type(kind)


# ---- what the published client cannot do


def test_reminder_on_assignment_passes_its_arguments() -> None:
    """09/PY-51, 02/C-12: as separate inputs; the published client sends one array."""

    def body(thread: WorkflowThread) -> None:
        task = thread.assign_user_task("form", user_id="a")
        thread.schedule_reminder_task_on_assignment(task, 1, "remind", "x", 2)

    trigger = entrypoint_of(body).nodes["1-form-USER_TASK"].user_task.actions[0]
    values = [variable.literal_value for variable in trigger.task.task.variables]
    assert values == [VariableValue(str="x"), VariableValue(int=2)]


def test_assignment_to_a_part() -> None:
    """09/PY-51, 02/C-5: the path goes along; the published client changes the whole variable."""

    def body(thread: WorkflowThread) -> None:
        thread.declare_json_obj("document").get("a").get(1).assign("x")

    mutation = entrypoint_of(body).nodes["0-entrypoint-ENTRYPOINT"].outgoing_edges[0].variable_mutations[0]
    assert [selector.WhichOneof("selector_type") for selector in mutation.lhs_lh_path.path] == ["key", "index"]


def test_handler_of_a_failed_child() -> None:
    """09 section 9.4, 02/C-9: CHILD_FAILURE is the error whose number is 0."""

    def body(thread: WorkflowThread) -> None:
        output = thread.execute("task")
        thread.handle_error(output, nothing, CHILD_FAILURE)

    handlers = entrypoint_of(body).nodes["1-task-TASK"].failure_handlers
    name = "exn-handler-1-task-TASK-CHILD_FAILURE"
    assert [*handlers] == [FailureHandlerDef(handler_spec_name=name, specific_failure="CHILD_FAILURE")]


def test_loops_over_combined_conditions() -> None:
    """09/PY-47, 02/C-7: AND and OR are negated part by part, other booleans compared with true."""

    def body(thread: WorkflowThread) -> None:
        number, flag = thread.declare_int("number"), thread.declare_bool("flag")
        thread.do_while(number.is_equal_to(1).do_and(flag.do_or(number.is_less_than(5))), nothing)
        with pytest.raises(TypeError, match="Only conditions can be negated"):
            thread.do_while(number.add(1), nothing)

    edges = entrypoint_of(body).nodes["1-nop-NOP"].outgoing_edges
    negated = edges[1].condition.expression
    assert negated.mutation_type == VariableMutationType.OR
    assert negated.lhs.expression.comparator == Comparator.NOT_EQUALS
    assert negated.rhs.expression.mutation_type == VariableMutationType.AND
    assert negated.rhs.expression.lhs.expression.comparator == Comparator.NOT_EQUALS
    assert negated.rhs.expression.lhs.expression.rhs.literal_value.bool
    assert negated.rhs.expression.rhs.expression.comparator == Comparator.GREATER_THAN_EQ


def test_outputs_can_be_compared_and_taken_apart() -> None:
    """09 section 8.2: node outputs have the comparisons of variables, and `get`."""
    output = NodeOutput("1-task-TASK")
    assignment = to_variable_assignment(output.get("a").get(0).is_equal_to(1))
    assert assignment.expression.comparator == Comparator.EQUALS
    assert [selector.WhichOneof("selector_type") for selector in assignment.expression.lhs.lh_path.path] == [
        "key",
        "index",
    ]
    with pytest.raises(ValueError, match=r"Cannot use \.get\(\)"):
        output.with_json_path("$.x").get("y")
    assert isinstance(output, LHExpression)


def test_timeout_of_an_event_from_a_variable() -> None:
    """09 section 11: the seconds may come from a variable."""
    spec = entrypoint_of(lambda thread: thread.wait_for_event("e", timeout=thread.declare_int("seconds")))
    node = spec.nodes["1-e-EXTERNAL_EVENT"].external_event
    assert node.timeout_seconds == VariableAssignment(variable_name="seconds")


def test_types_of_events() -> None:
    """09 section 8.2: structs and further types are possible too."""

    @lh_struct_def("car")
    class Car:
        model: str

    assert python_type_to_return_type(Car).return_type.struct_def_id.name == "car"
    assert python_type_to_return_type(datetime.datetime).return_type.primitive_type == TIMESTAMP


def test_index_of_an_array_named_by_the_thread() -> None:
    """09/PY-48, 09 section 11: unlike in the published client, the thread's method can be told which array."""

    def body(thread: WorkflowThread) -> None:
        items = thread.declare_json_arr("items")
        expected = to_variable_assignment(items.remove_index(2))
        assert to_variable_assignment(thread.remove_index(2, lhs=items)) == expected
        with pytest.raises(ValueError, match="index"):
            thread.remove_index(lhs=items)
        with pytest.raises(SerdeException, match="lhs="):
            thread.remove_index(2)

    compiled(body)
