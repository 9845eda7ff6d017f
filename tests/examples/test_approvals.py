"""The example of parallel approvals runs to its end."""

import asyncio

from examples.approvals.process import APPROVERS, play, user_tasks_of
from examples.stage import tasks_of, variables_of
from littlehorse.config import LHConfig
from littlehorse.model import LHStatus, UserTaskRun, UserTaskRunStatus


def audit_log(task: UserTaskRun) -> list[str]:
    """What happened to a user task: for assignments to whom, else the kind of event."""
    return [
        event.assigned.new_user_id if event.HasField("assigned") else event.WhichOneof("event") or "nothing"
        for event in task.events
    ]


def test_deputies_answer_and_a_rejection_ends_the_rest(config: LHConfig) -> None:
    """The audit log tells of the reassignment; an open question is cancelled when another answer was no."""
    approved, rejected = asyncio.run(play(config))
    stub = config.stub()
    assert (approved.status, rejected.status) == (LHStatus.COMPLETED, LHStatus.EXCEPTION)

    asked = user_tasks_of(stub, approved.id)
    assert {name: audit_log(task) for name, task in asked.items()} == {
        name: [name, deputy, "completed"] for name, deputy in APPROVERS.items()
    }
    found = variables_of(stub, approved.id)
    assert (found["approvals"], found["outcome"]) == (3, "paid 1")
    assert tasks_of(stub, approved.id) == ["pay"]

    asked = user_tasks_of(stub, rejected.id)
    assert {name: task.status for name, task in asked.items()} == {
        "legal": UserTaskRunStatus.DONE,
        "finance": UserTaskRunStatus.DONE,
        "boss": UserTaskRunStatus.CANCELLED,
    }
    assert audit_log(asked["boss"]) == ["boss", "cancelled"]
    found = variables_of(stub, rejected.id)
    assert (found["approvals"], found["outcome"]) == (1, "sent 2 back")
    assert tasks_of(stub, rejected.id) == ["send-back"]
