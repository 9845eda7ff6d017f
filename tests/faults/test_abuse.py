"""Attacks on a small scale: the server lives on, answers others, refuses in words, and its memory stays bounded.

The attacker is `lh_load attack`, a process of its own; `python -m bench --only abuse` measures what others feel of it.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from bench.driver import driver_path
from bench.process import resident_peak_bytes
from littlehorse.model import (
    LHStatus,
    Node,
    NopNode,
    PutWfSpecRequest,
    ThreadSpec,
    VariableValue,
    WfRun,
)
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, Client, EventLoopThread, ServerProcess, eventually

MIB = 1 << 20
MEMORY_LIMIT = "64MiB"
CONNECTIONS = 40
# Process, Python and libraries are some 130 MiB; the rest is for what the memory limit does not count.
RESIDENT_BYTES_MAX = 384 * MIB
ATTACK_SECONDS = 3
# The driver may have to be built first.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def attacker(repository: Path) -> Path:
    """The load driver as it is now; built if it is not."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "-p", "lh_load"], cwd=repository, check=True)
    return driver_path("debug")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A small server that must end in order."""
    limits = ["--memory-limit", MEMORY_LIMIT, "--max-connections", str(CONNECTIONS), "--shards", "1"]
    process = ServerProcess(tmp_path / "data", *limits)
    process.start()
    yield process
    assert process.terminate() == 0, process.log()


@pytest.fixture
def loop() -> Iterator[EventLoopThread]:
    """Where the workers of a test run."""
    thread = EventLoopThread()
    yield thread
    thread.close()


@pytest.fixture
def client(server: ServerProcess, loop: EventLoopThread, request: pytest.FixtureRequest) -> Iterator[Client]:
    """The well-behaved client, connected before anybody attacks."""
    with Client(server.address, loop, request.node.name) as client:
        yield client


@pytest.fixture
def bystander(client: Client) -> Callable[[], WfRun]:
    """Has a run go through a task from its start to its end."""
    name = client.name("bystander")

    async def bystander() -> str:
        return "unharmed"

    client.work("bystander", bystander)
    spec = client.deploy("bystander-wf", lambda thread: thread.execute(name))
    return lambda: client.run(spec)


def attack(attacker: Path, server: ServerProcess, kind: str, count: int) -> "subprocess.Popen[str]":
    """Begins an attack that ends by itself."""
    words = ["--server", server.address, "--kind", kind, "--count", str(count), "--seconds", str(ATTACK_SECONDS)]
    return subprocess.Popen([str(attacker), "attack", *words], stdout=subprocess.PIPE, text=True)


OUTCOMES = [
    ("connections", 3 * CONNECTIONS, "cut"),
    ("streams", 4, "polling: ResourceExhausted"),
    ("resets", 2, "connections"),
    ("slow-readers", 4, "refused"),
    ("reconnects", CONNECTIONS - 10, "registered"),
    ("poison", 2, "runs that are ERROR"),
    ("values", 4, "runs that are COMPLETED"),
]


@pytest.mark.parametrize(("kind", "count", "expected"), OUTCOMES, ids=[kind for kind, _, _ in OUTCOMES])
def test_an_attack_harms_nobody_else(
    attacker: Path, server: ServerProcess, bystander: Callable[[], WfRun], kind: str, count: int, expected: str
) -> None:
    """Faults 29, 31, 32, 33, I22, I23: others' runs end, memory is bounded, the server ends in order."""
    process = attack(attacker, server, kind, count)
    runs = 0
    while process.poll() is None:
        assert bystander().status == LHStatus.COMPLETED
        runs += 1
    printed, _ = process.communicate()
    outcomes: dict[str, Any] = json.loads(printed)["outcomes"]
    assert runs > 0
    assert outcomes.get(expected, 0) > 0, outcomes
    assert bystander().status == LHStatus.COMPLETED
    assert resident_peak_bytes(server.process.pid) < RESIDENT_BYTES_MAX


def test_a_connection_too_many_is_told_why(server: ServerProcess, bystander: Callable[[], WfRun]) -> None:
    """Calls beyond `--max-connections` are RESOURCE_EXHAUSTED with the reason; who is connected goes on."""
    channels = []
    refusals: list[str] = []

    def connect() -> bool:
        channel = grpc.insecure_channel(server.address, options=[("number", len(channels))])
        channels.append(channel)
        call = channel.unary_unary("/littlehorse.LittleHorse/GetServerVersion")
        try:
            call(b"", timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            refusals.append(f"{error.code().name} {error.details()}")
        return bool(refusals)

    eventually(connect, "a connection is refused")
    assert refusals[0].startswith("RESOURCE_EXHAUSTED")
    assert "too many connections" in refusals[0]
    assert len(channels) <= CONNECTIONS
    assert bystander().status == LHStatus.COMPLETED
    for channel in channels:
        channel.close()
    channels.clear()
    refusals.clear()
    eventually(lambda: not connect() or refusals.clear(), "there are places again")
    channels[-1].close()


def refusal(call: Callable[[], object]) -> grpc.RpcError:
    """The error that a call is refused with."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value


def test_a_wf_spec_that_is_too_large(client: Client, bystander: Callable[[], WfRun]) -> None:
    """01/SIZ-2, 08/X-2: a definition larger than a record is refused for good, hence without RetryInfo."""
    nodes = {f"{number}-{'x' * 200}": Node(nop=NopNode()) for number in range(8_000)}
    request = PutWfSpecRequest(
        name=client.name("huge"), thread_specs={"main": ThreadSpec(nodes=nodes)}, entrypoint_thread_name="main"
    )
    assert MIB < request.ByteSize() < 4 * MIB
    error = refusal(lambda: client.stub.PutWfSpec(request, timeout=DEADLINE_SECONDS))
    assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT)
    assert not [value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"]
    assert bystander().status == LHStatus.COMPLETED


def test_a_value_that_doubles(client: Client, bystander: Callable[[], WfRun]) -> None:
    """01/SIZ-1, SIZ-2: forty doublings of a text end in a failure that says RESOURCE_EXHAUSTED."""

    def entrypoint(thread: WorkflowThread) -> None:
        text = thread.declare_str("text", "x")
        for _ in range(40):
            text.assign(text.add(text))

    run = client.wait(client.start(client.deploy("doubles", entrypoint)), LHStatus.ERROR)
    failures = [failure for node in client.node_runs(run) for failure in node.failures]
    assert "RESOURCE_EXHAUSTED" in failures[-1].message
    assert bystander().status == LHStatus.COMPLETED


def test_thousands_of_threads(client: Client, server: ServerProcess, bystander: Callable[[], WfRun]) -> None:
    """03/E-910, E-912: five thousand threads of one run take turns, and others are served meanwhile."""

    def child(thread: WorkflowThread) -> None:
        thread.declare_json_obj("INPUT")

    def entrypoint(thread: WorkflowThread) -> None:
        items = thread.declare_json_arr("items")
        thread.wait_for_threads(thread.spawn_thread_for_each(items, child, "child"))

    spec = client.deploy("crowd", entrypoint)
    run = client.start(spec, items=VariableValue(json_arr="[" + ",".join(["{}"] * 5_000) + "]"))
    assert bystander().status == LHStatus.COMPLETED
    ended = eventually(lambda: _ended(client, run), "the run has ended")
    assert ended.status in (LHStatus.COMPLETED, LHStatus.ERROR)
    assert resident_peak_bytes(server.process.pid) < RESIDENT_BYTES_MAX


def _ended(client: Client, run: WfRun) -> WfRun | None:
    now: WfRun = client.stub.GetWfRun(run.id)
    return now if now.status in (LHStatus.COMPLETED, LHStatus.ERROR) else None


def test_a_workflow_that_starts_itself(client: Client, bystander: Callable[[], WfRun]) -> None:
    """Fault 29: a run whose child is another run of itself ends in an error at some depth, and others go on."""
    spec = client.name("endless")

    def first(thread: WorkflowThread) -> None:
        thread.declare_int("nothing", 0)

    def again(thread: WorkflowThread) -> None:
        thread.declare_int("nothing", 0)
        thread.wait_for_child_wf(thread.run_wf(spec))

    client.deploy("endless", first)
    client.deploy("endless", again)
    run = client.start(spec)
    assert bystander().status == LHStatus.COMPLETED
    assert client.wait(run, LHStatus.ERROR).status == LHStatus.ERROR
