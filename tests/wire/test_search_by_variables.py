"""SearchWfRun by variables on a real server: every page is that of looking at every run, with an index or without."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from littlehorse.model import (
    DeleteWfSpecRequest,
    ExternalEventDefId,
    LHStatus,
    PutExternalEventDefRequest,
    PutExternalEventRequest,
    SearchWfRunRequest,
    VariableMatch,
    VariableValue,
    WfRunId,
    WfSpecId,
)
from littlehorse.utils import to_variable_value
from littlehorse.workflow import WorkflowThread
from tests.wire.driver import Client, EventLoopThread, ServerProcess

RUNS = 40
SEARCHES = 60
# Ids whose order is not that of the texts `id/thread/name` that the index of Variables has.
ENDINGS = ["", "-a", "-", "0"]
VALUES: dict[str, list[Any]] = {
    "customer": ["obi", "leia", "obi-wan", ""],
    "amount": [0, 5, -7],
    "secret": ["x", "y"],
    "price": [0.0, 5.0, 1.5e300],
    "note": ["n", "m"],
}


@pytest.fixture
def three_shards(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with three shards, serving."""
    process = ServerProcess(tmp_path / "data", "--shards", "3")
    process.start()
    yield process
    process.kill()


class World:
    """Runs of some versions of one WfSpec and what their variables are."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.random = random.Random(11)
        self.event = client.name("change")
        client.stub.PutExternalEventDef(PutExternalEventDefRequest(name=self.event))
        self.spec = ""
        self.values: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, tuple[int, str]] = {}
        self.statuses: dict[str, int] = {}

    def program(self, *, note_has_index: bool, waits: bool) -> Callable[[WorkflowThread], None]:
        """A version: it ends at once, or waits for an event with a new amount."""

        def entrypoint(thread: WorkflowThread) -> None:
            thread.declare_str("customer").searchable()
            amount = thread.declare_int("amount").searchable()
            thread.declare_str("secret").searchable().masked()
            thread.declare_double("price").searchable()
            note = thread.declare_str("note")
            if note_has_index:
                note.searchable()
            if waits:
                amount.assign(thread.wait_for_event(self.event, return_type=int))

        return entrypoint

    def start_runs(self, *, note_has_index: bool, waits: bool) -> None:
        """Registers a version and starts runs of it with random values; some variables stay null."""
        self.spec = self.client.deploy("searched", self.program(note_has_index=note_has_index, waits=waits))
        for number in range(RUNS):
            values = {name: self.random.choice(some) for name, some in VALUES.items() if self.random.random() < 0.85}
            id = f"{self.random.getrandbits(32):08x}{self.random.choice(ENDINGS)}{number}"
            run = self.client.start(self.spec, id=id, **values)
            self.values[id] = values
            self.positions[id] = (run.start_time.ToMilliseconds(), id)
            self.statuses[id] = LHStatus.RUNNING if waits else LHStatus.COMPLETED

    def change_some(self) -> None:
        """Half of the waiting runs get another amount and end."""
        for id in [id for id, status in self.statuses.items() if status == LHStatus.RUNNING][::2]:
            amount = self.random.choice(VALUES["amount"])
            event = PutExternalEventRequest(
                wf_run_id=WfRunId(id=id),
                external_event_def_id=ExternalEventDefId(name=self.event),
                content=to_variable_value(amount),
            )
            self.client.stub.PutExternalEvent(event)
            self.client.wait(WfRunId(id=id))
            self.values[id]["amount"] = amount
            self.statuses[id] = LHStatus.COMPLETED

    def search(self) -> int:
        """One random search, all its pages, against what is known; returns how many runs it has."""
        wanted = {name: self.random.choice([*VALUES[name], None]) for name in self.random.sample(list(VALUES), 2)}
        if self.random.random() < 0.5:
            wanted.popitem()
        limit = self.random.choice([1, 4, 100])
        request = SearchWfRunRequest(wf_spec_name=self.spec, limit=limit)
        for name, value in wanted.items():
            exact = VariableValue() if value is None else to_variable_value(value)
            request.variable_filters.append(VariableMatch(var_name=name, value=exact))
        if self.random.random() < 0.4:
            request.status = self.random.choice([LHStatus.RUNNING, LHStatus.COMPLETED])
        expected = sorted(
            self.positions[id]
            for id, values in self.values.items()
            if all(values.get(name) == value for name, value in wanted.items())
            and (not request.HasField("status") or self.statuses[id] == request.status)
        )
        for begin in range(0, max(len(expected), 1), limit):
            page = self.client.stub.SearchWfRun(request)
            assert [found.id for found in page.results] == [id for _, id in expected[begin : begin + limit]], request
            assert page.HasField("bookmark") == (begin + limit < len(expected))
            request.bookmark = page.bookmark
        return len(expected)


def test_every_page_is_that_of_looking_at_every_run(three_shards: ServerProcess, loop_thread: EventLoopThread) -> None:
    """07/W-1, W-7, S-3, S-5, S-9, V-9: while variables change, versions index other ones, and versions are deleted."""
    with Client(three_shards.address, loop_thread, "search-by-variables") as client:
        world = World(client)
        world.start_runs(note_has_index=True, waits=True)
        assert sum(world.search() for _ in range(SEARCHES)) > SEARCHES
        world.change_some()
        assert sum(world.search() for _ in range(SEARCHES)) > SEARCHES
        world.start_runs(note_has_index=False, waits=False)
        assert sum(world.search() for _ in range(SEARCHES)) > SEARCHES
        client.stub.DeleteWfSpec(DeleteWfSpecRequest(id=WfSpecId(name=world.spec, revision=1)))
        world.start_runs(note_has_index=True, waits=False)
        world.change_some()
        assert sum(world.search() for _ in range(SEARCHES)) > SEARCHES
