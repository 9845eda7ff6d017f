"""SearchWfRun by variables: with an index or without, alone or together, the answer is that of looking at every run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from littlehorse.model import (
    COMPLETED,
    ERROR,
    RUNNING,
    DeleteWfSpecRequest,
    PutWfSpecRequest,
    SearchWfRunRequest,
    ThreadSpec,
    ThreadVarDef,
    TypeDefinition,
    VariableDef,
    VariableMatch,
    VariableType,
    VariableValue,
    WfRunId,
    WfRunIdList,
    WfSpec,
    WfSpecId,
)
from littlehorse.server.run_index import full_id
from littlehorse.shard.scan import Position, decode_position
from tests.server.fakes import FakeServer

SPEC = "ship"
TYPES = {
    "order": VariableType.STR,
    "count": VariableType.INT,
    "flag": VariableType.BOOL,
    "price": VariableType.DOUBLE,
    "lines": VariableType.JSON_ARR,
}
# Ids whose order is not that of the texts `id/thread/name` which the index has: some characters come before `/`.
NAMES = [letter + ending for letter in "abc" for ending in ("", "-", "-b", ".", ".b", "0", "a", "z")]
SEEDS = range(40)


@dataclass
class Stored:
    """A WfRun of the model."""

    id: WfRunId
    spec: str
    revision: int
    status: int
    time_ms: int
    values: dict[str, VariableValue] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        """Where it stands in every answer."""
        return Position(self.time_ms, full_id(self.id).encode())


class World:
    """Runs of some versions of a WfSpec, random by seed, in a server and in a list."""

    def __init__(self, server: FakeServer, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.runs: list[Stored] = []
        self.searchable: dict[str, bool] = {name: self.random.random() < 0.8 for name in TYPES}
        self.revision = -1
        self.put_version()

    def put_version(self) -> None:
        """Registers a version that may index other variables than those before."""
        for name in TYPES:
            if self.random.random() < 0.15:
                self.searchable[name] = not self.searchable[name]
        variables = [declared(name, searchable=self.searchable[name]) for name in TYPES]
        # What makes it another version.
        more = declared(f"v{self.random.getrandbits(32)}", kind=VariableType.STR)
        thread = ThreadSpec(variable_defs=[*variables, more])
        request = PutWfSpecRequest(name=SPEC, thread_specs={"main": thread}, entrypoint_thread_name="main")
        self.revision = self.server.call("PutWfSpec", request, WfSpec).id.revision

    def delete_version(self) -> None:
        """Deletes the newest version, whose number the next one gets."""
        self.server.call("DeleteWfSpec", DeleteWfSpecRequest(id=WfSpecId(name=SPEC, revision=self.revision)), WfSpec)
        self.put_version()

    def start_run(self) -> None:
        """Starts a run, of this WfSpec or of another one, below another run or not."""
        parent = self.random.choice(self.runs).id if self.runs and self.random.random() < 0.4 else None
        wf_run_id = WfRunId(id=self.random.choice(NAMES), parent_wf_run_id=parent)
        if any(run.id == wf_run_id for run in self.runs):
            return
        spec = SPEC if self.random.random() < 0.9 else "bill"
        status = self.random.choice([RUNNING, COMPLETED, ERROR])
        run = Stored(wf_run_id, spec, self.revision, status, 1000 + self.random.randrange(6))
        self.runs.append(run)
        self.server.add_wf_run(run.id, spec, status, run.time_ms, version=(0, run.revision))
        for name in TYPES:
            if self.random.random() < 0.9:
                run.values[name] = value = self.value_of(name)
                self.server.set_variable(run.id, name, value)
                self.index(run, name, value, run.time_ms, thread=0)
            if self.random.random() < 0.1:
                self.index(run, name, self.value_of(name), run.time_ms + self.random.randrange(3), thread=10)

    def index(self, run: Stored, name: str, value: VariableValue, time_ms: int, *, thread: int) -> None:
        """What a flush writes to the index: the value, or each element of a list."""
        if not self.searchable[name]:
            return
        elements = value.json_arr.strip("[]").split(",") if value.HasField("json_arr") else []
        for part in [VariableValue(int=int(element)) for element in elements if element] or [value]:
            self.server.index_variable(run.id, run.spec, name, part, time_ms, thread=thread, revision=run.revision)

    def value_of(self, name: str) -> VariableValue:
        """One of few values of the variable's type, or null."""
        return self.random.choice(
            {
                "order": [VariableValue(str=text) for text in ("x", "x-y", "", "5")],
                "count": [VariableValue(int=number) for number in (0, 5, -1)],
                "flag": [VariableValue(bool=True), VariableValue(bool=False)],
                "price": [VariableValue(double=number) for number in (0.0, -0.0, 5.0, 5e300)],
                "lines": [VariableValue(json_arr=text) for text in ("[]", "[5]", "[5,6]")],
            }[name]
            + [VariableValue()]
        )

    def request(self) -> SearchWfRunRequest:
        """A search by one to three variables and perhaps more."""
        request = SearchWfRunRequest(wf_spec_name=SPEC)
        for name in self.random.sample(list(TYPES), self.random.choice([1, 1, 2, 3])):
            of_type = name if self.random.random() < 0.9 else self.random.choice(list(TYPES))
            request.variable_filters.append(VariableMatch(var_name=name, value=self.value_of(of_type)))
        if self.random.random() < 0.4:
            request.status = self.random.choice([RUNNING, COMPLETED, ERROR])
        if self.random.random() < 0.3:
            request.wf_spec_major_version = 0
            if self.random.random() < 0.7:
                request.wf_spec_revision = self.revision
        if self.random.random() < 0.3:
            request.earliest_start.FromMilliseconds(1000 + self.random.randrange(12))
        if self.random.random() < 0.3:
            request.latest_start.FromMilliseconds(1000 + self.random.randrange(12))
        if self.random.random() < 0.2:
            request.parent_wf_run_id.CopyFrom(self.random.choice(self.runs).id)
            request.show_full_tree = self.random.random() < 0.5
        return request

    def expected(self, request: SearchWfRunRequest) -> list[Stored]:
        """Every run that passes every filter, in order."""
        return sorted((run for run in self.runs if _passes(run, request)), key=lambda run: run.position)


def declared(name: str, kind: int | None = None, *, searchable: bool = False) -> ThreadVarDef:
    """A declaration."""
    type_def = TypeDefinition(primitive_type=TYPES[name] if kind is None else kind)  # type: ignore[arg-type]
    return ThreadVarDef(var_def=VariableDef(name=name, type_def=type_def), searchable=searchable)


def _passes(run: Stored, request: SearchWfRunRequest) -> bool:
    above = []
    at = run.id
    while at.HasField("parent_wf_run_id"):
        at = at.parent_wf_run_id
        above.append(at)
    if request.HasField("parent_wf_run_id"):
        parents = above if request.show_full_tree else above[:1]
        if request.parent_wf_run_id not in parents:
            return False
    earliest = request.earliest_start.ToMilliseconds() if request.HasField("earliest_start") else 0
    latest = request.latest_start.ToMilliseconds() if request.HasField("latest_start") else run.time_ms
    return (
        run.spec == SPEC
        and earliest <= run.time_ms <= latest
        and (not request.HasField("status") or run.status == request.status)
        and (not request.HasField("wf_spec_revision") or run.revision == request.wf_spec_revision)
        and all(run.values.get(match.var_name) == match.value for match in request.variable_filters)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_page_is_that_of_looking_at_every_run(server: FakeServer, seed: int) -> None:
    """07/W-1, W-7, S-3, S-5: results, order, pages and bookmarks, whatever was indexed when the runs were started."""
    world = World(server, seed)
    for _ in range(80):
        world.start_run()
        change = world.random.random()
        if change < 0.03:
            world.put_version()
        elif change < 0.05:
            world.delete_version()
    found_any = 0
    for _ in range(60):
        request = world.request()
        expected = world.expected(request)
        found_any += bool(expected)
        limit = world.random.choice([1, 2, 3, 100])
        for begin in range(0, max(len(expected), 1), limit):
            request.limit = limit
            page = server.call("SearchWfRun", request, WfRunIdList)
            assert list(page.results) == [run.id for run in expected[begin : begin + limit]], request
            rest = expected[begin + limit :]
            bookmark = decode_position(page.bookmark) if page.HasField("bookmark") else None
            assert bookmark == (rest[0].position if rest else None), request
            request.bookmark = page.bookmark
    assert found_any >= 5


def put_indexed(server: FakeServer, *, searchable: bool = True) -> None:
    """A version of the WfSpec."""
    names = ["order", "count", "lines"]
    thread = ThreadSpec(variable_defs=[declared(name, searchable=searchable) for name in names])
    request = PutWfSpecRequest(name=SPEC, thread_specs={"main": thread}, entrypoint_thread_name="main")
    server.call("PutWfSpec", request, WfSpec)


def add_runs(server: FakeServer, count: int) -> list[WfRunId]:
    """Runs with an order of their own and one of ten counts."""
    ids = [WfRunId(id=f"r{number:04}") for number in range(count)]
    for number, wf_run_id in enumerate(ids):
        server.add_wf_run(wf_run_id, SPEC, COMPLETED, 1000 + number)
        for name, value in (("order", VariableValue(str=f"o{number}")), ("count", VariableValue(int=number % 10))):
            server.set_variable(wf_run_id, name, value)
            server.index_variable(wf_run_id, SPEC, name, value, 1000 + number)
    return ids


def records_read(server: FakeServer) -> int:
    """How many records of WfRuns were read since this was asked."""
    keys = [key for store in server.stores for key in store.asked if key.startswith(b"T")]
    for store in server.stores:
        store.asked.clear()
    return len(keys)


def find(server: FakeServer, **values: VariableValue) -> list[WfRunId]:
    """Runs with these values."""
    filters = [VariableMatch(var_name=name, value=value) for name, value in values.items()]
    found = server.call("SearchWfRun", SearchWfRunRequest(wf_spec_name=SPEC, variable_filters=filters), WfRunIdList)
    return list(found.results)


def test_indexed_filters_read_no_record(server: FakeServer) -> None:
    """07/W-7, V-5: what the index tells is not looked at again; for the rest only candidates are read."""
    put_indexed(server)
    ids = add_runs(server, 50)
    assert find(server, order=VariableValue(str="o7")) == [ids[7]]
    assert find(server, order=VariableValue(str="o7"), count=VariableValue(int=7)) == [ids[7]]
    assert find(server, order=VariableValue(str="o7"), count=VariableValue(int=8)) == []
    assert records_read(server) == 0
    server.set_variable(ids[7], "lines", VariableValue(json_arr="[1]"))
    assert find(server, order=VariableValue(str="o7"), lines=VariableValue(json_arr="[1]")) == [ids[7]]
    assert records_read(server) == 1


def test_an_unindexed_version_makes_every_run_be_read_even_after_it_is_gone(server: FakeServer) -> None:
    """07/W-7; 02/D-2: runs of a deleted version are still of that name, and the index does not have them."""
    put_indexed(server, searchable=False)
    hidden = WfRunId(id="of-deleted")
    server.add_wf_run(hidden, SPEC, COMPLETED, 1)
    server.set_variable(hidden, "order", VariableValue(str="o7"))
    server.call("DeleteWfSpec", DeleteWfSpecRequest(id=WfSpecId(name=SPEC)), WfSpec)
    put_indexed(server)
    ids = add_runs(server, 10)
    assert find(server, order=VariableValue(str="o7")) == [hidden, ids[7]]
    assert records_read(server) == 11


def test_pages_within_one_millisecond(server: FakeServer) -> None:
    """07/S-3, S-5: a page may begin far into the runs that started together, whose order is that of their ids."""
    put_indexed(server)
    ids = [WfRunId(id=f"{number:02}") for number in range(99)] + [WfRunId(id=f"{number:02}-") for number in range(99)]
    for wf_run_id in ids:
        server.add_wf_run(wf_run_id, SPEC, COMPLETED, 1000)
        server.index_variable(wf_run_id, SPEC, "count", VariableValue(int=5), 1000)
    request = SearchWfRunRequest(wf_spec_name=SPEC, limit=50)
    request.variable_filters.add(var_name="count", value=VariableValue(int=5))
    found: list[str] = []
    for _ in range(4):
        page = server.call("SearchWfRun", request, WfRunIdList)
        found += [wf_run_id.id for wf_run_id in page.results]
        request.bookmark = page.bookmark
    assert found == sorted(wf_run_id.id for wf_run_id in ids)
    assert not request.bookmark
