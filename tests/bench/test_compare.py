"""Two builds beside each other: ratios are paired by round, and who begins changes."""

from pathlib import Path

import pytest

from bench import compare
from bench.registry import CASES, Case, Figure
from bench.server import BenchError
from bench.setting import QUICK, Setting

SPEED = Figure("speed", "tasks/s", is_better_high=True)


def test_ratios_are_paired_by_round() -> None:
    """The second round was slow for both; a figure that one side does not have counts for nothing."""
    found = compare.paired([{"speed": 20}, {"speed": 2}, {}], [{"speed": 10}, {"speed": 1}, {"speed": 9}], SPEED)
    assert (found["ratio"], found["ratios"], found["better_is"]) == (2.0, [2.0, 2.0], "more")
    assert compare.paired([{"speed": 1}], [{}], SPEED)["ratio"] is None


def test_both_builds_are_measured_in_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One round right after the other; the next time the other one begins."""
    order: list[str] = []

    def run(setting: Setting) -> dict[str, object]:
        order.append("other" if setting.lh else "this")
        return {"speed": 3 if setting.lh else 6, "problems": ["noisy"] if setting.lh else []}

    monkeypatch.setitem(CASES, "made_up", Case(run, (SPEED,)))
    lh = tmp_path / "checkout" / ".venv" / "bin" / "lh"
    setting = Setting(effort=QUICK, out=tmp_path).with_rounds(3)
    cases, text = compare.compare(["transport", "made_up"], "v1", setting, lh)
    assert order == ["this", "other", "other", "this", "this", "other"]
    assert cases.keys() == {"made_up"}, "transport has no server to compare"
    assert cases["made_up"]["compared"]["speed"]["ratio"] == 2.0
    assert cases["made_up"]["problems"] == ["v1: noisy"] * 3
    assert text.splitlines()[2].split()[:5] == ["made_up", "speed", "6", "3", "2.000"]


def test_an_unknown_revision_is_a_sentence(tmp_path: Path) -> None:
    """Nothing is checked out or built."""
    with pytest.raises(BenchError, match="no revision not-a-revision"):
        compare.build("not-a-revision", tmp_path)
    assert not list(tmp_path.iterdir())
