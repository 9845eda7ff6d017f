"""A book is counted chapter by chapter: for each item of a list a child thread runs a workflow of its own."""

from examples.stage import Tasks, end_of, run, working
from littlehorse.config import LHConfig
from littlehorse.exceptions import LHTaskException
from littlehorse.model import VariableMutationType, WfRun
from littlehorse.workflow import Workflow, WorkflowThread

UNREADABLE = "unreadable"
BOOK = ["Call me Ishmael", "I stuffed a shirt or two", "", "Entering that gable-ended inn"]


async def count_words(chapter: str) -> int:
    """Counts the words of a chapter; an empty one is unreadable."""
    if not chapter:
        raise LHTaskException(UNREADABLE, "the chapter is empty")
    return len(chapter.split())


TASKS: Tasks = {"count-words": count_words}


def chapter(thread: WorkflowThread) -> None:
    """The child workflow: its result is the number of words."""
    text = thread.declare_str("text").required()
    words = thread.declare_int("words")
    words.assign(thread.execute("count-words", text))
    thread.complete(words)


def book(thread: WorkflowThread) -> None:
    """The parent: all children at once, then the sum; a chapter that cannot be read does not spoil the others."""
    chapters = thread.declare_json_arr("chapters").required()
    total = thread.declare_int("total", 0)
    unreadable = thread.declare_int("unreadable", 0)

    def count(child: WorkflowThread) -> None:
        text = child.declare_str("INPUT")
        words = child.wait_for_child_wf(child.run_wf("chapter", {"text": text}))
        child.mutate(total, VariableMutationType.ADD, words)

    def skip(handler: WorkflowThread) -> None:
        handler.mutate(unreadable, VariableMutationType.ADD, 1)

    children = thread.spawn_thread_for_each(chapters, count, "count-chapter")
    thread.wait_for_threads(children).handle_exception_on_child(skip, UNREADABLE)


async def play(config: LHConfig) -> list[WfRun]:
    """Counts one book; returns the ended run."""
    async with working(config, TASKS, Workflow("chapter", chapter), Workflow("book", book)) as stub:
        return [await end_of(stub, await run(stub, "book", "book-1", chapters=BOOK))]
