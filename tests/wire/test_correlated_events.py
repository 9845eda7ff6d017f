"""Correlated events: posted under a key that runs wait for, in either order, over two shards and through a kill."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from littlehorse.model import (
    CorrelatedEvent,
    CorrelatedEventConfig,
    CorrelatedEventId,
    DeleteCorrelatedEventRequest,
    ExternalEventDefId,
    LHStatus,
    PutCorrelatedEventRequest,
    PutExternalEventDefRequest,
    SearchCorrelatedEventRequest,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client, EventLoopThread, ServerProcess, eventually

KEYS = 12


@pytest.fixture
def two_shards(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with two shards, serving; killed at the end."""
    process = ServerProcess(tmp_path / "data", "--shards", "2")
    process.start()
    yield process
    process.kill()


def correlation(event: str, key: str) -> CorrelatedEventId:
    """The id of what is posted under `key` for the definition `event`."""
    return CorrelatedEventId(key=key, external_event_def_id=ExternalEventDefId(name=event))


def post(client: Client, event: str, key: str, content: Any) -> CorrelatedEvent:
    """PutCorrelatedEvent."""
    request = PutCorrelatedEventRequest(
        key=key, external_event_def_id=ExternalEventDefId(name=event), content=to_variable_value(content)
    )
    return client.stub.PutCorrelatedEvent(request)


def waiter(client: Client, event: str, **config: Any) -> str:
    """Deploys a workflow that waits for a text under the key it is started with; returns its name."""

    def entrypoint(thread: WorkflowThread) -> None:
        key = thread.declare_str("key").required()
        text = thread.declare_str("text")
        settings = CorrelatedEventConfig(**config)
        text.assign(thread.wait_for_event(event, correlation_id=key, return_type=str, correlated_event_config=settings))

    return client.deploy("waiter", entrypoint)


def new_key() -> str:
    """A key of the test's own."""
    return uuid.uuid4().hex


def test_an_event_put_first_reaches_the_runs_that_come_later(client: Client) -> None:
    """05/E-47, E-50, E-51, E-55: it is kept, and each run gets an ExternalEvent of its own."""
    event, key = client.name("shipped"), new_key()
    wf_spec = waiter(client, event)
    put = post(client, event, key, "early")
    assert (put.id, put.content.str, list(put.external_events)) == (correlation(event, key), "early", [])
    assert client.stub.GetCorrelatedEvent(put.id) == put
    runs = [client.run(wf_spec, key=key) for _ in range(2)]
    made = []
    for run in runs:
        assert client.variable(run, "text").str == "early"
        node = client.node_runs(run)[1].external_event
        assert node.correlation_key == key
        external = client.stub.GetExternalEvent(node.external_event_id)
        assert (external.claimed, external.thread_run_number, external.node_run_position) == (True, 0, 1)
        made.append(external.id)
    # An id is shown once the home of the key knows that its object exists (05/E-49).
    eventually(lambda: list(client.stub.GetCorrelatedEvent(put.id).external_events) == made, "both ids are shown")


def test_an_event_wakes_every_run_that_waits_for_its_key(client: Client) -> None:
    """05/E-47, E-48, E-49, E-50: the response names the ExternalEvents; runs with other keys wait on."""
    event, key = client.name("shipped"), new_key()
    wf_spec = waiter(client, event)
    runs = [client.start(wf_spec, key=key) for _ in range(2)]
    other = client.start(wf_spec, key=new_key())
    put = post(client, event, key, "late")
    assert {made.wf_run_id.id for made in put.external_events} == {run.id.id for run in runs}
    for run in runs:
        assert client.variable(client.wait(run), "text").str == "late"
    assert client.node_runs(other)[1].status == LHStatus.RUNNING


def test_an_event_that_is_deleted_by_its_first_correlation(client: Client) -> None:
    """05/E-50, E-51: the response names what was made; the key is free again."""
    event, key = client.name("once"), new_key()
    wf_spec = waiter(client, event, delete_after_first_correlation=True)
    for text in ("first", "second"):
        run = client.start(wf_spec, key=key)
        put = post(client, event, key, text)
        assert [made.wf_run_id for made in put.external_events] == [run.id]
        assert client.variable(client.wait(run), "text").str == text
        with pytest.raises(grpc.RpcError) as missing:
            client.stub.GetCorrelatedEvent(put.id)
        assert missing.value.code() == grpc.StatusCode.NOT_FOUND


def test_what_is_refused(client: Client) -> None:
    """05/E-44, E-45, E-46: keys, definitions and contents that cannot be, and a second event under a key."""
    event, key, plain = client.name("shipped"), new_key(), client.name("plain")
    waiter(client, event)
    client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=plain))
    put = post(client, event, key, "x")
    for name, of_key, content, code, text in [
        (plain, key, "x", grpc.StatusCode.INVALID_ARGUMENT, "cannot be correlated"),
        (event, key, "y", grpc.StatusCode.ALREADY_EXISTS, "already exists"),
        (event, "", "x", grpc.StatusCode.INVALID_ARGUMENT, "must not be empty"),
        (event, "a/b", "x", grpc.StatusCode.INVALID_ARGUMENT, "'a/b'"),
        (event, new_key(), {"no": "text"}, grpc.StatusCode.INVALID_ARGUMENT, "Invalid type"),
        (client.name("unknown"), key, "x", grpc.StatusCode.INVALID_ARGUMENT, "does not exist"),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            post(client, name, of_key, content)
        assert refused.value.code() == code
        assert text in refused.value.details()
    assert client.stub.GetCorrelatedEvent(put.id) == put


def test_events_are_deleted_and_found(client: Client) -> None:
    """05/E-55, E-75, E-76: the search tells events that reached a run from others; deletion may be repeated."""
    event, used, unused = client.name("shipped"), new_key(), new_key()
    wf_spec = waiter(client, event)
    posted = [post(client, event, key, key) for key in (used, unused)]
    # Oldest first; within a millisecond by key.
    posted.sort(key=lambda put: (put.created_at.ToMilliseconds(), put.id.key))
    client.run(wf_spec, key=used)

    def found(**fields: Any) -> list[str]:
        request = SearchCorrelatedEventRequest(external_event_def_id=ExternalEventDefId(name=event), **fields)
        return [result.key for result in client.stub.SearchCorrelatedEvent(request).results]

    assert found() == [put.id.key for put in posted]
    assert found(has_external_events=True) == [used]
    assert found(has_external_events=False) == [unused]
    for _ in range(2):
        client.stub.DeleteCorrelatedEvent(DeleteCorrelatedEventRequest(id=correlation(event, unused)))
    assert found() == [used]
    with pytest.raises(grpc.RpcError) as missing:
        client.stub.GetCorrelatedEvent(correlation(event, unused))
    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    run = client.start(wf_spec, key=unused)
    post(client, event, unused, "again")
    assert client.variable(client.wait(run), "text").str == "again"


def test_keys_are_known_after_a_kill_of_two_shards(two_shards: ServerProcess, loop_thread: EventLoopThread) -> None:
    """05/E-48, E-49, E-50, E-85: events and who waits for them survive, in both orders, on whatever shard they are."""
    early, late = [new_key() for _ in range(KEYS)], [new_key() for _ in range(KEYS)]
    with Client(two_shards.address, loop_thread, "before") as client, ThreadPoolExecutor(8) as pool:
        event = client.name("shipped")
        wf_spec = waiter(client, event)
        list(pool.map(lambda key: post(client, event, key, key), early))
        waiting = list(pool.map(lambda key: client.start(wf_spec, key=key), late))

    two_shards.kill()
    two_shards.start()
    with Client(two_shards.address, loop_thread, "after") as client, ThreadPoolExecutor(8) as pool:
        puts = list(pool.map(lambda key: post(client, event, key, key), late))
        assert [[made.wf_run_id for made in put.external_events] for put in puts] == [[run.id] for run in waiting]
        started = list(pool.map(lambda key: client.start(wf_spec, key=key), early))
        for run, key in zip(waiting + started, late + early, strict=True):
            assert client.variable(client.wait(run), "text").str == key
        with pytest.raises(grpc.RpcError) as refused:
            post(client, event, early[0], "twice")
        assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS
        request = SearchCorrelatedEventRequest(external_event_def_id=ExternalEventDefId(name=event), limit=1000)
        request.has_external_events = True
        found = client.stub.SearchCorrelatedEvent(request).results
        assert {result.key for result in found} == {*early, *late}
