"""What a machine lacks is said before anything is built, all of it at once, and in words that help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def check(repository: Path, path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs the check on a machine whose PATH is one folder."""
    return subprocess.run(
        ["/bin/sh", str(repository / "tools/prerequisites.sh")],
        env={"PATH": str(path), **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder to be the PATH, with the few tools of POSIX that the check uses."""
    for name in ("awk", "dirname", "head"):
        target = next(Path(folder) / name for folder in os.defpath.split(":") if (Path(folder) / name).exists())
        (tmp_path / name).symlink_to(target)
    return tmp_path


def pretend(tools: Path, name: str, says: str) -> None:
    """Puts a program there that answers everything with one line."""
    (tools / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (tools / name).chmod(0o755)


def test_everything_that_is_missing_is_named(repository: Path, tools: Path) -> None:
    """Python, Rust and a C compiler, each with what to do about it."""
    done = check(repository, tools)
    assert done.returncode == 1
    for needed in ("Python 3.11", "rustc 1.", "cargo 1.", "a C compiler"):
        assert needed in done.stderr


def test_a_toolchain_that_is_too_old(repository: Path, tools: Path) -> None:
    """The version that was found is said."""
    pretend(tools, "rustc", "rustc 1.80.0 (051478957 2024-07-21)")
    pretend(tools, "cargo", "cargo 1.100.0 (17067e9ac 2027-05-09)")
    pretend(tools, "cc", "")
    done = check(repository, tools, PYTHON=sys.executable)
    assert done.returncode == 1
    assert "(found: rustc 1.80.0" in done.stderr
    assert "cargo" not in done.stderr
    assert "Python" not in done.stderr
    assert "C compiler" not in done.stderr


def test_a_machine_that_has_everything(repository: Path, tools: Path) -> None:
    """The Python to build with is printed, and nothing else."""
    pretend(tools, "rustc", "rustc 1.99.0 (17067e9ac 2027-01-01)")
    pretend(tools, "cargo", "cargo 2.0.0 (17067e9ac 2030-05-09)")
    pretend(tools, "cc", "")
    done = check(repository, tools, PYTHON=sys.executable)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, sys.executable, "")
