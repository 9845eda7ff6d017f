"""Programs compile to what the published client makes of them, byte for byte."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from littlehorse.model import PutWfSpecRequest
from tests.sdk.dump_programs import dump

PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture(scope="module")
def published(repository: Path) -> dict[str, dict[str, Any]]:
    """What the published client makes of the programs.

    Its interpreter is named by LH_WIRE_PYTHON, or is the one of the virtual environment that `make test` sets up.
    """
    interpreter = Path(os.environ.get("LH_WIRE_PYTHON") or repository / ".venv-wire" / "bin" / "python")
    if not interpreter.exists():
        pytest.skip(f"the published client is not installed: no {interpreter} (`make test` installs it)")
    script = Path(__file__).with_name("dump_programs.py")
    # -I: our own package must not be found by way of PYTHONPATH or the working directory.
    command = [str(interpreter), "-I", str(script), str(PROGRAMS)]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    answer: dict[str, dict[str, Any]] = json.loads(result.stdout)
    return answer


def test_same_bytes_as_the_published_client(published: dict[str, dict[str, Any]]) -> None:
    """09/PY-2, PY-42, PY-43, PY-44, PY-46, PY-47, PY-48, PY-51, 02/C-1, C-2, C-3, C-4, C-6, C-7, C-8, C-10, C-11."""
    own = dump(PROGRAMS)
    assert own.keys() == published.keys()
    for name, sent in own.items():
        if sent["wf_spec"] != published[name]["wf_spec"]:
            assert readable(sent["wf_spec"]) == readable(published[name]["wf_spec"]), name
        assert sent == published[name], name


def readable(encoded: str) -> dict[str, Any]:
    """A request in a form whose differences pytest can show."""
    return MessageToDict(PutWfSpecRequest.FromString(bytes.fromhex(encoded)))


def test_compiling_again_changes_nothing() -> None:
    """09/PY-2, PY-49: registering an unchanged workflow must not make a new revision of it."""
    assert dump(PROGRAMS) == dump(PROGRAMS)
