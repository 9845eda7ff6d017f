"""Starting and ending the server of a bench, shown with stand-ins that behave in all the ways a server may."""

from pathlib import Path

import pytest

from bench.process import cpu_seconds
from bench.server import BenchError, running_server


def stand_in(folder: Path, script: str) -> Path:
    """An `lh` that runs this shell script; its arguments are those of the real one."""
    program = folder / "lh"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_the_address_is_read_and_the_server_is_ended(tmp_path: Path) -> None:
    """The data directory is fresh, named to the server together with the shards, and removed afterwards."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "old").touch()
    script = 'echo "$@" >&2; ls "$4" >&2; trap "exit 0" TERM; echo "ready 127.0.0.1:7"; while :; do sleep 0.05; done'
    log = tmp_path / "log"
    with running_server(data, 2, log, stand_in(tmp_path, script)) as server:
        assert (server.address, server.shards) == ("127.0.0.1:7", 2)
        assert data.exists()
    assert log.read_text() == f"server start --data-dir {data} --listen 127.0.0.1:0 --shards 2\n"
    assert not data.exists()
    assert cpu_seconds(server.process_id) is None, "the process is gone"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo no disk >&2; exit 3", "no disk"),
        ("echo hello; exit 0", "'hello' instead of 'ready HOST:PORT'"),
        ("echo ready; exit 0", "instead of"),
    ],
)
def test_a_server_that_does_not_start_is_quoted(tmp_path: Path, script: str, words: str) -> None:
    """The bench ends with what the server said."""
    with (
        pytest.raises(BenchError, match=words),
        running_server(tmp_path / "data", 1, tmp_path / "log", stand_in(tmp_path, script)),
    ):
        pytest.fail("it never got ready")


def test_a_server_that_ends_badly_spoils_the_bench(tmp_path: Path) -> None:
    """An exit code other than 0 is a finding, even if all cases went well."""
    script = 'trap "echo lost my log >&2; exit 4" TERM; echo "ready 127.0.0.1:7"; while :; do sleep 0.05; done'
    with (
        pytest.raises(BenchError, match=r"ended with 4(.|\n)*lost my log"),
        running_server(tmp_path / "data", 1, tmp_path / "log", stand_in(tmp_path, script)),
    ):
        pass


def test_a_missing_program_says_what_to_do(tmp_path: Path) -> None:
    """Nobody built it yet."""
    with (
        pytest.raises(BenchError, match="run `make build` first"),
        running_server(tmp_path / "data", 1, tmp_path / "log", tmp_path / "lh"),
    ):
        pytest.fail("there is no program")
