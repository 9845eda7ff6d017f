"""A document is indexed and waits to be signed; meanwhile a new version, or its withdrawal, interrupts the process."""

import asyncio
from typing import Any

from examples.stage import Tasks, end_of, run, until, working
from littlehorse.config import LHConfig
from littlehorse.model import (
    ExternalEventDefId,
    LHStatus,
    PutExternalEventRequest,
    ThreadType,
    VariableMutationType,
    WfRun,
    WfRunId,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.utils import to_variable_value
from littlehorse.workflow import Workflow, WorkflowThread

SIGNED = "signed"
REPLACED = "replaced"
WITHDRAWN = "withdrawn"


async def index(name: str, version: int, text: str) -> str:
    """Makes a version of a document known to the search of the house; returns its entry."""
    return f"{name}/{version}: {text.lower()}"


async def archive(name: str, version: int, text: str, signature: str) -> str:
    """Files the signed document; finds the amount, the last number in its text."""
    amount = [word for word in text.split() if word.isdigit()][-1]
    return f"{name}, version {version}, over {amount}, signed by {signature}"


async def shred(name: str) -> str:
    """Destroys what is there of a withdrawn document."""
    return f"shredded {name}"


TASKS: Tasks = {"index": index, "archive": archive, "shred": shred}


def document(thread: WorkflowThread) -> None:
    """Interrupts halt the waiting thread; when the handler is done, it goes on waiting, or fails with the handler."""
    name = thread.declare_str("name").searchable().required()
    text = thread.declare_str("text").required()
    version = thread.declare_int("version", 1)
    outcome = thread.declare_str("outcome")

    def replaced(handler: WorkflowThread) -> None:
        new_text = handler.declare_str("INPUT")
        text.assign(new_text)
        handler.mutate(version, VariableMutationType.ADD, 1)
        handler.execute("index", name, version, text)

    def withdrawn(handler: WorkflowThread) -> None:
        outcome.assign(handler.execute("shred", name))
        handler.fail(WITHDRAWN, "the author withdrew the document")

    thread.add_interrupt_handler(REPLACED, replaced).with_event_type(str)
    thread.add_interrupt_handler(WITHDRAWN, withdrawn).with_event_type(None)

    thread.execute("index", name, version, text)
    signature = thread.wait_for_event(SIGNED, return_type=str)
    outcome.assign(thread.execute("archive", name, version, text, signature))


async def post(stub: LittleHorseStub, wf_run_id: WfRunId, event: str, content: Any = None) -> None:
    """Tells a run that something happened."""
    request = PutExternalEventRequest(
        wf_run_id=wf_run_id,
        external_event_def_id=ExternalEventDefId(name=event),
        content=None if content is None else to_variable_value(content),
    )
    await asyncio.to_thread(stub.PutExternalEvent, request)
    print(f"   {wf_run_id.id} is {event}{'' if content is None else f': {content}'}")


async def handled(stub: LittleHorseStub, wf_run_id: WfRunId, interrupts: int) -> None:
    """Waits until so many interrupts were handled and the run goes on."""

    def done() -> bool:
        seen: WfRun = stub.GetWfRun(wf_run_id)
        handlers = [thread for thread in seen.thread_runs if thread.type == ThreadType.INTERRUPT]
        return [thread.status for thread in handlers] == [LHStatus.COMPLETED] * interrupts

    await until(f"end of interrupt {interrupts} of {wf_run_id.id}", done)


async def play(config: LHConfig) -> list[WfRun]:
    """One document is replaced twice, then signed; the other is withdrawn."""
    async with working(config, TASKS, Workflow("document", document)) as stub:
        first = await run(stub, "document", "document-1", name="contract", text="We pay 100")
        for number, text in enumerate(("We pay 90", "We pay 95"), start=1):
            await post(stub, first, REPLACED, text)
            await handled(stub, first, number)
        await post(stub, first, SIGNED, "Ada")
        second = await run(stub, "document", "document-2", name="offer", text="You get 5")
        await post(stub, second, WITHDRAWN)
        return [await end_of(stub, first), await end_of(stub, second)]
