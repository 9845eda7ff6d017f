"""Cases `fork_join` and `user_task`: whole lives of runs, one after the other."""

import time
from collections.abc import Callable

from bench.cases import Summary, single_server
from bench.contract import Contract
from bench.percentile import spread
from bench.process import cpu_seconds, wait_until_idle
from bench.raw_worker import RawWorker
from bench.server import running_server
from bench.setting import Setting
from littlehorse.model import (
    AssignUserTaskRunRequest,
    CompleteUserTaskRunRequest,
    LHStatus,
    ListUserTaskRunRequest,
    PutUserTaskDefRequest,
    RunWfRequest,
    SaveUserTaskRunProgressRequest,
    UserTaskField,
    VariableType,
    VariableValue,
    WfRunId,
)
from littlehorse.workflow import SpawnedThreads, Workflow, WorkflowThread

THREADS = 10
FORK = "bench-fork"
FORM = "bench-form"
USER = "anna"
Life = Callable[[Contract, WfRunId], None]
"""Brings one run that was just started to its end."""


def fork_join(setting: Setting) -> Summary:
    """A run starts 10 child threads with a task each and waits for them; the tasks are reported one by one."""

    def branch(thread: WorkflowThread) -> None:
        thread.execute(FORK, "branch")

    def fork(thread: WorkflowThread) -> None:
        spawned = [thread.spawn_thread(branch, f"branch-{number}") for number in range(THREADS)]
        thread.wait_for_threads(SpawnedThreads.from_list(*spawned))

    def prepare(contract: Contract) -> Life:
        contract.put_task_def(FORK)
        contract.put_workflow(Workflow(FORK, fork))
        worker = RawWorker(contract.stub, FORK)

        def live(_: Contract, __: WfRunId) -> None:
            for _number in range(THREADS):
                worker.report(worker.take(), VariableValue(str="done"))

        return live

    return {"threads": THREADS} | _lives("fork-join", FORK, prepare, setting)


def user_task(setting: Setting) -> Summary:
    """A person's form: listed, assigned, saved, completed; the run ends with the answer to the last call."""

    def approval(thread: WorkflowThread) -> None:
        thread.assign_user_task(FORM, user_id=None, user_group="reviewers")

    def prepare(contract: Contract) -> Life:
        field = UserTaskField(name="words", type=VariableType.STR, required=True)
        contract.ask("PutUserTaskDef", PutUserTaskDefRequest(name=FORM, fields=[field]))
        contract.put_workflow(Workflow(FORM, approval))
        return fill

    def fill(contract: Contract, run: WfRunId) -> None:
        form = contract.ask("ListUserTaskRuns", ListUserTaskRunRequest(wf_run_id=run)).results[0].id
        words = {"words": VariableValue(str="yes")}
        contract.ask("AssignUserTaskRun", AssignUserTaskRunRequest(user_task_run_id=form, user_id=USER))
        saved = SaveUserTaskRunProgressRequest(user_task_run_id=form, user_id=USER, results=words)
        contract.ask("SaveUserTaskRunProgress", saved)
        done = CompleteUserTaskRunRequest(user_task_run_id=form, user_id=USER, results=words)
        contract.ask("CompleteUserTaskRun", done)

    return _lives("user-task", FORM, prepare, setting)


def _lives(name: str, wf_spec: str, prepare: Callable[[Contract], Life], setting: Setting) -> Summary:
    """RunWf until GetWfRun says COMPLETED, for each of the runs; the first answer must say it."""
    runs = setting.sizes.lives
    data, log = setting.out / f"{name}-data", setting.out / f"{name}-server.log"
    times: list[float] = []
    unfinished = 0
    with running_server(data, setting.shards, log, setting.lh) as server, Contract(server.address) as contract:
        live = prepare(contract)
        wait_until_idle(server.process_id)
        cpu = cpu_seconds(server.process_id)
        for number in range(runs):
            run = WfRunId(id=f"{name}-{number}")
            begin = time.perf_counter()
            contract.ask("RunWf", RunWfRequest(wf_spec_name=wf_spec, id=run.id))
            live(contract, run)
            unfinished += contract.ask("GetWfRun", run).status != LHStatus.COMPLETED
            times.append((time.perf_counter() - begin) * 1000)
        after = cpu_seconds(server.process_id)
    return (
        {"runs": runs, "server_cpu_us_per_run": round((after - cpu) * 1e6 / runs, 1) if cpu and after else None}
        | spread(times, "ms")
        | single_server(setting.shards).as_keys()
        | {"errors": 0, "problems": [f"{unfinished} runs were not COMPLETED at once"] if unfinished else []}
    )
