"""Wrong uses: what each raises, if anything."""

import functools
import json
from collections.abc import Callable
from typing import Any

import littlehorse
from littlehorse import lh_struct, model
from littlehorse.lh_struct import lh_struct_def
from littlehorse.model import Comparator, LHErrorType, VariableMutationType, VariableType, WaitForThreadsStrategy
from littlehorse.workflow import (
    LHExpression,
    NodeCase,
    NodeOutput,
    SpawnedThread,
    SpawnedThreads,
    WfRunVariable,
    Workflow,
    WorkflowNode,
    WorkflowThread,
    python_type_to_return_type,
    to_variable_assignment,
)

Body = Callable[[WorkflowThread], Any]


@lh_struct_def("known")
class Known:
    name: str


class Initializer:
    def __call__(self, thread: WorkflowThread) -> None:
        thread.execute("t")


def nothing(_thread: WorkflowThread) -> None:
    pass


def ends(thread: WorkflowThread) -> None:
    thread.complete()


def step(thread: WorkflowThread) -> None:
    thread.execute("step")


# Each is the body of an entrypoint.
BODIES: dict[str, Body] = {
    "variable twice": lambda t: [t.declare_int("a"), t.declare_str("a")],
    "variable without type": lambda t: t.add_variable("a"),
    "variable with two types": lambda t: t.add_variable("a", VariableType.INT, struct_def_name="s"),
    "variable of unknown access": lambda t: t.add_variable("a", VariableType.INT, access_level="NO_VAR"),
    "variable of unknown type": lambda t: t.add_variable("a", 99),
    "default of other type": lambda t: t.declare_int("a", "text"),
    "default bool of int": lambda t: t.declare_int("a", True),
    "default int of double": lambda t: t.declare_double("a", 1),
    "default list of object": lambda t: t.declare_json_obj("a", [1]),
    "default dict of array": lambda t: t.declare_json_arr("a", {}),
    "default tuple of array": lambda t: t.declare_json_arr("a", (1,)),
    "default of struct": lambda t: t.declare_struct("a", Known).with_default({"name": "x"}),
    "default of timestamp": lambda t: t.declare_timestamp("a", 5),
    "default set": lambda t: t.declare_json_obj("a", {1}),
    "struct of plain class": lambda t: t.declare_struct("a", int),
    "struct of nothing": lambda t: t.declare_struct("a", None),
    "unknown variable": lambda t: t.find_variable("a"),
    "unknown INPUT": lambda t: t.find_variable("INPUT"),
    "search on text": lambda t: t.declare_str("a").searchable_on("$.a", VariableType.INT),
    "search on array": lambda t: t.declare_json_arr("a").searchable_on("$.a", VariableType.INT),
    "search without path": lambda t: t.declare_json_obj("a").searchable_on(None, VariableType.INT),
    "search without type": lambda t: t.declare_json_obj("a").searchable_on("$.a", None),
    "search on bad path": lambda t: t.declare_json_obj("a").searchable_on("a", VariableType.INT),
    "json path of text": lambda t: t.declare_str("a").with_json_path("$.a"),
    "json path of struct": lambda t: t.declare_struct("a", Known).with_json_path("$.a"),
    "bad json path": lambda t: t.declare_json_obj("a").with_json_path("a"),
    "no json path": lambda t: t.declare_json_obj("a").with_json_path(None),
    "json path twice": lambda t: t.declare_json_obj("a").with_json_path("$.a").with_json_path("$.b"),
    "json path set twice": lambda t: [setattr(v, "json_path", "$.a") for v in [t.declare_json_obj("a")] * 2],
    "json path set to nothing": lambda t: setattr(t.declare_json_obj("a"), "json_path", None),
    "json path set badly": lambda t: setattr(t.declare_str("a"), "json_path", "x"),
    "field of json path": lambda t: t.declare_json_obj("a").with_json_path("$.a").get("b"),
    "field of other kind": lambda t: t.declare_json_obj("a").get(1.5),
    "output path twice": lambda t: t.execute("t").with_json_path("$.a").with_json_path("$.b"),
    "bad output path": lambda t: t.execute("t").with_json_path("b"),
    "no output path": lambda t: t.execute("t").with_json_path(None),
    "output path set twice": lambda t: [setattr(v, "json_path", "$.a") for v in [t.execute("t")] * 2],
    "step after complete": lambda t: [t.complete(), t.execute("t")],
    "step after fail": lambda t: [t.fail("f", "m"), t.sleep(1)],
    "variable after complete": lambda t: [t.complete(), t.declare_int("a")],
    "mutation after complete": lambda t: [t.declare_int("a"), t.complete(), t.find_variable("a").assign(1)],
    "complete twice": lambda t: [t.complete(), t.complete()],
    "branch after complete": lambda t: [t.complete(), t.do_if(t.condition(1, Comparator.EQUALS, 1), step)],
    "empty branch after complete": lambda t: [t.complete(), t.do_if(t.condition(1, Comparator.EQUALS, 1), nothing)],
    "fail without name": lambda t: t.fail(None, "m"),
    "fail without message": lambda t: t.fail("f", None),
    "sleep 0": lambda t: t.sleep(0),
    "sleep negative": lambda t: t.sleep(-1),
    "sleep text": lambda t: t.sleep(t.declare_str("a")),
    "sleep of float": lambda t: t.sleep(1.5),
    "sleep until text": lambda t: t.sleep_until(t.declare_str("a")),
    "sleep until timestamp": lambda t: t.sleep_until(t.declare_timestamp("a")),
    "unserializable input": lambda t: t.execute("t", {1}),
    "too large input": lambda t: t.execute("t", 2**63),
    "task without name": lambda t: t.execute(None),
    "task of number": lambda t: t.execute(5),
    "task with unknown option": lambda t: t.execute("t", tries=5),
    "retries of text": lambda t: t.execute("t", retries="many"),
    "event without timeout": lambda t: t.wait_for_event("e", timeout=None),
    "event of negative float": lambda t: t.wait_for_event("e", timeout=-0.5),
    "user task of nobody": lambda t: t.assign_user_task("f"),
    "user task of blank user": lambda t: t.assign_user_task("f", user_id=" "),
    "user task of blank group": lambda t: t.assign_user_task("f", user_group=""),
    "blank user with group": lambda t: t.assign_user_task("f", user_id="", user_group="g"),
    "stale notes": lambda t: [u := t.assign_user_task("f", "u"), step(t), u.with_notes("n")],
    "stale exception": lambda t: [u := t.assign_user_task("f", "u"), step(t), u.with_on_cancellation_exception("e")],
    "stale reassign": lambda t: [u := t.assign_user_task("f", "u"), step(t), t.reassign_user_task_on_deadline(u, 1)],
    "stale release": lambda t: [u := t.assign_user_task("f", "u"), step(t), t.release_to_group_on_deadline(u, 1)],
    "stale reminder": lambda t: [u := t.assign_user_task("f", "u"), step(t), t.schedule_reminder_task(u, 1, "r")],
    "stale cancel": lambda t: [u := t.assign_user_task("f", "u"), step(t), t.cancel_user_task_run_after(u, 1)],
    "stale reminder on assignment": lambda t: [
        u := t.assign_user_task("f", "u"), step(t), t.schedule_reminder_task_on_assignment(u, 1, "r")
    ],
    "stale cancel after assignment": lambda t: [
        u := t.assign_user_task("f", "u"), step(t), t.cancel_user_task_run_after_assignment(u, 1)
    ],
    "reassign of nothing": lambda t: t.reassign_user_task_on_deadline(None, 1),
    "release without group": lambda t: t.release_to_group_on_deadline(t.assign_user_task("f", "u"), 1),
    "release without user": lambda t: t.release_to_group_on_deadline(t.assign_user_task("f", user_group="g"), 1),
    "reminder on assignment without input": lambda t: t.schedule_reminder_task_on_assignment(
        user_task=t.assign_user_task("f", "u"), delay_in_seconds=1, task_def_name="r"
    ),
    "reminder on assignment with input": lambda t: t.schedule_reminder_task_on_assignment(
        t.assign_user_task("f", "u"), 1, "r", "input"
    ),
    "thread twice": lambda t: [t.spawn_thread(step, "a"), t.spawn_thread(step, "a")],
    "thread like the entrypoint": lambda t: t.spawn_thread(step, "entrypoint"),
    "thread without body": lambda t: t.spawn_thread(None, "a"),
    "thread of object": lambda t: t.spawn_thread(Initializer(), "a"),
    "thread of partial": lambda t: t.spawn_thread(functools.partial(step), "a"),
    "thread of text": lambda t: t.spawn_thread("step", "a"),
    "handler twice": lambda t: [n := t.execute("t"), t.handle_error(n, step), t.handle_error(n, step)],
    "handlers of one name": lambda t: [
        n := t.execute("t"), t.handle_exception(n, step, "x"), t.handle_exception(n, step, "x")
    ],
    "handler of nothing": lambda t: t.handle_any_failure(None, step),
    "handler of unknown node": lambda t: t.handle_error(NodeOutput("7-no-TASK"), step),
    "handler without body": lambda t: t.handle_exception(t.execute("t"), None),
    "handler of unknown error": lambda t: t.handle_error(t.execute("t"), step, 99),
    "handler of failed child": lambda t: t.handle_error(t.execute("t"), step, LHErrorType.CHILD_FAILURE),
    "child handler twice": lambda t: [
        w := t.wait_for_threads(SpawnedThreads.from_list(t.spawn_thread(step, "a"))),
        w.handle_error_on_child(step), w.handle_error_on_child(step),
    ],
    "wait for nothing": lambda t: t.wait_for_threads(None),
    "wait for one thread": lambda t: t.wait_for_threads(t.spawn_thread(step, "a")),
    "wait with unknown strategy": lambda t: t.wait_for_threads(SpawnedThreads.from_list(), 99),
    "interrupt twice": lambda t: [t.add_interrupt_handler("e", step), t.add_interrupt_handler("e", step)],
    "interrupt typed twice": lambda t: t.add_interrupt_handler("e", step).with_event_type(int).with_event_type(int),
    "branch without body": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), None),
    "branch of text": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), "step"),
    "else of text": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), step, "step"),
    "branch of object": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), Initializer()),
    "branch without condition": lambda t: t.do_if(None, step),
    "loop without body": lambda t: t.do_while(t.condition(1, Comparator.EQUALS, 1), None),
    "loop without condition": lambda t: t.do_while(None, step),
    "loop of expression": lambda t: t.do_while(t.declare_bool("a").is_equal_to(1).do_or(True), step),
    "loop that completes": lambda t: t.do_while(t.condition(1, Comparator.EQUALS, 1), ends),
    "else if of nothing": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), step).do_else_if(None, None),
    "else if without body": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), step).do_else_if(
        t.condition(1, Comparator.EQUALS, 2), None
    ),
    "else without body": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), step).do_else(None),
    "else if after else": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), step, step).do_else_if(
        t.condition(1, Comparator.EQUALS, 2), step
    ),
    "else after else": lambda t: t.do_if(t.condition(1, Comparator.EQUALS, 1), step, step).do_else(step),
    "else twice": lambda t: [
        i := t.do_if(t.condition(1, Comparator.EQUALS, 1), step), i.do_else(step), i.do_else(step)
    ],
    "else if after complete": lambda t: [
        i := t.do_if(t.condition(1, Comparator.EQUALS, 1), step), ends(t), i.do_else(step)
    ],
    "unknown comparator": lambda t: t.do_if(t.condition(1, 99, 1), step),
    "unknown comparator negated": lambda t: t.condition(1, 99, 1).negate(),
    "unknown operation": lambda t: t.declare_int("a").assign(LHExpression(1, 99, 1)),
    "unknown mutation": lambda t: t.mutate(t.declare_int("a"), 99, 1),
    "mutation of nothing": lambda t: t.mutate(None, VariableMutationType.ADD, 1),
    "mutation of output": lambda t: t.mutate(t.execute("t"), VariableMutationType.ADD, 1),
    "assignment to a field": lambda t: t.declare_json_obj("a").get("b").assign(1),
    "assignment of a set": lambda t: t.declare_int("a").assign({1}),
    "unknown cast": lambda t: t.declare_int("a").assign(t.execute("t").cast_to(99)),
    "index of a thread": lambda t: t.remove_index(index=1),
    "no index of a thread": lambda t: t.remove_index(),
    "index of a thread compiled": lambda t: t.declare_int("a").assign(t.remove_index(1)),
    "sides of output": lambda t: t.execute("t").lhs(),
    "compared output": lambda t: t.execute("t").is_equal_to(1),
    "field of output": lambda t: t.execute("t").get("a"),
    "node of unknown kind": lambda t: t.add_node("n", model.TaskDefId()),
    "child workflow of other thread": lambda t: [
        c := t.run_wf("w"), t.spawn_thread(lambda child: child.wait_for_child_wf(c), "a")
    ],
    "child workflow of nothing": lambda t: t.wait_for_child_wf(None),
    "child workflow without name": lambda t: t.run_wf(None),
    "inputs that are no dict": lambda t: t.run_wf("w", [1]),
    "thread inputs that are no dict": lambda t: t.spawn_thread(step, "a", [1]),
    "event of bytes": lambda t: t.wait_for_event("e", return_type=bytes),
    "retention of other kind": lambda t: t.with_retention_policy(model.WorkflowRetentionPolicy()),
    "format of number": lambda t: t.execute(t.format(5)),
}  # fmt: skip
# Each is called on a thread that is complete, with a variable, an output and a user task of it.
LATE: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "step": lambda t, v, n, u: t.execute("t"),
    "variable": lambda t, v, n, u: t.declare_int("b"),
    "assign": lambda t, v, n, u: v.assign(1),
    "mutate": lambda t, v, n, u: t.mutate(v, VariableMutationType.ADD, 1),
    "find": lambda t, v, n, u: t.find_variable("a").name,
    "branch": lambda t, v, n, u: t.do_if(v.is_equal_to(1), step),
    "loop": lambda t, v, n, u: t.do_while(v.is_equal_to(1), step),
    "spawn": lambda t, v, n, u: t.spawn_thread(step, "b"),
    "spawn for each": lambda t, v, n, u: t.spawn_thread_for_each(v, step, "b"),
    "wait": lambda t, v, n, u: t.wait_for_threads(SpawnedThreads.from_list(SpawnedThread("x", v))),
    "condition": lambda t, v, n, u: t.wait_for_condition(v.is_equal_to(1)),
    "sleep": lambda t, v, n, u: t.sleep(1),
    "sleep until": lambda t, v, n, u: t.sleep_until(v),
    "event": lambda t, v, n, u: t.wait_for_event("e"),
    "throw": lambda t, v, n, u: t.throw_event("e", 1),
    "interrupt": lambda t, v, n, u: t.add_interrupt_handler("e", step),
    "any failure": lambda t, v, n, u: t.handle_any_failure(n, step),
    "exception": lambda t, v, n, u: t.handle_exception(n, step),
    "error": lambda t, v, n, u: t.handle_error(n, step),
    "child workflow": lambda t, v, n, u: t.run_wf("w"),
    "user task": lambda t, v, n, u: t.assign_user_task("f", "u"),
    "reassign": lambda t, v, n, u: t.reassign_user_task_on_deadline(u, 1, "g"),
    "release": lambda t, v, n, u: t.release_to_group_on_deadline(u, 1),
    "reminder": lambda t, v, n, u: t.schedule_reminder_task(u, 1, "r"),
    "reminder on assignment": lambda t, v, n, u: t.schedule_reminder_task_on_assignment(u, 1, "r"),
    "cancel": lambda t, v, n, u: t.cancel_user_task_run_after(u, 1),
    "cancel after assignment": lambda t, v, n, u: t.cancel_user_task_run_after_assignment(u, 1),
    "notes": lambda t, v, n, u: u.with_notes("n"),
    "complete": lambda t, v, n, u: t.complete(),
    "fail": lambda t, v, n, u: t.fail("f", "m"),
    "add node": lambda t, v, n, u: t.add_node("n", model.NopNode()),
    "retention": lambda t, v, n, u: t.with_retention_policy(model.ThreadRetentionPolicy()),
    "register": lambda t, v, n, u: t.register_external_event_def(None),
    "expressions": lambda t, v, n, u: [to_variable_assignment(t.add(v, 1)), t.condition(v, 1, 2).comparator()],
}


def late(call: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Calls it while another thread of the workflow is being built."""
    kept: list[Any] = []

    def entrypoint(thread: WorkflowThread) -> None:
        variable = thread.declare_int("a")
        kept.extend([thread, variable, thread.execute("t"), thread.assign_user_task("f", "u")])
        thread.spawn_thread(lambda child: kept.append(call(*kept[:4])), "child")

    compiled = Workflow("late", entrypoint).compile()
    return [compiled, kept[4] if isinstance(kept[4], (str, list)) else None]


def after_all(call: Callable[[Any, Any, Any, Any], Any]) -> Any:
    """Calls it when the workflow was compiled."""
    kept: list[Any] = []

    def entrypoint(thread: WorkflowThread) -> None:
        variable = thread.declare_int("a")
        kept.extend([thread, variable, thread.execute("t"), thread.assign_user_task("f", "u")])

    Workflow("late", entrypoint).compile()
    call(*kept)


def struct_of(annotation: Any, default: Any = None) -> Any:
    members = {"__annotations__": {"field": annotation}} | ({} if default is None else {"field": default})
    return lh_struct.class_to_inline_struct_def(lh_struct_def("s")(type("S", (), members)))


def observations(config: Any) -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {}
    for name, body in BODIES.items():
        calls[name] = lambda body=body: Workflow("mistake", lambda thread: [None, body(thread)][0]).compile()
    for name, call in LATE.items():
        calls[f"late {name}"] = lambda call=call: late(call)
        calls[f"after all {name}"] = lambda call=call: after_all(call)
    for kind in (None, bytes, object, "str", dict[str, Any], list[int], 5, type(None), Any):
        calls[f"event of {kind}"] = lambda kind=kind: python_type_to_return_type(kind)
    for kind in (dict, list, dict[str, Any], list[int], set, Any, object, None | int, "int", "Nowhere"):
        calls[f"struct of {kind}"] = lambda kind=kind: struct_of(kind)
    for kind in (int, None, object, "Known"):
        calls[f"name of struct {kind}"] = lambda kind=kind: lh_struct.get_struct_def_name(kind)
        calls[f"info of struct {kind}"] = lambda kind=kind: lh_struct.get_struct_def_info(kind).name
        calls[f"def of struct {kind}"] = lambda kind=kind: littlehorse.create_struct_def(kind, config)
        calls[f"value of struct {kind}"] = lambda kind=kind: lh_struct.deserialize_struct(model.Struct(), kind)
    return calls | {
        "workflow without name": lambda: Workflow(None, nothing),
        "workflow without entrypoint": lambda: Workflow("w", None).compile(),
        "workflow of object": lambda: Workflow("w", Initializer()).compile(),
        "workflow of text": lambda: Workflow("w", "nothing").compile(),
        "workflow of unknown updates": lambda: Workflow("w", nothing).with_update_type(99).compile(),
        "workflow of other retention": lambda: Workflow("w", nothing).with_retention_policy("long").compile(),
        "workflow with text retries": lambda: Workflow("w", step).with_retry_policy("x").compile(),
        "workflow saved nowhere": lambda: Workflow("w", nothing).save("/nowhere/at/all"),
        "sub thread twice": lambda: (
            [Workflow("w", nothing)]
            and [w := Workflow("w", nothing), w.add_sub_thread("a", step), w.add_sub_thread("a", step)]
        ),
        "sub thread like the entrypoint": lambda: [
            w := Workflow("w", nothing),
            w.add_sub_thread("entrypoint", step),
            w.compile(),
        ],
        "thread without workflow": lambda: WorkflowThread(None, nothing),
        "thread without initializer": lambda: WorkflowThread(Workflow("w", nothing), None),
        "variable without thread": lambda: WfRunVariable("v", None, variable_type=VariableType.INT),
        "variable by position": lambda: WfRunVariable("v", None, VariableType.INT),
        "node of unknown kind": lambda: NodeCase.from_node(None),
        "node of other kind": lambda: WorkflowNode("n", NodeCase.TASK, model.NopNode()).compile(),
        "threads of nothing": lambda: SpawnedThreads().compile(None),
        "threads of unknown strategy": lambda: SpawnedThreads().compile(99),
        "threads with text strategy": lambda: SpawnedThreads().compile("WAIT_FOR_ANY"),
        "literal of assignment": lambda: to_variable_assignment(model.VariableAssignment()),
        "constructor without field": lambda: Known(),
        "constructor by position": lambda: Known("x"),
        "value of no struct": lambda: lh_struct.serialize_to_struct(5),
        "event without name": lambda: littlehorse.create_external_event_def(None, config),
        "task without name": lambda: littlehorse.create_task_def(step, "t", config),
        "task of nothing": lambda: littlehorse.create_task_def(None, "t", config),
        "workflow of nothing": lambda: littlehorse.create_workflow_spec(None, config),
        "unserializable json": lambda: json.dumps(littlehorse.to_variable_value(object)),
        "strategies": lambda: WaitForThreadsStrategy.values(),
    }
