"""Expressions, casts, comparisons, formats, mutations."""

from littlehorse.model import (
    Comparator,
    VariableMutationType,
    VariableType,
)
from littlehorse.workflow import CastExpression, LHExpression, Workflow, WorkflowThread


def entrypoint(thread: WorkflowThread) -> None:
    number = thread.declare_int("number")
    text = thread.declare_str("text")
    items = thread.declare_json_arr("items")
    obj = thread.declare_json_obj("obj")
    flag = thread.declare_bool("flag")
    output = thread.execute("produce")

    number.assign(number.add(1).subtract(2).multiply(3).divide(4).pow(5))
    number.assign(thread.add(thread.subtract(1, number), thread.multiply(2, thread.divide(output, 3))))
    number.assign(thread.pow(number, 2))
    items.assign(items.extend("x").remove_if_present(1).remove_index(0))
    items.assign(thread.extend(items, [1, 2]))
    items.assign(thread.remove_if_present(items, number))
    obj.assign(obj.remove_key("k"))
    obj.assign(thread.remove_key(obj, text))
    obj.with_json_path("$.inner").assign(output.add("x").extend(output.with_json_path("$.y")))
    for operation in VariableMutationType.values():
        thread.mutate(number, operation, number)
    thread.mutate(obj.with_json_path("$.z"), VariableMutationType.REMOVE_KEY, "q")
    thread.execute("after-mutations")

    for kind in VariableType.values():
        text.assign(output.cast_to(kind))
    text.assign(CastExpression(LHExpression(1, VariableMutationType.ADD, 2), VariableType.STR).extend("!"))
    text.assign(number.cast_to_bool().do_and(flag).do_or(text.cast_to_bytes()))
    text.assign(output.cast_to_wf_run_id())
    text.assign(thread.format("plain"))
    text.assign(thread.format("{0}{1}{2}", thread.format("{0}", 1), number.add(1), None))
    thread.execute("casts")

    comparisons = [
        number.is_equal_to(1),
        number.is_not_equal_to(output),
        number.is_greater_than(1.5),
        number.is_greater_than_eq(number),
        number.is_less_than(None),
        number.is_less_than_eq(3),
        number.is_in([1, 2]),
        number.is_not_in(items),
        items.does_contain(number),
        items.does_not_contain("x"),
        thread.condition(output, Comparator.LESS_THAN, number.add(1)),
    ]
    for comparison in comparisons:
        flag.assign(comparison)
        flag.assign(comparison.negate())
        thread.do_if(comparison, lambda body: body.execute("yes"))
    first, *others = comparisons
    everything = first.do_and(others[0])
    for other in others:
        everything = everything.do_or(other).do_and(first)
    thread.do_if(everything, lambda body: None)
    thread.wait_for_condition(everything)
    thread.wait_for_condition(first)
    thread.sleep(5)
    thread.sleep(number)
    thread.sleep_until(number)
    thread.complete(output.add(1))


def workflow() -> Workflow:
    return Workflow("expressions", entrypoint)
