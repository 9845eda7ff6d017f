"""Our proto files are the contract: the same descriptors as inside the released client."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest


def contract_of(python: Path, root: Path) -> dict[str, dict[str, Any]]:
    """What the `littlehorse` package of this Python holds; see dump.py."""
    if not python.exists():
        pytest.fail(f"{python} is missing: `make test` makes it")
    done = subprocess.run(
        [python, root / "tests/contract/dump.py"], cwd=root / "tests/contract", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    files: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return files


@pytest.fixture(scope="module")
def ours(repository: Path) -> dict[str, dict[str, Any]]:
    """The contract as generated from proto/littlehorse."""
    return contract_of(repository / ".venv/bin/python", repository)


@pytest.fixture(scope="module")
def released(repository: Path) -> dict[str, dict[str, Any]]:
    """The contract inside littlehorse-client."""
    return contract_of(repository / ".venv-wire/bin/python", repository)


def test_the_same_files(ours: dict[str, Any], released: dict[str, Any]) -> None:
    """09/PY-3, PY-4: programs import `<file>_pb2`, and files are registered under bare names."""
    assert sorted(ours) == sorted(released)


def test_the_same_messages_enums_and_rpcs(ours: dict[str, Any], released: dict[str, Any]) -> None:
    """09/PY-3: names, numbers, types, labels, oneofs, packages and services are equal, no more and no less."""
    differences = [
        f"{file}: {name}: ours {ours[file].get(name)}, released {released[file].get(name)}"
        for file in sorted(ours.keys() & released.keys())
        for name in sorted(ours[file].keys() | released[file].keys())
        if ours[file].get(name) != released[file].get(name)
    ]
    assert not differences


def test_the_contract_has_all_rpcs(ours: dict[str, Any]) -> None:
    """The comparison looks at something: the contract has 108 RPCs."""
    assert len([name for facts in ours.values() for name in facts if "/" in name]) == 108
