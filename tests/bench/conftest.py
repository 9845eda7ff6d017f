"""The load driver for the tests of this folder."""

import subprocess
from pathlib import Path

import pytest

from bench.driver import driver_path


@pytest.fixture(scope="session")
def driver(repository: Path) -> Path:
    """The driver as it is now; built if it is not. Tests that use it need a timeout that a first build fits in."""
    subprocess.run(["cargo", "build", "--locked", "--release", "--quiet", "-p", "lh_load"], cwd=repository, check=True)
    return driver_path()
