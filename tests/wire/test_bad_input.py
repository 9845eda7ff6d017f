"""Input that no honest program sends: the status that the specification names, nothing stored, no one harmed."""

import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from littlehorse.model import (
    LHStatus,
    LHTaskError,
    ListNodeRunsRequest,
    PollTaskRequest,
    PutTaskDefRequest,
    ReportTaskRun,
    ScheduledTask,
    SearchWfRunRequest,
    TaskDefId,
    TaskRunId,
    TaskStatus,
    VariableValue,
    WfRunId,
)
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import DEADLINE_SECONDS, Client

Status = grpc.StatusCode
MEBIBYTE = 1024 * 1024
SERVICE = "/littlehorse.LittleHorse/"


@pytest.fixture
def bystander(client: Client) -> Iterator[None]:
    """A run that waits at a task while the test does its worst, and must still end well."""
    name = client.name("bystander")

    async def bystander() -> str:
        return "unharmed"

    client.register("bystander", bystander)
    run = client.start(client.deploy("bystander-wf", lambda thread: thread.execute(name)))
    yield
    client.serve(name, bystander)
    (task_run,) = client.task_runs(client.wait(run))
    assert task_run.attempts[-1].output.str == "unharmed"


def poll_one(client: Client, task_def: str) -> ScheduledTask:
    """Takes one task of this TaskDef off its queue by hand and closes the stream."""
    done = threading.Event()

    def requests() -> Iterator[PollTaskRequest]:
        yield PollTaskRequest(task_def_id=TaskDefId(name=task_def), client_id="by-hand")
        done.wait(DEADLINE_SECONDS)

    stream = client.stub.PollTask(requests(), timeout=DEADLINE_SECONDS)
    response = next(stream)
    done.set()
    task: ScheduledTask = response.result
    return task


def code_of(call: Any) -> grpc.StatusCode:
    """Status with which a call is refused."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    code: grpc.StatusCode = error.value.code()
    return code


def takes_json(thread: WorkflowThread) -> None:
    """A workflow with a JSON and a text variable, of which nothing happens."""
    thread.declare_json_obj("record")
    thread.declare_str("text")


def runs_of(client: Client, spec: str) -> list[WfRunId]:
    """All runs of a WfSpec."""
    return list(client.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name=spec)).results)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("rpc", ["RunWf", "GetWfRun", "ReportTask", "PutWfSpec", "SearchWfRun", "PutTaskDef"])
@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xc3\x28"])
def test_bytes_that_are_no_message(client: Client, rpc: str, garbage: bytes) -> None:
    """08/E-4: a request that cannot be parsed is INVALID_ARGUMENT."""
    with client.config.establish_channel() as channel:
        call = channel.unary_unary(SERVICE + rpc)
        assert code_of(lambda: call(garbage, timeout=DEADLINE_SECONDS)) == Status.INVALID_ARGUMENT


def test_an_rpc_that_does_not_exist(client: Client) -> None:
    """A method that the contract does not have is UNIMPLEMENTED."""
    with client.config.establish_channel() as channel:
        call = channel.unary_unary(SERVICE + "MakeCoffee")
        assert code_of(lambda: call(b"", timeout=DEADLINE_SECONDS)) == Status.UNIMPLEMENTED


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("size", [2 * MEBIBYTE, 5 * MEBIBYTE])
def test_oversized_inputs(client: Client, size: int) -> None:
    """01/SIZ-1, SIZ-2, SIZ-4, 08/X-1, X-2: too large for a record or a message is RESOURCE_EXHAUSTED, no run made."""
    spec = client.deploy("large", takes_json)
    assert code_of(lambda: client.start(spec, text="x" * size)) == Status.RESOURCE_EXHAUSTED
    assert runs_of(client, spec) == []
    client.start(spec, text="x" * (MEBIBYTE // 2))
    assert len(runs_of(client, spec)) == 1


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    ("given", "returned"), [(10, 2 * MEBIBYTE), (600 * 1024, 600 * 1024)], ids=["output-alone", "input-and-output"]
)
def test_oversized_results(client: Client, given: int, returned: int) -> None:
    """01/SIZ-3, 04/TW-47, TW-48, TW-49: an OUTPUT_SERDE_ERROR that says RESOURCE_EXHAUSTED; the report is answered."""

    async def grow(text: str) -> str:
        return text

    task = client.register("grow", grow)

    def entrypoint(thread: WorkflowThread) -> None:
        thread.execute(task, thread.declare_str("text").required(), retries=3)

    run = client.start(client.deploy("grow", entrypoint), text="x" * given)
    scheduled = poll_one(client, task)
    client.stub.ReportTask(
        ReportTaskRun(
            task_run_id=scheduled.task_run_id,
            attempt_number=scheduled.attempt_number,
            status=TaskStatus.TASK_SUCCESS,
            output=VariableValue(str="y" * returned),
        ),
        timeout=DEADLINE_SECONDS,
    )
    run = client.wait(run, LHStatus.ERROR)
    (task_run,) = client.task_runs(run)
    (attempt,) = task_run.attempts
    assert attempt.status == TaskStatus.TASK_OUTPUT_SERDE_ERROR
    assert not attempt.HasField("output")
    assert "RESOURCE_EXHAUSTED" in attempt.error.message
    assert client.node_runs(run)[-1].failures[0].failure_name == "VAR_MUTATION_ERROR"


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("text", ['{"a":', "[1, 2]", '{"a" 1}', "\x00", '{"a": 1} trailing'])
def test_malformed_json(client: Client, text: str) -> None:
    """01/VAL-4: text that is no JSON object is INVALID_ARGUMENT, and no run is made."""
    spec = client.deploy("json", takes_json)
    assert code_of(lambda: client.start(spec, record=VariableValue(json_obj=text))) == Status.INVALID_ARGUMENT
    assert runs_of(client, spec) == []


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ('{"a":[', "]}")])
def test_json_nested_too_deep(client: Client, opening: str, closing: str, depth: int) -> None:
    """01/VAL-4: JSON nested beyond the limit (decision 008) is INVALID_ARGUMENT, and no run is made."""
    spec = client.deploy("nested", takes_json)
    text = opening * depth + "1" + closing * depth
    assert code_of(lambda: client.start(spec, record=VariableValue(json_obj=text))) == Status.INVALID_ARGUMENT
    assert runs_of(client, spec) == []


def test_json_nested_as_programs_do(client: Client) -> None:
    """01/VAL-2: sixty levels are kept as they came."""
    text = '{"a":' * 60 + "1" + "}" * 60
    run = client.start(client.deploy("nested", takes_json), record=VariableValue(json_obj=text))
    assert client.variable(run, "record").json_obj == text


def test_deeply_nested_ids(client: Client) -> None:
    """A WfRunId with ninety parents does not exist, or is refused; the server lives on."""
    chain = WfRunId(id="leaf")
    for _ in range(90):
        chain = WfRunId(id="x", parent_wf_run_id=chain)
    assert code_of(lambda: client.stub.GetWfRun(chain)) in (Status.NOT_FOUND, Status.INVALID_ARGUMENT)
    client.start(client.deploy("alive", takes_json))


@pytest.mark.usefixtures("bystander")
def test_an_endless_loop_ends(client: Client) -> None:
    """03/E-307: after 512 passes in one command the run fails as INTERNAL_ERROR, thread 0 at position 512."""

    def entrypoint(thread: WorkflowThread) -> None:
        count = thread.declare_int("count", 0)
        thread.do_while(count.is_greater_than_eq(0), lambda _: count.assign(count.add(1)))

    run = client.start(client.deploy("endless", entrypoint))
    assert run.status == LHStatus.ERROR
    assert run.thread_runs[0].current_node_position == 512
    nodes = list(client.stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=run.id, limit=1000)).results)
    assert len(nodes) == 513
    assert nodes[-1].failures[-1].failure_name == "INTERNAL_ERROR"


@pytest.mark.usefixtures("bystander")
def test_reports_about_nothing(client: Client) -> None:
    """04/TW-39, TW-40: unknown TaskRuns and attempts are INVALID_ARGUMENT, attempts not running are ignored."""

    async def once() -> str:
        return "x"

    task = client.register("once", once)
    run = client.start(client.deploy("once", lambda thread: thread.execute(task)))
    (task_run,) = client.task_runs(run)

    def report(task_run_id: TaskRunId, attempt: int, status: "TaskStatus.ValueType" = TaskStatus.TASK_SUCCESS) -> None:
        output = VariableValue(str="forged")
        client.stub.ReportTask(
            ReportTaskRun(task_run_id=task_run_id, attempt_number=attempt, status=status, output=output)
        )

    unknown = TaskRunId(wf_run_id=run.id, task_guid="nothing")
    nobody = TaskRunId(wf_run_id=WfRunId(id=client.name("nobody")), task_guid=task_run.id.task_guid)
    assert code_of(lambda: report(unknown, 0)) == Status.INVALID_ARGUMENT
    assert code_of(lambda: report(nobody, 0)) == Status.INVALID_ARGUMENT
    assert code_of(lambda: report(task_run.id, 1)) == Status.INVALID_ARGUMENT
    assert code_of(lambda: report(task_run.id, -1)) == Status.INVALID_ARGUMENT
    report(task_run.id, 0)
    assert client.task_runs(run) == [task_run], "an attempt that is still on the queue cannot be reported"


def test_reports_of_odd_statuses(client: Client) -> None:
    """04/TW-43, TW-45: status 0 without a result is success; RUNNING and PENDING are INVALID_ARGUMENT."""

    async def odd() -> str:
        return "x"

    task = client.register("odd", odd)
    run = client.start(client.deploy("odd", lambda thread: thread.execute(task)))
    scheduled = poll_one(client, task)

    def report(status: "TaskStatus.ValueType") -> None:
        client.stub.ReportTask(ReportTaskRun(task_run_id=scheduled.task_run_id, attempt_number=0, status=status))

    assert code_of(lambda: report(TaskStatus.TASK_RUNNING)) == Status.INVALID_ARGUMENT
    assert code_of(lambda: report(TaskStatus.TASK_PENDING)) == Status.INVALID_ARGUMENT
    report(TaskStatus.TASK_SCHEDULED)
    (task_run,) = client.task_runs(client.wait(run))
    assert task_run.status == TaskStatus.TASK_SUCCESS


def test_a_task_that_reports_its_own_inputs_as_bad(client: Client) -> None:
    """04/TW-57: TASK_INPUT_VAR_SUB_ERROR is not retried and fails the node as VAR_SUB_ERROR."""

    async def picky() -> None:
        return None

    task = client.register("picky", picky)
    run = client.start(client.deploy("picky", lambda thread: thread.execute(task, retries=2)))
    scheduled = poll_one(client, task)
    client.stub.ReportTask(
        ReportTaskRun(
            task_run_id=scheduled.task_run_id,
            attempt_number=0,
            status=TaskStatus.TASK_INPUT_VAR_SUB_ERROR,
            error=LHTaskError(message="cannot read"),
        )
    )
    run = client.wait(run, LHStatus.ERROR)
    assert client.node_runs(run)[-1].failures[0].failure_name == "VAR_SUB_ERROR"


@pytest.mark.parametrize("name", ["", "has_underscore", "has.dot", "has space", "-x"])
def test_malformed_names_of_definitions(client: Client, name: str) -> None:
    """02/N-1: a definition's name that is no host name is INVALID_ARGUMENT."""
    assert code_of(lambda: client.stub.PutTaskDef(PutTaskDefRequest(name=name))) == Status.INVALID_ARGUMENT


def test_malformed_bookmarks(client: Client) -> None:
    """07/S-3: a bookmark that the server did not make is INVALID_ARGUMENT."""
    spec = client.deploy("bookmark", takes_json)
    request = SearchWfRunRequest(wf_spec_name=spec, bookmark=b"\xff\x00garbage")
    assert code_of(lambda: client.stub.SearchWfRun(request)) == Status.INVALID_ARGUMENT
