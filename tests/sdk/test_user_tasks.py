"""User tasks as the SDK compiles them (spec 06 section 10)."""

import pytest

from littlehorse.model import JSON_OBJ, Node, UTActionTrigger, VariableValue
from littlehorse.workflow import Workflow, WorkflowThread

ON_ARRIVAL, ON_TASK_ASSIGNED = UTActionTrigger.UTHook.ON_ARRIVAL, UTActionTrigger.UTHook.ON_TASK_ASSIGNED


def nodes_of(entrypoint: object) -> dict[str, Node]:
    """The nodes of the first thread of a workflow with this entrypoint."""
    return dict(Workflow("example", entrypoint).compile().thread_specs["entrypoint"].nodes)  # type: ignore[arg-type]


def test_names_and_triggers() -> None:
    """06/U-75: the node's name; the hook of each trigger; a task that is no longer the last node takes none."""

    def entrypoint(thread: WorkflowThread) -> None:
        task = thread.assign_user_task("form", user_id="ada", user_group="sales")
        thread.schedule_reminder_task(task, 1, "remind")
        thread.schedule_reminder_task_on_assignment(task, 2, "remind")
        thread.release_to_group_on_deadline(task, 3)
        thread.reassign_user_task_on_deadline(task, 4, user_id="bob")
        thread.cancel_user_task_run_after(task, 5)
        thread.cancel_user_task_run_after_assignment(task, 6)
        thread.execute("work")
        with pytest.raises(ValueError, match="stale"):
            thread.cancel_user_task_run_after(task, 7)
        with pytest.raises(ValueError, match="stale"):
            task.with_notes("late")

    node = nodes_of(entrypoint)["1-form-USER_TASK"].user_task
    assert not node.HasField("user_task_def_version")
    assert [(action.WhichOneof("action"), action.hook) for action in node.actions] == [
        ("task", ON_ARRIVAL),
        ("task", ON_TASK_ASSIGNED),
        ("reassign", ON_TASK_ASSIGNED),
        ("reassign", ON_ARRIVAL),
        ("cancel", ON_ARRIVAL),
        ("cancel", ON_TASK_ASSIGNED),
    ]
    assert node.actions[2].reassign.user_group == node.user_group
    assert not node.actions[2].reassign.HasField("user_id")
    assert not node.actions[3].reassign.HasField("user_group")


def test_delays_and_reminders() -> None:
    """06/U-76: a delay is an INT or a variable; a reminder has neither a time limit nor retries of its own."""

    def entrypoint(thread: WorkflowThread) -> None:
        delay = thread.declare_int("delay")
        task = thread.assign_user_task("form", user_id="ada")
        thread.schedule_reminder_task(task, 10, "remind", "x", delay)
        thread.cancel_user_task_run_after(task, delay)

    reminder, cancel = nodes_of(entrypoint)["1-form-USER_TASK"].user_task.actions
    assert reminder.delay_seconds.literal_value == VariableValue(int=10)
    assert cancel.delay_seconds.variable_name == "delay"
    assert reminder.task.task.task_def_id.name == "remind"
    assert [variable.WhichOneof("source") for variable in reminder.task.task.variables] == [
        "literal_value",
        "variable_name",
    ]
    assert (reminder.task.task.timeout_seconds, reminder.task.task.retries) == (0, 0)


def test_the_result_is_a_node_output() -> None:
    """06/U-78: whole in a variable, by a path in an input."""

    def entrypoint(thread: WorkflowThread) -> None:
        answer = thread.declare_json_obj("answer")
        task = thread.assign_user_task("form", user_id="ada")
        answer.assign(task)
        thread.execute("work", task.with_json_path("$.amount"))

    nodes = nodes_of(entrypoint)
    mutation = nodes["1-form-USER_TASK"].outgoing_edges[0].variable_mutations[0]
    assert (mutation.lhs_name, mutation.rhs_assignment.node_output.node_name) == ("answer", "1-form-USER_TASK")
    given = nodes["2-work-TASK"].task.variables[0]
    assert (given.node_output.node_name, given.json_path) == ("1-form-USER_TASK", "$.amount")
    assert Workflow("example", entrypoint).compile().thread_specs["entrypoint"].variable_defs[0].var_def.type_def == (
        type(mutation.rhs_assignment.target_type)(primitive_type=JSON_OBJ)
    )


def test_describing_a_task_again_drops_what_was_scheduled(caplog: pytest.LogCaptureFixture) -> None:
    """06/U-82, 02/C-13: as in the published client, but with a warning; the safe order keeps everything."""

    def dropped(thread: WorkflowThread) -> None:
        task = thread.assign_user_task("form", user_id="ada")
        task.with_on_cancellation_exception("denied")
        thread.cancel_user_task_run_after(task, 5)
        task.with_notes("please")

    def kept(thread: WorkflowThread) -> None:
        task = thread.assign_user_task("form", user_id="ada")
        task.with_notes("please").with_on_cancellation_exception("denied")
        thread.cancel_user_task_run_after(task, 5)

    node = nodes_of(dropped)["1-form-USER_TASK"].user_task
    assert (node.HasField("notes"), node.HasField("on_cancellation_exception_name"), len(node.actions)) == (
        True,
        False,
        0,
    )
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    node = nodes_of(kept)["1-form-USER_TASK"].user_task
    assert (node.HasField("notes"), node.HasField("on_cancellation_exception_name"), len(node.actions)) == (
        True,
        True,
        1,
    )
