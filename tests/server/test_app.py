"""A whole server process: start, serve, refuse to start, stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from littlehorse.model import (
    LittleHorseStub,
    PutTaskDefRequest,
    SearchTaskDefRequest,
    SearchTenantRequest,
    TaskDefId,
    TenantId,
)

pytest.importorskip("littlehorse._core", reason="the extension is not built")
app = pytest.importorskip("littlehorse.server.app")

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts server processes on `tmp_path / "data"`, on any free port; ends those that are left."""
    processes: list[subprocess.Popen[str]] = []

    def launch(*arguments: str, data_dir: Path = tmp_path / "data") -> subprocess.Popen[str]:
        flags = ["--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--memory-limit", "64MiB", *arguments]
        command = [sys.executable, "-m", "littlehorse.cli.main", "server", "start", *flags]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield launch
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    """Where a process says that it serves."""
    assert process.stdout is not None
    line = process.stdout.readline()
    word, _, address = line.strip().partition(" ")
    if word != "ready":
        raise AssertionError(f"{line!r}, {process.communicate()}")
    return address


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, rest of standard output, standard error."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_serves_until_told_to_stop(start: Start) -> None:
    """One line on standard output, exit code 0 after SIGTERM, and everything is there again after a restart."""
    process = start("--shards", "2")
    with grpc.insecure_channel(address_of(process)) as channel:
        LittleHorseStub(channel).PutTaskDef(PutTaskDefRequest(name="greet"))
    process.send_signal(signal.SIGTERM)
    assert ended(process)[:2] == (0, "")
    again = start()
    with grpc.insecure_channel(address_of(again)) as channel:
        stub = LittleHorseStub(channel)
        assert list(stub.SearchTaskDef(SearchTaskDefRequest()).results) == [TaskDefId(name="greet")]
    again.send_signal(signal.SIGINT)
    assert ended(again)[:2] == (0, "")


def test_a_killed_server_comes_back(start: Start) -> None:
    """02/G-2: what was acknowledged survives the process."""
    process = start()
    with grpc.insecure_channel(address_of(process)) as channel:
        LittleHorseStub(channel).PutTaskDef(PutTaskDefRequest(name="greet"))
    process.kill()
    ended(process)
    with grpc.insecure_channel(address_of(start())) as channel:
        LittleHorseStub(channel).GetTaskDef(TaskDefId(name="greet"))


def test_a_second_process_is_refused(start: Start) -> None:
    """One sentence that says what to do; the first one goes on serving."""
    first = start()
    address = address_of(first)
    code, out, err = ended(start())
    assert code == 1
    assert out == ""
    assert "choose another --data-dir" in err
    assert "Traceback" not in err
    with grpc.insecure_channel(address) as channel:
        LittleHorseStub(channel).SearchTaskDef(SearchTaskDefRequest())


def test_another_number_of_shards_is_refused(start: Start) -> None:
    """Nothing is touched, so the right number still works."""
    process = start("--shards", "2")
    address_of(process)
    process.terminate()
    ended(process)
    code, _, err = ended(start("--shards", "3"))
    assert code == 1
    assert "was made with --shards 2" in err
    assert "Traceback" not in err
    address_of(start("--shards", "2"))


def test_an_address_in_use_is_told(start: Start) -> None:
    """Names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, out, err = ended(start("--listen", address))
    assert code == 1
    assert out == ""
    assert address in err
    assert "Traceback" not in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_told(start: Start, tmp_path: Path) -> None:
    """Names the directory."""
    tmp_path.chmod(0o500)
    code, _, err = ended(start(data_dir=tmp_path / "data"))
    assert code == 1
    assert str(tmp_path / "data") in err
    assert "Traceback" not in err


def test_a_file_in_place_of_the_directory_is_told(start: Start, tmp_path: Path) -> None:
    """Names the path."""
    (tmp_path / "data").write_text("")
    code, _, err = ended(start())
    assert code == 1
    assert str(tmp_path / "data") in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [["--listen", "nowhere"], ["--memory-limit", "1B"], ["--what"]])
def test_bad_flags_are_told(start: Start, arguments: list[str]) -> None:
    """Exit code 2, before anything is opened."""
    code, out, err = ended(start(*arguments))
    assert code == 2
    assert out == ""
    assert "lh server start --help" in err
    assert "Traceback" not in err


def test_damaged_stores_are_told(start: Start, tmp_path: Path) -> None:
    """A damaged store is refused with the name of its directory."""
    process = start("--shards", "1")
    address_of(process)
    process.terminate()
    ended(process)
    for manifest in (tmp_path / "data" / "meta").glob("MANIFEST-*"):
        manifest.write_bytes(b"\xff" * 200)
    code, out, err = ended(start())
    assert code == 1
    assert out == ""
    assert str(tmp_path / "data" / "meta") in err
    assert "is damaged" in err
    assert "Traceback" not in err


def test_the_default_tenant_exists(start: Start) -> None:
    """08/T-4: stored before the server says that it is ready, once."""
    with grpc.insecure_channel(address_of(start())) as channel:
        assert TenantId(id="default") in LittleHorseStub(channel).SearchTenant(SearchTenantRequest()).results


class FailingEngine:
    """An engine that starts, and then fails beyond repair."""

    def __init__(self) -> None:
        self.stopped = False

    def start(self) -> str:
        return "127.0.0.1:1"

    def routes(self) -> list[tuple[str, str]]:
        return []

    def meta_get(self, key: bytes) -> tuple[int, bytes]:
        return 1, b""

    def wait_failed(self, timeout_ms: int) -> str:
        return "fsync failed"

    def stop(self, drain_ms: int) -> None:
        self.stopped = True


def test_a_failed_engine_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and the reason; nothing is waited for, since nobody would answer."""
    failing = FailingEngine()
    monkeypatch.setattr(app.engine, "create", lambda **_settings: failing)
    monkeypatch.setattr(app.signal, "signal", lambda *_handler: None)

    def leave(exit_code: int) -> None:
        raise SystemExit(exit_code)

    monkeypatch.setattr(app.os, "_exit", leave)
    with pytest.raises(SystemExit) as left:
        app.main(["--data-dir", str(tmp_path / "data")], "lh server start")
    assert left.value.code == 1
    told = capsys.readouterr()
    assert told.out == "ready 127.0.0.1:1\n"
    assert "must be restarted: fsync failed" in told.err
    assert not failing.stopped
