"""Events into and out of runs: external events, interrupts, workflow events, and the searches over them."""

import sys
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from littlehorse.model import (
    AwaitWorkflowEventRequest,
    DeleteExternalEventDefRequest,
    DeleteWfRunRequest,
    ExternalEvent,
    ExternalEventDefId,
    ExternalEventId,
    GetLatestUserTaskDefRequest,
    LHStatus,
    ListExternalEventsRequest,
    ListWorkflowEventsRequest,
    LittleHorseStub,
    NodeRunId,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    PutUserTaskDefRequest,
    PutWorkflowEventDefRequest,
    SearchExternalEventRequest,
    SearchNodeRunRequest,
    SearchWorkflowEventRequest,
    ThreadType,
    WfRunId,
    WorkflowEventDefId,
    WorkflowEventId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, Client, EventLoopThread, ServerProcess, eventually

CALLERS = 10_000
CALLERS_PER_CONNECTION = 500


def post(client: Client, run: str, event: str, content: Any = None, **fields: Any) -> ExternalEvent:
    """PutExternalEvent for a root WfRun."""
    request = PutExternalEventRequest(
        wf_run_id=WfRunId(id=run),
        external_event_def_id=ExternalEventDefId(name=event),
        content=None if content is None else to_variable_value(content),
        **fields,
    )
    return client.stub.PutExternalEvent(request)


def new_id() -> str:
    """A WfRun id of the test's own."""
    return uuid.uuid4().hex


def waiter(client: Client, event: str, then: str | None = None) -> str:
    """Deploys a workflow that waits for a text and, if asked, throws it on; returns its name."""

    def entrypoint(thread: WorkflowThread) -> None:
        text = thread.declare_str("text")
        text.assign(thread.wait_for_event(event, return_type=str))
        if then is not None:
            thread.throw_event(then, text)

    if then is not None:
        client.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=then))
    return client.deploy("waiter", entrypoint)


def test_an_event_wakes_the_run_that_waits_for_it(client: Client) -> None:
    """05/E-17, E-18, E-22, E-36: the response tells that the event was consumed, and where."""
    event = client.name("paid")
    run = client.start(waiter(client, event))
    assert client.node_runs(run)[1].status == LHStatus.RUNNING
    put = post(client, run.id.id, event, "hello")
    assert (put.claimed, put.thread_run_number, put.node_run_position) == (True, 0, 1)
    run = client.wait(run)
    assert client.variable(run, "text").str == "hello"
    node = client.node_runs(run)[1].external_event
    assert node.external_event_id == put.id
    assert node.event_time == put.created_at
    assert client.stub.GetExternalEvent(put.id) == put


def test_an_event_can_be_posted_before_its_run_exists(client: Client) -> None:
    """05/E-19, E-70, E-71, E-74: it is stored, listed and found, and RunWf answers a run that has used it already."""
    event, id = client.name("early"), new_id()
    wf_spec = waiter(client, event)
    put = post(client, id, event, "first")
    assert not put.claimed
    assert client.stub.GetExternalEvent(put.id) == put
    search = SearchExternalEventRequest(external_event_def_id=ExternalEventDefId(name=event), is_claimed=False)
    assert list(client.stub.SearchExternalEvent(search).results) == [put.id]
    run = client.start(wf_spec, id=id)
    assert run.status == LHStatus.COMPLETED
    listed = client.stub.ListExternalEvents(ListExternalEventsRequest(wf_run_id=run.id)).results
    assert [(found.id, found.claimed) for found in listed] == [(put.id, True)]
    assert not client.stub.SearchExternalEvent(search).results
    client.stub.DeleteWfRun(DeleteWfRunRequest(id=run.id))
    assert not client.stub.ListExternalEvents(ListExternalEventsRequest(wf_run_id=run.id)).results


def test_the_same_guid_is_refused(client: Client) -> None:
    """05/E-11, E-12, E-13, E-14: a repetition, the wrong type, no definition."""
    event, id = client.name("once"), new_id()
    waiter(client, event)
    assert post(client, id, event, "x", guid="mine").id.guid == "mine"
    assert len(post(client, id, event, "x").id.guid) == 32
    for content, guid, name, code, text in [
        ("y", "mine", event, grpc.StatusCode.ALREADY_EXISTS, "mine"),
        ({"no": "text"}, "other", event, grpc.StatusCode.INVALID_ARGUMENT, "Invalid type"),
        ("x", "other", client.name("unknown"), grpc.StatusCode.INVALID_ARGUMENT, "does not exist"),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            post(client, id, name, content, guid=guid)
        assert refused.value.code() == code
        assert text in refused.value.details()


def test_a_timeout_fails_the_node(client: Client) -> None:
    """05/E-37; 03/E-422: TIMEOUT, with a message that says so."""
    event = client.name("never")

    def entrypoint(thread: WorkflowThread) -> None:
        thread.wait_for_event(event, timeout=1, auto_register=True)

    run = client.run(client.deploy("late", entrypoint), LHStatus.ERROR)
    node = client.node_runs(run)[1]
    assert node.external_event.timed_out
    assert node.failures[0].failure_name == "TIMEOUT"
    assert "arrive in time" in node.failures[0].message


def test_an_interrupt_runs_beside_the_halted_thread(client: Client) -> None:
    """03/E-610, E-620, E-630; 05/E-43: the handler gets the content, and the thread then goes on where it was."""
    event, stop = client.name("go"), client.name("stop")
    seen: list[str] = []

    async def note(text: str) -> None:
        seen.append(text)

    task = client.work("note", note)

    def entrypoint(thread: WorkflowThread) -> None:
        def handler(body: WorkflowThread) -> None:
            body.execute(task, body.declare_str("INPUT"))

        thread.add_interrupt_handler(stop, handler).with_event_type(str)
        thread.wait_for_event(event, auto_register=True)

    run = client.start(client.deploy("interrupted", entrypoint))
    put = post(client, run.id.id, stop, "why")
    assert put.claimed
    assert not put.HasField("thread_run_number")
    now = eventually(lambda: _two_threads_at_rest(client, run.id), "the handler is done")
    assert now.thread_runs[1].type == ThreadType.INTERRUPT
    assert now.thread_runs[1].interrupt_trigger_id == put.id
    assert now.thread_runs[0].status == LHStatus.RUNNING
    assert seen == ["why"]
    post(client, run.id.id, event)
    client.wait(run)


def _two_threads_at_rest(client: Client, id: WfRunId) -> Any:
    run = client.stub.GetWfRun(id)
    done = len(run.thread_runs) == 2 and run.thread_runs[1].status == LHStatus.COMPLETED
    return run if done else None


def waiting(client: Client, pool: ThreadPoolExecutor, run: str, *events: str, ignore: Any = ()) -> "Future[Any]":
    """A caller that waits for a WorkflowEvent of a root WfRun."""
    request = AwaitWorkflowEventRequest(
        wf_run_id=WfRunId(id=run),
        event_def_ids=[WorkflowEventDefId(name=name) for name in events],
        workflow_events_to_ignore=ignore,
    )
    return pool.submit(client.stub.AwaitWorkflowEvent, request, timeout=30)


def test_callers_wait_for_what_a_run_throws(client: Client) -> None:
    """05/E-58, E-63, E-64, E-67, E-68: before RunWf, after the throw, several at once, and any definition."""
    event, told = client.name("ask"), client.name("told")
    wf_spec, id = waiter(client, event, told), new_id()
    with ThreadPoolExecutor(8) as pool:
        early = [waiting(client, pool, id, told), waiting(client, pool, id), waiting(client, pool, id, "x", told)]
        client.start(wf_spec, id=id)
        post(client, id, event, "answer")
        thrown = [caller.result() for caller in early]
        later = waiting(client, pool, id, told).result()
    assert thrown == [later] * 3
    assert later.content.str == "answer"
    assert later.id == WorkflowEventId(
        wf_run_id=WfRunId(id=id), workflow_event_def_id=WorkflowEventDefId(name=told), number=0
    )
    assert client.stub.GetWorkflowEvent(later.id) == later
    listed = client.stub.ListWorkflowEvents(ListWorkflowEventsRequest(wf_run_id=WfRunId(id=id))).results
    assert list(listed) == [later]
    search = SearchWorkflowEventRequest(workflow_event_def_id=WorkflowEventDefId(name=told))
    assert list(client.stub.SearchWorkflowEvent(search).results) == [later.id]


def test_an_ignored_event_does_not_end_the_wait(client: Client) -> None:
    """05/E-59, E-65, E-66: the next one does; without one the client's deadline passes."""
    told = client.name("counted")

    def entrypoint(thread: WorkflowThread) -> None:
        thread.throw_event(told, "zero", return_type=str)
        thread.wait_for_event(client.name("more"), auto_register=True)
        thread.throw_event(told, "one", return_type=str)

    run = client.start(client.deploy("counting", entrypoint))
    with ThreadPoolExecutor(2) as pool:
        first = waiting(client, pool, run.id.id, told).result()
        second = waiting(client, pool, run.id.id, told, ignore=[first.id])
        post(client, run.id.id, client.name("more"))
        assert (first.id.number, second.result().id.number) == (0, 1)
    request = AwaitWorkflowEventRequest(wf_run_id=WfRunId(id=new_id()))
    with pytest.raises(grpc.RpcError) as refused:
        client.stub.AwaitWorkflowEvent(request, timeout=0.2)
    assert refused.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_node_runs_are_found_by_event_and_status(client: Client) -> None:
    """05/E-77; 07/O-2: without an event all NodeRuns in that status, of any kind."""
    event = client.name("search")
    wf_spec = waiter(client, event)
    waits, done = client.start(wf_spec), client.start(wf_spec)
    post(client, done.id.id, event, "x")
    for status, expected in [(LHStatus.RUNNING, waits), (LHStatus.COMPLETED, done), (LHStatus.HALTED, None)]:
        request = SearchNodeRunRequest(status=status, external_event_def=ExternalEventDefId(name=event))
        found = [found.wf_run_id for found in client.stub.SearchNodeRun(request).results]
        assert found == ([] if expected is None else [expected.id])
    everything = all_node_runs(client, LHStatus.COMPLETED)
    assert {node.id.position for node in client.node_runs(done)} == {
        found.position for found in everything if found.wf_run_id == done.id
    }
    assert [found.position for found in all_node_runs(client, LHStatus.RUNNING) if found.wf_run_id == waits.id] == [1]


def all_node_runs(client: Client, status: "LHStatus.ValueType") -> list[NodeRunId]:
    """SearchNodeRun without an event, followed to its end in small pages."""
    request, found = SearchNodeRunRequest(status=status, limit=3), []
    while True:
        page = client.stub.SearchNodeRun(request)
        found.extend(page.results)
        if not page.HasField("bookmark"):
            return found
        request.bookmark = page.bookmark


def test_event_definitions(client: Client) -> None:
    """05/E-5, E-7, E-9, E-32; 02/UT-2: overwritten, immutable, deleted; UserTaskDefs have versions."""
    name = client.name("def")
    first = client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=name))
    assert client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=name)) == first
    assert client.stub.GetExternalEventDef(first.id) == first
    client.stub.DeleteExternalEventDef(DeleteExternalEventDefRequest(id=first.id))
    with pytest.raises(grpc.RpcError) as refused:
        client.stub.GetExternalEventDef(first.id)
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as refused:
        client.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=""))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=name))
    latest = client.stub.GetLatestUserTaskDef(GetLatestUserTaskDefRequest(name=name))
    assert latest.version == 0
    again = client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=name, description="more"))
    assert again.version == 1


def test_a_workflow_can_be_registered_twice(client: Client) -> None:
    """05/E-80: the same definitions arrive again and again."""
    event, told = client.name("again"), client.name("told-again")

    def entrypoint(thread: WorkflowThread) -> None:
        thread.throw_event(told, thread.wait_for_event(event, return_type=str), return_type=str)

    client.deploy("twice", entrypoint)
    run = client.start(client.deploy("twice", entrypoint))
    post(client, run.id.id, event, "x")
    client.wait(run)


def test_events_survive_a_kill(fresh_server: ServerProcess, loop_thread: EventLoopThread) -> None:
    """05/E-63, E-85: posted, claimed and thrown events are there after kill -9, in their order."""
    with Client(fresh_server.start(), loop_thread, "kill") as client:
        event, told = client.name("ask"), client.name("told")
        wf_spec, ahead = waiter(client, event, told), new_id()
        run = client.start(wf_spec)
        post(client, run.id.id, event, "one")
        kept = [post(client, ahead, event, text) for text in ("first", "second")]
        fresh_server.kill()
        fresh_server.start()
        eventually(client.is_reached, "the connection is renewed after the restart")
        request = AwaitWorkflowEventRequest(wf_run_id=run.id)
        assert client.stub.AwaitWorkflowEvent(request, timeout=30, wait_for_ready=True).content.str == "one"
        assert [client.stub.GetExternalEvent(event.id) for event in kept] == kept
        assert client.variable(client.start(wf_spec, id=ahead), "text").str == "first"
        with pytest.raises(grpc.RpcError) as refused:
            client.stub.GetExternalEvent(ExternalEventId(wf_run_id=run.id, guid="absent"))
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts the server's threads in /proc")
def test_ten_thousand_waiting_callers_cost_no_threads(client: Client, server: ServerProcess) -> None:
    """05/E-68: each gets the event; the server has no thread for any of them, while they wait and afterwards."""
    event, told = client.name("many"), client.name("told-many")
    run = client.start(waiter(client, event, told))
    request = AwaitWorkflowEventRequest(wf_run_id=run.id)
    before = server.threads()
    with ExitStack() as stack:
        calls = []
        for number in range(CALLERS // CALLERS_PER_CONNECTION):
            # Channels with the same options share a connection. Clients of the SDKs look at every answer for a reason
            # to repeat the call, so they cannot leave one open.
            channel = stack.enter_context(grpc.insecure_channel(client.address, [("lh.number", number)]))
            stub = LittleHorseStub(channel)
            calls += [stub.AwaitWorkflowEvent.future(request, timeout=60) for _ in range(CALLERS_PER_CONNECTION)]
            # Calls of one connection arrive in their order: whoever got this answer knows that those before it wait.
            stub.GetServerVersion(Empty(), timeout=DEADLINE_SECONDS)
        assert not any(call.done() for call in calls)
        assert server.threads() - before < 16
        post(client, run.id.id, event, "all")
        assert [call.result().content.str for call in calls] == ["all"] * CALLERS
    assert server.threads() - before < 16


def test_many_thrown_events_are_found_one_by_one(fresh_server: ServerProcess, loop_thread: EventLoopThread) -> None:
    """05/E-59, E-65, E-70, E-71, 03/E-942: more than a run keeps in its record; kill -9 and deletion know of all."""
    count = 150
    with Client(fresh_server.start(), loop_thread, "thrown") as client:
        told, go = client.name("told"), client.name("go")
        client.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=told))
        client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=go))

        def entrypoint(thread: WorkflowThread) -> None:
            for number in range(count):
                thread.throw_event(told, f"{number}")
            thread.wait_for_event(go)
            thread.throw_event(told, "last")

        run = client.start(client.deploy("throws", entrypoint))
        definition = WorkflowEventDefId(name=told)
        search = SearchWorkflowEventRequest(workflow_event_def_id=definition, limit=1000)
        ids = [WorkflowEventId(wf_run_id=run.id, workflow_event_def_id=definition, number=n) for n in range(count + 1)]
        # A search makes the server flush.
        assert list(client.stub.SearchWorkflowEvent(search).results) == ids[:count]
        fresh_server.kill()
        fresh_server.start()
        eventually(client.is_reached, "the connection is renewed after the restart")
        post(client, run.id.id, go)
        client.wait(run)
        assert client.stub.GetWorkflowEvent(ids[count - 1]).content.str == f"{count - 1}"
        listed = client.stub.ListWorkflowEvents(ListWorkflowEventsRequest(wf_run_id=run.id, limit=1000)).results
        assert [event.id for event in listed] == ids
        assert listed[count].content.str == "last"
        await_next = AwaitWorkflowEventRequest(wf_run_id=run.id, workflow_events_to_ignore=ids[:count])
        assert client.stub.AwaitWorkflowEvent(await_next, timeout=30).id == ids[count]
        assert list(client.stub.SearchWorkflowEvent(search).results) == ids
        client.stub.DeleteWfRun(DeleteWfRunRequest(id=run.id))
        assert list(client.stub.SearchWorkflowEvent(search).results) == []
        with pytest.raises(grpc.RpcError) as refused:
            client.stub.GetWorkflowEvent(ids[0])
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
