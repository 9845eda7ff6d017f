"""Workers against a server in the same event loop (spec 09 section 7.4)."""

import asyncio
import threading
from functools import partial
from typing import Any

import grpc
import pytest

import littlehorse
import littlehorse.worker
from littlehorse.exceptions import LHTaskException, TaskSchemaMismatchException
from littlehorse.lh_struct import lh_struct_def, serialize_to_struct
from littlehorse.model import (
    LHErrorType,
    LHHostInfo,
    PollTaskResponse,
    StructDefId,
    TaskStatus,
    TypeDefinition,
    VariableValue,
)
from littlehorse.worker import LHTaskWorker, LHTaskWorkerHealth, TaskWorkerHealthReason
from tests.sdk.fake_server import PATIENCE_SECONDS, FakeServer, config_for, scheduled, serving
from tests.sdk.working import NUMBER, TEXT, greet, has_reports, report_of, task_def, text, working

pytestmark = pytest.mark.usefixtures("transport")


# ---- start, heartbeat, connections


def test_registers_and_polls_as_configured() -> None:
    """09/PY-30, PY-32: what heartbeats and polls say; the tenant goes with both."""

    async def scenario() -> None:
        settings: dict[str, Any] = {
            "LHW_TASK_WORKER_ID": "me",
            "LHW_TASK_WORKER_VERSION": "v7",
            "LHC_TENANT_ID": "acme",
        }
        async with working(greet, task_def(TEXT), **settings) as (server, _):
            await server.until(lambda: bool(server.polls))
            assert server.registrations[0].task_worker_id == "me"
            assert server.registrations[0].task_def_id.name == "greet"
            assert server.metadata[0]["tenantid"] == "acme"
            assert server.streams[0].metadata["tenantid"] == "acme"
            poll = server.polls[0]
            assert (poll.client_id, poll.task_worker_version, poll.task_def_id.name) == ("me", "v7", "greet")
            assert poll.HasField("task_worker_version")

    asyncio.run(scenario())


def test_transport_in_use(transport: str) -> None:
    """09/PY-31: polls and reports go through the extension unless that is switched off."""

    async def scenario() -> None:
        async with working(greet, task_def(TEXT)) as (server, _):
            await server.until(lambda: bool(server.waiting))
            server.give(scheduled(1, text("x")))
            await server.until(lambda: bool(server.reports))
            sender = "tonic/" if transport == "extension" else "grpc-python-asyncio/"
            assert server.streams[0].metadata["user-agent"].startswith(sender)
            assert server.report_metadata["user-agent"].startswith(sender)

    asyncio.run(scenario())


def test_waits_for_its_task_def(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-29: a TaskDef that is not there yet is asked for again; when it never comes, the error is the caller's."""
    monkeypatch.setattr(littlehorse.worker, "TASK_DEF_RETRY_SECONDS", 0.001)

    async def comes_late() -> None:
        fake = FakeServer(task_def(TEXT))
        fake.missing_task_defs = 3
        async with working(greet, task_def(TEXT), fake) as (server, _):
            await server.until(lambda: bool(server.polls))

    async def never_comes() -> None:
        fake = FakeServer(task_def(TEXT))
        fake.missing_task_defs = 1_000_000
        async with serving(fake):
            config = config_for(fake)
            with pytest.raises(grpc.RpcError) as error:
                await LHTaskWorker(greet, "greet", config).start()
            assert error.value.code() is grpc.StatusCode.NOT_FOUND
            await config.aclose()

    asyncio.run(comes_late())
    monkeypatch.setattr(littlehorse.worker, "TASK_DEF_WAIT_SECONDS", 0)
    asyncio.run(never_comes())


def test_function_must_fit() -> None:
    """09/PY-29: the function is checked against the TaskDef before anything is polled."""

    async def scenario() -> None:
        async with serving(FakeServer(task_def(TEXT, TEXT))) as server:
            config = config_for(server)
            with pytest.raises(TaskSchemaMismatchException, match="Incorrect parameter list"):
                await LHTaskWorker(greet, "greet", config).start()
            assert server.registrations == []
            await config.aclose()

    asyncio.run(scenario())


def test_health_follows_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-30: a failed heartbeat makes a worker unhealthy, the next one heals it; connections go on meanwhile."""
    monkeypatch.setattr(littlehorse.worker, "HEARTBEAT_INTERVAL_SECONDS", 0.01)

    async def scenario() -> None:
        async with working(greet, task_def(TEXT)) as (server, worker):
            await server.until(lambda: bool(server.waiting))
            assert worker.health() == LHTaskWorkerHealth(True, TaskWorkerHealthReason.HEALTHY)
            server.failing_heartbeats = 1_000_000
            beats = len(server.registrations)
            await server.until(lambda: len(server.registrations) > beats + 2)
            assert worker.health() == LHTaskWorkerHealth(False, TaskWorkerHealthReason.UNHEALTHY)
            server.give(scheduled(1, text("x")))
            await server.until(lambda: bool(server.reports))
            server.failing_heartbeats = 0
            server.is_cluster_healthy = False
            beats = len(server.registrations)
            await server.until(lambda: len(server.registrations) > beats + 2)
            assert worker.health() == LHTaskWorkerHealth(False, TaskWorkerHealthReason.SERVER_REBALANCING)

    asyncio.run(scenario())


def test_follows_the_list_of_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-30: a worker connects to every host that it is told and leaves those that it is told no more."""
    monkeypatch.setattr(littlehorse.worker, "HEARTBEAT_INTERVAL_SECONDS", 0.01)

    async def scenario() -> None:
        async with serving(FakeServer(task_def(TEXT))) as other, working(greet, task_def(TEXT)) as (server, _):
            await server.until(lambda: bool(server.streams))
            server.hosts = [LHHostInfo(host="localhost", port=other.port)]
            await other.until(lambda: bool(other.waiting))
            await server.until(lambda: not server.streams)
            other.give(scheduled(1, text("x")))
            await other.until(lambda: bool(other.reports))
            assert server.reports == []

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.OK])
def test_reconnects_at_once(code: grpc.StatusCode) -> None:
    """09/PY-31: a stream that ends, however it ends, is opened again at once, and a heartbeat asks for the hosts."""

    async def scenario() -> None:
        async with working(greet, task_def(TEXT)) as (server, _):
            await server.until(lambda: len(server.waiting) == 8)
            server.break_streams(code)
            await server.until(lambda: not server.streams)
            await server.until(lambda: len(server.waiting) == 8)
            server.give(scheduled(1, text("x")))
            await server.until(lambda: bool(server.reports))
            await server.until(lambda: len(server.registrations) == 2)

    asyncio.run(scenario())


def test_survives_a_restart_of_the_server() -> None:
    """09/PY-31, PY-36: a server that goes away and comes back gets its worker back, and the report made meanwhile."""

    async def scenario() -> None:
        release = asyncio.Event()

        async def slow(name: str) -> str:
            await release.wait()
            return name

        async with serving(FakeServer(task_def(TEXT))) as before:
            port = before.port
            config = config_for(before)
            worker = LHTaskWorker(slow, "greet", config)
            running = asyncio.create_task(worker.start())
            await before.until(lambda: bool(before.waiting))
            before.give(scheduled(1, text("kept")))
            await before.until(lambda: len(before.polls) == 9 or len(before.waiting) == 7)
        release.set()
        async with serving(FakeServer(task_def(TEXT)), port) as after:
            await after.until(lambda: bool(after.reports) and bool(after.waiting))
            assert after.reports[0].output.str == "kept"
            worker.stop()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await running
        await config.aclose()

    asyncio.run(scenario())


# ---- polling


def test_never_takes_more_than_it_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-31: one poll for each free place, so that no claimed task waits in the worker; reports need none."""
    monkeypatch.setattr(littlehorse.worker, "REPORT_TASK_RETRIES_INTERVAL_SECONDS", 0.001)

    async def scenario() -> None:
        begun: list[str] = []
        release = asyncio.Semaphore(0)

        async def slow(name: str) -> str:
            begun.append(name)
            await server.changed()
            await release.acquire()
            return name

        async with working(slow, task_def(TEXT), LHW_NUM_WORKER_THREADS=3) as (server, _):
            await server.until(lambda: len(server.waiting) == 3)
            for number in range(3):
                server.give(scheduled(number, text(str(number))))
            await server.until(lambda: len(begun) == 3)
            assert (len(server.polls), server.waiting) == (3, [])
            server.failing_reports = 1
            release.release()
            await server.until(lambda: len(server.waiting) == 1)
            assert len(server.polls) == 4
            for _ in range(2):
                release.release()
            await server.until(lambda: len(server.waiting) == 3)

    asyncio.run(scenario())


def test_response_without_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-31, 04/TW-34b: an empty response means to poll again later."""
    monkeypatch.setattr(littlehorse.worker, "POLL_TASK_INTERVAL_SECONDS", 0.01)

    async def scenario() -> None:
        async with working(greet, task_def(TEXT), LHW_NUM_WORKER_THREADS=1) as (server, _):
            await server.until(lambda: len(server.waiting) == 1)
            server.give(PollTaskResponse())
            await server.until(lambda: len(server.polls) == 2)
            server.give(scheduled(1, text("x")))
            await server.until(lambda: bool(server.reports))

    asyncio.run(scenario())


# ---- results


def test_success() -> None:
    """09/PY-33, PY-34, PY-35: inputs by position, output, and the identity of the attempt."""

    async def join(first: str, second: int) -> dict[str, Any]:
        return {"first": first, "second": second}

    report = report_of(join, task_def(TEXT, NUMBER), text("a"), VariableValue(int=2), attempt_number=3)
    assert report.status == TaskStatus.TASK_SUCCESS
    assert report.output.json_obj == '{"first": "a", "second": 2}'
    assert (report.task_run_id.task_guid, report.attempt_number) == ("guid-1", 3)
    assert report.HasField("time")
    assert not report.HasField("log_output")


def test_nothing_is_a_result_too() -> None:
    """09/PY-34: the output is always set; None is NULL."""

    async def nothing() -> None:
        return None

    report = report_of(nothing, task_def())
    assert report.WhichOneof("result") == "output"
    assert report.output == VariableValue()


def test_a_tuple_is_an_array() -> None:
    """09/PY-34: the server takes no JSON array as an object."""

    async def pair() -> Any:
        return 1, 2

    assert report_of(pair, task_def()).output.json_arr == "[1, 2]"


def test_business_exception() -> None:
    """09/PY-34: LHTaskException is reported by its name, with message and content."""

    async def refuse() -> None:
        raise LHTaskException("declined", "no money", VariableValue(int=5))

    report = report_of(refuse, task_def())
    assert report.status == TaskStatus.TASK_EXCEPTION
    assert (report.exception.name, report.exception.message) == ("declined", "no money")
    assert report.exception.content.int == 5


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, asyncio.CancelledError, SystemExit])
def test_technical_error(error: type[BaseException]) -> None:
    """09/PY-34: whatever else a function raises is a failed attempt, reported with its traceback."""

    async def crash() -> None:
        raise error("boom")

    report = report_of(crash, task_def())
    assert report.status == TaskStatus.TASK_FAILED
    assert report.error.type == LHErrorType.TASK_ERROR
    assert "in crash" in report.error.message


def test_output_that_cannot_be_sent() -> None:
    """09/PY-34: a result that has no form in the contract is a serde error, not a failed attempt that is retried."""

    async def make_set() -> Any:
        return {1, 2}

    async def make_huge() -> int:
        return 2**63

    for function in (make_set, make_huge):
        report = report_of(function, task_def())
        assert report.status == TaskStatus.TASK_OUTPUT_SERDE_ERROR
        assert report.error.type == LHErrorType.VAR_SUB_ERROR


def test_input_that_cannot_be_read() -> None:
    """09/PY-34: an input that cannot be converted is reported, and its place is free again."""

    async def scenario() -> None:
        async with working(greet, task_def(TEXT), LHW_NUM_WORKER_THREADS=1) as (server, _):
            for number, values in enumerate([[VariableValue(json_obj="{")], []]):
                await server.until(lambda: len(server.waiting) == 1)
                server.give(scheduled(number, *values))
                await server.until(partial(has_reports, server, number + 1))
            for report in server.reports:
                assert report.status == TaskStatus.TASK_INPUT_VAR_SUB_ERROR
                assert report.error.type == LHErrorType.VAR_SUB_ERROR
            await server.until(lambda: len(server.waiting) == 1)

    asyncio.run(scenario())


def test_structs() -> None:
    """09/PY-33: a struct arrives as an instance of the annotated class."""

    @lh_struct_def("car")
    class Car:
        model_name: str

    async def paint(car: Car) -> Car:
        car.model_name += " red"
        return car

    kind = TypeDefinition(struct_def_id=StructDefId(name="car"))
    value = VariableValue(struct=serialize_to_struct(Car(model_name="T")))
    report = report_of(paint, task_def(kind), value)
    assert report.output.struct.struct.fields["modelName"].value.str == "T red"


def test_plain_functions_run_in_threads() -> None:
    """09/PY-38: functions without `async` block neither each other nor the event loop."""

    async def scenario() -> None:
        barrier = threading.Barrier(3)

        def meet(name: str) -> str:
            barrier.wait(PATIENCE_SECONDS)
            return f"{name} {threading.current_thread() is threading.main_thread()}"

        async with working(meet, task_def(TEXT), LHW_NUM_WORKER_THREADS=3) as (server, _):
            await server.until(lambda: len(server.waiting) == 3)
            for number in range(3):
                server.give(scheduled(number, text("x")))
            await server.until(lambda: len(server.reports) == 3)
            assert {report.output.str for report in server.reports} == {"x False"}

    asyncio.run(scenario())


def test_callable_objects() -> None:
    """09/PY-38: objects with an `async def __call__` run in the event loop."""

    class Greeter:
        async def __call__(self, name: str) -> str:
            return f"{name} {threading.current_thread() is threading.main_thread()}"

    assert report_of(Greeter(), task_def(TEXT), text("x")).output.str == "x True"


# ---- reports


def test_report_is_repeated_until_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-36: a report that fails is sent again, so many times and no more."""
    monkeypatch.setattr(littlehorse.worker, "REPORT_TASK_RETRIES_INTERVAL_SECONDS", 0.001)

    async def scenario() -> None:
        async with working(greet, task_def(TEXT)) as (server, _):
            await server.until(lambda: len(server.waiting) == 8)
            server.failing_reports = 14
            server.give(scheduled(1, text("x")))
            await server.until(lambda: bool(server.reports))
            assert server.report_attempts == 15
            server.report_attempts, server.failing_reports = 0, 15
            server.give(scheduled(2, text("lost")))
            await server.until(lambda: server.report_attempts == 15)
        assert [report.output.str for report in server.reports] == ["hello x"]
        assert server.report_attempts == 15

    asyncio.run(scenario())


def test_report_that_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-36: a report that nobody answers in time is sent again."""
    monkeypatch.setattr(littlehorse.worker, "REPORT_TASK_RETRIES_INTERVAL_SECONDS", 0.001)

    async def scenario() -> None:
        fake = FakeServer(task_def(TEXT))
        fake.unanswered_reports = 2
        async with working(greet, task_def(TEXT), fake) as (server, _):
            await server.until(lambda: len(server.waiting) == 8)
            monkeypatch.setattr(littlehorse.worker, "GRPC_UNARY_CALL_TIMEOUT_SECONDS", 0.05)
            server.give(scheduled(1, text("x")))
            await server.until(lambda: server.report_attempts >= 2)
            monkeypatch.setattr(littlehorse.worker, "GRPC_UNARY_CALL_TIMEOUT_SECONDS", PATIENCE_SECONDS)
            await server.until(lambda: bool(server.reports))
            assert server.report_attempts >= 3

    asyncio.run(scenario())


@pytest.mark.parametrize("waits", [True, False])
def test_report_to_an_overloaded_server(waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-14, PY-36: a refused report comes again when the server asks for it, and that is one attempt.

    Unless the configuration says otherwise.
    """
    monkeypatch.setattr(littlehorse.worker, "REPORT_TASK_RETRIES_INTERVAL_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(littlehorse.worker, "REPORT_TASK_FAIL_RETRIES", 1)

    async def scenario() -> None:
        fake = FakeServer(task_def(TEXT))
        fake.refused_reports = 3
        settings = {"LHC_GRPC_RESOURCE_EXHAUSTED_RETRY": str(waits)}
        async with working(greet, task_def(TEXT), fake, **settings) as (server, _):
            await server.until(lambda: len(server.waiting) == 8)
            server.give(scheduled(1, text("x")))
            await server.until(lambda: server.report_attempts == (4 if waits else 1))
        assert len(server.reports) == (1 if waits else 0)

    asyncio.run(scenario())
