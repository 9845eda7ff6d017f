"""Prints what the programs of a directory compile to and do, as JSON; runs under any interpreter with a `littlehorse`.

Usage: dump_programs.py DIRECTORY. A program file defines `workflow()` or `workflows()`, or `observations(config)`: by
label, calls whose result, exception and requests to the server are told. Also told is which public functions and
parameters of the package no program uses: for a parameter with a default, no call with another value. Messages are
hexadecimal text of the deterministic encoding.
"""

import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

# The modules whose every function and parameter the programs are to use.
MODULES = ("config", "exceptions", "lh_struct", "utils", "worker", "workflow")


def program(path: Path) -> ModuleType:
    """The module of a program file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # annotations that are text are looked up there
    spec.loader.exec_module(module)
    return module


def workflows_of(module: ModuleType) -> list[Any]:
    """The workflows that a program file defines by `workflow()` or `workflows()`."""
    if hasattr(module, "workflow"):
        return [module.workflow()]
    return list(module.workflows()) if hasattr(module, "workflows") else []


def encoded(message: Any) -> str:
    """Deterministic bytes of a message."""
    return str(message.SerializeToString(deterministic=True).hex())


def compiled(workflow: Any) -> dict[str, Any]:
    """What a workflow sends when it is registered."""
    request = encoded(workflow.compile())
    external = [event.to_put_external_event_def_request() for event in workflow.external_events_to_register]
    thrown = [event.to_put_workflow_event_def_request() for event in workflow.workflow_events_to_register]
    return {
        "wf_spec": request,
        "external_events": [encoded(event) for event in external],
        "workflow_events": [encoded(event) for event in thrown],
    }


class Server:
    """Stands for LHConfig and its stub: keeps requests instead of sending them, and answers with an empty message."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def stub(self) -> "Server":
        """The client of this server: itself."""
        return self

    def __getattr__(self, rpc: str) -> Callable[..., Any]:
        def call(request: Any, timeout: float | None = None) -> Any:
            self.sent.append([rpc, encoded(request), timeout])
            return type(request)()

        return call


def told(result: Any) -> Any:
    """A result in a form that is the same under every interpreter."""
    if hasattr(result, "SerializeToString"):
        return [type(result).__name__, encoded(result)]
    if isinstance(result, Enum):
        return f"{type(result).__name__}.{result.name}"
    if isinstance(result, (list, tuple)):
        return [told(item) for item in result]
    if isinstance(result, dict):
        return {str(key): told(item) for key, item in result.items()}
    return f"a {type(result).__name__}" if " at 0x" in repr(result) else repr(result)


def observed(call: Callable[[], Any], server: Server) -> dict[str, Any]:
    """Result or exception (with the classes that it can be caught as) of a call, and what it sent."""
    server.sent = []
    try:
        outcome = {"result": told(call())}
    except Exception as error:
        # Classes of `object`, BaseException and Exception say nothing.
        outcome = {"raises": [kind.__name__ for kind in type(error).__mro__[:-3]]}
    return outcome | {"sent": server.sent}


class Uses:
    """Which public functions and parameters are used from the files of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._functions: dict[CodeType, tuple[str, list[inspect.Parameter]]] = {}
        self.possible: set[str] = set()
        self.seen: set[str] = set()
        for name in MODULES:
            self._add_module(importlib.import_module(f"littlehorse.{name}"))

    def _add_module(self, module: ModuleType) -> None:
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                continue
            if inspect.isfunction(value):
                self._add(f"{module.__name__}.{name}", value)
            elif inspect.isclass(value):
                for member, function in functions_of(value):
                    self._add(f"{module.__name__}.{name}.{member}", function, is_method=True)

    def _add(self, name: str, function: Any, is_method: bool = False) -> None:
        parameters = list(inspect.signature(function).parameters.values())[is_method:]
        self._functions[function.__code__] = (name, parameters)
        self.possible |= {name, *(f"{name}({parameter.name})" for parameter in parameters)}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """To be set as the profiling function."""
        if event != "call" or frame.f_code not in self._functions:
            return
        caller = frame.f_back
        if caller is None or not caller.f_code.co_filename.startswith(self._directory):
            return
        name, parameters = self._functions[frame.f_code]
        self.seen.add(name)
        for parameter in parameters:
            value = frame.f_locals[parameter.name]
            default = () if parameter.kind is parameter.VAR_POSITIONAL else parameter.default
            if value is not default:
                self.seen.add(f"{name}({parameter.name})")


def functions_of(value: type) -> Iterator[tuple[str, Any]]:
    """The constructor and the public methods and properties that a class defines itself."""
    for name, member in vars(value).items() if not getattr(value, "_is_protocol", False) else ():
        plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        candidates = (plain.fget, plain.fset) if isinstance(plain, property) else (plain,)
        if not name.startswith("_") or name in ("__init__", "__str__"):
            yield from ((name, candidate) for candidate in candidates if inspect.isfunction(candidate))


def dump(directory: Path) -> dict[str, Any]:
    """Everything that the programs of a directory show."""
    server = Server()
    workflows: dict[str, Any] = {}
    observations: dict[str, Any] = {}
    for path in sorted(directory.glob("*.py")):
        module = program(path)
        for workflow in workflows_of(module):
            workflows[workflow.name] = compiled(workflow)
        if hasattr(module, "observations"):
            for label, call in module.observations(server).items():
                observations[f"{path.stem}: {label}"] = observed(call, server)
    return {"workflows": workflows, "observations": observations}


if __name__ == "__main__":
    programs = Path(sys.argv[1]).resolve()
    uses = Uses(programs)
    sys.setprofile(uses)
    result = dump(programs)
    sys.setprofile(None)
    unused = sorted(uses.possible - uses.seen)
    json.dump(result | {"unused": unused, "features": len(uses.possible)}, sys.stdout)
