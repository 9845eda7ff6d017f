"""`kill -9` in the middle of everything: nothing that was acknowledged is lost, nothing is delivered twice."""

import asyncio
import random
from collections.abc import Callable

import pytest

from littlehorse import create_workflow_spec
from littlehorse.config import LHConfig
from littlehorse.model import (
    LHStatus,
    PutTaskDefRequest,
    ReturnType,
    TypeDefinition,
    VariableDef,
    VariableId,
    VariableType,
)
from littlehorse.workflow import Workflow, WorkflowThread
from tests.faults.swarm import Swarm
from tests.wire.driver import ServerProcess

RUNS_IN_FLIGHT = 500
KILLS = 10
STEPS = 6
# An attempt whose delivery was lost is RUNNING until its time-out (04/TW-23); short, so that the test ends soon.
TIMEOUT_SECONDS = 3
RETRIES = 20
RECOVERY_SECONDS = 120


def counting(task_def: str) -> Callable[[WorkflowThread], None]:
    """A workflow that lets a task add one to `count`, STEPS times."""

    def entrypoint(thread: WorkflowThread) -> None:
        count = thread.declare_int("count", 0)
        for _ in range(STEPS):
            count.assign(thread.execute(task_def, count, timeout_seconds=TIMEOUT_SECONDS, retries=RETRIES))

    return entrypoint


def deploy(address: str) -> LHConfig:
    """Registers task and workflow by the names `add-one` and `count`."""
    host, _, port = address.rpartition(":")
    config = LHConfig()
    config.load({"LHC_API_HOST": host, "LHC_API_PORT": port})
    number = TypeDefinition(primitive_type=VariableType.INT)
    config.stub().PutTaskDef(
        PutTaskDefRequest(
            name="add-one",
            input_vars=[VariableDef(name="number", type_def=number)],
            return_type=ReturnType(return_type=number),
        )
    )
    create_workflow_spec(Workflow("count", counting("add-one")), config)
    return config


def ready_to_die(swarm: Swarm, reports: int) -> bool:
    """True once so many reports were answered, at a moment when all runs are in flight."""
    return swarm.reports >= reports and swarm.in_flight >= RUNS_IN_FLIGHT


async def kill_and_restart(server: ServerProcess, seeds: range) -> Swarm:
    """Kills the server once per seed, at a moment that the seed chooses, all runs in flight; returns what was seen."""
    swarm = Swarm(server.address, "count", "add-one", STEPS)
    await swarm.begin(RUNS_IN_FLIGHT, starters=24, pollers=96)
    for seed in seeds:
        reports = swarm.reports + random.Random(seed).randint(1, 1500)
        await swarm.until(lambda reports=reports: ready_to_die(swarm, reports), RECOVERY_SECONDS)  # type: ignore[misc]
        server.kill()
        await asyncio.to_thread(server.start)
    await swarm.stop_starting()
    return swarm


@pytest.mark.timeout(600)
def test_ten_kills_with_500_runs_in_flight(fresh_server: ServerProcess) -> None:
    """03/E-001, E-961, 04/TW-22, TW-23, TW-24: every acknowledged run finishes, every step counted once."""
    config = deploy(fresh_server.start())

    async def scenario() -> Swarm:
        swarm = await kill_and_restart(fresh_server, range(KILLS))
        try:
            async with asyncio.timeout(RECOVERY_SECONDS):
                ended = await asyncio.gather(
                    *(swarm.finished(wf_run_id, RECOVERY_SECONDS) for wf_run_id in sorted(swarm.acknowledged))
                )
            swarm.check()
            assert {LHStatus.Name(run.status) for run in ended} == {"COMPLETED"}
        finally:
            await swarm.end()
        return swarm

    swarm = asyncio.run(scenario())
    twice = {delivery: count for delivery, count in swarm.deliveries.items() if count != 1}
    assert not twice
    assert len(swarm.acknowledged) >= RUNS_IN_FLIGHT
    stub = config.stub()
    for wf_run_id in swarm.acknowledged:
        variable = VariableId(thread_run_number=0, name="count")
        variable.wf_run_id.id = wf_run_id
        assert stub.GetVariable(variable).value.int == STEPS
    assert fresh_server.terminate() == 0
