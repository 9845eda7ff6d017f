"""Starting and stopping workers (spec 09 section 7.4)."""

import asyncio
from typing import Any

import pytest

import littlehorse
import littlehorse.worker
from littlehorse.exceptions import TaskSchemaMismatchException
from littlehorse.worker import LHTaskWorker
from tests.sdk.fake_server import FakeServer, config_for, scheduled, serving
from tests.sdk.working import TEXT, greet, task_def, text, working

pytestmark = pytest.mark.usefixtures("transport")


@pytest.mark.parametrize("answers_half_close", [True, False])
def test_stop_drains(answers_half_close: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-37, 04/TW-34f: stopping half-closes the stream, then finishes and reports tasks at hand."""
    monkeypatch.setattr(littlehorse.worker, "HALF_CLOSE_GRACE_SECONDS", 0.01)

    async def scenario() -> None:
        begun, release = asyncio.Event(), asyncio.Event()

        async def slow(name: str) -> str:
            begun.set()
            await release.wait()
            return name

        fake = FakeServer(task_def(TEXT))
        fake.answers_half_close = answers_half_close
        async with working(slow, task_def(TEXT), fake) as (server, worker):
            await server.until(lambda: bool(server.waiting))
            server.give(scheduled(1, text("x")))
            await begun.wait()
            assert worker.is_running
            worker.stop()
            assert not worker.is_running
            await server.until(lambda: server.half_closed == 1 and not server.streams)
            assert server.reports == []
            release.set()
            await server.until(lambda: bool(server.reports))

    asyncio.run(scenario())


def test_stop_gives_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """09/PY-37: a task that does not end is cancelled after the time for draining; nothing is reported."""
    monkeypatch.setattr(littlehorse.worker, "DRAIN_TIMEOUT_SECONDS", 0.01)

    async def scenario() -> None:
        begun = asyncio.Event()

        async def endless(name: str) -> str:
            begun.set()
            await asyncio.Event().wait()
            return name

        async with working(endless, task_def(TEXT)) as (server, worker):
            await server.until(lambda: bool(server.waiting))
            server.give(scheduled(1, text("x")))
            await begun.wait()
            worker.stop()
            await server.until(lambda: not server.streams)
        assert server.reports == []

    asyncio.run(scenario())


def test_cancelling_ends_tasks_at_hand() -> None:
    """09/PY-37: whoever cancels `start`, even together with `stop`, does not wait for draining."""

    async def scenario() -> None:
        begun = asyncio.Event()
        ended: list[str] = []

        async def endless(name: str) -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)
            return name

        async with serving(FakeServer(task_def(TEXT))) as server:
            config = config_for(server)
            worker = LHTaskWorker(endless, "greet", config)
            running = asyncio.create_task(worker.start())
            await server.until(lambda: bool(server.waiting))
            server.give(scheduled(1, text("x")))
            await begun.wait()
            # As it happens when one thread tells the event loop to stop the worker and then to cancel it.
            loop = asyncio.get_running_loop()
            loop.call_soon(worker.stop)
            loop.call_soon(lambda: loop.call_soon(running.cancel))
            with pytest.raises(asyncio.CancelledError):
                await running
            await server.until(lambda: not server.streams)
            assert (ended, server.reports) == (["x"], [])
            await config.aclose()

    asyncio.run(scenario())


def test_stop_before_start() -> None:
    """09/PY-37: a worker may be stopped before it ran; starting it then does nothing."""

    async def scenario() -> None:
        async with serving(FakeServer(task_def(TEXT))) as server:
            config = config_for(server)
            worker = LHTaskWorker(greet, "greet", config)
            worker.stop()
            await worker.start()
            assert server.registrations == []
            await config.aclose()

    asyncio.run(scenario())


def test_stop_from_another_thread() -> None:
    """09/PY-37: `stop` may be called from anywhere."""

    async def scenario() -> None:
        async with working(greet, task_def(TEXT)) as (server, worker):
            await server.until(lambda: bool(server.waiting))
            await asyncio.to_thread(worker.stop)
            await server.until(lambda: not server.streams)

    asyncio.run(scenario())


def test_start_runs_all_and_raises_the_first_error() -> None:
    """09/PY-40: one worker that cannot work ends all."""

    async def scenario() -> None:
        async with serving(FakeServer(task_def(TEXT))) as server:
            config = config_for(server)

            async def wrong(number: int) -> None:
                pass

            good, bad = LHTaskWorker(greet, "greet", config), LHTaskWorker(wrong, "greet", config)
            with pytest.raises(TaskSchemaMismatchException):
                await littlehorse.start(good, bad)
            assert not good.is_running
            await server.until(lambda: not server.streams)
            await config.aclose()

    asyncio.run(scenario())


def test_arguments_are_needed() -> None:
    """09 section 7.1: None for any argument is an error."""
    config = littlehorse.config.LHConfig()
    arguments: list[tuple[Any, Any, Any]] = [(None, "x", config), (greet, None, config), (greet, "x", None)]
    for function, name, settings in arguments:
        with pytest.raises(ValueError, match="cannot be None"):
            LHTaskWorker(function, name, settings)
