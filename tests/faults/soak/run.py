"""A whole soak: kills under load, calm, last looks, a fresh process on a copy, the log replayed from its start."""

import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc

from littlehorse.model.service_pb2_grpc import LittleHorseStub
from tests.faults.soak import specs
from tests.faults.soak.history import Recorder, merge
from tests.faults.soak.operator import LIFE_SECONDS, Operator, doctor
from tests.wire.driver import ROOT

SETTLE_SECONDS = 300.0
# A crowd that does not get on is stuck.
STUCK_SECONDS = 120.0


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    seed: int
    kills: int
    operations: int
    crowds: int = 3
    runs: int = 150
    workers: int = 40
    shards: int = 2
    # The doctor looks at the files after every so many kills.
    doctor_every: int = 20
    life_seconds: float = LIFE_SECONDS


@dataclass
class Outcome:
    """What came of it, apart from the verdict on the history."""

    history: Path
    lines: int
    acknowledged: int
    kills: int
    early_kills: int
    doctors: int
    seconds: float
    replay: str


class CrowdProcess:
    """A process of clients and workers."""

    def __init__(self, plan: Plan, number: int, address: str, folder: Path) -> None:
        self.history = folder / f"crowd-{number}.jsonl"
        self._log = folder / f"crowd-{number}.log"
        command = [sys.executable, "-m", "tests.faults.soak.crowd", "--address", address]
        command += ["--history", str(self.history), "--number", str(number), "--seed", str(plan.seed * 100 + number)]
        command += ["--runs", str(plan.runs), "--workers", str(plan.workers)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
            )
        self.acknowledged = 0
        self._heard: set[str] = set()
        self._changed = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        output = self._process.stdout
        assert output is not None
        with output:
            for line in output:
                with self._changed:
                    word, _, number = line.strip().partition(" ")
                    if word == "acknowledged":
                        self.acknowledged = int(number)
                    else:
                        self._heard.add(word)
                    self._changed.notify_all()

    def check(self) -> None:
        """Fails if it has ended."""
        assert self._process.poll() is None, f"a crowd failed: {self._log.read_text()[-3_000:]}"

    def tell(self, line: str) -> None:
        """Asks it for something."""
        stdin: IO[str] | None = self._process.stdin
        assert stdin is not None
        stdin.write(line + "\n")
        stdin.flush()

    def hear(self, word: str, seconds: float) -> None:
        """Waits for an answer."""
        until = time.monotonic() + seconds
        with self._changed:
            while word not in self._heard:
                assert time.monotonic() < until, f"not {word} after {seconds} s: {self._log.read_text()[-3_000:]}"
                self._changed.wait(0.5)
                self.check()
            self._heard.remove(word)

    def end(self) -> None:
        """Ends it; its history is whole afterwards."""
        self.tell("end")
        assert self._process.wait(30) == 0, self._log.read_text()[-3_000:]

    def close(self) -> None:
        """Whatever happened, nothing is left running."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        if self._process.stdin is not None:
            self._process.stdin.close()


def define(address: str, recorder: Recorder) -> None:
    """Registers what all crowds use, before the first kill."""
    with grpc.insecure_channel(address) as channel:
        stub = LittleHorseStub(channel)
        for name in specs.TASK_DEFS:
            stub.PutTaskDef(specs.task_def(name))
        stub.PutExternalEventDef(specs.event_def())
        stub.PutUserTaskDef(specs.form())
        for name, entrypoint in specs.SPECS.items():
            call = recorder.sent("define", spec=name, once=True)
            stub.PutWfSpec(specs.wf_spec(name, entrypoint))
            recorder.answered(call, "ok")


class Soak:
    """One soak in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._recorder = Recorder(folder / "operator.jsonl", 0)
        self._operator = Operator(folder, self._recorder, random.Random(plan.seed), plan.shards)
        self._crowds: list[CrowdProcess] = []
        self._doctors = 0

    def run(self) -> Outcome:
        """Everything; raises AssertionError if a server or the files are not what they should be."""
        begun = time.monotonic()
        try:
            self._operator.start()
            define(self._operator.address, self._recorder)
            for number in range(1, self._plan.crowds + 1):
                self._crowds.append(CrowdProcess(self._plan, number, self._operator.address, self._folder))
            self._kill_under_load()
            self._settle()
            replay = self._recover_elsewhere()
        finally:
            for crowd in self._crowds:
                crowd.close()
            self._operator.close()
        self._recorder.note("over")
        self._recorder.close()
        history = self._folder / "history.jsonl"
        lines = merge([self._folder / "operator.jsonl", *(crowd.history for crowd in self._crowds)], history)
        return Outcome(
            history=history,
            lines=lines,
            acknowledged=self._acknowledged(),
            kills=self._operator.kills,
            early_kills=self._operator.early_kills,
            doctors=self._doctors,
            seconds=time.monotonic() - begun,
            replay=replay,
        )

    def _acknowledged(self) -> int:
        return self._recorder.acknowledged + sum(crowd.acknowledged for crowd in self._crowds)

    def _kill_under_load(self) -> None:
        """All kills but the last one, spread over the operations."""
        operator, plan = self._operator, self._plan
        while operator.kills < plan.kills - 1:
            goal = plan.operations * operator.kills // plan.kills
            self._until_acknowledged(goal)
            operator.live(plan.life_seconds)
            looks = operator.kills // plan.doctor_every
            operator.kill()
            if operator.kills // plan.doctor_every > looks:
                doctor(operator.data_dir)
                self._doctors += 1
            operator.restart(plan.kills - 1)
            print(f"kill {operator.kills}: {self._acknowledged()} acknowledged", file=sys.stderr, flush=True)
        self._until_acknowledged(plan.operations)

    def _until_acknowledged(self, goal: int) -> None:
        until, before = time.monotonic() + STUCK_SECONDS, -1
        while (now := self._acknowledged()) < goal:
            for crowd in self._crowds:
                crowd.check()
            if now != before:
                until, before = time.monotonic() + STUCK_SECONDS, now
            assert time.monotonic() < until, f"nothing is acknowledged any more: {now} of {goal}"
            time.sleep(0.05)

    def _settle(self) -> None:
        """No more faults: every run ends, everything is read."""
        self._recorder.note("calm")
        self._ask("calm", "settled")
        self._ask("look", "looked")

    def _ask(self, what: str, answer: str) -> None:
        for crowd in self._crowds:
            crowd.tell(what)
        for crowd in self._crowds:
            crowd.hear(answer, SETTLE_SECONDS)

    def _recover_elsewhere(self) -> str:
        """The last kill. The log from its first entry on gives what is in the store and behind it; a fresh process on a
        copy of the files gives the same answers as the killed one."""
        operator = self._operator
        operator.kill()
        copy = self._folder / "copy"
        shutil.copytree(operator.data_dir, copy)
        whole = self._folder / "whole-log"
        shutil.copytree(operator.archive, whole)
        for segment in (operator.data_dir / "log").glob("*.seg"):
            shutil.copy(segment, whole)
        replay = doctor(operator.data_dir, whole)
        self._doctors += 1
        assert operator.start(data_dir=copy)
        self._ask("look", "looked")
        for crowd in self._crowds:
            crowd.end()
        operator.stop()
        doctor(copy)
        self._doctors += 1
        return replay
