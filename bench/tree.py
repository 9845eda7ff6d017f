"""Case `tree`: does a step cost more in a tree of many children that all live?"""

from bench.cases import Summary, single_server
from bench.contract import Contract
from bench.process import cpu_seconds, wait_until_idle
from bench.raw_worker import RawWorker
from bench.server import Server, running_server
from bench.setting import Setting
from bench.throughput import progress
from littlehorse.model import LHStatus, RunWfRequest, VariableValue, WfRunId
from littlehorse.workflow import Workflow, WorkflowThread

STEP, LEAF = "bench-tree-step", "bench-tree-leaf"
DONE = "bench-tree-done"
RUN = "bench-tree"


def child(thread: WorkflowThread) -> None:
    """A child that lives until its task is reported."""
    thread.execute(LEAF, "leaf")


def parent(thread: WorkflowThread) -> None:
    """Starts a child after each of its tasks, and lives on until the event."""
    children, count = thread.declare_int("children").required(), thread.declare_int("count", 0)

    def another(body: WorkflowThread) -> None:
        body.execute(STEP, "step")
        body.run_wf(LEAF, {})
        count.assign(count.add(1))

    thread.do_while(count.is_less_than(children), another)
    thread.wait_for_event(DONE)


def tree(setting: Setting) -> Summary:
    """Children are started one by one until all of them live, then end one by one; CPU of the server per child."""
    children = setting.sizes.tree_children
    window = max(1, children // 5)
    data, log = setting.out / "tree-data", setting.out / "tree-server.log"
    with running_server(data, setting.shards, log, setting.lh) as server, Contract(server.address) as contract:
        for task_def in (STEP, LEAF):
            contract.put_task_def(task_def)
        contract.put_external_event_def(DONE)
        contract.put_workflow(Workflow(LEAF, child))
        contract.put_workflow(Workflow(RUN, parent))
        values = {"children": VariableValue(int=children)}
        contract.ask("RunWf", RunWfRequest(wf_spec_name=RUN, id=RUN, variables=values))
        starting = _costs(STEP, children, window, server, contract)
        ending = _costs(LEAF, children, window, server, contract)
        contract.post(RUN, DONE)
        status = contract.ask("GetWfRun", WfRunId(id=RUN)).status
        ended = len(contract.wait_for_ids(LEAF, LHStatus.COMPLETED, children))
    problems = [] if status == LHStatus.COMPLETED else [f"the parent is {LHStatus.Name(status)}"]
    problems += [] if ended == min(children, 1000) else [f"only {ended} children ended"]
    return single_server(setting.shards).as_keys() | {
        "children": children,
        "start_us_per_child": starting,
        "end_us_per_child": ending,
        "start_cost_ratio": _ratio(starting),
        "end_cost_ratio": _ratio(ending),
        "errors": 0,
        "problems": problems,
    }


def _costs(task_def: str, children: int, window: int, server: Server, contract: Contract) -> list[float | None]:
    """CPU µs of the server per task, in windows that follow one another."""
    wait_until_idle(server.process_id)
    worker = RawWorker(contract.stub, task_def)
    costs: list[float | None] = []
    for begin in range(0, children, window):
        tasks = min(window, children - begin)
        before = cpu_seconds(server.process_id)
        for _ in range(tasks):
            worker.report(worker.take(), VariableValue(str="done"))
        after = cpu_seconds(server.process_id)
        costs.append(None if before is None or after is None else round((after - before) * 1e6 / tasks, 1))
        progress(f"tree: {costs[-1]} µs per {task_def} up to {begin + tasks:,}")
    worker.close()
    return costs


def _ratio(costs: list[float | None]) -> float | None:
    """The last window's cost by the first one's."""
    return round(costs[-1] / costs[0], 3) if costs[0] and costs[-1] else None
