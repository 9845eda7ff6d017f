"""A thread that is added before the entrypoint is built."""

from littlehorse.workflow import Workflow, WorkflowThread


def early(thread: WorkflowThread) -> None:
    thread.declare_int("early")
    thread.execute("early")


def entrypoint(thread: WorkflowThread) -> None:
    thread.execute("late", thread.find_variable("early"))


def workflow() -> Workflow:
    result = Workflow("beforehand", entrypoint)
    result.add_sub_thread("early-thread", early)
    return result
