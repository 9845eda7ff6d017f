"""Gets, lists, searches and counts see what was just written, page by page."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from littlehorse.model import (
    CountTaskRunRequest,
    DeleteTaskDefRequest,
    ExternalEventDefId,
    LHStatus,
    ListExternalEventsRequest,
    ListNodeRunsRequest,
    NodeRunId,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    PutUserTaskDefRequest,
    RegisterTaskWorkerRequest,
    SearchTaskDefRequest,
    SearchTaskRunRequest,
    SearchUserTaskRunRequest,
    SearchVariableRequest,
    SearchWfRunRequest,
    SearchWfSpecRequest,
    TaskDefId,
    TaskStatus,
    VariableMatch,
    WfRunId,
    WfSpecId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client


def all_pages(search: Callable[[Any], Any], request: Any) -> tuple[list[Any], int]:
    """Results of a search followed by its bookmarks to the end, and the number of pages."""
    results: list[Any] = []
    pages = 0
    while True:
        page = search(request)
        results.extend(page.results)
        pages += 1
        if not page.HasField("bookmark"):
            return results, pages
        request.bookmark = page.bookmark


def finds_customers(thread: WorkflowThread) -> None:
    """A workflow that ends at once and can be found by its variables."""
    thread.declare_str("customer").searchable().required()
    thread.declare_int("amount", 0).searchable()


def test_search_wf_runs_by_status_and_variable(client: Client) -> None:
    """07/W-1, W-7, W-8, S-9: a run is found by name, status and variable the moment RunWf has answered."""
    spec = client.deploy("search", finds_customers)
    first = client.start(spec, customer="obi")
    second = client.start(spec, customer="leia")

    def search(**filters: Any) -> list[WfRunId]:
        return sorted(client.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name=spec, **filters)).results, key=str)

    assert search() == sorted([first.id, second.id], key=str)
    assert search(status=LHStatus.COMPLETED) == search()
    assert search(status=LHStatus.RUNNING) == []
    match = VariableMatch(var_name="customer", value=to_variable_value("leia"))
    assert search(variable_filters=[match]) == [second.id]


def test_search_is_paged(client: Client) -> None:
    """07/S-3: a limit cuts pages; bookmarks lead through all of them, each result once."""
    spec = client.deploy("pages", finds_customers)
    started = {client.start(spec, customer=f"c{number}").id.id for number in range(7)}
    results, pages = all_pages(client.stub.SearchWfRun, SearchWfRunRequest(wf_spec_name=spec, limit=3))
    assert sorted(found.id for found in results) == sorted(started)
    assert pages >= 3


def test_search_by_time(client: Client) -> None:
    """07/S-6, S-7: both ends of a time range belong to it."""
    spec = client.deploy("times", finds_customers)
    run = client.start(spec, customer="obi")
    request = SearchWfRunRequest(wf_spec_name=spec, earliest_start=run.start_time, latest_start=run.start_time)
    assert [found.id for found in client.stub.SearchWfRun(request).results] == [run.id.id]
    after = SearchWfRunRequest(wf_spec_name=spec)
    after.earliest_start.FromMilliseconds(run.start_time.ToMilliseconds() + 1)
    assert list(client.stub.SearchWfRun(after).results) == []


def test_search_variables(client: Client) -> None:
    """07/V-1, V-2, V-5: a searchable variable leads to its run; one without index is refused."""
    spec = client.deploy("variables", finds_customers)
    client.start(spec, customer="obi")
    run = client.start(spec, customer="leia", amount=7)

    def search(name: str, value: object) -> list[str]:
        request = SearchVariableRequest(wf_spec_name=spec, var_name=name, value=to_variable_value(value))
        return [found.wf_run_id.id for found in client.stub.SearchVariable(request).results]

    assert search("customer", "leia") == [run.id.id]
    assert search("amount", 7) == [run.id.id]
    assert search("customer", "han") == []
    with pytest.raises(grpc.RpcError) as error:
        search("missing", "x")
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_tasks_are_listed_searched_and_counted(client: Client) -> None:
    """04/TW-71, TW-72, TW-73, 07/O-1: queued tasks are found by TaskDef and status, and counted."""

    async def work(number: int) -> int:
        return number

    task = client.register("work", work)
    spec = client.deploy("tasks", lambda thread: thread.execute(task, thread.declare_int("number").required()))
    runs = [client.start(spec, number=number) for number in range(3)]

    def search(status: "TaskStatus.ValueType") -> list[str]:
        found = client.stub.SearchTaskRun(SearchTaskRunRequest(task_def_name=task, status=status)).results
        return sorted(task_run.wf_run_id.id for task_run in found)

    def count() -> int:
        return int(client.stub.CountTaskRun(CountTaskRunRequest(task_def_name=task, status=0)).value)

    ids = sorted(run.id.id for run in runs)
    assert search(TaskStatus.TASK_SCHEDULED) == ids
    assert count() == 3
    client.serve(task, work)
    for run in runs:
        client.wait(run)
    assert search(TaskStatus.TASK_SUCCESS) == ids
    assert search(TaskStatus.TASK_SCHEDULED) == []
    assert count() == 0
    assert [task_run.attempts[0].output.int for run in runs for task_run in client.task_runs(run)] == [0, 1, 2]


def test_node_runs_one_by_one_and_by_thread(client: Client) -> None:
    """07/O-8, 03/E-204: NodeRuns in numeric order, the same as read one by one."""

    def entrypoint(thread: WorkflowThread) -> None:
        count = thread.declare_int("count", 0)
        thread.do_while(count.is_less_than(6), lambda _: count.assign(count.add(1)))

    run = client.start(client.deploy("nodes", entrypoint))
    request = ListNodeRunsRequest(wf_run_id=run.id, thread_run_number=0)
    listed = list(client.stub.ListNodeRuns(request).results)
    assert len(listed) > 10
    assert [node.id.position for node in listed] == list(range(len(listed)))
    for position in (0, 2, 10, len(listed) - 1):
        one = client.stub.GetNodeRun(NodeRunId(wf_run_id=run.id, thread_run_number=0, position=position))
        assert one == listed[position]
    paged, pages = all_pages(client.stub.ListNodeRuns, ListNodeRunsRequest(wf_run_id=run.id, limit=4))
    assert paged == listed
    assert pages >= 3
    request.thread_run_number = 1
    assert list(client.stub.ListNodeRuns(request).results) == []


def test_definitions_are_found_read_and_deleted(client: Client) -> None:
    """07/O-7, 04/TW-75: definitions are visible at once, and gone at once."""

    async def task(number: int) -> int:
        return number

    name = client.register("defined", task)
    other = client.register("defined-too", task)
    spec = client.deploy("spec", lambda thread: thread.execute(name, 1))
    found = client.stub.SearchTaskDef(SearchTaskDefRequest(prefix="defined")).results
    assert {name, other} <= {found_def.name for found_def in found}
    assert client.stub.GetTaskDef(TaskDefId(name=name)).input_vars[0].name == "number"
    (wf_spec_id,) = client.stub.SearchWfSpec(SearchWfSpecRequest(name=spec)).results
    assert wf_spec_id == WfSpecId(name=spec, major_version=0, revision=0)
    assert client.stub.GetWfSpec(wf_spec_id).id == wf_spec_id
    assert [found.name for found in client.stub.SearchWfSpec(SearchWfSpecRequest(task_def_name=name)).results] == [spec]

    client.stub.DeleteTaskDef(DeleteTaskDefRequest(id=TaskDefId(name=other)))
    with pytest.raises(grpc.RpcError) as error:
        client.stub.GetTaskDef(TaskDefId(name=other))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_workers_of_a_task(client: Client) -> None:
    """04/TW-28, TW-29: a worker that registers is told at least one host, and is listed in its group."""
    name = client.name("registered")
    request = RegisterTaskWorkerRequest(task_worker_id="worker-1", task_def_id=TaskDefId(name=name))
    hosts = client.stub.RegisterTaskWorker(request).your_hosts
    assert [f"{host.host}:{host.port}" for host in hosts] == [client.address]
    group = client.stub.GetTaskWorkerGroup(TaskDefId(name=name))
    assert list(group.task_workers) == ["worker-1"]
    with pytest.raises(grpc.RpcError) as error:
        client.stub.GetTaskWorkerGroup(TaskDefId(name=client.name("nobody")))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_page_has_a_hundred_results_if_none_are_asked_for(client: Client) -> None:
    """08/X-5: searches and lists alike."""
    event, run = client.name("event"), WfRunId(id=client.name("run"))
    client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=event))
    spec = client.deploy("many", lambda thread: None)
    for _ in range(101):
        client.start(spec)
        client.stub.PutExternalEvent(
            PutExternalEventRequest(wf_run_id=run, external_event_def_id=ExternalEventDefId(name=event))
        )
    search, request = client.stub.SearchWfRun, SearchWfRunRequest(wf_spec_name=spec)
    assert (len(search(request).results), len(all_pages(search, request)[0])) == (100, 101)
    listing, of_run = client.stub.ListExternalEvents, ListExternalEventsRequest(wf_run_id=run)
    assert (len(listing(of_run).results), len(all_pages(listing, of_run)[0])) == (100, 101)


def test_filters_match_exactly(client: Client) -> None:
    """07/S-11: letters of either case, slashes, and texts that differ only far behind, in ids and in variables."""
    form = client.name("form")
    client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=form))
    long = "x" * 200

    def entrypoint(thread: WorkflowThread) -> None:
        group = thread.declare_str("group").searchable()
        thread.assign_user_task(form, user_group=group)

    spec = client.deploy("exact", entrypoint)
    for text in (form + end for end in ("", "/", "/1", "/1/2", "-Ab", "-ab", long + "1", long + "2")):
        run = client.start(spec, group=text)
        people = client.stub.SearchUserTaskRun(SearchUserTaskRunRequest(user_group=text)).results
        assert [found.wf_run_id for found in people] == [run.id]
        variable = SearchVariableRequest(wf_spec_name=spec, var_name="group", value=to_variable_value(text))
        assert [found.wf_run_id for found in client.stub.SearchVariable(variable).results] == [run.id]
        by_variable = [VariableMatch(var_name="group", value=to_variable_value(text))]
        search = SearchWfRunRequest(wf_spec_name=spec, variable_filters=by_variable)
        assert list(client.stub.SearchWfRun(search).results) == [run.id]
    for text in (form.upper(), form + "/2", form[:-1], form + long):
        assert not client.stub.SearchUserTaskRun(SearchUserTaskRunRequest(user_group=text)).results
