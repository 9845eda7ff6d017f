"""A scripted life of a server, and the check that nothing of it was lost or happened twice.

One caller, one call at a time, so that the same script makes the same calls of the disk again and again: definitions,
starts, tasks, reports, timers, searches (which flush), enough bytes to fill many segments and cut the log, a stop.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc

from littlehorse.model import (
    LHStatus,
    ListNodeRunsRequest,
    ListTaskRunsRequest,
    PollTaskRequest,
    PutTaskDefRequest,
    ReportTaskRun,
    ReturnType,
    RunWfRequest,
    ScheduledTask,
    SearchWfRunRequest,
    TaskDef,
    TaskDefId,
    TaskRun,
    TaskStatus,
    TypeDefinition,
    VariableDef,
    VariableId,
    VariableType,
    VariableValue,
    WfRun,
    WfRunId,
    WfSpecId,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.workflow import Workflow, WorkflowThread
from tests.wire.driver import eventually

T = TypeVar("T")
STEPS = 2
ROUNDS = 8
RUNS_PER_ROUND = 2
RUNS_AFTER_CUT = 6
# The number of the last run that a script starts, if it is the first to run on its server.
LAST_RUN = ROUNDS * (RUNS_PER_ROUND + 1) + RUNS_AFTER_CUT
# Fills a small segment in a few starts.
PADDING = "x" * 24_000
SLEEP_SECONDS = 1
CALL_SECONDS = 10
# A full disk is waited for this long.
ROOM_SECONDS = 20
# The server is gone or going: whether the call was carried out is not known.
UNKNOWN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}


class Gone(Exception):
    """The server has ended in the middle of the script."""


def counting(thread: WorkflowThread) -> None:
    """Lets a task add one to `count`, STEPS times."""
    thread.declare_str("padding")
    count = thread.declare_int("count", 0)
    for _ in range(STEPS):
        count.assign(thread.execute("add-one", count, timeout_seconds=1, retries=20))


def attempt_of(task: ScheduledTask) -> tuple[str, str, int]:
    """What names an attempt that was delivered."""
    return task.task_run_id.wf_run_id.id, task.task_run_id.task_guid, task.attempt_number


def report_of(task: ScheduledTask) -> ReportTaskRun:
    """The report that a task is done."""
    return ReportTaskRun(
        task_run_id=task.task_run_id,
        attempt_number=task.attempt_number,
        status=TaskStatus.TASK_SUCCESS,
        output=VariableValue(int=task.variables[0].value.int + 1),
    )


SPECS = {"count": counting, "sleeper": lambda thread: thread.sleep(SLEEP_SECONDS)}


class Script:
    """Runs against one server after another; remembers what was acknowledged, and what was delivered to its worker."""

    def __init__(self, first: int = 1) -> None:
        """Runs are numbered from `first` on, whether their start was acknowledged or not."""
        self.next_number = first
        self.definitions: set[str] = set()
        self.started: dict[str, str] = {}
        self.reported: dict[tuple[str, str, int], int] = {}
        self.deliveries: Counter[tuple[str, str, int]] = Counter()
        self.acknowledged = 0
        self._channel = grpc.insecure_channel("none:1")
        self.stub = LittleHorseStub(self._channel)

    def connect(self, address: str) -> None:
        """From now on the server is at this address."""
        self._channel.close()
        self._channel = grpc.insecure_channel(address)
        self.stub = LittleHorseStub(self._channel)

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    # --- the script ---------------------------------------------------------------------------------------------------
    def run(self, log: Path) -> None:
        """The whole script; raises Gone when the server has ended. `log` is the directory of the server's log."""
        self.define()
        for number in range(ROUNDS):
            for _ in range(RUNS_PER_ROUND):
                self.start("count")
            self.start("sleeper")
            for _ in range(RUNS_PER_ROUND):
                self.work()
            if number % 2:
                self.call(lambda: self.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name="count")))
        # Until the log is cut: its first segment has been used again or removed. The calls between tell when the server
        # is gone.
        first = log / "log-0000000000000001.seg"
        eventually(lambda: (self._read("count") or True) and not first.exists(), "the log is cut")
        # More segments: now made of those that the cut has left.
        for _ in range(RUNS_AFTER_CUT):
            self.start("count")

    def define(self) -> None:
        """Registers the task and the workflows."""
        self.call(self.put_task_def, lambda _: self.definitions.add("add-one"))
        for name, entrypoint in SPECS.items():
            request = Workflow(name, entrypoint).compile()
            self.call(
                lambda request=request: self.stub.PutWfSpec(request),  # type: ignore[misc]
                lambda _, name=name: self.definitions.add(name),  # type: ignore[misc]
            )

    def put_task_def(self, name: str = "add-one") -> TaskDef:
        """Registers the task under this name, once."""
        number = TypeDefinition(primitive_type=VariableType.INT)
        request = PutTaskDefRequest(
            name=name,
            input_vars=[VariableDef(name="number", type_def=number)],
            return_type=ReturnType(return_type=number),
        )
        return self.stub.PutTaskDef(request)

    def start(self, spec: str) -> None:
        """Starts a run."""
        wf_run_id = f"{spec}-{self.next_number}"
        self.next_number += 1
        variables = {"padding": VariableValue(str=PADDING)} if spec == "count" else {}
        request = RunWfRequest(wf_spec_name=spec, id=wf_run_id, variables=variables)
        self.call(lambda: self.stub.RunWf(request), lambda _: self.started.update({wf_run_id: spec}))

    def work(self) -> None:
        """Takes one task and reports it."""
        self.report(self.take())

    def take(self) -> ScheduledTask:
        """Takes one task."""
        polls: queue.SimpleQueue[PollTaskRequest | None] = queue.SimpleQueue()
        stream = self.stub.PollTask(iter(polls.get, None), timeout=CALL_SECONDS)
        polls.put(PollTaskRequest(task_def_id=TaskDefId(name="add-one"), client_id="worker"))
        try:
            task = self.call(lambda: next(stream)).result
        finally:
            polls.put(None)
        self.deliveries[attempt_of(task)] += 1
        return task

    def report(self, task: ScheduledTask) -> None:
        """Reports a task as done."""
        report = report_of(task)
        self.call(
            lambda: self.stub.ReportTask(report),
            lambda _: self.reported.update({attempt_of(task): report.output.int}),
        )

    def call(self, call: Callable[[], T], acknowledged: Callable[[T], Any] = lambda _: None) -> T:
        """Calls; waits while the disk is full; notes what was acknowledged. Raises Gone."""
        until = time.monotonic() + ROOM_SECONDS
        while True:
            try:
                answer = call()
            except grpc.RpcError as error:
                if error.code() in UNKNOWN:
                    raise Gone from error
                if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED or time.monotonic() > until:
                    raise
                threading.Event().wait(0.05)
                continue
            acknowledged(answer)
            self.acknowledged += 1
            return answer

    def _read(self, spec: str) -> None:
        self.call(lambda: self.stub.GetWfSpec(WfSpecId(name=spec)))

    # --- the check ----------------------------------------------------------------------------------------------------
    def check(self) -> None:
        """Everything acknowledged is there; every run finishes; nothing happened twice (I1-I4, I7-I11)."""
        for name in self.definitions & set(SPECS):
            self.stub.GetWfSpec(WfSpecId(name=name))
        if "add-one" in self.definitions:
            self.stub.GetTaskDef(TaskDefId(name="add-one"))
        for wf_run_id in self.started:
            self.stub.GetWfRun(WfRunId(id=wf_run_id))
        for wf_run_id, guid, attempt_number in self.reported:
            (task_run,) = [task for task in self._task_runs(wf_run_id) if task.id.task_guid == guid]
            assert task_run.attempts[attempt_number].status == TaskStatus.TASK_SUCCESS
            assert task_run.attempts[attempt_number].output.int == self.reported[wf_run_id, guid, attempt_number]
        self.define()
        self.start("count")
        self.start("sleeper")
        counts, sleepers = self._finish()
        assert set(self.started) <= counts | sleepers
        assert not {delivery for delivery, times in self.deliveries.items() if times > 1}, "delivered twice"
        for wf_run_id in counts:
            self._check_count(wf_run_id)
        for wf_run_id in sleepers:
            nodes = self.stub.ListNodeRuns(ListNodeRunsRequest(wf_run_id=WfRunId(id=wf_run_id))).results
            (slept,) = [node for node in nodes if node.HasField("sleep")]
            assert slept.end_time.ToMilliseconds() - slept.arrival_time.ToMilliseconds() >= SLEEP_SECONDS * 1000

    def _finish(self) -> tuple[set[str], set[str]]:
        """Works on everything until all runs that there are have ended; returns them by WfSpec."""
        polls: queue.SimpleQueue[PollTaskRequest | None] = queue.SimpleQueue()
        poll = PollTaskRequest(task_def_id=TaskDefId(name="add-one"), client_id="finisher")
        stream = self.stub.PollTask(iter(polls.get, None))
        failed: list[BaseException] = []

        def work() -> None:
            try:
                polls.put(poll)
                for response in stream:
                    self.deliveries[attempt_of(response.result)] += 1
                    self.report(response.result)
                    polls.put(poll)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.CANCELLED:
                    failed.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        try:
            return tuple(self._ended(spec, failed) for spec in SPECS)  # type: ignore[return-value]
        finally:
            stream.cancel()
            polls.put(None)
            worker.join()

    def _ended(self, spec: str, failed: list[BaseException]) -> set[str]:
        ids = {wf_run_id.id for wf_run_id in self.search(spec)}

        def all_ended() -> bool:
            assert not failed, failed
            return all(self.wf_run(wf_run_id).status == LHStatus.COMPLETED for wf_run_id in ids)

        eventually(all_ended, f"all runs of {spec} are completed")
        return ids

    def search(self, spec: str, seconds: float = CALL_SECONDS) -> Iterator[WfRunId]:
        """SearchWfRun, everything of this WfSpec."""
        return iter(self.stub.SearchWfRun(SearchWfRunRequest(wf_spec_name=spec, limit=1000), timeout=seconds).results)

    def wf_run(self, wf_run_id: str) -> WfRun:
        """GetWfRun."""
        return self.stub.GetWfRun(WfRunId(id=wf_run_id))

    def _task_runs(self, wf_run_id: str) -> list[TaskRun]:
        return list(self.stub.ListTaskRuns(ListTaskRunsRequest(wf_run_id=WfRunId(id=wf_run_id))).results)

    def _check_count(self, wf_run_id: str) -> None:
        variable = VariableId(wf_run_id=WfRunId(id=wf_run_id), thread_run_number=0, name="count")
        assert self.stub.GetVariable(variable).value.int == STEPS
        task_runs = self._task_runs(wf_run_id)
        assert len(task_runs) == STEPS
        for task_run in task_runs:
            succeeded = [one for one in task_run.attempts if one.status == TaskStatus.TASK_SUCCESS]
            assert len(succeeded) == 1, "each step counts once"
