"""Prints, as JSON, the public names of a `littlehorse` package with their signatures; runs under any interpreter.

By module: every name of the package that a program can import from there. By function, class and method: its
parameters. By class: its bases and the public attributes that its constructor sets.
"""

import ast
import importlib
import inspect
import json
import sys
import textwrap
from typing import Any

MODULES = ["littlehorse"] + [
    f"littlehorse.{name}"
    for name in ("client_interceptors", "config", "exceptions", "lh_struct", "model", "utils", "worker", "workflow")
]


def parameters(function: Any) -> list[Any] | None:
    """Name, kind and default of each; None for what has no signature."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[each.name, each.kind.name, None if each.default is each.empty else repr(each.default)] for each in found]


def attributes(kind: type) -> list[str]:
    """Public attributes that constructors of a class set."""
    found: set[str] = set()
    for base in kind.__mro__:
        if "__init__" in vars(base) and inspect.isfunction(base.__init__):
            try:
                source = textwrap.dedent(inspect.getsource(base.__init__))
            except OSError:
                continue
            stored = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
            found |= {node.attr for node in stored if isinstance(node.ctx, ast.Store) and node.attr[0] != "_"}
    return sorted(found)


def members(kind: type) -> dict[str, Any]:
    """Parameters of public methods; of attributes, whether they are properties or not, nothing."""
    names = [name for name in dir(kind) if not name.startswith("_")]
    return {name: parameters(getattr(kind, name)) if callable(getattr(kind, name)) else None for name in names}


def look() -> dict[str, Any]:
    """Everything that can be imported, and what of it this package defines itself."""
    importable: list[tuple[str, str]] = []
    functions: dict[str, Any] = {}
    classes: dict[str, Any] = {}
    for path in MODULES:
        module = importlib.import_module(path)
        for name in dir(module):
            value = getattr(module, name)
            home = str(getattr(value, "__module__", None) or type(value).__module__)
            if name.startswith("_") or inspect.ismodule(value):
                continue
            is_generated = home.endswith(("_pb2", "_pb2_grpc")) and not home.startswith("google")
            is_constant = (home == "builtins" and not inspect.isclass(value)) or home.endswith("enum_type_wrapper")
            if is_generated or is_constant or home.startswith("littlehorse"):
                importable.append((path, name))
            if home != path and path != "littlehorse":
                continue
            if inspect.isclass(value):
                bases = [base.__name__ for base in value.__mro__]
                classes[f"{path}.{name}"] = {
                    "bases": bases, "constructor": parameters(value), "attributes": attributes(value),
                    "members": members(value),
                }  # fmt: skip
            elif callable(value):
                functions[f"{path}.{name}"] = [inspect.iscoroutinefunction(value), parameters(value)]
    return {"importable": importable, "functions": functions, "classes": classes}


if __name__ == "__main__":
    json.dump(look(), sys.stdout)
