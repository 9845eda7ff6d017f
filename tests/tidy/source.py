"""Which files the tidy checks look at, and what they read out of them."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LINES_PER_FILE = 600
LINES_PER_FUNCTION = 70


@dataclass(frozen=True)
class Function:
    """A function and how long it is (Python: without its docstring)."""

    name: str
    first_line: int
    lines: int


@cache
def tracked(*suffixes: str) -> tuple[Path, ...]:
    """Files of the repository, committed or about to be, with one of these suffixes (none given: all)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = (ROOT / name for name in sorted(set(listed)))
    return tuple(path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes))


@cache
def text(path: Path) -> str:
    """Content of a text file."""
    return path.read_text(encoding="utf-8")


def relative(path: Path) -> str:
    """The path as one writes it inside the repository."""
    return path.relative_to(ROOT).as_posix()


def python_functions(source: str) -> Iterator[Function]:
    """All functions and methods of a Python module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield Function(node.name, node.lineno, lines)


def python_imports(source: str) -> set[str]:
    """Full names of modules, and of the names taken from them, that a Python module imports (type-only ones too)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


# Everything in Rust source that may hold braces or words which are no code. A lifetime ('a) is no character literal.
_NO_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | b?r(\#*)".*?"\1 | b?"(?:\\.|[^"\\])*" | b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^'\\])'""",
    re.VERBOSE | re.DOTALL,
)
_FUNCTION = re.compile(r"\bfn\s+(?P<name>\w+)")


def rust_code(source: str) -> str:
    """Rust source with comments, strings and character literals blanked out; line numbers stay."""
    return _NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)


def rust_functions(source: str) -> Iterator[Function]:
    """All functions with a body in a Rust file, found by counting braces."""
    code = rust_code(source)
    for match in _FUNCTION.finditer(code):
        body = _body(code, match.end())
        if body is not None:
            first = code.count("\n", 0, match.start()) + 1
            yield Function(match["name"], first, code.count("\n", 0, body) + 2 - first)


def _body(code: str, start: int) -> int | None:
    """Where the body of the function whose signature goes on at `start` ends; None if it has none."""
    depth = 0
    round_depth = 0
    for position in range(start, len(code)):
        letter = code[position]
        if letter in "([":
            round_depth += 1
        elif letter in ")]":
            round_depth -= 1
        elif letter == ";" and depth == 0 and round_depth == 0:
            return None
        elif letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            if depth == 0 and round_depth == 0:
                return position
    return None


def rust_test_code(path: Path) -> str:
    """The test code of a Rust file: all of it in a `tests` folder or file, else what follows `#[cfg(test)]`."""
    parts = Path(relative(path)).parts
    if "tests" in parts or path.stem == "tests" or path.stem.endswith(("_test", "_tests")):
        return text(path)
    return text(path).partition("#[cfg(test)]")[2]
