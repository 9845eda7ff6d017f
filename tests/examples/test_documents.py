"""The example of document processing with interrupts runs to its end."""

import asyncio

from examples.documents.process import WITHDRAWN, play
from examples.stage import tasks_of, variables_of
from littlehorse.config import LHConfig
from littlehorse.model import LHStatus, ListNodeRunsRequest, ThreadType


def test_interrupts_change_or_end_the_process(config: LHConfig) -> None:
    """What is archived is the last version; a withdrawal ends the run under its own name."""
    signed, withdrawn = asyncio.run(play(config))
    stub = config.stub()
    assert (signed.status, withdrawn.status) == (LHStatus.COMPLETED, LHStatus.EXCEPTION)

    assert [thread.type for thread in signed.thread_runs] == [ThreadType.ENTRYPOINT, *[ThreadType.INTERRUPT] * 2]
    assert tasks_of(stub, signed.id)[-1] == "archive"
    assert sorted(tasks_of(stub, signed.id)) == ["archive", "index", "index", "index"]
    found = variables_of(stub, signed.id)
    assert found["text"] == "We pay 95"
    assert found["outcome"] == "contract, version 3, over 95, signed by Ada"

    assert tasks_of(stub, withdrawn.id)[-1] == "shred"
    assert variables_of(stub, withdrawn.id)["outcome"] == "shredded offer"
    nodes = stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=withdrawn.id)).results
    assert WITHDRAWN in {failure.failure_name for node in nodes for failure in node.failures}
