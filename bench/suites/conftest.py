"""One server for the suites; needs what `make bench-suites` builds first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.contract import Contract, task
from bench.server import Server, running_server
from bench.setting import default_shards

SPEC = "suite"
TASK_SPEC = "suite-task"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`lh server start` of this revision in an empty directory."""
    folder: Path = tmp_path_factory.mktemp("server")
    with running_server(folder / "data", default_shards(), folder / "log") as running:
        yield running


@pytest.fixture(scope="session")
def contract(server: Server) -> Iterator[Contract]:
    """A connection, with a WfSpec that ends at once and one whose runs wait for a worker that never comes."""
    with Contract(server.address) as opened:
        opened.put_wf_spec(SPEC, [])
        opened.put_task_def(TASK_SPEC)
        opened.put_wf_spec(TASK_SPEC, [task(TASK_SPEC)])
        yield opened
