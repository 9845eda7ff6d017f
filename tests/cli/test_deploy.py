"""`lh deploy` against a server of canned replies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import grpc
import pytest

from littlehorse.model import TaskDef, WfSpec, WfSpecId
from tests.cli.conftest import Canned, Result

Lh = Callable[[str], Result]

PROGRAM = """
    from littlehorse.workflow import Workflow, WorkflowThread


    async def charge_card(order: str, amount: int) -> str:
        return order


    def entrypoint(thread: WorkflowThread) -> None:
        order = thread.declare_str("order")
        thread.execute("charge-card", order, 5)
        thread.execute("ship", order)


    order = Workflow("order", entrypoint)
    refund = Workflow("refund", lambda thread: None)
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    """A file with two workflows and one task function."""
    path_before, modules_before = list(sys.path), set(sys.modules)
    path = tmp_path / "deployed_program.py"
    path.write_text(dedent(PROGRAM))
    yield path
    sys.path[:] = path_before
    for name in set(sys.modules) - modules_before:
        if name.startswith("deployed_"):
            del sys.modules[name]


@pytest.fixture
def accepting(canned: Canned) -> Canned:
    """A server that accepts every definition."""
    canned.replies = {
        "PutTaskDef": TaskDef(),
        "GetTaskDef": TaskDef(),
        "PutWfSpec": WfSpec(),
        "GetLatestWfSpec": lambda request: WfSpec(id=WfSpecId(name=request.name, revision=3)),
    }
    return canned


def test_the_quickstart_is_deployed_as_it_stands(accepting: Canned, lh: Lh) -> None:
    """A function named `workflow` makes the workflow; its task functions carry their TaskDefs' names."""
    example = Path(__file__).parents[2] / "examples" / "quickstart" / "process.py"
    modules_before = set(sys.modules)
    try:
        result = lh(f"deploy {example}")
    finally:
        for name in set(sys.modules) - modules_before:
            if name == example.stem:
                del sys.modules[name]
    assert result.exit_code == 0, result.err
    for name in ("reserve-stock", "charge-card", "ship", "refund", "order"):
        assert name in result.out


def test_a_file_is_deployed_with_its_tasks(accepting: Canned, lh: Lh, program: Path) -> None:
    """TaskDefs from functions of the same name come first; others must exist already."""
    result = lh(f"deploy {program}")
    assert result.exit_code == 0, result.err
    calls = [rpc for rpc, _ in accepting.asked]
    assert [request.name for request in accepting.requests("PutTaskDef")] == ["charge-card"]
    assert [request.name for request in accepting.requests("GetTaskDef")] == ["ship"]
    assert [request.name for request in accepting.requests("PutWfSpec")] == ["order", "refund"]
    assert calls.index("PutTaskDef") < calls.index("PutWfSpec")
    rows = [line.split() for line in result.out.splitlines()[1:4]]
    assert rows == [["task-def", "charge-card"], ["wf-spec", "order", "0.3"], ["wf-spec", "refund", "0.3"]]
    assert "lh run order" in result.out


def test_one_workflow_of_a_module(accepting: Canned, lh: Lh, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MODULE:NAME takes that one only."""
    monkeypatch.chdir(program.parent)
    result = lh("deploy deployed_program:refund")
    assert result.exit_code == 0, result.err
    assert [request.name for request in accepting.requests("PutWfSpec")] == ["refund"]


def test_a_task_that_nobody_defines(accepting: Canned, lh: Lh, program: Path) -> None:
    """Says what is missing and what to add; the WfSpec is not registered."""
    accepting.replies["GetTaskDef"] = (grpc.StatusCode.NOT_FOUND, "none")
    result = lh(f"deploy {program}")
    assert result.exit_code == 1
    assert "uses TaskDef 'ship'" in result.err
    assert "add a function ship" in result.err
    assert not accepting.requests("PutWfSpec")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no-such-file.py", "There is no file"),
        ("deployed_no_such_module", "cannot be imported"),
        ("{program}:charge_card", "neither a Workflow nor"),
        ("{program}:nothing", "neither a Workflow nor"),
        ("{empty}", "holds no Workflow"),
    ],
)
def test_what_cannot_be_deployed(accepting: Canned, lh: Lh, program: Path, source: str, message: str) -> None:
    """One sentence; nothing is registered."""
    empty = program.with_name("deployed_empty.py")
    empty.write_text("")
    result = lh(f"deploy {source.format(program=program, empty=empty)}")
    assert result.exit_code == 1
    assert message in result.err
    assert not accepting.asked


RAISING = """
    from littlehorse.workflow import Workflow, WorkflowThread
    {first}

    def naps(thread: WorkflowThread) -> None:
        thread.sleep({seconds})


    async def pack(what: complex) -> str:
        return "packed"


    first = Workflow("first", lambda thread: None)
    second = Workflow("second", naps)
    third = Workflow("third", lambda thread: thread.execute("pack", 5) and None)
"""


@pytest.mark.parametrize(
    ("first", "seconds", "message"),
    [
        (
            "",
            "0",
            "Workflow second raised ValueError: Value '0' not allowed: sleep at least a second "
            "({file}, line 6, in naps)",
        ),
        ("", "[][1]", "Workflow second raised IndexError: list index out of range ({file}, line 6, in naps)"),
        ("1 / 0", "1", "{file} raised ZeroDivisionError: division by zero ({file}, line 3, in <module>)"),
        ("1 +", "1", "{file} raised SyntaxError: invalid syntax (deployed_raising.py, line 3)"),
        ("import deployed_nothing", "1", "{file} cannot be imported: No module named 'deployed_nothing'."),
    ],
)
def test_a_program_that_raises(
    accepting: Canned, lh: Lh, program: Path, first: str, seconds: str, message: str
) -> None:
    """One sentence with what it raised and where in the user's file; nothing is registered."""
    raising = program.with_name("deployed_raising.py")
    raising.write_text(dedent(RAISING).format(first=first, seconds=seconds))
    result = lh(f"deploy {raising}")
    assert (result.exit_code, result.out) == (1, "")
    assert result.err == f"lh: {message.format(file=raising)}\n"
    assert not accepting.asked


def test_a_task_function_that_cannot_be_registered(accepting: Canned, lh: Lh, program: Path) -> None:
    """The type that no variable has is named, not shown as a traceback of this program."""
    raising = program.with_name("deployed_raising.py")
    raising.write_text(dedent(RAISING).format(first="", seconds=1))
    result = lh(f"deploy {raising}:third")
    assert (result.exit_code, result.out) == (1, "")
    assert result.err.startswith("lh: The function of TaskDef pack raised ValueError: ")
    assert "complex" in result.err
    assert not accepting.asked
