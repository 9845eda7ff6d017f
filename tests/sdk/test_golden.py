"""Programs compile to what the published client makes of them, byte for byte, and see the same results and errors."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from littlehorse.model import PutWfSpecRequest

PROGRAMS = Path(__file__).with_name("programs")
SCRIPT = Path(__file__).with_name("dump_programs.py")

# What needs a server: tests/wire runs the same files with both clients.
USED_WITH_A_SERVER = (
    "littlehorse.worker.LHConnection.",
    "littlehorse.worker.LHTaskWorker.start",
    "littlehorse.worker.LHTaskWorker.stop",
    "littlehorse.worker.shutdown_hook(workers)",
    "littlehorse.worker.start",
)
# What the published client refuses or cannot do, and this one can (09 section 11).
MORE_IS_POSSIBLE = {
    "definitions: workflow event",  # the published function always raises
    "mistakes: branch of object",  # any callable is an initializer
    "mistakes: thread of object",
    "mistakes: thread of partial",
    "mistakes: workflow of object",
    "mistakes: compared output",
    "mistakes: field of output",
    "mistakes: event of <class 'bytes'>",
    "mistakes: event of dict[str, typing.Any]",
    "mistakes: handler of failed child",
    "mistakes: loop of expression",
    "mistakes: struct of None | int",  # nullable
}
# What the published client makes nothing usable of, or refuses with an error that comes from within it.
OTHERWISE = {
    "mistakes: after all assign": "ReferenceError",  # as all else on an inactive thread
    "mistakes: index of a thread": "SerdeException",  # at the call, not when the expression is used
    "mistakes: struct of nothing": "TypeError",  # as for all else that is no struct
} | {
    f"mistakes: {what} of struct {kind}": "TypeError"
    for what in ("name", "info", "def", "value")
    for kind in ("None", "Known")
}
# Bytes that differ on purpose (09/PY-51): inputs of a reminder are sent one by one; the field is what is assigned to.
OTHER_BYTES = {
    "mistakes: assignment to a field",
    "mistakes: reminder on assignment with input",
    "mistakes: reminder on assignment without input",
}


@pytest.fixture(scope="module")
def published(published_python: Path, answer_of: Callable[..., Any]) -> Any:
    """What the published client makes of the programs."""
    return answer_of(published_python, str(SCRIPT), str(PROGRAMS))


@pytest.fixture(scope="module")
def own(answer_of: Callable[..., Any]) -> Any:
    """What our SDK makes of the programs."""
    return answer_of(Path(sys.executable), str(SCRIPT), str(PROGRAMS))


def test_same_bytes_as_the_published_client(own: Any, published: Any) -> None:
    """09/PY-2, PY-42, PY-43, PY-44, PY-46, PY-47, PY-48, PY-51, 02/C-1, C-2, C-3, C-4, C-6, C-7, C-8, C-10, C-11."""
    assert own["workflows"].keys() == published["workflows"].keys()
    for name, sent in own["workflows"].items():
        expected = published["workflows"][name]
        if sent["wf_spec"] != expected["wf_spec"]:
            assert readable(sent["wf_spec"]) == readable(expected["wf_spec"]), name
        assert sent == expected, name


def readable(encoded: str) -> dict[str, Any]:
    """A request in a form whose differences pytest can show."""
    return MessageToDict(PutWfSpecRequest.FromString(bytes.fromhex(encoded)))


def is_same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """The same result and requests, or an exception that is caught wherever the published one is."""
    if "raises" in ours and "raises" in theirs:
        return set(theirs["raises"]) <= set(ours["raises"]) and ours["sent"] == theirs["sent"]
    return ours == theirs


def test_same_results_and_errors_as_the_published_client(own: Any, published: Any) -> None:
    """09/PY-6, PY-7, PY-16, PY-17, PY-21, PY-25, PY-26, PY-27, PY-28, PY-39, PY-45, PY-50, 06/U-83."""
    assert own["observations"].keys() == published["observations"].keys()
    apart = MORE_IS_POSSIBLE | set(OTHERWISE) | OTHER_BYTES
    different = {
        label: (ours, published["observations"][label])
        for label, ours in own["observations"].items()
        if label not in apart and not is_same(ours, published["observations"][label])
    }
    assert different == {}


def test_differences_are_those_on_purpose(own: Any, published: Any) -> None:
    """09/PY-51: more is possible, or the error says more; nothing that worked works otherwise."""
    for label in MORE_IS_POSSIBLE:
        assert "raises" in published["observations"][label], label
        assert "result" in own["observations"][label], label
    for label, error in OTHERWISE.items():
        assert own["observations"][label]["raises"][0] == error, label
        assert not is_same(own["observations"][label], published["observations"][label]), label
    for label in OTHER_BYTES:
        assert own["observations"][label] != published["observations"][label], label


def test_programs_use_every_function_and_parameter(published: Any) -> None:
    """A table of all features would be out of date some day: the published client itself is asked what it can do."""
    assert published["features"] > 600
    assert [name for name in published["unused"] if not name.startswith(USED_WITH_A_SERVER)] == []


def test_compiling_again_changes_nothing(own: Any, answer_of: Callable[..., Any]) -> None:
    """09/PY-2, PY-49: registering an unchanged workflow must not make a new revision of it."""
    assert own["workflows"] == answer_of(Path(sys.executable), str(SCRIPT), str(PROGRAMS))["workflows"]
