"""A model writes, a person reviews: until the person approves, the model writes again with all the feedback."""

import asyncio
from typing import Any

from examples.llm_review.model import OfflineModel, TextModel
from examples.stage import Tasks, end_of, run, until, working
from littlehorse.config import LHConfig
from littlehorse.model import (
    AssignUserTaskRunRequest,
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
from littlehorse.workflow import Workflow, WorkflowThread

FORM = "review"
GROUP = "editors"
FIELDS = [
    UserTaskField(name="approved", type=VariableType.BOOL, display_name="Publish it?", required=True),
    UserTaskField(name="feedback", type=VariableType.STR, display_name="What to change", required=True),
]


def tasks(model: TextModel) -> Tasks:
    """The tasks; the model is called nowhere else."""

    async def write_draft(topic: str, feedback: list[Any]) -> str:
        return await model.write(topic, [str(remark) for remark in feedback])

    async def publish(text: str) -> str:
        return f"published: {text}"

    return {"write-draft": write_draft, "publish": publish}


def article(thread: WorkflowThread) -> None:
    """Draft, review, and again. What a call of the model gave is kept: a crash does not pay for it twice."""
    topic = thread.declare_str("topic").searchable().required()
    draft = thread.declare_str("draft")
    feedback = thread.declare_json_arr("feedback", [])
    approved = thread.declare_bool("approved", False)
    outcome = thread.declare_str("outcome")

    def write_and_review(body: WorkflowThread) -> None:
        draft.assign(body.execute("write-draft", topic, feedback, retries=5, timeout_seconds=120))
        review = body.assign_user_task(FORM, user_group=GROUP).with_notes(draft)
        approved.assign(review.with_json_path("$.approved"))
        body.mutate(feedback, VariableMutationType.ADD, review.with_json_path("$.feedback"))

    thread.do_while(approved.is_equal_to(False), write_and_review)
    outcome.assign(thread.execute("publish", draft))


def reviews_of(stub: LittleHorseStub, wf_run_id: WfRunId) -> list[UserTaskRun]:
    """The reviews of a run, in order."""
    found = stub.ListUserTaskRuns(ListUserTaskRunRequest(wf_run_id=wf_run_id)).results
    return sorted(found, key=lambda task: task.node_run_id.position)


async def review(stub: LittleHorseStub, wf_run_id: WfRunId, editor: str, approved: bool, feedback: str) -> None:
    """Claims the review that waits for the group, and answers it."""

    def waiting() -> UserTaskRun | None:
        open_ones = [task for task in reviews_of(stub, wf_run_id) if task.status == UserTaskRunStatus.UNASSIGNED]
        return open_ones[0] if open_ones else None

    task = await until("review", waiting)
    claim = AssignUserTaskRunRequest(user_task_run_id=task.id, user_id=editor, user_group=GROUP)
    await asyncio.to_thread(stub.AssignUserTaskRun, claim)
    results = {"approved": to_variable_value(approved), "feedback": to_variable_value(feedback)}
    answer = CompleteUserTaskRunRequest(user_task_run_id=task.id, user_id=editor, results=results)
    await asyncio.to_thread(stub.CompleteUserTaskRun, answer)
    print(f"   {editor} {'approves' if approved else 'sends back'} {task.notes!r}: {feedback}")


async def play(config: LHConfig, model: TextModel | None = None) -> list[WfRun]:
    """One article, sent back once; `model` None means the offline one."""
    config.stub().PutUserTaskDef(PutUserTaskDefRequest(name=FORM, fields=FIELDS))
    async with working(config, tasks(model or OfflineModel()), Workflow("article", article)) as stub:
        started = await run(stub, "article", "article-1", topic="horses")
        await review(stub, started, "ada", False, "mention the little ones")
        await review(stub, started, "bob", True, "fine")
        return [await end_of(stub, started)]
