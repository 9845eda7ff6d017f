"""Values of every type go through variables, tasks and results unchanged; expressions, mutations, formats and masks."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest

from littlehorse.model import (
    LHStatus,
    PutTaskDefRequest,
    ReturnType,
    TaskDefId,
    TaskStatus,
    TypeDefinition,
    VariableDef,
    VariableMutationType,
    VariableType,
    VariableValue,
    WfRunId,
)
from littlehorse.utils import to_type, to_variable_value
from littlehorse.worker import LHType
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client

MOMENT = datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=UTC)
VALUES = {
    "STR": "täglich \N{SNOWMAN} \n",
    "INT": -(2**62) + 1,
    "DOUBLE": 0.1,
    "BOOL": True,
    "BYTES": b"\x00\xff\x80",
    "JSON_OBJ": {"a": [1, 2.5, None], "b": {"c": "d"}},
    "JSON_ARR": [1, "two", {"three": 3}, []],
    "TIMESTAMP": MOMENT,
    "WF_RUN_ID": WfRunId(id="child-1", parent_wf_run_id=WfRunId(id="parent-1")),
}


def comparable(value: VariableValue) -> Any:
    """A value as one compares it: JSON by what it says, not by its spacing."""
    case = value.WhichOneof("value")
    if case in ("json_obj", "json_arr"):
        return case, json.loads(getattr(value, case))
    return case, getattr(value, case) if case else None


def echo_of(annotation: Any, received: list[Any]) -> Callable[[Any], Any]:
    """A task that returns what it gets, with the annotation that stands for its type."""

    async def echo(value: Any) -> Any:
        received.append(value)
        return value

    echo.__annotations__.update({"value": annotation, "return": annotation})
    return echo


ANNOTATIONS = {"JSON_OBJ": dict[str, Any], "JSON_ARR": list[Any]}


@pytest.mark.parametrize("type_name", VALUES)
def test_a_task_of_every_type(client: Client, type_name: str) -> None:
    """01/ING-1, 04/TW-9, 09/PY-33, PY-34: input, worker's argument, result and variable carry one value."""
    value = VALUES[type_name]
    received: list[Any] = []
    annotation = ANNOTATIONS.get(type_name) or to_type(VariableType.Value(type_name))
    task = client.work("echo", echo_of(annotation, received))

    def entrypoint(thread: WorkflowThread) -> None:
        given = thread.add_variable("given", VariableType.Value(type_name)).required()
        returned = thread.add_variable("returned", VariableType.Value(type_name))
        returned.assign(thread.execute(task, given))

    run = client.run(client.deploy("echo", entrypoint), given=value)

    expected = comparable(to_variable_value(value))
    (task_run,) = client.task_runs(run)
    assert comparable(task_run.input_variables[0].value) == expected
    assert comparable(task_run.attempts[0].output) == expected
    assert comparable(client.variable(run, "given")) == expected
    assert comparable(client.variable(run, "returned")) == expected
    assert received == [MOMENT.replace(tzinfo=None) if type_name == "TIMESTAMP" else value]


def test_null_is_a_value_of_every_type(client: Client) -> None:
    """03/E-130, 04/TW-9: what is not given is NULL, and a task accepts NULL for any type."""
    received: list[Any] = []

    async def all_types(text: str, number: int, record: dict[str, Any], flag: bool) -> None:
        received.append((text, number, record, flag))

    task = client.work("all-types", all_types)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(
            task,
            thread.declare_str("text"),
            thread.declare_int("number"),
            thread.declare_json_obj("record"),
            thread.declare_bool("flag"),
        )

    run = client.run(client.deploy("nulls", entrypoint))
    assert received == [(None, None, None, None)]
    assert {name: value.WhichOneof("value") for name, value in client.variables(run).items()} == {
        "text": None, "number": None, "record": None, "flag": None,
    }  # fmt: skip


def test_a_void_task(client: Client) -> None:
    """04/TW-46c: a task without a result completes its node with NULL."""

    async def nothing(text: str) -> None:
        assert text == "x"

    task = client.work("nothing", nothing)
    run = client.run(client.deploy("void", lambda thread: thread.execute(task, "x")))
    (task_run,) = client.task_runs(run)
    assert task_run.attempts[0].output.WhichOneof("value") is None
    assert not client.stub.GetTaskDef(TaskDefId(name=task)).return_type.HasField("return_type")


def test_mutations_and_expressions(client: Client) -> None:
    """01/MUT-1, MUT-11, 03/E-321: arithmetic, collections and paths, each mutation seeing those before it."""

    def entrypoint(thread: WorkflowThread) -> None:
        count = thread.declare_int("count", 10)
        ratio = thread.declare_double("ratio", 1.5)
        text = thread.declare_str("text", "a")
        items = thread.declare_json_arr("items", [1, 2, 3])
        record = thread.declare_json_obj("record", {"name": "obi", "gone": 1})
        found = thread.declare_str("found")
        count.assign(count.add(5).multiply(2))
        thread.mutate(count, VariableMutationType.SUBTRACT, 1)
        ratio.assign(ratio.divide(0.5))
        text.assign(text.extend("b"))
        items.assign(items.extend([4]))
        items.assign(items.add(5))
        items.assign(items.remove_if_present(2))
        items.assign(items.remove_index(0))
        record.assign(record.remove_key("gone"))
        found.assign(record.with_json_path("$.name"))

    run = client.start(client.deploy("mutations", entrypoint))
    values = {name: comparable(value)[1] for name, value in client.variables(client.wait(run)).items()}
    assert values == {
        "count": 29, "ratio": 3.0, "text": "ab", "items": [3, 4, 5], "record": {"name": "obi"}, "found": "obi",
    }  # fmt: skip


def test_format_strings_and_dynamic_tasks(client: Client) -> None:
    """01/ASG-4, 04/TW-10: a format string is an input, and names the task to run."""

    async def greet(name: str) -> str:
        return f"hello {name}"

    task = client.work("greet", greet)
    kind = task.removeprefix("greet-")

    def entrypoint(thread: WorkflowThread) -> None:
        who = thread.declare_str("who").required()
        suffix = thread.declare_str("suffix").required()
        greeting = thread.declare_str("greeting")
        greeting.assign(thread.execute(thread.format("greet-{0}", suffix), thread.format("{0} the {1}", who, 2)))

    run = client.run(client.deploy("dynamic", entrypoint), who="obi", suffix=kind)
    assert client.variable(run, "greeting").str == "hello obi the 2"
    (task_run,) = client.task_runs(run)
    assert task_run.task_def_id.name == task


def test_masked_values_are_for_workers_only(client: Client) -> None:
    """01/MSK-1, MSK-2, 04/TW-60, TW-61: reads show five asterisks where the worker saw the value."""
    received: list[str] = []

    async def charge(
        card: Annotated[str, LHType("card", masked=True)],
    ) -> Annotated[str, LHType("receipt", masked=True)]:
        received.append(card)
        return "receipt-1"

    task = client.work("charge", charge)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task, thread.declare_str("card").masked().required())

    run = client.run(client.deploy("masked", entrypoint), card="4111")
    (task_run,) = client.task_runs(run)
    assert received == ["4111"]
    assert task_run.input_variables[0].masked
    assert task_run.input_variables[0].value.str == "*****"
    assert task_run.attempts[0].masked_value
    assert task_run.attempts[0].output.str == "*****"
    assert client.variable(run, "card").str == "*****"


def test_wrong_output_type_is_not_retried(client: Client) -> None:
    """04/TW-57: a result that is not of the declared type ends the task as OUTPUT_SERDE_ERROR, retries or not."""
    name = client.name("liar")
    client.stub.PutTaskDef(
        PutTaskDefRequest(
            name=name,
            input_vars=[VariableDef(name="text", type_def=TypeDefinition(primitive_type=VariableType.STR))],
            return_type=ReturnType(return_type=TypeDefinition(primitive_type=VariableType.INT)),
        )
    )

    async def liar(text: str) -> str:
        return text

    client.serve(name, liar)
    spec = client.deploy("liar", lambda thread: thread.execute(name, "x", retries=3))
    run = client.run(spec, LHStatus.ERROR)
    (task_run,) = client.task_runs(run)
    assert [attempt.status for attempt in task_run.attempts] == [TaskStatus.TASK_OUTPUT_SERDE_ERROR]
    assert client.node_runs(run)[-1].failures[0].failure_name == "VAR_MUTATION_ERROR"
