"""What commands print: tables for people, protobuf JSON for programs (08/K-2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

# Longer cells are cut in tables; JSON shows everything.
CELL_LENGTH_MAX = 60


@dataclass(slots=True)
class Table:
    """Rows under headings, with aligned columns."""

    headings: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)

    def render(self) -> str:
        """The table as text, or a note that there is nothing."""
        if not self.rows:
            return "(none)"
        lines = [list(self.headings), *([_cell(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headings))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )


@dataclass(slots=True)
class Facts:
    """One object: names and values below each other; facts without value are left out."""

    pairs: list[tuple[str, str]]

    def render(self) -> str:
        """The facts as text."""
        shown = [(name, value) for name, value in self.pairs if value]
        width = max((len(name) for name, _ in shown), default=0)
        return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown)


class Block(Protocol):
    """A piece of what is shown to people."""

    def render(self) -> str:
        """The piece as text, without a newline at its end."""
        ...


@dataclass(slots=True)
class Answer:
    """What a command found: the reply itself, and how it is shown to people (blocks with empty lines between them).

    `message` is several replies by name for a command that asks for several.
    """

    message: Message | Mapping[str, Message]
    blocks: Sequence[Block]
    note: str = ""
    exit_code: int = 0


def print_answer(answer: Answer, form: str) -> None:
    """Prints the answer as "table" or "json" on standard output."""
    if form == "json":
        print(_join(answer.message) if isinstance(answer.message, Mapping) else to_json(answer.message))
        return
    pieces = [block.render() for block in answer.blocks]
    print("\n\n".join([*pieces, answer.note] if answer.note else pieces))


def to_json(message: Message) -> str:
    """Protobuf JSON: lowerCamelCase, two spaces, fields that are not set included (08/K-2)."""
    return json.dumps(_content(message), indent=2, ensure_ascii=False)


def _join(messages: Mapping[str, Message]) -> str:
    return json.dumps({name: _content(message) for name, message in messages.items()}, indent=2, ensure_ascii=False)


def _content(message: Message) -> dict[str, Any]:
    content: dict[str, Any] = MessageToDict(message, always_print_fields_with_no_presence=True)
    return content


def _cell(text: str) -> str:
    line = " ".join(text.split()) if any(space in text for space in "\n\r\t") else text
    return line if len(line) <= CELL_LENGTH_MAX else line[: CELL_LENGTH_MAX - 1] + "…"
