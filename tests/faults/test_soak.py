"""A small soak over real processes, and proof that its checker can fail: `make kill-soak` is the large one."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.soak.run import Outcome, Plan, Soak
from tests.wire.driver import ROOT

CHECKER = ROOT / "target/sim/lh_sim"
PLAN = Plan(seed=7, kills=6, operations=2_000, crowds=2, runs=30, workers=16, doctor_every=3, life_seconds=0.8)
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One soak for all tests of this file."""
    assert CHECKER.exists(), "the checker is not built: `make test-python` builds it"
    return Soak(PLAN, tmp_path_factory.mktemp("soak")).run()


def check(history: Path) -> "subprocess.CompletedProcess[str]":
    """The verdict on a history."""
    enough = ["--acknowledged", str(PLAN.operations), "--ended", str(PLAN.kills)]
    return subprocess.run([CHECKER, "check", history, *enough], capture_output=True, text=True)


@pytest.mark.timeout(300)
def test_six_kills_lose_and_double_nothing(soak: Outcome) -> None:
    """03/E-001, E-220, E-222, E-961, 04/TW-3, TW-22, TW-23, TW-24, 06/U-29: and the rules of simulator.md."""
    verdict = check(soak.history)
    assert verdict.returncode == 0, verdict.stdout
    assert soak.kills >= PLAN.kills
    assert soak.acknowledged >= PLAN.operations
    same = soak.replay.count("byte for byte")
    assert same == PLAN.shards + 1, f"every shard and metadata are the same when replayed: {soak.replay}"


def last_views(lines: Lines, where: Callable[[dict[str, Any]], Any]) -> Lines:
    """The looks at runs for which something holds, the last look at each run only."""
    last = {line["run"]: line for line in lines if line["event"] == "seen" and line["view"]}
    return [line for line in last.values() if where(line["view"])]


def lose_a_run(lines: Lines) -> None:
    """An acknowledged run is not there in the end."""
    started = {line["call"] for line in lines if line["event"] == "answered" and line["outcome"] == "ok"}
    run = next(line["run"] for line in lines if line["event"] == "start" and line["call"] in started)
    for line in reversed(lines):
        if line["event"] == "seen" and line["run"] == run:
            line["view"] = None
            return


def deliver_twice(lines: Lines) -> None:
    """An attempt comes to another worker, too."""
    at, line = next((at, line) for at, line in enumerate(lines) if line["event"] == "delivered")
    lines.insert(at + 1, {**line, "worker": "another"})
    for later in lines:
        if later.get("asked", 0) > at:
            later["asked"] += 1


def wake_early(lines: Lines) -> None:
    """A sleep ends a millisecond before its time, in all that was seen of it."""
    slept = last_views(lines, lambda view: any(node["matures_ms"] and node["end_ms"] for node in view["nodes"]))
    for line in lines:
        if line["event"] == "seen" and line["run"] == slept[0]["run"] and line["view"]:
            for node in line["view"]["nodes"]:
                if node["matures_ms"] and node["end_ms"]:
                    node["end_ms"] = node["matures_ms"] - 1


def run_again(lines: Lines) -> None:
    """What was COMPLETED runs again."""
    done = last_views(lines, lambda view: view["status"] == "COMPLETED")
    done[0]["view"]["status"] = "RUNNING"


def count_twice(lines: Lines) -> None:
    """An output is appended twice, in all that was seen of it."""
    done = last_views(lines, lambda view: view["status"] == "COMPLETED" and view["trail"])
    for line in lines:
        if line["event"] == "seen" and line["run"] == done[0]["run"] and line["view"] and line["view"]["trail"]:
            line["view"]["trail"].append(line["view"]["trail"][0])


def forget_a_completion(lines: Lines) -> None:
    """A user task whose completion was acknowledged is assigned in the end."""
    done = last_views(lines, lambda view: any(task["status"] == "DONE" for task in view.get("user_tasks", [])))
    done[0]["view"]["user_tasks"][0]["status"] = "ASSIGNED"


def lose_an_event(lines: Lines) -> None:
    """An acknowledged event is not there in the end."""
    done = last_views(lines, lambda view: view.get("events"))
    done[0]["view"]["events"] = []


def miss_a_run(lines: Lines) -> None:
    """A search does not find what was acknowledged."""
    started = {
        line["call"]: at for at, line in enumerate(lines) if line["event"] == "answered" and line["outcome"] == "ok"
    }
    acknowledged = {
        line["run"]: started[line["call"]] for line in lines if line["event"] == "start" and line["call"] in started
    }
    for line in lines:
        if line["event"] == "found":
            for run in line["runs"]:
                if acknowledged.get(run, line["asked"]) < line["asked"]:
                    line["runs"].remove(run)
                    return


TAMPERS: list[tuple[Callable[[Lines], None], str]] = [
    (lose_a_run, "I1"),
    (deliver_twice, "I7"),
    (wake_early, "I11"),
    (run_again, "I13"),
    (count_twice, "I4"),
    (forget_a_completion, "I4"),
    (lose_an_event, "I15"),
    (miss_a_run, "I18"),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("tamper", "rule"), TAMPERS, ids=lambda what: getattr(what, "__name__", what))
def test_a_tampered_history_is_found(soak: Outcome, tmp_path: Path, tamper: Callable[[Lines], None], rule: str) -> None:
    """What must never be seen is reported by its rule (docs/operating/simulator.md)."""
    lines = [json.loads(line) for line in soak.history.read_text().splitlines()]
    tamper(lines)
    tampered = tmp_path / "history.jsonl"
    tampered.write_text("".join(json.dumps(line) + "\n" for line in lines))
    verdict = check(tampered)
    assert verdict.returncode == 1
    assert f"  {rule}: " in verdict.stdout


@pytest.mark.timeout(300)
def test_too_little_proves_nothing(soak: Outcome, tmp_path: Path) -> None:
    """A history without load or kills is refused, although nothing in it is wrong."""
    short = tmp_path / "history.jsonl"
    short.write_text("".join(soak.history.read_text().splitlines(keepends=True)[:20]))
    verdict = check(short)
    assert verdict.returncode == 1
    assert "too little happened" in verdict.stdout
