"""Prints what the programs of a directory compile to, as JSON; runs under any interpreter with a `littlehorse` package.

Usage: dump_programs.py DIRECTORY. Output: for each workflow its PutWfSpecRequest and the events it registers, as
hexadecimal text of the deterministic encoding.
"""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def workflows_of(path: Path) -> list[Any]:
    """The workflows that a program file defines by `workflow()` or `workflows()`."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [module.workflow()] if hasattr(module, "workflow") else list(module.workflows())


def encoded(message: Any) -> str:
    """Deterministic bytes of a message."""
    return str(message.SerializeToString(deterministic=True).hex())


def dump(directory: Path) -> dict[str, dict[str, Any]]:
    """What each workflow sends when it is registered."""
    result: dict[str, dict[str, Any]] = {}
    for path in sorted(directory.glob("*.py")):
        for workflow in workflows_of(path):
            request = encoded(workflow.compile())
            external = [event.to_put_external_event_def_request() for event in workflow.external_events_to_register]
            thrown = [event.to_put_workflow_event_def_request() for event in workflow.workflow_events_to_register]
            result[workflow.name] = {
                "wf_spec": request,
                "external_events": [encoded(event) for event in external],
                "workflow_events": [encoded(event) for event in thrown],
            }
    return result


if __name__ == "__main__":
    json.dump(dump(Path(sys.argv[1])), sys.stdout)
