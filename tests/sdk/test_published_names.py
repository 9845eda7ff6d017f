"""Every public name of the published client is there and is called the same way, found by looking into that client."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.dump_signatures import attributes, members, parameters

SCRIPT = Path(__file__).with_name("dump_signatures.py")
# A name that a module of the published client gives to something of another module.
NOT_FOR_PROGRAMS = {("littlehorse.worker", "LHTaskPythonException")}


@pytest.fixture(scope="module")
def published(published_python: Path, answer_of: Callable[..., Any]) -> Any:
    """What can be imported and called there."""
    return answer_of(published_python, str(SCRIPT))


def ours(path: str) -> Any:
    """The object of a dotted path, of which the module is the longest part that can be imported."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def accepts(own: list[Any] | None, expected: list[Any] | None) -> bool:
    """Whether every call that fits the published parameters means the same here; further ones must have defaults."""
    if own is None or expected is None:
        return own == expected
    further = own[len(expected) :]
    if expected and expected[-1][1].startswith("VAR_"):
        return own == expected
    by_name = {name: [kind, default] for name, kind, default in own}
    keyword_only = [each for each in expected if each[1] == "KEYWORD_ONLY"]
    positional = [each for each in expected if each[1] != "KEYWORD_ONLY"]
    return (
        own[: len(positional)] == positional
        and all(by_name.get(name) == [kind, default] for name, kind, default in keyword_only)
        and all(default is not None or kind.startswith("VAR_") for _name, kind, default in further)
    )


def test_no_public_name_is_missing(published: Any) -> None:
    """09/PY-1, PY-3: what a program can import, it can import here."""
    assert len(published["importable"]) > 600
    missing = [
        f"{path}.{name}"
        for path, name in published["importable"]
        if (path, name) not in NOT_FOR_PROGRAMS and not hasattr(importlib.import_module(path), name)
    ]
    assert missing == []


def test_functions_are_called_the_same_way(published: Any) -> None:
    """Names, order, kinds and defaults of parameters."""
    assert len(published["functions"]) > 20
    different = {}
    for path, (_is_coroutine, expected) in published["functions"].items():
        own = parameters(ours(path))
        if not accepts(own, expected):
            different[path] = (own, expected)
    assert different == {}


def test_classes_have_the_same_constructors_methods_and_attributes(published: Any) -> None:
    """What can be called on an object, read from it, and which other class it may stand for."""
    assert len(published["classes"]) > 40
    different: dict[str, Any] = {}
    for path, expected in published["classes"].items():
        kind = ours(path)
        own = members(kind)
        if not accepts(parameters(kind), expected["constructor"]):
            different[path] = (parameters(kind), expected["constructor"])
        if not set(expected["bases"]) <= {base.__name__ for base in kind.__mro__}:
            different[f"{path} bases"] = expected["bases"]
        known = {*own, *attributes(kind), *getattr(kind, "__annotations__", {})}
        if not set(expected["attributes"]) <= known:
            different[f"{path} attributes"] = sorted(set(expected["attributes"]) - known)
        for name, wanted in expected["members"].items():
            if name not in known:
                different[f"{path}.{name}"] = "missing"
            elif wanted is not None and not accepts(own.get(name), wanted):
                different[f"{path}.{name}"] = (own.get(name), wanted)
    assert different == {}
