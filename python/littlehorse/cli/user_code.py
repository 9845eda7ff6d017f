"""Runs code of the user's program: what it raises is told in one sentence, with the user's file and line."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from littlehorse.cli.errors import CliError

_PACKAGE = Path(__file__).resolve().parents[1]


@contextmanager
def told_by_line(what: str, file: str | None = None) -> Iterator[None]:
    """Raises CliError for what the user's code raises within; `what` ran, and `file` is the program, if known."""
    try:
        yield
    except (CliError, grpc.RpcError):
        raise
    except Exception as error:
        kind, message = type(error).__name__, " ".join(str(error).split())
        raise CliError(f"{what} raised {kind}: {message}{_line(error, file)}") from error


def _line(error: Exception, file: str | None) -> str:
    """Where the program was: its own innermost line, else the innermost that is not of this package."""
    if isinstance(error, SyntaxError):
        return ""  # its message names the line
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and _PACKAGE not in Path(frame.filename).resolve().parents
    ]
    own = [frame for frame in frames if file is not None and Path(frame.filename).resolve() == Path(file).resolve()]
    frames = own or frames
    return f" ({frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name})" if frames else ""
