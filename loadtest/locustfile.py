"""Locust's users: people who start runs and look at them, and workers who do their tasks."""

import argparse
import time
import uuid
from typing import Any

import gevent
import gevent.queue
import grpc
from locust import LoadTestShape, User, constant_throughput, events, task

from bench import contract
from littlehorse.model import (
    LHStatus,
    PollTaskRequest,
    ReportTaskRun,
    RunWfRequest,
    SearchWfRunRequest,
    TaskDefId,
    TaskStatus,
    VariableValue,
    WfRun,
)
from loadtest.channel import Channel
from loadtest.profiles import PROFILES

NAME = "locust-chain"
"""The TaskDef and the WfSpec. Every process registers them; the same again changes nothing."""
LENGTH = 3
WORKERS = 2
POLLS_PER_WORKER = 32
RUNS_PER_SECOND = 2.0
"""Of each user, as long as the server is fast enough."""
LOOK_S = 0.02
RUN_PATIENCE_S = 30.0


@events.init_command_line_parser.add_listener
def add_options(parser: argparse.ArgumentParser) -> None:
    """Also shown by `locust --help`."""
    parser.add_argument("--load", choices=list(PROFILES), default="steady", help="how many users at which moment")
    parser.add_argument("--peak", type=int, default=50, help="users at the most")


@events.test_start.add_listener
def register(environment: Any, **_: object) -> None:
    """Definitions first; without them nothing can run."""
    with contract.Contract(environment.host) as server:
        server.put_task_def(NAME)
        server.put_wf_spec(NAME, [contract.task(NAME) for _ in range(LENGTH)])


class Profile(LoadTestShape):
    """Follows `--load`; the workers come on top."""

    def tick(self) -> tuple[int, float] | None:
        """Users now, and how many may come or go per second; None ends the load, which Locust leaves to shapes."""
        options = self.runner.environment.parsed_options
        if options.run_time and self.get_run_time() >= options.run_time:
            return None
        users = PROFILES[options.load](self.get_run_time(), options.peak)
        return users + WORKERS, float(options.peak)


class Person(User):
    """Starts runs, waits for their end, and searches now and then."""

    wait_time = constant_throughput(RUNS_PER_SECOND)

    def on_start(self) -> None:
        """A connection of its own."""
        self.channel = Channel(self.environment.host, self.environment.events.request.fire)

    @task(20)
    def process(self) -> None:
        """RunWf until COMPLETED; the whole time is the entry `run of 3 tasks`."""
        begin = time.perf_counter()
        value = VariableValue(str=uuid.uuid4().hex)
        run: WfRun | None = self.channel.call(
            "RunWf", RunWfRequest(wf_spec_name=NAME, variables={contract.INPUT: value})
        )
        while run is not None and run.status == LHStatus.RUNNING and time.perf_counter() - begin < RUN_PATIENCE_S:
            gevent.sleep(LOOK_S)
            run = self.channel.call("GetWfRun", run.id)
        if run is None:
            return
        is_done = run.status == LHStatus.COMPLETED
        failure = None if is_done else RuntimeError(f"{run.id.id} is {LHStatus.Name(run.status)}")
        self.channel.tell(f"run of {LENGTH} tasks", (time.perf_counter() - begin) * 1000, failure=failure)

    @task(1)
    def search(self) -> None:
        """The newest runs."""
        self.channel.call("SearchWfRun", SearchWfRunRequest(wf_spec_name=NAME, limit=20))


class Worker(User):
    """Keeps polls waiting on one stream, and reports each task as done with its input."""

    fixed_count = WORKERS

    def on_start(self) -> None:
        """A connection of its own."""
        self.channel = Channel(self.environment.host, self.environment.events.request.fire)

    @task
    def work(self) -> None:
        """One stream, until it ends. Its end is an entry on the page if nobody wanted it."""
        polls: gevent.queue.Queue[PollTaskRequest] = gevent.queue.Queue()
        poll = PollTaskRequest(task_def_id=TaskDefId(name=NAME), client_id=uuid.uuid4().hex)
        for _ in range(POLLS_PER_WORKER):
            polls.put(poll)
        begin = time.perf_counter()
        try:
            for response in self.channel.stub.PollTask(iter(polls.get, None)):
                polls.put(poll)
                if response.HasField("result"):
                    gevent.spawn(self._report, response.result)
        except grpc.RpcError as error:
            self.channel.tell("PollTask stream", (time.perf_counter() - begin) * 1000, failure=error)
            gevent.sleep(1)

    def _report(self, scheduled: Any) -> None:
        output = scheduled.variables[0].value if scheduled.variables else VariableValue()
        report = ReportTaskRun(
            task_run_id=scheduled.task_run_id,
            attempt_number=scheduled.attempt_number,
            status=TaskStatus.TASK_SUCCESS,
            output=output,
        )
        report.time.GetCurrentTime()
        self.channel.call("ReportTask", report)
