"""An invoice needs three approvals at once; who does not answer in time is replaced by a deputy."""

import asyncio
from collections.abc import Callable

from examples.stage import Tasks, end_of, run, until, working
from littlehorse.config import LHConfig
from littlehorse.model import (
    CompleteUserTaskRunRequest,
    ListUserTaskRunRequest,
    PutUserTaskDefRequest,
    UserTaskField,
    UserTaskRun,
    UserTaskRunStatus,
    VariableMutationType,
    VariableType,
    WfRun,
    WfRunId,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.utils import to_variable_value
from littlehorse.workflow import SpawnedThreads, Workflow, WorkflowThread

REJECTED = "rejected"
FORM = "approval"
DEADLINE_SECONDS = 1
# Who approves -> who does it when the first one lets the deadline pass.
APPROVERS = {"legal": "legal-deputy", "finance": "finance-deputy", "boss": "boss-deputy"}


async def pay(invoice: str) -> str:
    """Pays the invoice."""
    return f"paid {invoice}"


async def send_back(invoice: str) -> str:
    """Tells the supplier that the invoice was rejected."""
    return f"sent {invoice} back"


TASKS: Tasks = {"pay": pay, "send-back": send_back}


def invoice(thread: WorkflowThread) -> None:
    """Three child threads ask; the first rejection ends the others."""
    number = thread.declare_str("number").searchable().required()
    deadline = thread.declare_int("deadline", DEADLINE_SECONDS)
    approvals = thread.declare_int("approvals", 0)
    outcome = thread.declare_str("outcome").searchable()

    def ask(approver: str, deputy: str) -> Callable[[WorkflowThread], None]:
        def asking(child: WorkflowThread) -> None:
            answer = child.assign_user_task(FORM, user_id=approver).with_notes(child.format("Invoice {0}", number))
            child.reassign_user_task_on_deadline(answer, deadline, user_id=deputy)

            def refuse(body: WorkflowThread) -> None:
                body.fail(REJECTED, f"{approver} or {deputy} rejected it")

            child.do_if(answer.with_json_path("$.approved").is_equal_to(False), refuse)
            child.mutate(approvals, VariableMutationType.ADD, 1)

        return asking

    asked = [thread.spawn_thread(ask(*pair), f"ask-{pair[0]}") for pair in APPROVERS.items()]
    answers = thread.wait_for_threads(SpawnedThreads.from_list(*asked))

    def rejected(handler: WorkflowThread) -> None:
        outcome.assign(handler.execute("send-back", number))
        handler.fail(REJECTED, "not everybody approved")

    thread.handle_exception(answers, rejected, REJECTED)
    outcome.assign(thread.execute("pay", number))


def user_tasks_of(stub: LittleHorseStub, wf_run_id: WfRunId) -> dict[str, UserTaskRun]:
    """The user tasks of a run, by who was asked first."""
    found = stub.ListUserTaskRuns(ListUserTaskRunRequest(wf_run_id=wf_run_id)).results
    return {task.events[0].assigned.new_user_id: task for task in found}


async def answer(stub: LittleHorseStub, wf_run_id: WfRunId, asked: str, user: str, approved: bool) -> None:
    """Answers, as `user`, what `asked` was asked: as soon as the task is theirs."""

    def theirs() -> UserTaskRun | None:
        task = user_tasks_of(stub, wf_run_id).get(asked)
        return task if task and task.user_id == user and task.status == UserTaskRunStatus.ASSIGNED else None

    task = await until(f"task of {user}", theirs)
    results = {"approved": to_variable_value(approved)}
    request = CompleteUserTaskRunRequest(user_task_run_id=task.id, user_id=user, results=results)
    await asyncio.to_thread(stub.CompleteUserTaskRun, request)
    print(f"   {user} {'approves' if approved else 'rejects'} {wf_run_id.id}")


async def play(config: LHConfig) -> list[WfRun]:
    """Everybody is away for the first invoice, so that their deputies answer; finance rejects the second."""
    field = UserTaskField(name="approved", type=VariableType.BOOL, display_name="Approved?", required=True)
    config.stub().PutUserTaskDef(PutUserTaskDefRequest(name=FORM, fields=[field]))
    async with working(config, TASKS, Workflow("invoice", invoice)) as stub:
        first = await run(stub, "invoice", "invoice-1", number="1")
        for approver, deputy in APPROVERS.items():
            await answer(stub, first, approver, deputy, True)
        second = await run(stub, "invoice", "invoice-2", number="2", deadline=3600)
        await answer(stub, second, "legal", "legal", True)
        await answer(stub, second, "finance", "finance", False)
        return [await end_of(stub, first), await end_of(stub, second)]
