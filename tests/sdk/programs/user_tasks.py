"""User tasks with what is scheduled for them. The on-assignment reminder has no argument here: see PY-51."""

from littlehorse.workflow import Workflow, WorkflowThread


def entrypoint(thread: WorkflowThread) -> None:
    user = thread.declare_str("user")
    delay = thread.declare_int("delay")
    thread.assign_user_task("form", user_id="anna")
    thread.assign_user_task("form", user_group="sales")
    first = thread.assign_user_task("form", user_id=user, user_group=user)
    thread.reassign_user_task_on_deadline(first, 60, user_group="managers")
    thread.reassign_user_task_on_deadline(first, delay, user_id=user)
    thread.release_to_group_on_deadline(first, 30)
    thread.schedule_reminder_task(first, 10, "remind", user, 5, {"a": 1})
    thread.schedule_reminder_task(first, delay, "remind")
    thread.cancel_user_task_run_after(first, 100)
    thread.cancel_user_task_run_after_assignment(first, delay)
    second = thread.assign_user_task("form", user_id="bob", user_group="sales")
    second.with_notes("please").with_on_cancellation_exception("cancelled")
    thread.release_to_group_on_deadline(second, 5)
    third = thread.assign_user_task("form", user_group="sales")
    thread.schedule_reminder_task(third, 1, "dropped-by-the-next-line")
    third.with_on_cancellation_exception(user).with_notes(thread.format("for {0}", user))
    thread.assign_user_task("form", user_id="a").with_notes(user)
    thread.execute("use", first.with_json_path("$.answer"), second)


def workflow() -> Workflow:
    return Workflow("user-tasks", entrypoint)
