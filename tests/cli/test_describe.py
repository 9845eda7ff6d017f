"""`lh describe wf-run` against a server of canned replies."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    RUNNING,
    EntrypointRun,
    ExternalEvent,
    ExternalEventDefId,
    ExternalEventId,
    ExternalEventList,
    ExternalEventNodeRun,
    InactiveThreadRun,
    InactiveThreadRunId,
    NodeRun,
    NodeRunId,
    NodeRunList,
    TaskRunList,
    ThreadRun,
    UserTaskRunList,
    VariableList,
    WfRun,
    WfRunId,
    WorkflowEventList,
)
from tests.cli.conftest import Canned, Result

Lh = Callable[[str], Result]
RUN_ID = WfRunId(id="r1")
START = Timestamp(seconds=1000)


@pytest.fixture
def described(canned: Canned) -> Canned:
    """A run with one thread that has arrived at its entrypoint, and nothing else."""
    thread = ThreadRun(thread_spec_name="entrypoint", status=RUNNING, start_time=START)
    canned.replies = {
        "GetWfRun": WfRun(id=RUN_ID, status=RUNNING, start_time=START, thread_runs=[thread]),
        "ListNodeRuns": NodeRunList(results=[node(0, 0, "0-entrypoint", entrypoint=EntrypointRun())]),
        "ListTaskRuns": TaskRunList(),
        "ListUserTaskRuns": UserTaskRunList(),
        "ListVariables": VariableList(),
        "ListExternalEvents": ExternalEventList(),
        "ListWorkflowEvents": WorkflowEventList(),
    }
    return canned


def node(thread: int, position: int, name: str, **kind: EntrypointRun | ExternalEventNodeRun) -> NodeRun:
    """A NodeRun that was reached as the run started."""
    node_run_id = NodeRunId(wf_run_id=RUN_ID, thread_run_number=thread, position=position)
    return NodeRun(id=node_run_id, node_name=name, status=RUNNING, arrival_time=START, **kind)  # type: ignore[arg-type]


def test_an_event_from_before_the_start_has_a_negative_time(described: Canned, lh: Lh) -> None:
    """05/E-19: it may be posted before its run exists."""
    before = Timestamp(seconds=930, nanos=563_000_000)
    paid = ExternalEventDefId(name="paid")
    taken, waiting = (
        ExternalEventId(wf_run_id=RUN_ID, external_event_def_id=paid, guid=guid) for guid in ("taken", "waiting")
    )
    described.replies["ListExternalEvents"] = ExternalEventList(
        results=[
            ExternalEvent(id=taken, created_at=before, claimed=True),
            ExternalEvent(id=waiting, created_at=before),
        ]
    )
    waits = ExternalEventNodeRun(external_event_def_id=paid, external_event_id=taken, event_time=before)
    described.replies["ListNodeRuns"].results.append(node(0, 1, "1-paid", external_event=waits))
    result = lh("describe wf-run r1")
    assert result.exit_code == 0, result.err
    assert result.out.split("\n\n", 1)[1].splitlines() == [
        "thread 0 entrypoint  RUNNING  +0.000 s",
        "├─ [0] 0-entrypoint  RUNNING  +0.000 s",
        "└─ [1] 1-paid  RUNNING  +0.000 s",
        "   └─ event paid taken  -69.437 s  -",
        "",
        "events that nothing has taken yet",
        "└─ paid waiting  -69.437 s  -",
    ]


def test_the_newest_archived_threads_are_told(described: Canned, lh: Lh) -> None:
    """Each costs a call: no more are asked for than are told, and it says how many are left out; none for JSON."""
    described.replies["ListNodeRuns"].results.extend(
        node(number, 0, "0-entrypoint", entrypoint=EntrypointRun()) for number in range(1, 104)
    )

    def archived(request: InactiveThreadRunId) -> InactiveThreadRun:
        thread = ThreadRun(number=request.thread_run_number, thread_spec_name="child", start_time=START)
        return InactiveThreadRun(thread_run=thread)

    described.replies["GetInactiveThreadRun"] = archived

    def asked_for(command: str) -> tuple[list[int], str]:
        described.asked.clear()
        result = lh(command)
        assert result.exit_code == 0, result.err
        told = [request.thread_run_number for request in described.requests("GetInactiveThreadRun")]
        if not command.endswith("json"):
            assert re.findall(r"^thread (\d+)", result.out, re.MULTILINE) == [str(number) for number in [0, *told]]
        return told, result.out.rstrip().split("\n\n")[-1]

    left_out = "older archived threads are left out; all are told with --archived 103"
    assert asked_for("describe wf-run r1") == (list(range(4, 104)), f"3 {left_out}")
    assert asked_for("describe wf-run r1 --archived 2") == ([102, 103], f"101 {left_out}")
    assert asked_for("describe wf-run r1 --archived 0")[0] == []
    everything, end = asked_for("describe wf-run r1 --archived 103")
    assert (everything, "left out" in end) == (list(range(1, 104)), False)
    assert asked_for("describe wf-run r1 --output json")[0] == []
    assert "not a number of threads" in lh("describe wf-run r1 --archived all").err
