"""A real server process per session, and one client per test; see driver.py. Imports no part of the server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.driver import Client, EventLoopThread, ServerProcess


@pytest.fixture(autouse=True)
def no_client_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests does not configure the clients under test."""
    for name in [name for name in os.environ if name.startswith(("LHC_", "LHW_", "LHS_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`lh server start` on a fresh data directory and a free port, up to its `ready` line; ended by SIGTERM."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data")
    process.start()
    yield process
    assert process.terminate() == 0, process.log()


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[EventLoopThread]:
    """The one event loop that all workers of the session run on."""
    thread = EventLoopThread()
    yield thread
    thread.close()


@pytest.fixture
def client(server: ServerProcess, loop_thread: EventLoopThread, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client with names of its own: what it registers is not seen by other tests."""
    with Client(server.address, loop_thread, request.node.name) as client:
        yield client


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of the test's own, not started yet; killed at the end if it still runs."""
    process = ServerProcess(tmp_path / "data")
    yield process
    process.kill()
