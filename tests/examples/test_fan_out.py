"""The example of fan-out runs to its end."""

import asyncio

from examples.fan_out.process import BOOK, play
from examples.stage import variables_of
from littlehorse.config import LHConfig
from littlehorse.model import LHStatus, ListNodeRunsRequest


def test_every_chapter_has_a_child(config: LHConfig) -> None:
    """One child thread and one child workflow per item; the failed one is skipped, the others are summed."""
    (book,) = asyncio.run(play(config))
    stub = config.stub()
    assert book.status == LHStatus.COMPLETED
    found = variables_of(stub, book.id)
    assert (found["total"], found["unreadable"]) == (3 + 6 + 4, 1)

    nodes = stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=book.id)).results
    started = [node.run_child_wf for node in nodes if node.HasField("run_child_wf")]
    children = [stub.GetWfRun(child.child_wf_run_id) for child in started]
    assert len(children) == len(BOOK)
    assert all(child.id.parent_wf_run_id == book.id for child in children)
    expected = {text: LHStatus.COMPLETED if text else LHStatus.EXCEPTION for text in BOOK}
    assert {variables_of(stub, child.id)["text"]: child.status for child in children} == expected
