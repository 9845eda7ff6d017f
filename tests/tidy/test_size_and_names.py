"""Files and functions are short, names say something, every source file says what it is for."""

import ast
import re
from pathlib import Path

import pytest

from tests.tidy.source import (
    LINES_PER_FILE,
    LINES_PER_FUNCTION,
    Function,
    python_functions,
    relative,
    rust_functions,
    text,
    tracked,
)

SOURCES = tracked(".py", ".rs")

# Words that say nothing about what is inside. The published SDK has `littlehorse.utils` (09/PY-1).
EMPTY_WORDS = {
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "impl", "base", "misc", "v2",
}  # fmt: skip
PUBLISHED_NAMES = {"python/littlehorse/utils.py"}

# Paths that exist on one machine only, and addresses of package mirrors.
_ONE_MACHINE = re.compile(
    r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+|tmp/\w+)/|registry\+(?!https://github\.com/rust-lang/crates\.io-index)"
)
_INDEX = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|@ (?:file|https?)://")


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_file_is_short(path: Path) -> None:
    """Aim at 300 lines; past the limit a file wants to be a folder."""
    assert len(text(path).splitlines()) <= LINES_PER_FILE


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_functions_are_short(path: Path) -> None:
    """A function fits on a screen."""
    functions = python_functions if path.suffix == ".py" else rust_functions
    long: list[Function] = [found for found in functions(text(path)) if found.lines > LINES_PER_FUNCTION]
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_file_says_what_it_is_for(path: Path) -> None:
    """The first line is a module doc: `//!` in Rust, a docstring in Python."""
    source = text(path)
    if path.suffix == ".rs":
        assert source.startswith("//! ")
    elif source.strip():
        assert ast.get_docstring(ast.parse(source)), "no module docstring"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_names_say_something(path: Path) -> None:
    """No file or folder is named after what it is not."""
    if relative(path) in PUBLISHED_NAMES:
        return
    words = {word for part in Path(relative(path)).with_suffix("").parts for word in re.split(r"[_.-]", part)}
    assert not words & EMPTY_WORDS


@pytest.mark.parametrize(
    "path", tracked(".py", ".rs", ".pyi", ".toml", ".md", ".sh", ".lock", ".txt", ".proto"), ids=relative
)
def test_nothing_belongs_to_one_machine(path: Path) -> None:
    """No path of one machine, no address of a package mirror; the lock files name packages only."""
    if path.name == Path(__file__).name:
        return
    assert not _ONE_MACHINE.search(text(path))
    if path.parent.name == "requirements":
        assert not _INDEX.search(text(path))
