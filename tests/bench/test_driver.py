"""The load driver itself: what it prints, and that its counts agree with each other. Never how fast it was."""

import os
import subprocess
from pathlib import Path

import pytest

from bench.cases import MEDIANS, SAME_IN_ALL_ROUNDS, problems
from bench.driver import Drive, drive
from bench.server import BenchError

LENGTH = 4
# Building the driver for the first time takes longer than a test may.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def transport(driver: Path) -> Drive:
    """One second of chains over the transport without an engine."""
    options: dict[str, object] = {"length": LENGTH, "in-flight": 8, "seconds": 1, "warmup": 0.2}
    return drive("transport", options, driver)


def test_every_figure_that_cases_are_made_of_is_there(transport: Drive) -> None:
    """The summary takes these keys; all but the CPU figures, which need /proc, have a value."""
    assert set(MEDIANS) | set(SAME_IN_ALL_ROUNDS) <= transport.keys()
    missing = {key for key in MEDIANS if transport[key] is None}
    assert missing <= {"server_cpu_us_per_task", "driver_cpu_us_per_task"}
    if os.path.exists("/proc/self/stat"):
        assert not missing


def test_no_run_is_lost_and_every_task_is_counted_once(transport: Drive) -> None:
    """A chain of four is four tasks and four reports."""
    total = transport["total"]
    assert transport["sound"]
    assert problems(transport) == []
    assert total["runs_finished"] > 0
    assert total["runs_started"] == total["runs_finished"]
    assert total["tasks_received"] == total["tasks_reported"] == LENGTH * total["runs_finished"]


def test_the_window_is_a_part_of_the_drive(transport: Drive) -> None:
    """Rates come from what happened inside the window, and each counted report has a latency."""
    assert 0 < transport["tasks"] <= transport["total"]["tasks_reported"]
    assert 0 < transport["runs"] <= transport["total"]["runs_finished"]
    assert transport["report_ms"]["count"] == transport["tasks"]
    assert transport["tasks_per_s"] == pytest.approx(transport["tasks"] / transport["window_s"], rel=0.02)
    assert transport["p50_ms"] <= transport["p95_ms"] <= transport["p99_ms"] <= transport["max_ms"]


def test_an_open_loop_measures_each_start(driver: Path) -> None:
    """`latency` against a transport server: as many samples as runs, none of them lost."""
    command = [str(driver), "transport-server", "--exit-with-stdin=true"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("ready ").strip()
        options: dict[str, object] = {"server": address, "rate": 50, "seconds": 1, "warmup": 0, "verify": 0}
        result = drive("latency", options, driver)
        server.communicate("")
    assert server.returncode == 0, "the server ends with the process that started it"
    assert problems(result) == []
    assert 0 < result["schedule_ms"]["count"] <= result["total"]["runs_finished"]
    assert result["p50_ms"] == result["schedule_ms"]["p50"]


def test_a_server_that_keeps_no_runs_is_found_out(driver: Path) -> None:
    """Reading back is honest: the transport server has no runs to show, so the drive is not sound."""
    command = [str(driver), "transport-server", "--exit-with-stdin=true"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("ready ").strip()
        options: dict[str, object] = {"server": address, "in-flight": 2, "seconds": 0.2, "warmup": 0, "verify": 3}
        result = drive("chain", options, driver)
        server.communicate("")
    assert not result["sound"]
    assert len(result["verified"]["wrong"]) == result["verified"]["runs"] > 0


def test_a_driver_that_cannot_run_is_an_error(driver: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No server there: a sentence, not a result full of zeros."""
    with pytest.raises(BenchError, match="ended with 2"):
        drive("chain", {"server": "127.0.0.1:1"}, driver)
    assert "cannot connect to 127.0.0.1:1" in capfd.readouterr().err
