"""Every setting of the server, once: its default, unit and reason.

The command line, `--help` and the documentation are printed from this table;
`python -m littlehorse.server.config` prints the table as Markdown.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
MEMORY_BYTES_MIN = 64 << 20
SHARDS_MAX = 64
CONNECTIONS_MAX = 1_000_000
_BYTES = re.compile(r"(\d+)\s*([KMG]iB|B)?")
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})")


def parse_bytes(text: str) -> int:
    """A size like `1GiB`, `512MiB` or a number of bytes. Raises ValueError."""
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 512MiB or 1GiB")
    size = int(match[1]) * UNITS[match[2] or ""]
    if size < MEMORY_BYTES_MIN:
        raise ValueError(f"{text} is too little; at least {MEMORY_BYTES_MIN >> 20}MiB are needed")
    return size


def parse_address(text: str) -> str:
    """HOST:PORT; an IPv6 host stands in brackets. Raises ValueError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[1]) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT, e.g. 127.0.0.1:2023")
    return text


def parse_shards(text: str) -> int:
    """A number of shards. Raises ValueError."""
    if not text.isdecimal() or not 1 <= int(text) <= SHARDS_MAX:
        raise ValueError(f"{text!r} is not a number from 1 to {SHARDS_MAX}")
    return int(text)


def parse_connections(text: str) -> int:
    """A number of connections. Raises ValueError."""
    if not text.isdecimal() or not 1 <= int(text) <= CONNECTIONS_MAX:
        raise ValueError(f"{text!r} is not a number from 1 to {CONNECTIONS_MAX}")
    return int(text)


def parse_seconds(text: str) -> float:
    """A time of zero or more seconds. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise ValueError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds


def default_shards() -> int:
    """Half the cores, at least one: more shards on two cores cost time per task and win nothing."""
    return max((os.cpu_count() or 1) // 2, 1)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `name` is the flag and the field of `ServerConfig`; `default` is text as on the command line."""

    name: str
    value: str
    default: str | None
    parse: Callable[[str], Any]
    unit: str
    reason: str

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return "--" + self.name.replace("_", "-")


SETTINGS: tuple[Setting, ...] = (
    Setting("data_dir", "DIR", "lh-data", Path, "directory", "Everything that must survive is in this one directory."),
    Setting(
        "listen", "HOST:PORT", "127.0.0.1:2023", parse_address, "address",
        "Where clients connect; from this machine only by default, as nobody is authenticated. Port 0 = any.",
    ),
    Setting(
        "advertise", "HOST:PORT", None, parse_address, "address",
        "The address that task workers are told, if they reach the server by another one than it listens on.",
    ),
    Setting(
        "shards", "N", None, parse_shards, "count",
        "Slices that runs are divided into. Fixed when the data directory is made; unset = half the cores, at least 1.",
    ),
    Setting(
        "memory_limit", "SIZE", "1GiB", parse_bytes, "bytes",
        "Bounds runs held in memory, calls in progress, and the caches and buffers of the store together.",
    ),
    Setting(
        "max_connections", "N", "10000", parse_connections, "count",
        "Further connections are refused. Each takes some 30 KB and an open file; the system may allow fewer.",
    ),
    Setting(
        "drain_seconds", "SECONDS", "10", parse_seconds, "seconds",
        "How long calls in progress may go on after SIGTERM before they are cut.",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The settings of one server process; see `SETTINGS` for each. None = not given."""

    data_dir: Path
    listen: str
    advertise: str | None
    shards: int | None
    memory_limit: int
    max_connections: int
    drain_seconds: float


class BadSetting(ValueError):
    """A setting on the command line cannot be used; the message is one sentence."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise BadSetting(f"{message} (see: {self.prog} --help)")


def _argument_type(setting: Setting) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return setting.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse


def parser(program: str) -> argparse.ArgumentParser:
    """The command-line parser that `SETTINGS` describes."""
    arguments = _Parser(prog=program, description="Starts a server; prints `ready HOST:PORT` once it serves.")
    for setting in SETTINGS:
        default = "" if setting.default is None else f" Default: {setting.default}."
        arguments.add_argument(
            setting.flag,
            metavar=setting.value,
            type=_argument_type(setting),
            default=None if setting.default is None else setting.parse(setting.default),
            help=f"{setting.reason}{default}".replace("%", "%%"),
        )
    return arguments


def from_arguments(arguments: Sequence[str], program: str) -> ServerConfig:
    """Reads a command line. Raises BadSetting; exits by itself for `--help` only."""
    return ServerConfig(**vars(parser(program).parse_args(arguments)))


def markdown() -> str:
    """The table of settings as Markdown."""
    lines = ["| Setting | Value | Default | Why |", "|---|---|---|---|"]
    for setting in SETTINGS:
        default = "" if setting.default is None else f"`{setting.default}`"
        lines.append(f"| `{setting.flag}` | {setting.value} ({setting.unit}) | {default} | {setting.reason} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
