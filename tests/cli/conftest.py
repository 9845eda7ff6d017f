"""A server of canned replies, and the command line pointed at it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from littlehorse.cli.main import main
from littlehorse.model import LittleHorseServicer, add_LittleHorseServicer_to_server


@dataclass
class Canned:
    """What the server answers to each RPC, and what it was asked."""

    replies: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)

    def answer(self, rpc: str, request: Any, context: grpc.ServicerContext) -> Any:
        """A reply, a list of replies given one after another, a function of the request, or a status that is set."""
        self.asked.append((rpc, request))
        self.metadata.append({pair.key: pair.value for pair in context.invocation_metadata()})
        reply = self.replies.get(rpc, (grpc.StatusCode.UNIMPLEMENTED, f"{rpc} is not built"))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if isinstance(reply, tuple):
            context.abort(*reply)
        return reply(request) if callable(reply) else reply

    def requests(self, rpc: str) -> list[Any]:
        """The requests of this RPC, in order."""
        return [request for name, request in self.asked if name == rpc]


@dataclass
class Result:
    """What a command did."""

    exit_code: int
    out: str
    err: str


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    """A running server; the environment says where it is."""
    replies = Canned()

    class Servicer(LittleHorseServicer):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("__"):
                return super().__getattribute__(name)
            return lambda request, context: replies.answer(name, request, context)

    server = grpc.server(ThreadPoolExecutor(4))
    add_LittleHorseServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("LHC_API_HOST", "127.0.0.1")
    monkeypatch.setenv("LHC_API_PORT", str(port))
    monkeypatch.delenv("LHC_TENANT_ID", raising=False)
    yield replies
    server.stop(None).wait()


@pytest.fixture
def lh(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Result]:
    """Runs a command line as a shell would split it."""

    def run(command: str) -> Result:
        try:
            exit_code = main(shlex.split(command))
        except SystemExit as ended:
            exit_code = int(ended.code or 0)
        captured = capsys.readouterr()
        return Result(exit_code, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server of our own build."""
    data_dir = tmp_path_factory.mktemp("server") / "data"
    flags = ["--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--shards", "3", "--memory-limit", "64MiB"]
    command = [sys.executable, "-m", "littlehorse.cli.main", "server", "start", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("ready ").strip()
        process.terminate()


@pytest.fixture
def real_lh(address: str, lh: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    """The command line, pointed at the running server."""
    host, _, port = address.rpartition(":")
    monkeypatch.setenv("LHC_API_HOST", host)
    monkeypatch.setenv("LHC_API_PORT", port)
    monkeypatch.delenv("LHC_TENANT_ID", raising=False)
    return lh
