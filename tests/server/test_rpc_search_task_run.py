"""SearchTaskRun."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    TASK_FAILED,
    TASK_RUNNING,
    TASK_SUCCESS,
    SearchTaskRunRequest,
    TaskRunId,
    TaskRunIdList,
    WfRunId,
)
from littlehorse.server.run_index import Index
from tests.server.fakes import FakeServer


def add(server: FakeServer, shard: int, guid: str, task_def: str, status: int, time_ms: int) -> None:
    """Indexes a TaskRun."""
    task_run_id = TaskRunId(wf_run_id=WfRunId(id="run"), task_guid=guid)
    server.index(shard, Index.TASK_RUN, [task_def, str(status)], time_ms, task_run_id, f"run/{guid}")


def search(server: FakeServer, **filters: object) -> list[str]:
    """Guids found."""
    found = server.call("SearchTaskRun", SearchTaskRunRequest(**filters), TaskRunIdList)  # type: ignore[arg-type]
    return [task_run_id.task_guid for task_run_id in found.results]


def test_search(server: FakeServer) -> None:
    """07/O-1, S-5, S-6, S-7: by TaskDef, status and time of scheduling, over all shards."""
    add(server, 0, "c", "pack", TASK_SUCCESS, 1)
    add(server, 1, "b", "pack", TASK_RUNNING, 2)
    add(server, 2, "a", "pack", TASK_RUNNING, 3)
    add(server, 0, "x", "send", TASK_RUNNING, 2)
    assert search(server, task_def_name="pack") == ["c", "b", "a"]
    assert search(server, task_def_name="pack", status=TASK_RUNNING) == ["b", "a"]
    assert search(server, task_def_name="pack", status=TASK_FAILED) == []
    moment = Timestamp()
    moment.FromMilliseconds(2)
    assert search(server, task_def_name="pack", earliest_start=moment, latest_start=moment) == ["b"]
    page = server.call("SearchTaskRun", SearchTaskRunRequest(task_def_name="pack", limit=1), TaskRunIdList)
    assert search(server, task_def_name="pack", bookmark=page.bookmark) == ["b", "a"]


def test_empty_or_unknown_names_are_empty(server: FakeServer) -> None:
    """07/O-1."""
    add(server, 0, "c", "pack", TASK_SUCCESS, 1)
    assert search(server) == search(server, task_def_name="pac") == search(server, task_def_name="pack/") == []
