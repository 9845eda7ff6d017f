"""The bench from its command line to its result file."""

import json
from pathlib import Path

import pytest

from bench.cases import MEDIANS
from bench.run import main

CASES = ("transport", "chain10", "chain10_512", "schedule_latency")
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
    assert main(words) == 1

    result = json.loads(out.read_text(encoding="utf-8"))
    assert result.keys() == {"about", *CASES}
    for name in CASES:
        case = result[name]
        assert set(MEDIANS) | {"fsync", "shards", "replication_factor", "errors", "problems"} <= case.keys()
        assert case["tasks_per_s"] > 0
        if name != "transport":
            assert (case["fsync"], case["shards"], case["replication_factor"]) == (True, 2, 1)
            assert "not as they should be when read back" in case["problems"][0]
    assert result["chain10"]["ratio_to_transport"] > 0
    assert result["transport"]["problems"] == []
    printed = capsys.readouterr()
    assert all(name in printed.out for name in CASES)
    assert "chain10: not as they should be when read back" in printed.err


def test_the_whole_bench_against_the_real_server(driver: Path, tmp_path: Path) -> None:
    """Nothing is lost, delivered twice or left unfinished, and runs that are read back are COMPLETED."""
    out = tmp_path / "latest.json"
    assert main(["--quick", "--driver", str(driver), "--out", str(out)]) == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    for name in CASES:
        assert result[name]["problems"] == []
        assert result[name]["errors"] == 0
    assert not (tmp_path / "data").exists(), "the data directory is removed"
