"""What tests of the server share."""

import pytest

from tests.server.fakes import FakeServer


@pytest.fixture
def server() -> FakeServer:
    """A server of three run shards without Rust."""
    return FakeServer()
