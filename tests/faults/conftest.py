"""Fixtures of the fault tests: the same server processes as the wire tests."""

from tests.wire.conftest import fresh_server as fresh_server
