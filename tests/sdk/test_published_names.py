"""Every public name of the published client is there, found by looking into that client."""

import importlib
import json
import os
import subprocess
from pathlib import Path

import pytest

MODULES = ["littlehorse"] + [
    f"littlehorse.{name}"
    for name in ("client_interceptors", "config", "exceptions", "lh_struct", "model", "utils", "worker", "workflow")
]
LOOK = """
import importlib, inspect, json, sys
found = []
for path in sys.argv[1:]:
    module = importlib.import_module(path)
    for name, value in vars(module).items():
        home = str(getattr(value, "__module__", path))
        is_of_contract = home.endswith("_pb2") and not home.startswith("google")
        if name.startswith("_") or inspect.ismodule(value) or not (home == path or is_of_contract):
            continue
        found.append((path, name, ""))
        if inspect.isclass(value) and home == path:
            found += [(path, name, member) for member in dir(value) if not member.startswith("_")]
json.dump(found, sys.stdout)
"""


def test_no_public_name_is_missing(repository: Path) -> None:
    """09/PY-1, PY-3: what a program can import and call, it can import and call here."""
    interpreter = Path(os.environ.get("LH_WIRE_PYTHON") or repository / ".venv-wire" / "bin" / "python")
    if not interpreter.exists():
        pytest.skip(f"the published client is not installed: no {interpreter} (`make test` installs it)")
    # -I: our own package must not be found by way of PYTHONPATH or the working directory.
    command = [str(interpreter), "-I", "-c", LOOK, *MODULES]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    published = json.loads(result.stdout)
    assert len(published) > 900
    missing = []
    for path, name, member in published:
        value = getattr(importlib.import_module(path), name, None)
        # Attributes of instances only are no attributes of the class: those in annotations count as well.
        if value is None or (member and not hasattr(value, member)):
            missing.append(f"{path}.{name}.{member}".rstrip("."))
    assert missing == []
