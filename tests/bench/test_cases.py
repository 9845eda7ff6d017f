"""Cases out of rounds: medians, paired ratios, and what makes a figure worthless."""

import pytest

from bench.cases import NO_ENGINE, problems, ratio, single_server, summarize
from bench.driver import Drive
from bench.table import render


def a_drive(tasks_per_s: float = 1000.0, **changes: object) -> Drive:
    """A sound drive as the driver prints it, with some of its keys changed."""
    figures = dict.fromkeys(("wf_per_s", "driver_cpu_us_per_task", "p50_ms", "p95_ms", "p99_ms"), 1.0)
    settings = dict.fromkeys(("length", "in_flight", "rate_per_s", "payload_bytes", "connections", "polls"), 1)
    total = {"runs_started": 5, "runs_finished": 5, "runs_unfinished": 0, "misdelivered": 0}
    drive: Drive = {
        "tasks_per_s": tasks_per_s,
        "server_cpu_us_per_task": None,
        "sound": True,
        "errors": {},
        "refused": {},
    }
    return drive | figures | settings | {"total": total, "verified": {"runs": 5, "wrong": []}} | changes


def test_a_case_is_the_median_of_its_rounds_and_says_what_stands_behind_it() -> None:
    """A figure that no round has stays unknown instead of becoming zero."""
    case = summarize([a_drive(900), a_drive(5000), a_drive(1000)], single_server(shards=2))
    assert case["tasks_per_s"] == 1000
    assert case["rounds_tasks_per_s"] == [900, 5000, 1000]
    assert case["server_cpu_us_per_task"] is None
    assert (case["fsync"], case["shards"], case["replication_factor"]) == (True, 2, 1)
    assert case["problems"] == []


def test_ratios_are_paired_by_round() -> None:
    """The machine slowed down in the second round: both cases suffered, their ratio did not."""
    chain = [a_drive(500), a_drive(50), a_drive(510)]
    transport = [a_drive(1000), a_drive(100), a_drive(1000)]
    assert ratio(chain, transport) == 0.5
    assert ratio([a_drive(500)], [a_drive(0)]) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total": {"runs_finished": 5, "runs_unfinished": 2, "misdelivered": 0}}, "2 runs did not finish"),
        ({"total": {"runs_finished": 5, "runs_unfinished": 0, "misdelivered": 1}}, "1 tasks were delivered twice"),
        ({"total": {"runs_finished": 0, "runs_unfinished": 0, "misdelivered": 0}}, "no run finished"),
        ({"verified": {"runs": 1, "wrong": ["a: ERROR at position 3"]}}, "a: ERROR at position 3"),
        ({"errors": {"RunWf Unavailable": 4}}, "4 x RunWf Unavailable"),
        ({"sound": False}, "something went wrong"),
    ],
)
def test_what_went_wrong_is_said(changes: dict[str, object], words: str) -> None:
    """Each kind of loss is a problem of its own."""
    found = problems(a_drive() | changes)
    assert len(found) == 1
    assert words in found[0]


def test_the_table_has_a_row_per_case_and_dashes_for_the_unknown() -> None:
    """All rows are equally wide, so columns stand below each other."""
    case = summarize([a_drive(12345)], single_server(shards=1)) | {"ratio_to_transport": 0.25}
    lines = render({"chain10": case, "transport": summarize([a_drive(50000)], NO_ENGINE)}).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "12,345" in lines[2]
    assert "0.250" in lines[2]
    assert lines[3].split()[:2] == ["transport", "50,000"]
    assert lines[3].split()[-3:] == ["no", "0", "0"]
