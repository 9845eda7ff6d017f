"""What the other programs leave out: arguments by keyword, defaults of every type, and settings of a workflow."""

import datetime

from littlehorse.model import (
    AllowedUpdateType,
    Comparator,
    CorrelatedEventConfig,
    ExponentialBackoffRetryPolicy,
    LHErrorType,
    NopNode,
    ThreadRetentionPolicy,
    VariableMutationType,
    VariableType,
    WaitForThreadsStrategy,
    WfRunVariableAccessLevel,
)
from littlehorse.workflow import SpawnedThreads, Workflow, WorkflowThread


def child(thread: WorkflowThread) -> None:
    thread.execute(task_name="child")


def declarations(thread: WorkflowThread) -> None:
    thread.declare_str(name="text", default_value="")
    thread.declare_double(name="ratio", default_value=0.0)
    thread.declare_bool(name="flag", default_value=True)
    thread.declare_int(name="count", default_value=-1).with_access_level(
        access_level=WfRunVariableAccessLevel.PUBLIC_VAR
    )
    thread.declare_bytes(name="raw", default_value=b"")
    thread.declare_json_arr(name="items", default_value=[])
    thread.declare_json_obj(name="object", default_value={})
    thread.declare_timestamp(name="when", default_value=None)
    thread.declare_wf_run_id(name="run", default_value=None)
    thread.declare_struct(name="struct", struct_def="car", struct_def_version=7)
    thread.add_variable(
        variable_name="other-struct",
        variable_type=None,
        access_level=WfRunVariableAccessLevel.INHERITED_VAR,
        default_value=None,
        struct_def_name="car",
        struct_def_version=3,
    )
    thread.add_variable("searched", VariableType.JSON_OBJ).searchable_on(field_path="$.a", field_type=VariableType.INT)
    thread.find_variable(variable_name="text").with_default(default_value="later").searchable().masked().required()


def steps(thread: WorkflowThread) -> None:
    count = thread.find_variable("count")
    backoff = ExponentialBackoffRetryPolicy(base_interval_ms=5, multiplier=3)
    thread.execute(task_name="task", timeout_seconds=0, retries=0, exponential_backoff=backoff)
    thread.wait_for_event(
        event_name="event",
        timeout=1,
        correlation_id="key",
        mask_correlation_id=False,
        auto_register=True,
        return_type=str,
        correlated_event_config=CorrelatedEventConfig(delete_after_first_correlation=False),
    )
    thread.wait_for_event("negative", timeout=-5, auto_register=None)
    thread.throw_event(workflow_event_name="thrown", content=count, auto_register=True, return_type=int)
    thread.throw_event("thrown-quietly", 1, auto_register=None)
    thread.mutate(left_hand=count, operation=VariableMutationType.ADD, right_hand=1)
    thread.add_node(name="by-hand", sub_node=NopNode())
    thread.sleep(seconds=1)
    thread.sleep_until(timestamp=count)
    thread.wait_for_condition(condition=thread.condition(left_hand=1, comparator=Comparator.IN, right_hand=[1]))
    spawned = thread.run_wf(wf_spec_name="child", inputs={"a": None}, child_id="c")
    thread.wait_for_child_wf(childWf=spawned)
    thread.run_wf("child", inputs={}, child_id=None)
    thread.with_retention_policy(policy=ThreadRetentionPolicy(seconds_after_thread_termination=0))


def threads(thread: WorkflowThread) -> None:
    items = thread.find_variable("items")
    one = thread.spawn_thread(initializer=child, thread_name="one", input={"x": items, "y": None})
    two = thread.spawn_thread(child, "two", input={})
    each = thread.spawn_thread_for_each(arr_var=items, initializer=child, thread_name="each", input={"z": one.number})
    waited = thread.wait_for_threads(
        wait_for=SpawnedThreads.from_list(one, two), strategy=WaitForThreadsStrategy.WAIT_FOR_ANY
    )
    thread.wait_for_threads(each)
    waited.handle_exception_on_child(handler=child, exception_name="oops")
    waited.handle_error_on_child(handler=child, error_type=LHErrorType.TIMEOUT)
    task = thread.execute("risky")
    thread.handle_any_failure(node=task, initializer=child)
    thread.handle_exception(node=task, initializer=child, exception_name="no")
    for kind in LHErrorType.values():
        if kind != LHErrorType.CHILD_FAILURE:  # the published client refuses this one
            thread.handle_error(node=task, initializer=child, error_type=kind)
    thread.add_interrupt_handler(name="interrupt", handler=child)


def user_tasks(thread: WorkflowThread) -> None:
    count = thread.find_variable("count")
    task = thread.assign_user_task(user_task_def_name="form", user_id="u", user_group=count)
    task.with_on_cancellation_exception(exception_name="gone")
    thread.reassign_user_task_on_deadline(user_task=task, deadline_seconds=1, user_group="g", user_id=count)
    thread.reassign_user_task_on_deadline(task, 5)
    thread.release_to_group_on_deadline(user_task=task, deadline_seconds=2)
    thread.schedule_reminder_task(task, 3, "remind", "a", {"b": 1})
    thread.schedule_reminder_task(user_task=task, delay_in_seconds=count, task_def_name="remind")
    thread.cancel_user_task_run_after(user_task=task, delay_in_seconds=4)
    thread.cancel_user_task_run_after_assignment(user_task=task, delay_in_seconds=5)


def flow(thread: WorkflowThread) -> None:
    count = thread.find_variable("count")
    condition = count.is_less_than(2)
    thread.do_while(condition=condition, while_body=child)
    thread.do_if(condition=condition, if_body=child, else_body=child)
    chain = thread.do_if(condition=condition, if_body=child, else_body=None)
    chain.do_else_if(condition=condition.negate(), body=child)
    chain.do_else(body=child)
    thread.do_if(count.is_equal_to(1).do_and(count.is_equal_to(2)), child)
    thread.do_if(thread.find_variable("flag"), child)
    count.assign(rhs=thread.format("{0}", *["x"]))
    count.assign(thread.remove_key(lhs=thread.extend(lhs=count, rhs=1), rhs=thread.remove_if_present(lhs=1, rhs=2)))
    count.assign(thread.add(lhs=thread.subtract(lhs=1, rhs=2), rhs=thread.multiply(lhs=3, rhs=4)))
    count.assign(thread.divide(lhs=thread.pow(base=2, exponent=3), rhs=4))
    thread.complete(output=datetime.datetime(2020, 5, 6, 7, 8, 9))


def entrypoint(thread: WorkflowThread) -> None:
    for part in (declarations, steps, threads, user_tasks, flow):
        part(thread)


def workflows() -> list[Workflow]:
    made = Workflow(name="options", entrypoint=entrypoint, parent_wf=None)
    made.with_update_type(update_type=AllowedUpdateType.NO_UPDATES)
    made.with_retry_policy(retries=None, exponential_backoff=ExponentialBackoffRetryPolicy(max_delay_ms=3))
    made.with_task_timeout_seconds(timeout_seconds=0)
    plain = Workflow("plain", lambda thread: None).with_retry_policy().with_task_timeout_seconds()
    plain.with_update_type(AllowedUpdateType.ALL_UPDATES)
    return [made, plain]
