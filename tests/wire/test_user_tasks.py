"""User tasks: assigned, claimed, completed and cancelled by people, with reminders and deadlines."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from littlehorse.model import (
    AssignUserTaskRunRequest,
    CancelUserTaskRunRequest,
    CompleteUserTaskRunRequest,
    DeleteUserTaskRunCommentRequest,
    DeleteWfRunRequest,
    EditUserTaskRunCommentRequest,
    LHStatus,
    ListTaskRunsRequest,
    ListUserTaskRunRequest,
    PutUserTaskDefRequest,
    PutUserTaskRunCommentRequest,
    ResumeWfRunRequest,
    SaveUserTaskRunProgressRequest,
    SearchUserTaskRunRequest,
    StopWfRunRequest,
    TaskRun,
    TaskStatus,
    UserTaskField,
    UserTaskRun,
    UserTaskRunId,
    UserTaskRunStatus,
    VariableType,
    WfRun,
)
from littlehorse.utils import to_variable_value
from littlehorse.worker import WorkerContext
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client, eventually


def form(client: Client) -> str:
    """Registers a form: approved (BOOL, required), amount (INT); returns its name."""
    fields = [
        UserTaskField(name="approved", type=VariableType.BOOL, display_name="Approved?", required=True),
        UserTaskField(name="amount", type=VariableType.INT, display_name="Amount"),
    ]
    name = client.name("form")
    client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=name, fields=fields))
    return name


def id_of(run: WfRun, position: int = 1) -> UserTaskRunId:
    """The UserTaskRun of a NodeRun of thread 0."""
    return UserTaskRunId(wf_run_id=run.id, user_task_guid=f"0-{position}")


def get(client: Client, run: WfRun, position: int = 1) -> UserTaskRun:
    """GetUserTaskRun."""
    return client.stub.GetUserTaskRun(id_of(run, position))


def assign(client: Client, run: WfRun, override: bool = False, **owner: str) -> None:
    """AssignUserTaskRun."""
    client.stub.AssignUserTaskRun(
        AssignUserTaskRunRequest(user_task_run_id=id_of(run), override_claim=override, **owner)
    )


def complete(client: Client, run: WfRun, user: str, position: int = 1, **results: Any) -> None:
    """CompleteUserTaskRun with Python values."""
    values = {name: to_variable_value(value) for name, value in results.items()}
    client.stub.CompleteUserTaskRun(
        CompleteUserTaskRunRequest(user_task_run_id=id_of(run, position), user_id=user, results=values)
    )


def refused(call: Callable[[], Any]) -> grpc.StatusCode:
    """The status with which a call is refused."""
    with pytest.raises(grpc.RpcError) as error:
        call()
    code: grpc.StatusCode = error.value.code()
    return code


def failure_names(client: Client, run: WfRun) -> list[str]:
    """Names of all failures of a run."""
    return [failure.failure_name for node in client.node_runs(run) for failure in node.failures]


def test_claim_and_complete(client: Client) -> None:
    """06/U-8, U-9, U-13, U-14, U-18, U-25, U-26, U-34, U-52: from the group to the result in a variable."""
    user_task_def = form(client)

    def entrypoint(thread: WorkflowThread) -> None:
        result = thread.declare_json_obj("result")
        output = thread.assign_user_task(user_task_def, user_group="sales").with_notes("please look")
        result.assign(output)

    run = client.start(client.deploy("approval", entrypoint))
    opened = get(client, run)
    assert (opened.status, opened.user_group, opened.notes, opened.epoch) == (
        UserTaskRunStatus.UNASSIGNED,
        "sales",
        "please look",
        1,
    )
    assert client.node_runs(run)[1].user_task.user_task_run_id == opened.id
    assign(client, run, user_id="ada", user_group="sales")
    assert refused(lambda: assign(client, run, user_id="bob")) == grpc.StatusCode.FAILED_PRECONDITION
    assert refused(lambda: complete(client, run, "ada", amount=3)) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused(lambda: complete(client, run, "ada", approved="yes")) == grpc.StatusCode.INVALID_ARGUMENT
    complete(client, run, "ada", approved=True, amount=3)
    complete(client, run, "bob", approved=False)
    assert client.wait(run).HasField("end_time")
    assert client.variable(run, "result").json_obj == '{"amount":3,"approved":true}'
    done = get(client, run)
    assert (done.status, done.user_id, done.results["amount"].int) == (UserTaskRunStatus.DONE, "ada", 3)
    assert [event.WhichOneof("event") for event in done.events] == ["assigned", "assigned", "completed"]
    assert refused(lambda: assign(client, run, True, user_id="bob")) == grpc.StatusCode.FAILED_PRECONDITION
    assert refused(lambda: get(client, run, 2)) == grpc.StatusCode.NOT_FOUND


def test_save_and_comment(client: Client) -> None:
    """06/U-36, U-37, U-38, U-43, U-44: progress is kept, comments are numbered, both are answered with the task."""
    user_task_def = form(client)
    spec = client.deploy("saved", lambda thread: thread.assign_user_task(user_task_def, user_id="ada") and None)
    run = client.start(spec)

    def save(user: str, policy: int = 0) -> UserTaskRun:
        return client.stub.SaveUserTaskRunProgress(
            SaveUserTaskRunProgressRequest(
                user_task_run_id=id_of(run), user_id=user, results={"amount": to_variable_value(4)}, policy=policy
            )
        )

    assert refused(lambda: save("bob")) == grpc.StatusCode.FAILED_PRECONDITION
    saved = save("bob", SaveUserTaskRunProgressRequest.SaveUserTaskRunAssignmentPolicy.IGNORE_CLAIM)
    assert (saved.user_id, saved.results["amount"].int, saved.events[-1].saved.user_id) == ("ada", 4, "bob")
    for text in ("first", "second"):
        put = PutUserTaskRunCommentRequest(user_task_run_id=id_of(run), user_id="bob", comment=text)
        commented = client.stub.PutUserTaskRunComment(put)
    assert [event.comment_added.user_comment_id for event in commented.events[-2:]] == [1, 2]
    edit = EditUserTaskRunCommentRequest(
        user_task_run_id=id_of(run), user_comment_id=2, user_id="eve", comment="better"
    )
    assert client.stub.EditUserTaskRunComment(edit).events[-1].comment_edited.comment == "better"
    delete = DeleteUserTaskRunCommentRequest(user_task_run_id=id_of(run), user_comment_id=2, user_id="eve")
    assert client.stub.DeleteUserTaskRunComment(delete).events[-1].comment_deleted.user_comment_id == 2
    assert refused(lambda: client.stub.EditUserTaskRunComment(edit)) == grpc.StatusCode.FAILED_PRECONDITION
    complete(client, run, "ada", approved=True)
    assert get(client, run).results["amount"].int == 4


def test_cancellation_raises_the_exception(client: Client) -> None:
    """06/U-40, U-53, U-80: by its own name it is handled, by the built-in one it ends the run in ERROR."""
    user_task_def = form(client)

    def named(thread: WorkflowThread) -> None:
        handled = thread.declare_bool("handled")
        task = thread.assign_user_task(user_task_def, user_id="ada").with_on_cancellation_exception("denied")
        thread.handle_exception(task, lambda handler: handled.assign(True), "denied")

    def unnamed(thread: WorkflowThread) -> None:
        thread.assign_user_task(user_task_def, user_id="ada")

    first, second = client.start(client.deploy("named", named)), client.start(client.deploy("unnamed", unnamed))
    for run in (first, second):
        client.stub.CancelUserTaskRun(CancelUserTaskRunRequest(user_task_run_id=id_of(run)))
        client.stub.CancelUserTaskRun(CancelUserTaskRunRequest(user_task_run_id=id_of(run)))
        assert get(client, run).status == UserTaskRunStatus.CANCELLED
    client.wait(first)
    assert client.variable(first, "handled").bool
    assert failure_names(client, first) == ["denied"]
    client.wait(second, LHStatus.ERROR)
    assert failure_names(client, second) == ["USER_TASK_CANCELLED"]


def test_reminder_knows_its_task(client: Client) -> None:
    """06/U-65, U-66, 04/TW-11, TW-13: the worker gets the reminder; its failure changes nothing."""
    user_task_def = form(client)
    reminded: list[tuple[str, int]] = []

    async def remind(user: str, context: WorkerContext) -> None:
        reminded.append((user, context.node_run_id.position))
        raise RuntimeError("nobody listens")

    task_def = client.work("remind", remind)

    def entrypoint(thread: WorkflowThread) -> None:
        user = thread.declare_str("user")
        task = thread.assign_user_task(user_task_def, user_id=user)
        thread.schedule_reminder_task(task, 0, task_def, user)

    run = client.start(client.deploy("reminded", entrypoint), user="ada")

    def reminders() -> list[TaskRun]:
        return list(client.stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=run.id)).results)

    def has_failed() -> bool:
        return [task.status for task in reminders()] == [TaskStatus.TASK_FAILED]

    eventually(has_failed, "the reminder failed")
    assert reminded == [("ada", 1)]
    (reminder,) = reminders()
    source = reminder.source.user_task_trigger
    assert (source.user_id, source.user_task_event_number, source.node_run_id.position) == ("ada", 1, 1)
    assert get(client, run).events[1].task_executed.task_run == reminder.id
    complete(client, run, "ada", approved=True)
    client.wait(run)


def test_deadlines(client: Client) -> None:
    """06/U-61, U-64: released to the group, then cancelled, by time."""
    user_task_def = form(client)

    def entrypoint(thread: WorkflowThread) -> None:
        task = thread.assign_user_task(user_task_def, user_id="ada", user_group="sales")
        thread.release_to_group_on_deadline(task, 0)
        thread.cancel_user_task_run_after(task, 1)

    run = client.start(client.deploy("deadlines", entrypoint))
    client.wait(run, LHStatus.ERROR)
    ended = get(client, run)
    assert ended.status == UserTaskRunStatus.CANCELLED
    assert [event.WhichOneof("event") for event in ended.events] == ["assigned", "assigned", "cancelled"]
    assert (ended.events[1].assigned.old_user_id, ended.events[1].assigned.HasField("new_user_id")) == ("ada", False)


def test_bad_assignments(client: Client) -> None:
    """06/U-8, U-18, U-20, U-23: at registration, at arrival and by request."""
    user_task_def = form(client)
    missing = client.name("missing")
    assert refused(lambda: client.deploy("bad", lambda thread: thread.assign_user_task(missing, "ada") and None)) == (
        grpc.StatusCode.INVALID_ARGUMENT
    )

    def entrypoint(thread: WorkflowThread) -> None:
        thread.assign_user_task(user_task_def, user_id=thread.declare_str("user"))

    spec = client.deploy("assigned", entrypoint)
    run = client.start(spec, user=" ")
    client.wait(run, LHStatus.ERROR)
    failure = client.node_runs(run)[1].failures[0]
    assert (failure.failure_name, failure.message) == (
        "VAR_ERROR",
        "Invalid user task assignment. UserId can't be empty",
    )
    assert refused(lambda: get(client, run)) == grpc.StatusCode.NOT_FOUND
    open_run = client.start(spec, user="ada")
    assert refused(lambda: assign(client, open_run, True, user_id=" ")) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused(lambda: assign(client, open_run, True)) == grpc.StatusCode.INVALID_ARGUMENT


def test_a_stopped_run_keeps_its_task(client: Client) -> None:
    """03/E-471: usable while halted; the run goes on with the result when it is resumed."""
    user_task_def = form(client)
    spec = client.deploy("halted", lambda thread: thread.assign_user_task(user_task_def, user_id="ada") and None)
    run = client.start(spec)
    client.stub.StopWfRun(StopWfRunRequest(wf_run_id=run.id, thread_run_number=0))
    complete(client, run, "ada", approved=True)
    client.wait(run, LHStatus.HALTED)
    assert get(client, run).status == UserTaskRunStatus.DONE
    client.stub.ResumeWfRun(ResumeWfRunRequest(wf_run_id=run.id, thread_run_number=0))
    client.wait(run)


def test_search_and_list(client: Client) -> None:
    """06/U-46, U-47, U-48, 07/O-3, O-8: any combination of criteria, by what is true now; pages."""
    user_task_def, other_def = form(client), client.name("other")
    client.stub.PutUserTaskDef(PutUserTaskDefRequest(name=other_def))
    ada, group = client.name("ada"), client.name("group")

    def entrypoint(thread: WorkflowThread) -> None:
        thread.assign_user_task(user_task_def, user_id=ada, user_group=group)
        thread.assign_user_task(other_def, user_group=group)

    spec = client.deploy("searched", entrypoint)
    runs = [client.start(spec) for _ in range(3)]
    complete(client, runs[0], ada, approved=True)
    assign(client, runs[1], True, user_group=group)

    def search(**criteria: Any) -> list[tuple[int, str]]:
        found = client.stub.SearchUserTaskRun(SearchUserTaskRunRequest(**criteria)).results
        return [([run.id for run in runs].index(id.wf_run_id), id.user_task_guid) for id in found]

    done, unassigned = UserTaskRunStatus.DONE, UserTaskRunStatus.UNASSIGNED
    assert sorted(search(user_id=ada)) == [(0, "0-1"), (2, "0-1")]
    assert search(user_id=ada, status=done) == [(0, "0-1")]
    assert sorted(search(user_group=group)) == [(0, "0-1"), (0, "0-2"), (1, "0-1"), (2, "0-1")]
    assert sorted(search(user_group=group, status=unassigned)) == [(0, "0-2"), (1, "0-1")]
    assert search(user_group=group, user_task_def_name=other_def) == [(0, "0-2")]
    assert search(user_group=group, user_task_def_name=user_task_def, status=unassigned) == [(1, "0-1")]
    assert search(user_group=group, user_id=ada, user_task_def_name=user_task_def, status=done) == [(0, "0-1")]
    assert search(user_id=ada, user_task_def_name=other_def) == []
    first = client.stub.SearchUserTaskRun(SearchUserTaskRunRequest(user_group=group, limit=3))
    rest = client.stub.SearchUserTaskRun(SearchUserTaskRunRequest(user_group=group, bookmark=first.bookmark))
    assert (len(first.results), len(rest.results), rest.HasField("bookmark")) == (3, 1, False)
    start = get(client, runs[0]).scheduled_time
    assert (0, "0-1") in search(user_id=ada, earliest_start=start, latest_start=start)
    assert refused(lambda: search(earliest_start=start)) == grpc.StatusCode.INVALID_ARGUMENT
    page = client.stub.ListUserTaskRuns(ListUserTaskRunRequest(wf_run_id=runs[0].id, limit=1))
    more = client.stub.ListUserTaskRuns(ListUserTaskRunRequest(wf_run_id=runs[0].id, bookmark=page.bookmark))
    assert [task.id.user_task_guid for task in [*page.results, *more.results]] == ["0-1", "0-2"]
    client.stub.DeleteWfRun(DeleteWfRunRequest(id=runs[0].id))
    assert search(user_id=ada) == [(2, "0-1")]
    assert refused(lambda: get(client, runs[0])) == grpc.StatusCode.NOT_FOUND
