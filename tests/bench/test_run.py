"""The bench from its command line to its result file. Never how fast anything was."""

import json
from pathlib import Path

import pytest

from bench import registry
from bench.cases import MEDIANS
from bench.run import main
from bench.server import BenchError
from bench.throughput import NAMES

EVERY_CASE_SAYS = {"fsync", "shards", "replication_factor", "errors", "problems"}
DRIVEN = "transport,chain10,schedule_latency"
# Building the driver for the first time takes longer than a test may.
pytestmark = pytest.mark.timeout(900)


def test_the_whole_bench_and_that_it_finds_out_a_server_without_an_engine(
    driver: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every case is measured and written down; but a server that does no work cannot show it, so the bench fails."""
    pretender = tmp_path / "lh"
    script = f"#!/bin/sh\n'{driver}' transport-server &\ntrap 'kill $!; exit 0' TERM\nwait\n"
    pretender.write_text(script, encoding="utf-8")
    pretender.chmod(0o755)
    out = tmp_path / "out" / "latest.json"
    words = ["--quick", "--lh", str(pretender), "--driver", str(driver), "--out", str(out), "--shards", "2"]
    assert main([*words, "--only", DRIVEN]) == 1

    result = json.loads(out.read_text(encoding="utf-8"))
    assert list(result) == ["about", *DRIVEN.split(",")]
    for name in DRIVEN.split(","):
        case = result[name]
        assert set(MEDIANS) | EVERY_CASE_SAYS <= case.keys()
        assert case["tasks_per_s"] > 0
        if name != "transport":
            assert (case["fsync"], case["shards"], case["replication_factor"]) == (True, 2, 1)
            assert "not as they should be when read back" in case["problems"][0]
    assert result["chain10"]["ratio_to_transport"] > 0
    assert result["transport"]["problems"] == []
    printed = capsys.readouterr()
    assert all(name in printed.out for name in DRIVEN.split(","))
    assert "chain10: not as they should be when read back" in printed.err


def test_cases_against_the_real_server(driver: Path, tmp_path: Path) -> None:
    """Nothing is lost, delivered twice or left unfinished; each case has the figures that comparisons are made of."""
    out = tmp_path / "latest.json"
    names = [
        "schedule_latency_half",
        "own_python_worker",
        "search",
        "fork_join",
        "user_task",
        "event",
        "tree",
        "dormant",
        "overload",
    ]
    assert main(["--quick", "--driver", str(driver), "--out", str(out), "--only", ",".join(names)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result.keys() == {"about", *names}
    for name in names:
        case = result[name]
        assert case["problems"] == []
        assert case["errors"] == 0
        assert (case["fsync"], case["replication_factor"]) == (True, 0 if name == "disk" else 1)
        assert {figure.key for figure in registry.CASES[name].figures} <= case.keys()
    assert not list(tmp_path.glob("*data")), "the data directories are removed"


def test_cases_are_chosen_by_name() -> None:
    """In the order of the table, without the slow ones unless they are asked for; an unknown name is not ignored."""
    assert registry.chosen("dormant,chain10", False) == ["chain10", "dormant"]
    assert set(registry.CASES) - set(registry.chosen(None, False)) == {"abuse", "growth", "tree"}
    assert registry.chosen(None, True) == list(registry.CASES)
    assert set(NAMES) <= set(registry.CASES)
    with pytest.raises(BenchError, match="unknown case chain11; there are transport, chain10"):
        registry.chosen("chain10,chain11", False)
    with pytest.raises(BenchError, match="unknown case"):
        registry.chosen(",", False)


def test_an_unknown_case_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is measured."""
    assert main(["--only", "nothing", "--out", str(tmp_path / "latest.json")]) == 1
    assert "bench: unknown case nothing" in capsys.readouterr().err
    assert not (tmp_path / "latest.json").exists()


def test_a_case_that_cannot_run_leaves_the_others_their_figures(tmp_path: Path) -> None:
    """The result file is written; the problem says what is missing."""
    out = tmp_path / "latest.json"
    assert main(["--only", "machine_apply,flush", "--machine", str(tmp_path / "none"), "--out", str(out)]) == 1
    result = json.loads(out.read_text(encoding="utf-8"))
    for name in ("machine_apply", "flush"):
        assert result[name].keys() == EVERY_CASE_SAYS
        assert "apply_cost` first" in result[name]["problems"][0]
