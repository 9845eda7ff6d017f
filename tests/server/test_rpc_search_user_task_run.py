"""SearchUserTaskRun."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from littlehorse.model import (
    ASSIGNED,
    CANCELLED,
    DONE,
    UNASSIGNED,
    SearchUserTaskRunRequest,
    UserTaskRunId,
    UserTaskRunIdList,
    WfRunId,
)
from littlehorse.server.errors import Code, RpcError
from littlehorse.server.run_index import Index
from tests.server.fakes import FakeServer

# Guid, shard, time, and what is true of each UserTaskRun.
TASKS = [
    ("a", 0, 1, {"status": ASSIGNED, "user_task_def_name": "form", "user_id": "ada", "user_group": "sales"}),
    ("b", 1, 2, {"status": UNASSIGNED, "user_task_def_name": "form", "user_group": "sales"}),
    ("c", 2, 3, {"status": DONE, "user_task_def_name": "form", "user_id": "ada", "user_group": "sales"}),
    ("d", 0, 4, {"status": ASSIGNED, "user_task_def_name": "check", "user_id": "ada", "user_group": "sales"}),
    ("e", 1, 5, {"status": ASSIGNED, "user_task_def_name": "form", "user_id": "bob", "user_group": "sales"}),
    ("f", 2, 6, {"status": ASSIGNED, "user_task_def_name": "form", "user_id": "ada"}),
]
WORDS = {"user_task_def_name": "def", "user_id": "user", "user_group": "group"}


@pytest.fixture
def tasks(server: FakeServer) -> FakeServer:
    """A server that has indexed all of TASKS."""
    for guid, shard, time_ms, facts in TASKS:
        id = UserTaskRunId(wf_run_id=WfRunId(id="run"), user_task_guid=guid)
        names = [("all", "")] + [(word, str(facts[field])) for field, word in WORDS.items() if field in facts]
        for word, name in names:
            components = [word, name, str(facts["status"])]
            server.index(shard, Index.USER_TASK_RUN, components, time_ms, id, f"run/{guid}")
    return server


def search(server: FakeServer, **filters: object) -> list[str]:
    """Guids found."""
    request = SearchUserTaskRunRequest(**filters)  # type: ignore[arg-type]
    return [id.user_task_guid for id in server.call("SearchUserTaskRun", request, UserTaskRunIdList).results]


FIELDS = ("status", "user_task_def_name", "user_id", "user_group")
SUBSETS = list(chain.from_iterable(combinations(FIELDS, size) for size in range(1, 5)))


@pytest.mark.parametrize("fields", SUBSETS, ids="+".join)
def test_any_combination(tasks: FakeServer, fields: tuple[str, ...]) -> None:
    """06/U-47, 07/O-3: all fifteen combinations, as filtering by hand finds them."""
    for _, _, _, wanted in TASKS:
        if any(field not in wanted for field in fields):
            continue
        criteria = {field: wanted[field] for field in fields}
        expected = [guid for guid, _, _, facts in TASKS if all(facts.get(field) == criteria[field] for field in fields)]
        assert search(tasks, **criteria) == expected


def test_times_and_pages(tasks: FakeServer) -> None:
    """06/U-47, U-48: inclusive bounds; a page of accepted ones; unknown names find nothing."""
    moment = Timestamp()
    moment.FromMilliseconds(3)
    assert search(tasks, user_group="sales", earliest_start=moment, latest_start=moment) == ["c"]
    assert search(tasks, status=ASSIGNED, earliest_start=moment) == ["d", "e", "f"]
    request = SearchUserTaskRunRequest(user_id="ada", user_group="sales", limit=2)
    page = tasks.call("SearchUserTaskRun", request, UserTaskRunIdList)
    assert [id.user_task_guid for id in page.results] == ["a", "c"]
    assert search(tasks, user_id="ada", user_group="sales", bookmark=page.bookmark) == ["d"]
    assert search(tasks, status=CANCELLED) == search(tasks, user_id="eve") == []


def test_something_must_be_asked_for(tasks: FakeServer) -> None:
    """06/U-47: a time range alone is not enough; status 0 is a filter."""
    with pytest.raises(RpcError) as refused:
        search(tasks, earliest_start=Timestamp())
    assert refused.value.code == Code.INVALID_ARGUMENT
    assert search(tasks, status=UNASSIGNED) == ["b"]
