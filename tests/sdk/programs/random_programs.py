"""Programs put together at random from fixed seeds: blocks in blocks, mutations everywhere."""

import random
from collections.abc import Callable

from littlehorse.workflow import SpawnedThreads, Workflow, WorkflowThread

SEEDS = range(60)


def random_entrypoint(seed: int) -> Callable[[WorkflowThread], None]:
    chance = random.Random(seed)
    names = iter(range(10_000))

    def block(depth: int, may_exit: bool) -> Callable[[WorkflowThread], None]:
        steps = [chance.random() for _ in range(chance.randrange(4))]
        leaves = may_exit and chance.random() < 0.2

        def body(thread: WorkflowThread) -> None:
            for step in steps:
                act(thread, step, depth)
            if leaves:
                if chance.random() < 0.5:
                    thread.complete(chance.choice([None, 1]))
                else:
                    thread.fail("failed", "because")

        return body

    def act(thread: WorkflowThread, step: float, depth: int) -> None:
        number = thread.find_variable("number")
        condition = number.is_less_than(chance.randrange(9))
        if step < 0.25:
            number.assign(number.add(chance.randrange(9)))
        elif step < 0.5 or depth > 3:
            thread.execute(f"task-{chance.randrange(5)}", number)
        elif step < 0.75:
            statement = thread.do_if(condition, block(depth + 1, True))
            for _ in range(chance.randrange(3)):
                if chance.random() < 0.3:
                    number.assign(-1)
                statement.do_else_if(condition.negate(), block(depth + 1, True))
            if chance.random() < 0.6:
                statement.do_else(block(depth + 1, True))
        elif step < 0.9:
            thread.do_while(condition, block(depth + 1, False))
        else:
            bodies = [block(depth + 1, True) for _ in range(chance.randrange(1, 3))]
            spawned = [thread.spawn_thread(body, f"child-{next(names)}") for body in bodies]
            thread.wait_for_threads(SpawnedThreads.from_list(*spawned))

    def entrypoint(thread: WorkflowThread) -> None:
        thread.declare_int("number")
        for _ in range(6):
            act(thread, chance.random(), 0)

    return entrypoint


def workflows() -> list[Workflow]:
    return [Workflow(f"random-{seed}", random_entrypoint(seed)) for seed in SEEDS]
