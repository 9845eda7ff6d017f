"""Every method of every operand, with the form that the server gets."""

from collections.abc import Callable
from typing import Any

from littlehorse.model import Comparator, VariableMutationType, VariableType
from littlehorse.workflow import (
    CastExpression,
    ComparatorExpression,
    LHExpression,
    LHFormatString,
    NodeOutput,
    WfRunVariable,
    Workflow,
    WorkflowThread,
    to_variable_assignment,
)

COMPARISONS = [
    "is_equal_to", "is_not_equal_to", "is_greater_than", "is_greater_than_eq", "is_less_than", "is_less_than_eq",
    "is_in", "is_not_in", "does_contain", "does_not_contain",
]  # fmt: skip
CASTS = ["int", "double", "str", "bool", "bytes", "wf_run_id"]
ARITHMETIC = ["add", "subtract", "multiply", "divide", "extend", "remove_if_present"]


def variables() -> dict[str, WfRunVariable]:
    """A variable and handles to parts of it."""
    found: dict[str, WfRunVariable] = {}

    def entrypoint(thread: WorkflowThread) -> None:
        variable = thread.declare_json_obj("variable").masked().as_public()
        found["variable"] = variable
        found["field"] = variable.get(field="a").get(1)
        found["path"] = variable.with_json_path(json_path="$.a")
        found["path of field"] = variable.get("a").with_json_path("$.b")

    Workflow("operands", entrypoint).compile()
    return found


def arithmetic(operand: Any, key: str) -> dict[str, Callable[[], Any]]:
    """What all operands but comparisons can do."""
    calls: dict[str, Callable[[], Any]] = {
        name: lambda name=name: getattr(operand, name)(other="x") for name in ARITHMETIC
    }
    calls["pow"] = lambda: operand.pow(exponent=2)
    calls["remove_index"] = lambda: operand.remove_index(index=0)
    calls["remove_index()"] = lambda: operand.remove_index()
    calls["remove_key"] = lambda: operand.remove_key(**{key: "q"})
    calls["cast_to"] = lambda: operand.cast_to(target_type=VariableType.TIMESTAMP)
    for kind in CASTS:
        calls[f"cast_to_{kind}"] = lambda kind=kind: getattr(operand, f"cast_to_{kind}")()
        calls[f"cast_to_{kind} twice"] = lambda kind=kind: getattr(operand.cast_to_str(), f"cast_to_{kind}")()
    return calls


def logic(operand: Any) -> dict[str, Callable[[], Any]]:
    """What booleans can do."""
    return {"do_and": lambda: operand.do_and(other=True), "do_or": lambda: operand.do_or(other=operand)}


def of_variable(variable: WfRunVariable) -> dict[str, Callable[[], Any]]:
    """What variables can do."""
    comparisons: dict[str, Callable[[], Any]] = {
        name: lambda name=name: getattr(variable, name)(rhs=[1]) for name in COMPARISONS
    }
    return arithmetic(variable, "key") | comparisons


def observations(_config: Any) -> dict[str, Callable[[], Any]]:
    expression = LHExpression(lhs=1, operation=VariableMutationType.ADD, rhs="x")
    cast = CastExpression(source=expression, target_type=VariableType.INT)
    comparison = ComparatorExpression(lhs=1, comparator=Comparator.LESS_THAN, rhs=2)
    output = NodeOutput(node_name="1-task-TASK")
    part = NodeOutput("1-task-TASK")
    part.json_path = "$.x"
    text = LHFormatString("{0} {1}", 1, output)
    named = {
        "expression": (expression, arithmetic(expression, "other") | logic(expression)),
        "cast": (cast, arithmetic(cast, "other") | logic(cast)),
        "comparison": (comparison, logic(comparison)),
        "output": (output, arithmetic(output, "other") | logic(output)),
        "part": (part, arithmetic(part, "other")),
        "format": (text, {}),
    }
    for name, variable in variables().items():
        named[name] = (variable, of_variable(variable))
    calls: dict[str, Callable[[], Any]] = {}
    for name, (operand, methods) in named.items():
        calls[name] = lambda operand=operand: to_variable_assignment(value=operand)
        for method, call in methods.items():
            calls[f"{name}.{method}"] = lambda call=call: to_variable_assignment(call())
    calls["negate"] = lambda: to_variable_assignment(comparison.negate())
    calls["sides"] = lambda: [comparison.lhs(), comparison.comparator(), comparison.rhs()]
    calls["sides of expression"] = lambda: [expression.lhs(), expression.operation(), expression.rhs()]
    calls["text of comparison"] = lambda: str(comparison)
    calls["json paths"] = lambda: [part.json_path, output.json_path, variables()["path"].json_path]
    calls["cast attributes"] = lambda: [cast.source is expression, cast.target_type]
    return calls
