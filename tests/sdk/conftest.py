"""Shared by the tests of the SDK."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import littlehorse.worker


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests must not configure the clients in them."""
    for key in list(os.environ):
        if key.startswith(("LHC_", "LHW_")):
            monkeypatch.delenv(key)


@pytest.fixture(params=["extension", "grpc"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the workers of a test reach their server; the test runs through both."""
    if request.param == "extension":
        pytest.importorskip("littlehorse._core", reason="the extension is not built")
    monkeypatch.setattr(littlehorse.worker, "USE_EXTENSION", request.param == "extension")
    return str(request.param)


@pytest.fixture(scope="session")
def published_python(repository: Path) -> Path:
    """An interpreter with the published client: LH_WIRE_PYTHON, or that of the environment that `make test` sets up."""
    interpreter = Path(os.environ.get("LH_WIRE_PYTHON") or repository / ".venv-wire" / "bin" / "python")
    if not interpreter.exists():
        pytest.skip(f"the published client is not installed: no {interpreter} (`make test` installs it)")
    return interpreter


@pytest.fixture(scope="session")
def answer_of() -> Callable[..., Any]:
    """Runs an interpreter with arguments and returns the JSON that it prints."""

    def run(interpreter: Path, *arguments: str) -> Any:
        # -I: our own package must not be found by way of PYTHONPATH or the working directory.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("LHC_", "LHW_"))}
        command = [str(interpreter), "-I", *arguments]
        result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100, env=environment)
        return json.loads(result.stdout)

    return run
