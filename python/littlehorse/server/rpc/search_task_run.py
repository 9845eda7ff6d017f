"""SearchTaskRun (07/O-1)."""

from __future__ import annotations

from littlehorse.model import SearchTaskRunRequest, TaskRunId, TaskRunIdList, TaskStatus
from littlehorse.server.rpc.paging import limit_of, start_of
from littlehorse.server.run_index import Index, open_index, page_of, time_range
from littlehorse.server.services import Call, Services


def search(services: Services, call: Call, request: SearchTaskRunRequest) -> TaskRunIdList:
    """Ids of TaskRuns of a TaskDef, by the time they were scheduled, then id; an unknown name gives an empty list."""
    limit, start = limit_of(request), start_of(request)
    if not request.task_def_name:
        return TaskRunIdList()
    statuses = [request.status] if request.HasField("status") else TaskStatus.values()
    times = time_range(
        request.earliest_start if request.HasField("earliest_start") else None,
        request.latest_start if request.HasField("latest_start") else None,
    )
    with open_index(services, call.tenant) as index:
        prefixes = [index.prefix(Index.TASK_RUN, request.task_def_name, str(status)) for status in statuses]
        page = page_of(index.entries(prefixes, times, start), limit, lambda _found, _entry: True)
    return TaskRunIdList(results=[TaskRunId.FromString(entry.id) for entry in page.entries], bookmark=page.bookmark)
