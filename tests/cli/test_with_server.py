"""`lh` against a real server: deploy, run, look, search."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Result

pytest.importorskip("littlehorse._core", reason="the extension is not built")

Lh = Callable[[str], Result]

PROGRAM = """
    from littlehorse.workflow import Workflow


    async def greet(name: str) -> str:
        return name


    def declare(thread):
        thread.declare_int("number").searchable()
        thread.declare_json_obj("data").searchable_on("$.user.id", 4)


    def greet_somebody(thread):
        thread.execute("greet", thread.declare_str("name").required())


    count = Workflow("count", declare)
    hello = Workflow("hello", greet_somebody)
"""


@pytest.fixture
def deployed(real_lh: Lh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lh:
    """The command line, pointed at the server, with the program deployed."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    program = tmp_path / "deployed_for_real.py"
    program.write_text(dedent(PROGRAM))
    result = real_lh(f"deploy {program}")
    assert result.exit_code == 0, result.err
    return real_lh


def column(result: Result, number: int = 0) -> list[str]:
    """A column of the first table, without its heading."""
    return [line.split()[number] for line in result.out.split("\n\n")[0].splitlines()[1:]]


def test_deploying_again_changes_nothing(deployed: Lh, tmp_path: Path) -> None:
    """02/TD-2, V-2: the same program is the same version."""
    result = deployed(f"deploy {tmp_path / 'deployed_for_real.py'}")
    assert [line.split() for line in result.out.splitlines()[1:4]] == [
        ["wf-spec", "count", "0.0"],
        ["task-def", "greet"],
        ["wf-spec", "hello", "0.0"],
    ]
    assert column(deployed("search wf-spec")) == ["count", "hello"]
    assert column(deployed("search wf-spec --task-def greet")) == ["hello"]
    assert column(deployed("search task-def")) == ["greet"]


def test_runs_are_found_by_what_is_known_about_them(deployed: Lh) -> None:
    """07/W-1, W-7, V-1, V-4, S-9: at once after the run has answered, over all shards."""
    wanted = [f"run-{number}" for number in range(20)]
    for number, name in enumerate(wanted):
        data = json.dumps({"user": {"id": f"user-{number % 2}"}})
        result = deployed(f"run count --id {name} --wait --var number={number % 5} --var 'data={data}'")
        assert result.exit_code == 0, result.err
    assert column(deployed("search wf-run count --status completed")) == wanted
    assert column(deployed("search wf-run count --var number=3")) == wanted[3::5]
    assert column(deployed("search variable count number 3")) == wanted[3::5]
    assert column(deployed("search variable count 'data_$.user.id' user-1")) == wanted[1::2]
    assert deployed("search wf-run count --status running").out == "(none)\n"


def test_a_waiting_task_is_seen(deployed: Lh) -> None:
    """07/O-1, O-8: node by node, task by task."""
    assert deployed("run hello --id waits --var name=bob").exit_code == 0
    assert column(deployed("list node-runs waits"), 2) == ["0-entrypoint-ENTRYPOINT", "1-greet-TASK"]
    (guid,) = column(deployed("list task-runs waits"))
    assert column(deployed("search task-run greet --status scheduled"), 1) == [guid]
    task_run = json.loads(deployed(f"get task-run waits/{guid} --output json").out)
    assert task_run["inputVariables"][0]["value"] == {"str": "bob"}
    assert column(deployed("list variables waits"), 2) == ["bob"]
    assert deployed("list user-task-runs waits").out == "(none)\n"
    node_run = json.loads(deployed("get node-run waits/0/1 --output json").out)
    assert node_run["task"]["taskRunId"]["taskGuid"] == guid


def test_mistakes_are_told(deployed: Lh) -> None:
    """The server's own words, one sentence, exit code 1."""
    for command, message in [
        ("run hello", "name"),
        ("run nothing", "Couldn't find specified WfSpec 'nothing'"),
        ("get wf-run nothing", "NOT_FOUND"),
        ("list node-runs nothing", "NOT_FOUND"),
        ("list task-runs nothing", "NOT_FOUND"),
        ("list user-task-runs nothing", "NOT_FOUND"),
        ("list variables nothing", "NOT_FOUND"),
        ("search wf-run nothing", "Couldn't find wfSpec"),
        ("search wf-run hello --limit -1", "limit must not be negative"),
    ]:
        result = deployed(command)
        assert result.exit_code == 1
        assert message in result.err
        assert result.err.count("\n") == 1
