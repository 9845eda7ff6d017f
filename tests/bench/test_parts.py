"""The small parts that cases are made of."""

from pathlib import Path

import pytest

from bench.percentile import percentile, spread
from bench.recovery import log_bytes
from bench.run import main
from bench.store_writer import flush_sets


def test_percentiles_are_nearest_ranks() -> None:
    """Of 200 values the 99th percentile is the 198th; of none there is none."""
    values = list(range(200, 0, -1))
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [100, 198, 200]
    assert spread([], "ms") == {"p50_ms": None, "p99_ms": None, "max_ms": None}


def test_the_zeros_of_a_segment_that_is_made_in_advance_are_no_log(tmp_path: Path) -> None:
    """Only up to the last byte that says something, however far in front that is."""
    (tmp_path / "a.seg").write_bytes(b"abc\0d" + bytes(300_000))
    (tmp_path / "b.seg").write_bytes(bytes(10))
    (tmp_path / "c.other").write_bytes(b"not a segment")
    assert log_bytes(tmp_path) == 5


def test_flush_sets_are_read_as_the_machine_writes_them() -> None:
    """Two sets: a put of an empty value and a delete, then a put."""
    number = (2).to_bytes(4, "little"), (1).to_bytes(4, "little"), (0).to_bytes(4, "little")
    two, one, zero = number
    data = two + one + one + b"k" + one + zero + b"d" + one + one + two + b"kv"
    assert list(flush_sets(data)) == [[(b"k", b""), (b"d", None)], [(b"k", b"v")]]


def test_help_names_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to read the source to choose."""
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    assert "dormant" in printed
    assert "--dormant-runs N" in printed
    assert "--growth-steps N" in printed
