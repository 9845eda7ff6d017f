"""if, else-if and else with nodes, with mutations only, with exits, nested; loops likewise (C-6, C-7)."""

from littlehorse.workflow import Workflow, WorkflowThread


def entrypoint(thread: WorkflowThread) -> None:
    number = thread.declare_int("number")
    small = number.is_less_than(1)

    def nothing(body: WorkflowThread) -> None:
        pass

    def mutate(body: WorkflowThread) -> None:
        number.assign(7)

    def task(body: WorkflowThread) -> None:
        body.execute("task", number)

    def busy(body: WorkflowThread) -> None:
        number.assign(1)
        body.execute("first")
        number.assign(2)
        body.execute("second")
        number.assign(3)

    def leave(body: WorkflowThread) -> None:
        number.assign(4)
        body.complete(number)

    def fail(body: WorkflowThread) -> None:
        body.fail("broken", "it broke", {"why": number.name})

    def nested(body: WorkflowThread) -> None:
        number.assign(5)
        body.do_if(small, busy, nested_else)
        body.do_while(small.negate(), busy)

    def nested_else(body: WorkflowThread) -> None:
        inner = body.do_if(small, task)
        inner.do_else_if(number.is_equal_to(2), mutate)
        inner.do_else_if(number.is_equal_to(3), leave)
        number.assign(6)
        inner.do_else(busy)
        number.assign(8)

    bodies = [nothing, mutate, task, busy, fail, nested, nested_else]
    for first in bodies:
        thread.do_if(small, first)
        number.assign(11)
        thread.do_while(small, first)
        number.assign(12)
        for second in bodies:
            thread.do_if(small, first, second)
            chain = thread.do_if(small, first).do_else_if(number.is_in([1]), second)
            number.assign(13)
            chain.do_else_if(number.is_equal_to(14), first)
            number.assign(15)
            chain.do_else(second)
    late = thread.do_if(small, task)
    thread.execute("between")
    late.do_else_if(small, busy)
    thread.execute("between-again")
    late.do_else(mutate)
    thread.do_if(small, leave, leave)
    thread.do_if(small, leave, fail)
    thread.complete()


def workflow() -> Workflow:
    return Workflow("branches", entrypoint)
