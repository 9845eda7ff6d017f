"""One process of clients and workers, driven by lines on its standard input: `python -m tests.faults.soak.crowd`.

`calm`: no new runs, no odd workers; answers `settled` once every run has ended. `look`: reads every run; answers
`looked`. `end`: ends. In between it tells `acknowledged N` several times a second.
"""

import argparse
import asyncio
import random
import sys
import threading
from pathlib import Path

from tests.faults.soak.calls import Caller, reading
from tests.faults.soak.clients import FINAL, Clients
from tests.faults.soak.history import Recorder
from tests.faults.soak.views import look
from tests.faults.soak.workers import Worker

TELL_SECONDS = 0.2
DEFINE_SECONDS = 4.0
READERS = 24


class Crowd:
    """Everybody in this process."""

    def __init__(self, caller: Caller, name: str, seed: int) -> None:
        chance = random.Random(seed)
        self._caller = caller
        self._clients = Clients(caller, name, random.Random(chance.random()))
        self._name = name
        self._chance = chance
        self._workers: list[Worker] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._lives: list[asyncio.Task[None]] = []
        self._calm = asyncio.Event()

    def begin(self, runs: int, workers: int) -> None:
        """Keeps this many runs going, and this many workers at work."""
        for number in range(workers):
            worker = Worker(self._caller, f"worker-{self._name}-{number}", random.Random(self._chance.random()))
            self._workers.append(worker)
            self._tasks.append(asyncio.create_task(worker.work()))
        self._lives = [asyncio.create_task(self._one_after_the_other()) for _ in range(runs)]
        self._tasks += [asyncio.create_task(self._tell()), asyncio.create_task(self._define())]

    def check(self) -> None:
        """Raises what somebody failed with."""
        for task in self._tasks + self._lives:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    async def _one_after_the_other(self) -> None:
        while not self._calm.is_set():
            await self._clients.live()

    async def _define(self) -> None:
        number = 0
        while not self._calm.is_set():
            number += 1
            await asyncio.sleep(DEFINE_SECONDS)
            await self._clients.define(number)

    async def _tell(self) -> None:
        while True:
            tell(f"acknowledged {self._caller.recorder.acknowledged}")
            self.check()
            await asyncio.sleep(TELL_SECONDS)

    async def settle(self) -> None:
        """Returns once every run that exists has ended."""
        self._calm.set()
        for worker in self._workers:
            worker.is_calm = True
        await asyncio.gather(*self._lives)
        # Runs whose start seemed lost and was not.
        await self._look_at_all(adopt=True)

    async def look(self) -> None:
        """Reads every run."""
        await self._look_at_all(adopt=False)

    async def _look_at_all(self, adopt: bool) -> None:
        left = list(self._clients.attempted)

        async def some() -> None:
            while left:
                run = left.pop()
                if adopt:
                    await self._adopt(run)
                else:
                    await reading(lambda run=run: look(self._caller.stub, self._caller.recorder, run))  # type: ignore[misc]

        await asyncio.gather(*(some() for _ in range(READERS)))

    async def _adopt(self, run: str) -> None:
        status = await reading(lambda: self._clients.status(run))
        if status is not None and status not in FINAL:
            await self._clients.accompany(run)

    async def end(self) -> None:
        """Everybody goes home."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def tell(line: str) -> None:
    """A line to who drives this process."""
    print(line, flush=True)


async def obey(crowd: Crowd) -> None:
    """Does what is asked for on standard input."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.strip())
        loop.call_soon_threadsafe(lines.put_nowait, "end")

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) != "end":
        if line == "calm":
            await crowd.settle()
            tell("settled")
        elif line == "look":
            await crowd.look()
            tell("looked")
        crowd.check()


async def main() -> None:
    """Runs until it is told to end."""
    parser = argparse.ArgumentParser(prog="tests.faults.soak.crowd", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--history", type=Path, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    chosen = parser.parse_args()
    recorder = Recorder(chosen.history, chosen.number)
    caller = Caller(chosen.address, recorder)
    crowd = Crowd(caller, f"c{chosen.number}", chosen.seed)
    crowd.begin(chosen.runs, chosen.workers)
    try:
        await obey(crowd)
    finally:
        await crowd.end()
        await caller.close()
        recorder.close()


if __name__ == "__main__":
    asyncio.run(main())
