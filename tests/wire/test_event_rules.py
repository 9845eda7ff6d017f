"""Rules of external, correlated and workflow events that test_events.py and test_correlated_events.py do not show."""

import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from littlehorse import create_workflow_spec
from littlehorse.model import (
    AwaitWorkflowEventRequest,
    CorrelatedEvent,
    CorrelatedEventConfig,
    DeleteWorkflowEventDefRequest,
    ExternalEvent,
    ExternalEventDefId,
    GetLatestWfSpecRequest,
    LHStatus,
    ListExternalEventsRequest,
    ListWorkflowEventsRequest,
    NodeRun,
    PutCorrelatedEventRequest,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    ReturnType,
    SearchCorrelatedEventRequest,
    SearchExternalEventRequest,
    SearchWorkflowEventRequest,
    TypeDefinition,
    VariableType,
    WfRunId,
    WorkflowEventDefId,
    WorkflowEventId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import Workflow, WorkflowThread
from tests.wire.driver import Client

MASK = "*****"
# More than one stored object can have.
TOO_LARGE = "x" * 1_100_000


def new_id() -> str:
    """An id of the test's own."""
    return uuid.uuid4().hex


def event_def(name: str) -> ExternalEventDefId:
    """The id of an ExternalEventDef."""
    return ExternalEventDefId(name=name)


def post(client: Client, run: str, event: str, content: Any = None, **fields: Any) -> ExternalEvent:
    """PutExternalEvent for a root WfRun."""
    value = None if content is None else to_variable_value(content)
    request = PutExternalEventRequest(
        wf_run_id=WfRunId(id=run), external_event_def_id=event_def(event), content=value, **fields
    )
    return client.stub.PutExternalEvent(request)


def correlate(client: Client, event: str, key: str, content: Any = None) -> CorrelatedEvent:
    """PutCorrelatedEvent."""
    value = None if content is None else to_variable_value(content)
    request = PutCorrelatedEventRequest(key=key, external_event_def_id=event_def(event), content=value)
    return client.stub.PutCorrelatedEvent(request)


def refusal(call: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    """Status and text with which a call is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return refused.value.code(), refused.value.details()


def listed(client: Client, run: str) -> list[ExternalEvent]:
    """All ExternalEvents of a root WfRunId."""
    return list(client.stub.ListExternalEvents(ListExternalEventsRequest(wf_run_id=WfRunId(id=run))).results)


def test_what_an_external_event_shows(client: Client) -> None:
    """05/E-2, E-21: as it was posted, with places only if the poster named them; the node that comes claims it."""
    gate, later, id = client.name("gate"), client.name("later"), new_id()

    def entrypoint(thread: WorkflowThread) -> None:
        thread.wait_for_event(gate, auto_register=True)
        thread.wait_for_event(later, return_type=str)

    run = client.start(client.deploy("two-events", entrypoint), id=id)
    free = post(client, id, later, "free")
    assert free.id.wf_run_id == run.id
    assert free.id.external_event_def_id == event_def(later)
    assert len(free.id.guid) == 32
    assert (free.content.str, free.claimed) == ("free", False)
    assert free.created_at.ToMilliseconds() >= run.start_time.ToMilliseconds()
    assert not free.HasField("thread_run_number")
    assert not free.HasField("node_run_position")
    placed = post(client, id, later, "placed", thread_run_number=3, node_run_position=7)
    assert (placed.thread_run_number, placed.node_run_position, placed.claimed) == (3, 7, False)
    assert client.node_runs(run)[1].status == LHStatus.RUNNING
    post(client, id, gate)
    run = client.wait(run)
    assert client.node_runs(run)[2].external_event.external_event_id == free.id
    claimed = client.stub.GetExternalEvent(free.id)
    assert (claimed.claimed, claimed.thread_run_number, claimed.node_run_position) == (True, 0, 2)
    assert claimed.created_at == free.created_at
    assert client.stub.GetExternalEvent(placed.id) == placed


def test_events_cannot_be_changed(client: Client) -> None:
    """05/E-3: the service has no RPC that changes or deletes an ExternalEvent or a WorkflowEvent."""
    event, id = client.name("kept"), new_id()
    client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=event))
    put = post(client, id, event, "x")
    with grpc.insecure_channel(client.address) as channel:
        for rpc in ("DeleteExternalEvent", "UpdateExternalEvent", "DeleteWorkflowEvent", "UpdateCorrelatedEvent"):
            call = channel.unary_unary(f"/littlehorse.LittleHorse/{rpc}")
            assert refusal(lambda call=call: call(put.id.SerializeToString()))[0] == grpc.StatusCode.UNIMPLEMENTED
    assert client.stub.GetExternalEvent(put.id) == put


@pytest.mark.parametrize("masked", [True, False])
def test_a_masked_key_is_not_shown(client: Client, masked: bool) -> None:
    """05/E-53: no read of the NodeRun shows it, yet it counts; ids of CorrelatedEvents are never masked."""
    event, key = client.name("shipped"), new_id()

    def entrypoint(thread: WorkflowThread) -> None:
        secret = thread.declare_str("secret").required()
        config = CorrelatedEventConfig()
        thread.wait_for_event(event, correlation_id=secret, mask_correlation_id=masked, correlated_event_config=config)

    run = client.start(client.deploy("masked", entrypoint), secret=key)

    def check(node: NodeRun) -> None:
        assert node.external_event.mask_correlation_key == masked
        assert node.external_event.correlation_key == (MASK if masked else key)

    node = client.node_runs(run)[1]
    check(node)
    check(client.stub.GetNodeRun(node.id))
    put = correlate(client, event, key)
    assert put.id.key == key
    assert client.stub.GetCorrelatedEvent(put.id).id.key == key
    request = SearchCorrelatedEventRequest(external_event_def_id=event_def(event))
    assert [found.key for found in client.stub.SearchCorrelatedEvent(request).results] == [key]
    check(client.node_runs(client.wait(run))[1])


def test_a_correlated_event_interrupts_nobody(client: Client) -> None:
    """05/E-56: a thread that the event would interrupt, were it posted to its run, runs on."""
    stop, go, key = client.name("stop"), client.name("go"), new_id()
    client.stub.PutExternalEventDef(
        PutExternalEventDefRequest(name=stop, correlated_event_config=CorrelatedEventConfig())
    )

    def entrypoint(thread: WorkflowThread) -> None:
        thread.add_interrupt_handler(stop, lambda body: None)
        thread.wait_for_event(go, correlation_id=key, correlated_event_config=CorrelatedEventConfig())

    run = client.start(client.deploy("interruptible", entrypoint))
    assert not correlate(client, stop, key).external_events
    assert len(client.stub.GetWfRun(run.id).thread_runs) == 1
    correlate(client, go, key)
    assert len(client.wait(run).thread_runs) == 1
    assert listed(client, run.id.id)[0].id.external_event_def_id == event_def(go)


def test_content_is_thrown_whatever_its_type(client: Client) -> None:
    """05/E-61: what is known at registration only is refused then; a run delivers, also without its definition."""
    told = client.name("told")

    def known(thread: WorkflowThread) -> None:
        thread.throw_event(told, thread.declare_json_obj("body"), return_type=int)

    def unknown(thread: WorkflowThread) -> None:
        body = thread.declare_json_obj("body").required()
        thread.throw_event(told, body.with_json_path("$.a"), return_type=int)

    code, text = refusal(lambda: client.deploy("known", known))
    assert (code, "Event content invalid" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    wf_spec = client.deploy("unknown", unknown)

    def thrown(body: dict[str, Any]) -> Any:
        run = client.run(wf_spec, body=body)
        return client.stub.AwaitWorkflowEvent(AwaitWorkflowEventRequest(wf_run_id=run.id), timeout=30).content

    assert thrown({"a": "text"}).str == "text"
    assert thrown({"a": None}).WhichOneof("value") is None
    client.stub.DeleteWorkflowEventDef(DeleteWorkflowEventDefRequest(id=WorkflowEventDefId(name=told)))
    assert thrown({"a": 5}).int == 5


def test_an_event_that_is_thrown_must_be_defined(client: Client) -> None:
    """05/E-57: INVALID_ARGUMENT with its name."""
    ghost = client.name("ghost")
    code, text = refusal(lambda: client.deploy("throws", lambda thread: thread.throw_event(ghost, 1) and None))
    assert (code, ghost in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_the_last_registration_of_an_event_wins(client: Client) -> None:
    """05/E-81: two workflows register an event with different types; a WorkflowEventDef does not change."""
    event, told = client.name("shared"), client.name("told")

    def waits(kind: Any) -> Callable[[WorkflowThread], None]:
        return lambda thread: thread.wait_for_event(event, return_type=kind) and None

    def throws(kind: Any) -> Callable[[WorkflowThread], None]:
        return lambda thread: thread.throw_event(told, None, return_type=kind) and None

    client.deploy("first", waits(str))
    assert refusal(lambda: post(client, new_id(), event, {"no": "text"}))[0] == grpc.StatusCode.INVALID_ARGUMENT
    client.deploy("second", waits(dict))
    assert post(client, new_id(), event, {"no": "text"}).content.HasField("json_obj")
    client.deploy("third", throws(str))
    assert refusal(lambda: client.deploy("fourth", throws(int)))[0] == grpc.StatusCode.ALREADY_EXISTS


def test_what_is_too_large_is_refused(client: Client) -> None:
    """05/E-83: RESOURCE_EXHAUSTED, and nothing is stored."""
    event, id = client.name("large"), new_id()
    client.stub.PutExternalEventDef(
        PutExternalEventDefRequest(name=event, correlated_event_config=CorrelatedEventConfig())
    )
    for call in (lambda: post(client, id, event, TOO_LARGE), lambda: correlate(client, event, id, TOO_LARGE)):
        assert refusal(call)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not listed(client, id)
    assert correlate(client, event, id, "small").id.key == id


def test_a_write_may_be_repeated(client: Client) -> None:
    """05/E-84: a caller who got no answer repeats with the same guid or key, and there is one event."""
    event, id = client.name("again"), new_id()
    client.stub.PutExternalEventDef(
        PutExternalEventDefRequest(name=event, correlated_event_config=CorrelatedEventConfig())
    )
    for call in (lambda: post(client, id, event, "x", guid="mine"), lambda: correlate(client, event, id, "x")):
        call()
        assert refusal(call)[0] == grpc.StatusCode.ALREADY_EXISTS
    assert [found.id.guid for found in listed(client, id)] == ["mine"]


def test_content_of_correlated_events(client: Client) -> None:
    """01/ING-9; 05/E-45: a void definition takes none, an untyped one anything, a typed one what fits."""
    void, text, untyped = client.name("void"), client.name("text"), client.name("untyped")
    types = {
        void: ReturnType(),
        text: ReturnType(return_type=TypeDefinition(primitive_type=VariableType.STR)),
        untyped: None,
    }
    for name, kind in types.items():
        config = CorrelatedEventConfig()
        client.stub.PutExternalEventDef(
            PutExternalEventDefRequest(name=name, content_type=kind, correlated_event_config=config)
        )
    for name, content in ((void, 5), (text, {"no": "text"})):
        code, told = refusal(lambda name=name, content=content: correlate(client, name, new_id(), content))
        assert (code, "Invalid type" in told, name in told) == (grpc.StatusCode.INVALID_ARGUMENT, True, True)
    assert correlate(client, void, new_id()).content.WhichOneof("value") is None
    assert correlate(client, text, new_id(), 5).content.int == 5
    assert correlate(client, untyped, new_id(), {"any": 1}).content.HasField("json_obj")


def all_pages(call: Callable[[Any], Any], request: Any) -> list[list[Any]]:
    """The pages to which bookmarks lead."""
    pages = []
    while True:
        page = call(request)
        pages.append(list(page.results))
        if not page.HasField("bookmark"):
            return pages
        request.bookmark = page.bookmark


def test_events_come_in_pages(client: Client) -> None:
    """05/E-72: a hundred unless fewer are asked for, none twice; a bookmark that is none is refused everywhere."""
    event, told, id = client.name("paged"), client.name("told"), new_id()

    def entrypoint(thread: WorkflowThread) -> None:
        for _ in range(5):
            thread.throw_event(told, None, auto_register=True)

    client.stub.PutExternalEventDef(
        PutExternalEventDefRequest(name=event, correlated_event_config=CorrelatedEventConfig())
    )
    run = client.run(client.deploy("throws", entrypoint))
    posted = [post(client, id, event, number, guid=f"{number:03}").id for number in range(101)]
    keys = [correlate(client, event, new_id()).id.key for _ in range(5)]
    told_id = WorkflowEventDefId(name=told)
    thrown = [WorkflowEventId(wf_run_id=run.id, workflow_event_def_id=told_id, number=number) for number in range(5)]
    stub = client.stub
    requests: list[tuple[Any, Any, Callable[[Any], Any], list[Any]]] = [
        (stub.ListExternalEvents, ListExternalEventsRequest(wf_run_id=WfRunId(id=id)), lambda it: it.id, posted),
        (stub.SearchExternalEvent, SearchExternalEventRequest(external_event_def_id=event_def(event)), _same, posted),
        (stub.ListWorkflowEvents, ListWorkflowEventsRequest(wf_run_id=run.id), lambda it: it.id, thrown),
        (stub.SearchWorkflowEvent, SearchWorkflowEventRequest(workflow_event_def_id=told_id), _same, thrown),
        (
            stub.SearchCorrelatedEvent,
            SearchCorrelatedEventRequest(external_event_def_id=event_def(event)),
            lambda it: it.key,
            keys,
        ),
    ]
    for call, request, shown, expected in requests:
        few, whole_pages = (type(request).FromString(request.SerializeToString()) for _ in range(2))
        few.limit = 2
        whole = [shown(found) for page in all_pages(call, whole_pages) for found in page]
        assert sorted(whole, key=str) == sorted(expected, key=str)
        pages = all_pages(call, few)
        assert [shown(found) for page in pages for found in page] == whole
        assert [len(page) for page in pages] == [2] * (len(whole) // 2) + [1]
        request.bookmark = b"nonsense"
        assert refusal(lambda call=call, request=request: call(request))[0] == grpc.StatusCode.INVALID_ARGUMENT
    first = stub.ListExternalEvents(ListExternalEventsRequest(wf_run_id=WfRunId(id=id)))
    assert (len(first.results), first.HasField("bookmark")) == (100, True)


def _same(found: Any) -> Any:
    return found


def test_what_the_client_compiles_is_accepted(client: Client) -> None:
    """05/E-78, E-79: names of nodes and handlers, timeouts, keys and masks as they are sent, stored as they came."""
    event, told, stop = client.name("ev"), client.name("told"), client.name("stop")
    config = CorrelatedEventConfig()

    def entrypoint(thread: WorkflowThread) -> None:
        key = thread.declare_str("key").masked()
        thread.wait_for_event(event, correlated_event_config=config)
        thread.wait_for_event(event, timeout=60)
        thread.wait_for_event(event, timeout=0)
        thread.wait_for_event(event, correlation_id=key)
        thread.wait_for_event(event, correlation_id=key, mask_correlation_id=False)
        thread.wait_for_event(event, correlation_id="literal")
        thread.wait_for_event(event, correlation_id=thread.format("{0}-x", key))
        thread.throw_event(told, key, return_type=str)
        thread.add_interrupt_handler(stop, lambda body: None).with_event_type(str)

    workflow = Workflow(client.name("names"), entrypoint)
    create_workflow_spec(workflow, client.config)
    stored = client.stub.GetLatestWfSpec(GetLatestWfSpecRequest(name=workflow.name))
    assert sorted(stored.thread_specs) == ["entrypoint", f"interrupt-{stop}"]
    thread = stored.thread_specs["entrypoint"]
    assert [(one.external_event_def_id.name, one.handler_spec_name) for one in thread.interrupt_defs] == [
        (stop, f"interrupt-{stop}")
    ]
    nodes = [thread.nodes[f"{number}-{event}-EXTERNAL_EVENT"].external_event for number in range(1, 8)]
    assert [node.HasField("timeout_seconds") for node in nodes] == [False, True] + [False] * 5
    assert nodes[1].timeout_seconds.literal_value.int == 60
    assert [node.correlation_key.WhichOneof("source") for node in nodes] == [
        None, None, None, "variable_name", "variable_name", "literal_value", "format_string",
    ]  # fmt: skip
    assert [node.mask_correlation_key for node in nodes] == [False] * 3 + [True] + [False] * 3
    thrown = thread.nodes[f"8-throw-{told}-THROW_EVENT"].throw_event
    assert (thrown.event_def_id.name, thrown.content.variable_name) == (told, "key")


def test_events_wait_for_a_child_to_come(client: Client) -> None:
    """05/E-19, E-26: posted to the id that a child run will have, before its parent is started; it finds them."""
    event, id = client.name("early"), new_id()

    def child(thread: WorkflowThread) -> None:
        thread.wait_for_event(event, return_type=str)

    def parent(thread: WorkflowThread) -> None:
        thread.wait_for_child_wf(thread.run_wf(client.name("child"), child_id="one"))

    client.deploy("child", child)
    wf_spec = client.deploy("parent", parent)
    child_id = WfRunId(id="one", parent_wf_run_id=WfRunId(id=id))
    request = PutExternalEventRequest(wf_run_id=child_id, external_event_def_id=event_def(event))
    put = client.stub.PutExternalEvent(request)
    assert not put.claimed
    assert client.stub.GetExternalEvent(put.id) == put
    assert client.start(wf_spec, id=id).status == LHStatus.COMPLETED
    assert client.stub.GetExternalEvent(put.id).claimed
    assert not listed(client, id)
