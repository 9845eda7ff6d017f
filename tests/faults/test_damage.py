"""Damaged, lost and older files: refused at the start in words that say what to do, and found by `lh doctor`."""

import contextlib
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from tests.faults.script import LAST_RUN, SPECS, Script
from tests.faults.tracing import SMALL_SEGMENTS
from tests.wire.driver import DEADLINE_SECONDS, ROOT, ServerProcess

LH = ROOT / ".venv/bin/lh"
Life = dict[str, Path]


def server_on(data_dir: Path) -> ServerProcess:
    """A server with small segments on this directory."""
    server = ServerProcess(data_dir, "--shards", "1", "--memory-limit", "64MiB")
    server.environment = SMALL_SEGMENTS
    return server


def doctor(data_dir: Path) -> "subprocess.CompletedProcess[str]":
    """`lh doctor` on this directory."""
    return subprocess.run([LH, "doctor", data_dir], capture_output=True, text=True, timeout=DEADLINE_SECONDS)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Data directories: `early`, stopped; `late`, the same after the script of script.py; `killed`, after that."""
    folder = tmp_path_factory.mktemp("life")
    server, script = server_on(folder / "late"), Script()
    script.connect(server.start())
    script.define()
    script.start("count")
    assert server.terminate() == 0
    shutil.copytree(folder / "late", folder / "early")
    script.connect(server.start())
    script.run(folder / "late" / "log")
    assert server.terminate() == 0
    assert script.next_number == LAST_RUN + 2, "one was started before"
    shutil.copytree(folder / "late", folder / "killed")
    server = server_on(folder / "killed")
    script.connect(server.start())
    script.start("count")
    server.kill()
    script.close()
    return {name: folder / name for name in ("early", "late", "killed")}


def segments(data_dir: Path) -> list[Path]:
    """Segments that were written to, oldest first."""
    return [path for path in sorted((data_dir / "log").glob("*.seg")) if path.read_bytes()[:5] == b"LHLOG"]


def flip(path: Path, position: int) -> None:
    """Turns one bit of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def tables(data_dir: Path) -> list[Path]:
    """Table files of the run shard's store, the largest last."""
    return sorted((data_dir / "shards/0").glob("*.sst"), key=lambda path: path.stat().st_size)


def only(data_dir: Path, pattern: str) -> Path:
    """The one file of this form in the run shard's store."""
    (path,) = (data_dir / "shards/0").glob(pattern)
    return path


def replace(data_dir: Path, part: str, other: Path) -> None:
    """Puts a part of another directory in the place of this one's."""
    shutil.rmtree(data_dir / part)
    shutil.copytree(other / part, data_dir / part)


# What is done to a copy of `late` (the second argument is `early`), and words that the refusal must hold.
Damage = Callable[[Path, Path], object]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "bit in the log": (lambda late, _: flip(segments(late)[0], 200), r"log-\d+\.seg is damaged at offset"),
    "bit in a header": (lambda late, _: flip(segments(late)[0], 20), r"header of this segment is not intact"),
    "a segment lost": (lambda late, _: segments(late)[1].unlink(), r"log-\d+\.seg is missing"),
    "all segments lost": (lambda late, _: [one.unlink() for one in (late / "log").iterdir()], r"has lost its log"),
    "log lost": (lambda late, _: shutil.rmtree(late / "log"), r"has lost its log"),
    "older log": (lambda late, early: replace(late, "log", early), r"stands at entry \d+, but the log ends"),
    "identity lost": (lambda late, _: (late / "IDENTITY").unlink(), r"has a log but no IDENTITY"),
    "identity damaged": (lambda late, _: flip(late / "IDENTITY", 4), r"IDENTITY is damaged"),
    "older store": (lambda late, early: replace(late, "shards/0", early), r"the store is older than its log"),
    "store lost": (lambda late, _: shutil.rmtree(late / "shards"), r"the store is older than its log or was lost"),
    "metadata lost": (lambda late, _: shutil.rmtree(late / "meta"), r"the store is older than its log or was lost"),
    "list of tables damaged": (lambda late, _: flip(only(late, "MANIFEST-*"), 20), r"store in .* is damaged"),
    "list of tables lost": (lambda late, _: only(late, "MANIFEST-*").unlink(), r"store in .* is damaged"),
    "name of the list lost": (lambda late, _: only(late, "CURRENT").unlink(), r"CURRENT is missing"),
    "a table lost": (lambda late, _: tables(late)[-1].unlink(), r"store in .* is damaged"),
    "end of a table damaged": (lambda late, _: flip(tables(late)[-1], -5), r"store in .* is damaged"),
}


def digests(data_dir: Path) -> dict[str, str]:
    """Digests of the files of the log and of all tables."""
    files = [*data_dir.rglob("*.seg"), *data_dir.rglob("*.sst")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refused_and_told(name: str, life: Life, tmp_path: Path) -> None:
    """I1, I21, faults 4, 5, 36 to 39: one sentence, exit code 1, no file changed; `lh doctor` finds it as well."""
    damage, words = DAMAGES[name]
    data_dir = tmp_path / "data"
    shutil.copytree(life["late"], data_dir)
    damage(data_dir, life["early"])
    before = digests(data_dir)

    looked = doctor(data_dir)
    assert looked.returncode == 1, looked.stdout
    assert "BAD " in looked.stdout
    assert not looked.stderr
    assert digests(data_dir) == before

    server = server_on(data_dir)
    with pytest.raises(AssertionError, match="ended with 1 before it was ready"):
        server.start()
    told = server.log()
    assert re.search(words, told), told
    assert re.search(r"[Rr]estore", told), f"it says what to do: {told}"
    assert "Traceback" not in told
    assert digests(data_dir) == before


def test_what_servers_leave_is_sound(life: Life) -> None:
    """`lh doctor` finds nothing wrong after a stop and after a kill, and says what it looked at."""
    for name, data_dir in life.items():
        looked = doctor(data_dir)
        assert looked.returncode == 0, f"{name}: {looked.stdout}"
        assert "Everything is sound." in looked.stdout
        assert re.search(r"shard 0 .* \d+ runs", looked.stdout)
        assert re.search(r"definitions .*known to every shard", looked.stdout)


def test_a_running_server_is_not_examined(life: Life, tmp_path: Path) -> None:
    """Files that change cannot be judged: refused, and the server goes on."""
    shutil.copytree(life["late"], tmp_path / "data")
    server = server_on(tmp_path / "data")
    server.start()
    looked = doctor(tmp_path / "data")
    assert looked.returncode == 1
    assert "in use by another server process" in looked.stdout
    assert server.terminate() == 0


def test_lost_stores_come_back_from_a_whole_log(tmp_path: Path) -> None:
    """Fault 37: as long as the log was never cut, the stores are only copies of it."""
    data_dir = tmp_path / "data"
    server, script = server_on(data_dir), Script()
    script.connect(server.start())
    script.define()
    script.start("count")
    script.work()
    server.kill()
    shutil.rmtree(data_dir / "shards")
    shutil.rmtree(data_dir / "meta")
    script.connect(server.start())
    script.check()
    assert server.terminate() == 0
    assert doctor(data_dir).returncode == 0
    script.close()


def test_a_torn_last_write_is_cut(life: Life, tmp_path: Path) -> None:
    """Fault 3: a part of the last write is missing. It is dropped whole; everything before it is there."""
    data_dir = tmp_path / "data"
    shutil.copytree(life["killed"], data_dir)
    last = segments(data_dir)[-1]
    content = bytearray(last.read_bytes())
    torn = content.rindex(b"xxxx") - 2048
    content[torn : torn + 512] = bytes(512)
    last.write_bytes(content)
    looked = doctor(data_dir)
    assert looked.returncode == 0, looked.stdout
    server, script = server_on(data_dir), Script(first=1000)
    script.connect(server.start())
    script.started = {"count-1": "count", "sleeper-4": "sleeper"}
    script.check()
    assert server.terminate() == 0
    assert doctor(data_dir).returncode == 0
    script.close()


def answers(script: Script) -> dict[str, object]:
    """What a client gets for both searches and every run that waits for a worker; errors are left out."""
    got: dict[str, object] = {}
    for spec in SPECS:
        with contextlib.suppress(grpc.RpcError):
            got[spec] = sorted(wf_run_id.id for wf_run_id in script.search(spec))
    for number in range(1, script.next_number):
        with contextlib.suppress(grpc.RpcError):
            got[f"count-{number}"] = script.wf_run(f"count-{number}").SerializeToString(deterministic=True)
    return got


def test_a_damaged_table_is_never_served(life: Life, tmp_path: Path) -> None:
    """Fault 5: bits of what a start does not read: `lh doctor` finds them; a client gets right answers or errors."""
    script = Script(first=LAST_RUN + 2)
    shutil.copytree(life["late"], tmp_path / "whole")
    server = server_on(tmp_path / "whole")
    script.connect(server.start())
    right = answers(script)
    server.kill()
    size = tables(life["late"])[-1].stat().st_size
    refused = 0
    for position in range(size // 10, size * 3 // 4, size // 5):
        data_dir = tmp_path / str(position)
        shutil.copytree(life["late"], data_dir)
        flip(tables(data_dir)[-1], position)
        looked = doctor(data_dir)
        assert looked.returncode == 1, f"at {position}: {looked.stdout}"
        assert "is damaged" in looked.stdout
        server = server_on(data_dir)
        try:
            script.connect(server.start())
        except AssertionError:
            assert re.search(r"store .* is damaged.*[Rr]estore", server.log()), server.log()
            refused += 1
            continue
        got = answers(script)
        server.kill()
        assert {name: answer for name, answer in got.items() if right[name] != answer} == {}
        refused += got != right
    script.close()
    assert refused, "at least one of these places is read"
