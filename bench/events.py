"""Case `event`: how soon an event wakes a waiting run and that run a waiting caller; what waiting callers cost."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from bench.cases import Summary, single_server
from bench.contract import PATIENCE_S, Contract
from bench.percentile import spread
from bench.process import resident_bytes, wait_until_idle
from bench.server import Server, running_server
from bench.setting import Setting
from littlehorse.model import AwaitWorkflowEventRequest, RunWfRequest, WfRunId, WorkflowEventDefId
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.workflow import Workflow, WorkflowThread

ARRIVES, THROWN = "bench-arrives", "bench-thrown"
CROWD = "bench-crowd"
CONNECTIONS = 64
"""A connection carries some hundred calls at a time."""


def echo(thread: WorkflowThread) -> None:
    """Throws what it was sent."""
    thread.throw_event(THROWN, thread.wait_for_event(ARRIVES))


def event(setting: Setting) -> Summary:
    """PutExternalEvent until AwaitWorkflowEvent is answered by the run behind; then many callers that wait at once."""
    data, log = setting.out / "event-data", setting.out / "event-server.log"
    with running_server(data, setting.shards, log, setting.lh) as server, Contract(server.address) as contract:
        contract.put_external_event_def(ARRIVES)
        contract.put_workflow_event_def(THROWN)
        contract.put_workflow(Workflow(CROWD, echo))
        wait_until_idle(server.process_id)
        times = [_wake_ms(contract, f"event-{number}") for number in range(setting.sizes.lives)]
        contract.ask("RunWf", RunWfRequest(wf_spec_name=CROWD, id=CROWD))
        crowd = asyncio.run(_crowd(setting.sizes.waiting_callers, server, lambda: contract.post(CROWD, ARRIVES)))
    return (
        {"runs": len(times)}
        | spread(times, "ms")
        | crowd
        | single_server(setting.shards).as_keys()
        | {
            "errors": 0,
            "problems": [] if crowd["answered"] == crowd["callers"] else ["a waiting caller got no answer"],
        }
    )


def _wait(run: str) -> AwaitWorkflowEventRequest:
    return AwaitWorkflowEventRequest(wf_run_id=WfRunId(id=run), event_def_ids=[WorkflowEventDefId(name=THROWN)])


def _wake_ms(contract: Contract, run: str) -> float:
    """From sending the event to the answer of the caller that waits for what the run throws."""
    contract.ask("RunWf", RunWfRequest(wf_spec_name=CROWD, id=run))
    waiting = contract.stub.AwaitWorkflowEvent.future(_wait(run), timeout=PATIENCE_S)
    begin = time.perf_counter()
    contract.post(run, ARRIVES)
    waiting.result()
    return (time.perf_counter() - begin) * 1000


async def _crowd(callers: int, server: Server, throw: Callable[[], None]) -> Summary:
    """What so many callers cost while they wait, and how soon the last of them is answered."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(server.address, options=options) for _ in range(min(CONNECTIONS, callers))]
    stubs = [LittleHorseStub(channel) for channel in channels]
    threads, memory = _threads(server.process_id), resident_bytes(server.process_id)
    calls = [
        stubs[number % len(stubs)].AwaitWorkflowEvent(_wait(CROWD), timeout=PATIENCE_S) for number in range(callers)
    ]
    await asyncio.to_thread(wait_until_idle, server.process_id)
    figures: Summary = {
        "callers": callers,
        "threads_per_caller": (_threads(server.process_id) - threads) / callers,
        "memory_bytes_per_caller": round((resident_bytes(server.process_id) - memory) / callers),
    }
    begin = time.perf_counter()
    await asyncio.to_thread(throw)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    figures["all_answered_ms"] = round((time.perf_counter() - begin) * 1000, 1)
    figures["answered"] = sum(not isinstance(answer, BaseException) for answer in answers)
    for channel in channels:
        await channel.close()
    return figures


def _threads(process_id: int) -> int:
    """How many threads a process has. Raises OSError where there is no /proc."""
    return len(os.listdir(Path(f"/proc/{process_id}/task")))
