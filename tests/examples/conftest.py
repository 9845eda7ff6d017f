"""A server for each example, as its own program starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.stage import server
from littlehorse.config import LHConfig


@pytest.fixture
def config(tmp_path: Path) -> Iterator[LHConfig]:
    """How to reach a running server."""
    with server(tmp_path) as reached:
        yield reached
