"""An order asks the payment provider for money and waits until the provider calls back; the provider knows no runs."""

import asyncio

from examples.stage import Tasks, end_of, run, working
from littlehorse.config import LHConfig
from littlehorse.model import (
    CorrelatedEvent,
    CorrelatedEventConfig,
    ExternalEventDefId,
    PutCorrelatedEventRequest,
    WfRun,
)
from littlehorse.model.service_pb2_grpc import LittleHorseStub
from littlehorse.utils import to_variable_value
from littlehorse.workflow import Workflow, WorkflowThread

CALLBACK = "payment-settled"
# Patience with the provider, in seconds.
PATIENCE = 30


async def request_payment(order: str, amount: int) -> str:
    """Asks the provider for the money; returns the provider's reference, which is all that its callback will name."""
    return f"payment-of-{order}-{amount}"


async def ship(order: str, receipt: str) -> str:
    """Ships what is paid."""
    return f"{order} left, {receipt}"


TASKS: Tasks = {"request-payment": request_payment, "ship": ship}


def order(thread: WorkflowThread) -> None:
    """The event finds the run by the reference, on whatever shard the run is, and may come before the run waits."""
    number = thread.declare_str("number").searchable().required()
    amount = thread.declare_int("amount").required()
    reference = thread.declare_str("reference")
    receipt = thread.declare_str("receipt")

    reference.assign(thread.execute("request-payment", number, amount, retries=5))
    settled = thread.wait_for_event(
        CALLBACK,
        timeout=PATIENCE,
        correlation_id=reference,
        return_type=str,
        correlated_event_config=CorrelatedEventConfig(delete_after_first_correlation=True),
    )
    receipt.assign(settled)
    thread.execute("ship", number, receipt)


def workflow() -> Workflow:
    """The workflow as it is registered."""
    return Workflow("order", order)


def call_back(stub: LittleHorseStub, reference: str, receipt: str) -> CorrelatedEvent:
    """What the provider's webhook does."""
    event = ExternalEventDefId(name=CALLBACK)
    return stub.PutCorrelatedEvent(
        PutCorrelatedEventRequest(key=reference, external_event_def_id=event, content=to_variable_value(receipt))
    )


async def play(config: LHConfig) -> list[WfRun]:
    """Two orders; the provider answers the second one before it is even placed. Returns the ended runs."""
    async with working(config, TASKS, workflow()) as stub:
        await asyncio.to_thread(call_back, stub, "payment-of-order-2-70", "receipt-B")
        first = await run(stub, "order", "order-1", number="order-1", amount=50)
        second = await run(stub, "order", "order-2", number="order-2", amount=70)
        await asyncio.to_thread(call_back, stub, "payment-of-order-1-50", "receipt-A")
        return [await end_of(stub, started) for started in (first, second)]
