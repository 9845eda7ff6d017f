"""The example of reviewed text runs to its end."""

import asyncio

from examples.llm_review.model import OfflineModel
from examples.llm_review.process import play, reviews_of
from examples.stage import tasks_of, variables_of
from littlehorse.config import LHConfig
from littlehorse.model import LHStatus, ListTaskRunsRequest, TaskStatus


def test_a_text_is_written_until_it_is_approved(config: LHConfig) -> None:
    """Feedback reaches the model; a failed call of it is retried; only the approved draft is published."""
    model = OfflineModel()
    (article,) = asyncio.run(play(config, model))
    stub = config.stub()
    assert article.status == LHStatus.COMPLETED
    assert tasks_of(stub, article.id) == ["write-draft", "write-draft", "publish"]
    assert model.calls == 3

    found = variables_of(stub, article.id)
    assert found["feedback"] == ["mention the little ones", "fine"]
    assert found["outcome"] == "published: All about horses. (mention the little ones)"

    first, second = reviews_of(stub, article.id)
    assert (first.notes, second.notes) == ("All about horses.", "All about horses. (mention the little ones)")
    assert (first.user_id, second.user_id) == ("ada", "bob")
    for review in (first, second):
        assert [event.WhichOneof("event") for event in review.events] == ["assigned", "assigned", "completed"]

    attempts = {
        tuple(attempt.status for attempt in task.attempts)
        for task in stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=article.id)).results
    }
    assert attempts == {(TaskStatus.TASK_FAILED, TaskStatus.TASK_SUCCESS), (TaskStatus.TASK_SUCCESS,)}
