"""Shared by all tests, in both virtual environments: must import nothing but pytest and the standard library."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that this repository is checked out in."""
    return ROOT
