"""SearchUserTaskRun (06/U-47, 07/O-3)."""

from __future__ import annotations

from collections.abc import Iterable

from littlehorse.model import SearchUserTaskRunRequest, UserTaskRunId, UserTaskRunIdList, UserTaskRunStatus
from littlehorse.server.errors import invalid
from littlehorse.server.internal.record_pb2 import IndexEntry
from littlehorse.server.rpc.paging import limit_of, start_of
from littlehorse.server.run_index import Index, RunIndex, open_index, page_of, time_range
from littlehorse.server.services import Call, Services
from littlehorse.shard.scan import Found

# What an index entry can be about, the most selective first: the word in the index and the field of the request.
CRITERIA = (("user", "user_id"), ("group", "user_group"), ("def", "user_task_def_name"))
# The word of the entries that every UserTaskRun has.
EVERY = ("all", "")


def search(services: Services, call: Call, request: SearchUserTaskRunRequest) -> UserTaskRunIdList:
    """Ids of UserTaskRuns that now meet all criteria, by the time they were scheduled, then id.

    INVALID_ARGUMENT if neither status nor definition, user or group is given: a time range alone is not enough.
    """
    limit, start = limit_of(request), start_of(request)
    criteria = [(word, getattr(request, field)) for word, field in CRITERIA if request.HasField(field)]
    if not criteria and not request.HasField("status"):
        raise invalid("Must provide at least one of status, user_task_def_name, user_id and user_group.")
    statuses = [request.status] if request.HasField("status") else UserTaskRunStatus.values()
    times = time_range(
        request.earliest_start if request.HasField("earliest_start") else None,
        request.latest_start if request.HasField("latest_start") else None,
    )
    first, *others = criteria or [EVERY]
    with open_index(services, call.tenant) as index:
        required = [_prefixes(index, criterion, statuses) for criterion in others]

        def meets_others(found: Found, _entry: IndexEntry) -> bool:
            """One entry tells of one criterion; the others are looked up."""
            return all(
                any(index.value_at(found.shard, prefix, found.position) is not None for prefix in prefixes)
                for prefixes in required
            )

        found = index.entries(_prefixes(index, first, statuses), times, start)
        page = page_of(found, limit, meets_others)
    return UserTaskRunIdList(
        results=[UserTaskRunId.FromString(entry.id) for entry in page.entries], bookmark=page.bookmark
    )


def _prefixes(index: RunIndex, criterion: tuple[str, str], statuses: Iterable[int]) -> list[bytes]:
    """Prefixes of the entries of this word and name, one for each status."""
    word, name = criterion
    return [index.prefix(Index.USER_TASK_RUN, word, name, str(status)) for status in statuses]
