"""Settings: one table for the command line, its help and the documentation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from littlehorse.server import config
from littlehorse.server.config import SETTINGS, BadSetting, ServerConfig, from_arguments
from littlehorse.server.data_dir import choose
from littlehorse.server.errors import StartError


def test_every_field_has_one_setting() -> None:
    """The table and the class cannot drift apart."""
    assert [setting.name for setting in SETTINGS] == [field.name for field in dataclasses.fields(ServerConfig)]
    assert all(setting.reason.endswith(".") for setting in SETTINGS)


def test_no_flag_is_needed() -> None:
    """Defaults as documented."""
    assert from_arguments([], "lh") == ServerConfig(
        Path("lh-data"), "127.0.0.1:2023", None, None, 1 << 30, 10_000, 10.0
    )


def test_flags() -> None:
    """Each flag is read in its unit."""
    arguments = "--data-dir /d --listen [::1]:0 --advertise lh.example.com:443 --shards 3 --memory-limit 256MiB"
    arguments += " --max-connections 500 --drain-seconds 2.5"
    expected = ServerConfig(Path("/d"), "[::1]:0", "lh.example.com:443", 3, 256 << 20, 500, 2.5)
    assert from_arguments(arguments.split(), "lh") == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--listen 2023", "is not HOST:PORT"),
        ("--listen localhost:99999", "is not HOST:PORT"),
        ("--advertise http://x:1", "is not HOST:PORT"),
        ("--shards 0", "is not a number from 1"),
        ("--shards two", "is not a number from 1"),
        ("--memory-limit 1", "is too little"),
        ("--memory-limit 1GB", "is not a size"),
        ("--max-connections 0", "is not a number from 1"),
        ("--drain-seconds -1", "expected one argument|is not a number of seconds"),
        ("--drain-seconds soon", "is not a number of seconds"),
        ("--nonsense", "unrecognized arguments"),
        ("stray", "unrecognized arguments"),
    ],
)
def test_bad_flags_are_told(arguments: str, message: str) -> None:
    """One sentence that names the flag's mistake and where help is."""
    with pytest.raises(BadSetting, match=message) as refused:
        from_arguments(arguments.split(), "lh server start")
    assert "lh server start --help" in str(refused.value)


def test_help_and_documentation_name_everything(capsys: pytest.CaptureFixture[str]) -> None:
    """Both are printed from the table."""
    with pytest.raises(SystemExit) as ended:
        from_arguments(["--help"], "lh server start")
    assert ended.value.code == 0
    help_text = " ".join(capsys.readouterr().out.split())
    for setting in SETTINGS:
        assert setting.flag in help_text
        assert setting.reason in help_text
        assert f"| `{setting.flag}` |" in config.markdown()


def test_shards_are_half_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one."""
    for cores, shards in [(1, 1), (2, 1), (9, 4), (None, 1)]:
        monkeypatch.setattr(config.os, "cpu_count", lambda cores=cores: cores)
        assert config.default_shards() == shards


def test_the_number_of_shards_is_decided_once() -> None:
    """A directory keeps what it was made with; another number is refused, not half applied."""
    path = Path("data")
    assert choose(path, None, None, 4).run_shards == 4
    assert choose(path, 2, None, 4).run_shards == 2
    assert choose(path, None, 3, 4).run_shards == 3
    assert choose(path, 3, 3, 4).run_shards == 3
    with pytest.raises(StartError, match="was made with --shards 3 and cannot be opened with 2"):
        choose(path, 2, 3, 4)


def test_places_of_the_stores() -> None:
    """Run shards in order, then the metadata group."""
    places = choose(Path("data"), 2, None, 1).stores
    assert [place.as_posix() for place in places] == ["data/shards/0", "data/shards/1", "data/meta"]


def test_the_documentation_is_up_to_date(repository: Path) -> None:
    """docs/operating/settings.md holds the table as it is printed."""
    assert config.markdown() in (repository / "docs" / "operating" / "settings.md").read_text("utf-8")
