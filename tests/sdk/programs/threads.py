"""Child threads, for-each, handlers, interrupts, threads that add further threads."""

from littlehorse.model import LHErrorType, ThreadRetentionPolicy, WaitForThreadsStrategy
from littlehorse.workflow import SpawnedThreads, Workflow, WorkflowThread


def handler(thread: WorkflowThread) -> None:
    thread.declare_json_obj("INPUT")
    thread.execute("handle", thread.find_variable("INPUT"), thread.find_variable("shared"))


def grandchild(thread: WorkflowThread) -> None:
    thread.execute("grandchild")


def child(thread: WorkflowThread) -> None:
    shared = thread.find_variable("shared")
    value = thread.declare_int("value").required()
    shared.assign(value)
    thread.execute("child", value)
    spawned = thread.spawn_thread(grandchild, f"grandchild-{len(thread.get_parent_workflow().get_threads())}")
    thread.wait_for_threads(SpawnedThreads.from_list(spawned))
    shared.assign(value.add(1))


def entrypoint(thread: WorkflowThread) -> None:
    shared = thread.declare_int("shared").as_public()
    items = thread.declare_json_arr("items")
    thread.add_interrupt_handler("stop", handler)
    thread.add_interrupt_handler("typed", handler).with_event_type(str)
    first = thread.spawn_thread(child, "first", {"value": shared})
    second = thread.spawn_thread(child, "second", {"value": 5})
    third = thread.spawn_thread(lambda body: None, "empty")
    waited = thread.wait_for_threads(SpawnedThreads.from_list(first, second), WaitForThreadsStrategy.WAIT_FOR_ANY)
    waited.handle_exception_on_child(handler).handle_exception_on_child(handler, "oops")
    waited.handle_error_on_child(handler).handle_error_on_child(handler, LHErrorType.TIMEOUT)
    waited.handle_any_failure_on_child(handler)
    thread.wait_for_threads(SpawnedThreads.from_list(third))
    each = thread.spawn_thread_for_each(items, handler, "each", {"more": shared.add(1)})
    thread.wait_for_threads(each, WaitForThreadsStrategy.WAIT_FOR_FIRST)
    thread.spawn_thread_for_each(items.with_json_path("$.x"), handler, "each-part")
    task = thread.execute("risky")
    thread.handle_any_failure(task, handler)
    thread.handle_exception(task, handler)
    thread.handle_exception(task, handler, "declined")
    thread.handle_error(task, handler)
    thread.handle_error(task, handler, LHErrorType.TASK_FAILURE)
    condition = thread.wait_for_condition(shared.is_equal_to(1))
    thread.handle_error(condition, handler, LHErrorType.TIMEOUT)
    thread.with_retention_policy(ThreadRetentionPolicy(seconds_after_thread_termination=1))
    thread.get_parent_workflow().add_sub_thread("by-hand", grandchild)


def workflow() -> Workflow:
    return Workflow("threads", entrypoint)
