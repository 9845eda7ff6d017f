"""Clients of a soak: each lives with one run, from its start to its end, and does what the run waits for."""

import asyncio
import random
import time
from collections import Counter
from typing import Any

import grpc
import grpc.aio

from littlehorse.model import (
    CompleteUserTaskRunRequest,
    ExternalEventDefId,
    LHStatus,
    ListUserTaskRunRequest,
    PutExternalEventRequest,
    ResumeWfRunRequest,
    RunWfRequest,
    SearchWfRunRequest,
    StopWfRunRequest,
    UserTaskRunId,
    VariableMatch,
    VariableValue,
    WfRunId,
)
from tests.faults.soak import specs
from tests.faults.soak.calls import CALL_SECONDS, Caller, reading
from tests.faults.soak.history import ASKED
from tests.faults.soak.views import look, user_task_name

FINAL = ("COMPLETED", "ERROR", "EXCEPTION")
# Runs that can be searched by the same text.
BATCH_SIZE = 20
# Of a hundred: starts that are not tried again when their outcome is unknown, runs that are stopped and resumed, looks
# at a run while it goes on, searches after a start, second posts and completions.
GIVES_UP_PERCENT = 30
STOPS_PERCENT = 8
LOOKS_PERCENT = 20
SEARCHES_PERCENT = 2
AGAIN_PERCENT = 20
LOOK_SECONDS = 2.0
STOPPED_SECONDS = 0.6


class Clients:
    """The clients of one process, and the runs that they tried to start."""

    def __init__(self, caller: Caller, name: str, chance: random.Random) -> None:
        self._caller = caller
        self._name = name
        self._chance = chance
        self._next = 0
        self._started: Counter[str] = Counter()
        self.specs = list(specs.SPECS)
        self.attempted: dict[str, str] = {}

    def _happens(self, percent: int) -> bool:
        return self._chance.randrange(100) < percent

    async def live(self) -> None:
        """Starts a run and stays with it until it has ended, if it exists."""
        spec = self._chance.choice(self.specs)
        self._next += 1
        run = f"{self._name}-{self._next}"
        self._started[spec] += 1
        batch = f"{self._name}-{spec}-{self._started[spec] // BATCH_SIZE}"
        self.attempted[run] = spec
        request = RunWfRequest(wf_spec_name=spec, id=run, variables={specs.BATCH: VariableValue(str=batch)})
        sent = ("start", {"run": run, "spec": spec, "batch": batch})
        while True:
            outcome = await self._caller.call("RunWf", request, sent)
            if outcome in ("ok", "exists") or (outcome == "unknown" and self._happens(GIVES_UP_PERCENT)):
                break
            await asyncio.sleep(self._chance.random() * 0.5)
        if self._happens(SEARCHES_PERCENT):
            await reading(lambda: self._search(spec, batch))
        if outcome == "unknown" and await reading(lambda: self.status(run)) is None:
            return
        await self.accompany(run)

    async def accompany(self, run: str) -> None:
        """Does what the run waits for until it has ended."""
        spec = self.attempted[run]
        stops = self._happens(STOPS_PERCENT)
        done = False
        while (await reading(lambda: self.status(run)) or "") not in FINAL:
            if self._happens(LOOKS_PERCENT):
                await reading(lambda: look(self._caller.stub, self._caller.recorder, run))
            if not done and spec.startswith("payment"):
                done = await self._post(run)
            if not done and spec.startswith("approval"):
                done = await self._complete(run)
            if stops:
                stops = False
                await self._stop_and_resume(run)
            await asyncio.sleep(LOOK_SECONDS * (0.5 + self._chance.random()))

    async def status(self, run: str) -> str | None:
        """Status of a run; None if it is not there, which is noted as every look is."""
        try:
            found = await self._caller.stub.GetWfRun(WfRunId(id=run), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise
            view = await look(self._caller.stub, self._caller.recorder, run)
            return None if view is None else str(view["status"])
        return LHStatus.Name(found.status)

    async def _search(self, spec: str, batch: str) -> None:
        """SearchWfRun by the text that the run shares with a few others."""
        match = VariableMatch(var_name=specs.BATCH, value=VariableValue(str=batch))
        request = SearchWfRunRequest(wf_spec_name=spec, variable_filters=[match], limit=10 * BATCH_SIZE)
        asked = time.monotonic_ns()
        found = await self._caller.stub.SearchWfRun(request, timeout=CALL_SECONDS)
        runs = [id.id for id in found.results]
        self._caller.recorder.note("found", batch=batch, **{ASKED: asked}, runs=runs)

    async def _post(self, run: str) -> bool:
        guid = f"{run}-event"
        request = PutExternalEventRequest(
            wf_run_id=WfRunId(id=run),
            external_event_def_id=ExternalEventDefId(name=specs.EVENT_DEF),
            guid=guid,
            content=VariableValue(str=f"event of {run}"),
        )
        fields = {"run": run, "id": f"{specs.EVENT_DEF}/{guid}", "token": f"event of {run}"}
        for _ in range(1 + self._happens(AGAIN_PERCENT)):
            await self._caller.insist("PutExternalEvent", request, ("post", fields))
        return True

    async def _complete(self, run: str) -> bool:
        """False if the user task is not there yet."""
        request = ListUserTaskRunRequest(wf_run_id=WfRunId(id=run))
        found = await reading(lambda: self._caller.stub.ListUserTaskRuns(request, timeout=CALL_SECONDS))
        if not found.results:
            return False
        for number in range(1 + self._happens(AGAIN_PERCENT)):
            await self._complete_as(found.results[0].id, f"person {number} of {run}")
        return True

    async def _complete_as(self, id: UserTaskRunId, token: str) -> None:
        results = {"token": VariableValue(str=token)}
        request = CompleteUserTaskRunRequest(user_task_run_id=id, user_id="ada", results=results)
        fields = {"task": user_task_name(id), "action": "complete", "token": token}
        await self._caller.insist("CompleteUserTaskRun", request, ("handle", fields))

    async def _stop_and_resume(self, run: str) -> None:
        id = WfRunId(id=run)
        fields: dict[str, Any] = {"run": run, "thread": 0}
        stop, resume = fields | {"action": "stop"}, fields | {"action": "resume"}
        await self._caller.insist("StopWfRun", StopWfRunRequest(wf_run_id=id), ("operate", stop))
        await reading(lambda: look(self._caller.stub, self._caller.recorder, run))
        await asyncio.sleep(STOPPED_SECONDS * self._chance.random())
        await reading(lambda: look(self._caller.stub, self._caller.recorder, run))
        await self._caller.insist("ResumeWfRun", ResumeWfRunRequest(wf_run_id=id), ("operate", resume))

    async def define(self, number: int) -> None:
        """Defines another WfSpec and a TaskDef, each until it is acknowledged; runs of it are started from now on."""
        fields = {"spec": f"spare-{self._name}-{number}"}
        sent = ("define", fields)
        await self._caller.insist("PutTaskDef", specs.task_def(fields["spec"]), sent)
        kind = self._chance.choice(list(specs.SPECS))
        spec = f"{kind}-{self._name}-{number}"
        request = specs.wf_spec(spec, specs.SPECS[kind])
        await self._caller.insist("PutWfSpec", request, ("define", {"spec": spec, "once": True}))
        self.specs.append(spec)
