"""What `lh` does to a run and tells about it, against a real server with a real worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from littlehorse.exceptions import LHTaskException
from littlehorse.model import (
    LHStatus,
    PutExternalEventDefRequest,
    PutUserTaskDefRequest,
    PutWorkflowEventDefRequest,
    ReturnType,
    TypeDefinition,
    UserTaskField,
    VariableType,
    WfRunId,
)
from littlehorse.workflow import SpawnedThreads, WorkflowThread
from tests.cli.conftest import Result
from tests.wire.driver import Client, EventLoopThread

pytest.importorskip("littlehorse._core", reason="the extension is not built")

Lh = Callable[[str], Result]
TIME = re.compile(r"\+\d+\.\d{3} s( for \d+\.\d{3} s)?")
GUID = re.compile(r"\b\d+-\d+-[0-9a-f]{16}\b|(?<!\w)[0-9a-f]{32}")
WORKER = re.compile(r"by worker-\w+")


@pytest.fixture(scope="module")
def loop_thread() -> Iterator[EventLoopThread]:
    """The event loop of the workers."""
    thread = EventLoopThread()
    yield thread
    thread.close()


@pytest.fixture
def client(address: str, loop_thread: EventLoopThread, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Deploys and works, under names of its own."""
    with Client(address, loop_thread, request.node.name) as client:
        yield client


def done(result: Result) -> str:
    """What a command that must succeed printed."""
    assert result.exit_code == 0, result.err
    return result.out


def refused(result: Result, message: str, exit_code: int = 1) -> None:
    """A command that must fail says why on one line, and nothing else."""
    assert (result.exit_code, result.out) == (exit_code, "")
    assert message in result.err
    assert result.err.startswith("lh: ")
    assert result.err.count("\n") == 1


def tree(text: str, client: Client) -> list[str]:
    """The lines of a tree without times, guids, workers, and what the client added to names."""
    text = WORKER.sub("by WORKER", GUID.sub("GUID", TIME.sub("TIME", text)))
    return [line.rstrip() for line in text.replace(client.name(""), "").split("\n\n", 1)[1].splitlines()]


def waits_for(client: Client, content: TypeDefinition | None = None) -> str:
    """Deploys a workflow that waits for an event, whose content goes into `answer`; returns its name."""
    returns = None if content is None else ReturnType(return_type=content)
    client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=client.name("answer"), content_type=returns))

    def entrypoint(thread: WorkflowThread) -> None:
        answer = thread.declare_int("answer")
        answer.assign(thread.wait_for_event(client.name("answer")))

    return client.deploy("asks", entrypoint)


def test_an_event_lets_a_waiting_run_go_on(client: Client, real_lh: Lh) -> None:
    """08/K-7, 05/E-19: the content is read as the type that is declared; a guid counts once."""
    run = client.start(waits_for(client, TypeDefinition(primitive_type=VariableType.INT)))
    event = client.name("answer")
    refused(real_lh(f"post event {run.id.id} {event} soon"), "'soon' is not a value of type INT for event")
    refused(real_lh(f"post event {run.id.id} {event} 1 --type STR"), "declares INT, not STR")
    refused(real_lh(f"post event {run.id.id} nothing 1"), "NOT_FOUND")
    assert "not yet" in done(real_lh(f"post event later {event} 7"))  # a run of this id may still come (05/E-19)
    refused(real_lh(f"post event {run.id.id} {event} 1 --node 1"), "--node needs --thread", exit_code=2)
    refused(real_lh(f"post event {run.id.id} {event} --type INT"), "--type needs a VALUE", exit_code=2)
    assert client.stub.GetWfRun(run.id).status == LHStatus.RUNNING

    assert "42" in done(real_lh(f"post event {run.id.id} {event} 42 --guid once"))
    client.wait(run)
    assert client.variable(run, "answer").int == 42
    refused(real_lh(f"post event {run.id.id} {event} 43 --guid once"), "ALREADY_EXISTS")
    posted = json.loads(done(real_lh(f"describe wf-run {run.id.id} -o json")))["externalEvents"]["results"]
    assert [(event["id"]["guid"], event["content"]) for event in posted] == [("once", {"int": "42"})]


def test_an_event_without_declared_content_needs_a_type(client: Client, real_lh: Lh) -> None:
    """A text is not guessed to be a number."""
    run = client.start(waits_for(client))
    event = client.name("answer")
    refused(real_lh(f"post event {run.id.id} {event} 42"), "declares no type")
    done(real_lh(f"post event {run.id.id} {event} 42 --type int"))
    client.wait(run)
    assert client.variable(run, "answer").int == 42


def test_run_awaits_an_event_that_the_run_throws(client: Client, real_lh: Lh) -> None:
    """05 section 7.2: the command ends with the event, or with the end of a run that threw none."""
    event = client.name("halfway")
    content = ReturnType(return_type=TypeDefinition(primitive_type=VariableType.STR))
    client.stub.PutWorkflowEventDef(PutWorkflowEventDefRequest(name=event, content_type=content))

    def entrypoint(thread: WorkflowThread) -> None:
        name = thread.declare_str("name")
        thread.do_if(name.is_not_equal_to("nobody"), lambda body: body.throw_event(event, name))

    wf_spec = client.deploy("throws", entrypoint)
    assert "bob" in done(real_lh(f"run {wf_spec} --id throws-1 --var name=bob --await {event}"))
    thrown = json.loads(done(real_lh(f"run {wf_spec} --id throws-2 --var name=eve --await {event} -o json")))
    assert thrown["content"] == {"str": "eve"}
    refused(
        real_lh(f"run {wf_spec} --id throws-3 --var name=nobody --await {event}"), "ended as COMPLETED and threw no"
    )
    refused(real_lh(f"run {wf_spec} --var name=bob --await nothing"), "nothing")


def test_a_run_is_stopped_resumed_and_deleted(client: Client, real_lh: Lh) -> None:
    """03/E-701: a stopped run keeps an event until it is resumed; a finished one cannot be stopped, but deleted."""
    run = client.start(waits_for(client, TypeDefinition(primitive_type=VariableType.INT)))
    name = run.id.id
    assert f"Next: lh resume {name}" in done(real_lh(f"stop {name}"))
    assert "HALTED" in done(real_lh(f"get wf-run {name}"))
    assert "─ halted: stopped from outside" in done(real_lh(f"describe wf-run {name}"))
    done(real_lh(f"post event {name} {client.name('answer')} 1"))
    assert client.stub.GetWfRun(run.id).status == LHStatus.HALTED
    done(real_lh(f"resume {name}"))
    client.wait(run)
    stopped = done(real_lh(f"stop {name}"))
    assert "COMPLETED" in stopped
    assert stopped.endswith(f"\n\nIt had ended already. Next: lh describe wf-run {name}\n")
    assert done(real_lh(f"delete wf-run {name}")) == f"Deleted {name}\n"
    refused(real_lh(f"get wf-run {name}"), "NOT_FOUND")
    for command in ("stop", "resume", "rescue"):
        refused(real_lh(f"{command} {name}"), "NOT_FOUND")


def test_a_run_that_is_not_there_is_told_and_is_no_failure(client: Client, real_lh: Lh) -> None:
    """07/D-1: deleting again is OK, in whatever status the run was; the answer has what was deleted."""
    wf_spec = waits_for(client)
    running, other = client.start(wf_spec).id.id, client.start(wf_spec).id.id
    result = real_lh(f"delete wf-run {running} nope {other}")
    assert done(result) == f"Deleted {running}\nThere was no WfRun nope\nDeleted {other}\n"
    assert json.loads(done(real_lh(f"delete wf-run {running} -o json"))) == {"results": []}
    refused(real_lh(f"get wf-run {running}"), "NOT_FOUND")


def test_a_failed_run_is_rescued(client: Client, real_lh: Lh) -> None:
    """RescueThreadRun: the failed node again, or the one after it; the stack trace is told."""
    is_broken = [True]

    async def charge(amount: int) -> str:
        if is_broken[0]:
            raise ConnectionError("the bank does not answer")
        return f"charged {amount}"

    charge_name = client.work("charge", charge)
    wf_spec = client.deploy("pays", lambda thread: thread.execute(charge_name, thread.declare_int("amount")) and None)
    run = client.run(wf_spec, LHStatus.ERROR, amount=5)
    text = done(real_lh(f"describe wf-run {run.id.id}"))
    assert "attempt 0  TASK_FAILED" in text
    assert 'raise ConnectionError("the bank does not answer")' in text
    assert "in amount = 5" in text
    assert "failure TASK_FAILURE (not handled)" in text
    refused(real_lh(f"rescue {run.id.id} --thread 7"), "7")

    is_broken[0] = False
    done(real_lh(f"rescue {run.id.id}"))
    client.wait(run)
    assert "out charged 5" in done(real_lh(f"describe wf-run {run.id.id}"))
    refused(real_lh(f"rescue {run.id.id}"), "FAILED_PRECONDITION")

    is_broken[0] = True
    skipped = client.run(wf_spec, LHStatus.ERROR, amount=6)
    done(real_lh(f"rescue {skipped.id.id} --skip"))
    client.wait(skipped)


def test_a_user_task_from_its_assignment_to_its_end(client: Client, real_lh: Lh) -> None:
    """06/U-25, U-27, U-29, U-36: claims, progress, comments and results, each told in the audit log."""
    form = client.name("form")
    fields = [
        UserTaskField(name="approved", type=VariableType.BOOL, required=True),
        UserTaskField(name="amount", type=VariableType.INT),
    ]
    client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=form, fields=fields))
    run = client.start(client.deploy("asks", lambda thread: thread.assign_user_task(form, user_group="sales") and None))
    (line,) = done(real_lh(f"search user-task-run --status unassigned --group sales --def {form}")).splitlines()[1:]
    task = "/".join(line.split())
    assert task == f"{run.id.id}/{done(real_lh(f'list user-task-runs {run.id.id}')).splitlines()[1].split()[0]}"
    refused(real_lh("search user-task-run"), "at least one")

    refused(real_lh(f"user-task assign {task}"), "--user, --group, or both", exit_code=2)
    refused(real_lh(f"user-task claim {run.id.id}/nothing --user bob"), "NOT_FOUND")
    refused(real_lh(f"user-task complete {task} --user bob --result colour=red"), "has no field 'colour'; it has")
    refused(real_lh(f"user-task complete {task} --user bob --result amount=x"), "not a value of type INT for field")
    refused(real_lh(f"user-task complete {task} --user bob --result amount"), "write --result amount=", exit_code=2)
    refused(real_lh("user-task cancel nothing"), "not an id of the form WFRUN/GUID", exit_code=2)

    claimed = json.loads(done(real_lh(f"user-task claim {task} --user bob -o json")))
    assert (claimed["userId"], claimed["userGroup"], claimed["status"]) == ("bob", "sales", "ASSIGNED")
    assert done(real_lh(f"search user-task-run --status unassigned --def {form}")) == "(none)\n"
    assert run.id.id in done(real_lh(f"search user-task-run --user bob --def {form} --earliest 1h"))
    refused(real_lh(f"user-task claim {task} --user eve"), "FAILED_PRECONDITION")
    refused(real_lh(f"user-task save {task} --user eve --result amount=3"), "another user")
    done(real_lh(f"user-task save {task} --user bob --result amount=3"))
    done(real_lh(f"user-task save {task} --user eve --result amount=4 --override"))
    done(real_lh(f"user-task comment {task} --user bob --text 'is that much?'"))
    done(real_lh(f"user-task assign {task} --user eve --override"))
    completed = done(real_lh(f"user-task complete {task} --user eve --result approved=true --result amount=5"))
    assert "DONE" in completed
    client.wait(run)
    log = [line.split("  ", 1)[1] for line in completed.split("\n\n")[2].splitlines()[1:]]
    assert [entry.strip() for entry in log] == [
        "assigned to group sales, before to nobody",
        "assigned to user bob of group sales, before to group sales",
        "bob saved amount = 3",
        "eve saved amount = 4",
        "bob commented (1): is that much?",
        "assigned to user eve, before to user bob of group sales",
        "completed",
    ]
    again = done(real_lh(f"user-task complete {task} --user bob --result approved=false"))
    assert again == completed
    described = done(real_lh(f"describe wf-run {run.id.id}"))
    assert "approved = true" in described
    assert "bob saved amount = 3" in described


def test_a_user_task_is_cancelled(client: Client, real_lh: Lh) -> None:
    """CancelUserTaskRun."""
    form = client.name("form")
    client.stub.PutUserTaskDef(
        PutUserTaskDefRequest(name=form, fields=[UserTaskField(name="x", type=VariableType.STR)])
    )
    run = client.start(client.deploy("asks", lambda thread: thread.assign_user_task(form, user_id="bob") and None))
    assert "CANCELLED" in done(real_lh(f"user-task cancel {run.id.id} 0-1"))
    refused(real_lh(f"user-task complete {run.id.id} 0-1 --user bob --result x=y"), "is CANCELLED")


def test_the_tree_of_a_run_with_threads_and_failures(client: Client, real_lh: Lh) -> None:
    """Threads stand below the nodes that started them, handlers below what failed, child runs are named."""

    async def check(item: str) -> str:
        if item == "bad":
            raise LHTaskException("spoilt", "it smells")
        return f"{item} is fine"

    checks = client.work("check", check)
    child = client.deploy("packs", lambda thread: thread.execute(checks, thread.declare_str("item")) and None)

    def entrypoint(thread: WorkflowThread) -> None:
        def handle(handler: WorkflowThread) -> None:
            handler.execute(checks, "spare")

        def inspect(body: WorkflowThread) -> None:
            body.handle_exception(body.execute(checks, body.declare_str("item")), handle, "spoilt")

        spawned = thread.spawn_thread(inspect, "inspect", {"item": "bad"})
        thread.wait_for_threads(SpawnedThreads.from_list(spawned))
        thread.wait_for_child_wf(thread.run_wf(child, {"item": "good"}, "packs-1"))

    run = client.run(client.deploy("tree", entrypoint))
    handler = "exn-handler-1-check-TASK-spoilt"
    assert tree(done(real_lh(f"describe wf-run {run.id.id}")), client) == [
        "thread 0 entrypoint  COMPLETED  TIME",
        "├─ 1-inspect-START_THREAD = 1",
        "├─ [0] 0-entrypoint-ENTRYPOINT  COMPLETED  TIME",
        "├─ [1] 1-inspect-START_THREAD  COMPLETED  TIME",
        "│  └─ thread 1 inspect  COMPLETED  TIME",
        "│     ├─ item = bad",
        "│     ├─ [0] 0-entrypoint-ENTRYPOINT  COMPLETED  TIME",
        "│     ├─ [1] 1-check-TASK  EXCEPTION  TIME",
        "│     │  ├─ task check GUID  TASK_EXCEPTION",
        "│     │  │  ├─ in item = bad",
        "│     │  │  └─ attempt 0  TASK_EXCEPTION  TIME  by WORKER",
        "│     │  │     └─ spoilt: it smells",
        "│     │  ├─ failure spoilt (handled): it smells",
        f"│     │  └─ failure handler thread 2 {handler}  COMPLETED  TIME",
        "│     │     ├─ [0] 0-entrypoint-ENTRYPOINT  COMPLETED  TIME",
        "│     │     ├─ [1] 1-check-TASK  COMPLETED  TIME",
        "│     │     │  └─ task check GUID  TASK_SUCCESS",
        "│     │     │     ├─ in item = spare",
        "│     │     │     └─ attempt 0  TASK_SUCCESS  TIME  by WORKER",
        "│     │     │        └─ out spare is fine",
        "│     │     └─ [2] 2-exit-EXIT  COMPLETED  TIME",
        "│     └─ [2] 2-exit-EXIT  COMPLETED  TIME",
        "├─ [2] 2-threads-WAIT_FOR_THREADS  COMPLETED  TIME",
        "│  └─ waits for thread 1: completed or failure handled (COMPLETED)",
        "├─ [3] 3-run-packs-RUN_CHILD_WF  COMPLETED  TIME",
        "│  ├─ in item = good",
        "│  └─ child run GUID_packs-1 of packs",
        "├─ [4] 4-wait-WAIT_FOR_CHILD_WF  COMPLETED  TIME",
        "│  └─ child run GUID_packs-1",
        "└─ [5] 5-exit-EXIT  COMPLETED  TIME",
    ]
    child_id = WfRunId(id="packs-1", parent_wf_run_id=run.id)
    assert client.stub.GetWfRun(child_id).status == LHStatus.COMPLETED
    assert "out good is fine" in done(real_lh(f"describe wf-run {run.id.id}_packs-1"))
    everything = json.loads(done(real_lh(f"describe wf-run {run.id.id} --output json")))
    assert len(everything["nodeRuns"]["results"]) == 12
    refused(real_lh("describe wf-run nothing"), "NOT_FOUND")
