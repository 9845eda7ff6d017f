"""The load driver for the tests of this folder."""

import subprocess
from pathlib import Path

import pytest

from bench.driver import driver_path


@pytest.fixture(scope="session")
def driver(repository: Path) -> Path:
    """The driver as it is now; built if it is not. Tests that use it need a timeout that a first build fits in.

    In the dev profile, which the Rust tests have compiled everything for: nothing here asks how fast it is.
    """
    subprocess.run(["cargo", "build", "--locked", "--quiet", "-p", "lh_load"], cwd=repository, check=True)
    return driver_path("debug")
