"""The quickstart's process: an order is reserved, paid (retried while the bank is down), then shipped or refunded."""

from collections.abc import Callable
from typing import Any

from littlehorse.model import ExponentialBackoffRetryPolicy, VariableType
from littlehorse.worker import WorkerContext
from littlehorse.workflow import Workflow, WorkflowThread

# The bank answers again at the third attempt; the waits grow from 200 ms.
BANK_DOWN_ATTEMPTS = 2
BANK_PATIENCE = ExponentialBackoffRetryPolicy(base_interval_ms=200, multiplier=2.0, max_delay_ms=5_000)

# What is left of each item when the shop opens. The tea was sold by phone meanwhile, so its shipment will be short.
STOCK = {"coffee": 10, "tea": 0}


async def reserve_stock(item: str, quantity: int) -> dict[str, Any]:
    """Sets items aside; says whether there were enough."""
    return {"item": item, "quantity": quantity, "complete": STOCK[item] >= quantity}


async def charge_card(order_id: str, amount: float, context: WorkerContext) -> str:
    """Takes the money; fails while the bank is down."""
    if context.attempt_number < BANK_DOWN_ATTEMPTS:
        raise ConnectionError("the bank does not answer")
    return f"receipt-{order_id}"


async def ship(order_id: str, item: str) -> str:
    """Hands the parcel to the carrier; returns the tracking number."""
    return f"parcel-{order_id}-{item}"


async def refund(receipt: str) -> str:
    """Pays the money back."""
    return f"refund-of-{receipt}"


# TaskDef name -> the function that does it.
TASKS: dict[str, Callable[..., Any]] = {
    "reserve-stock": reserve_stock,
    "charge-card": charge_card,
    "ship": ship,
    "refund": refund,
}


def order(thread: WorkflowThread) -> None:
    """The process itself, node by node."""
    order_id = thread.declare_str("order-id").searchable().required()
    item = thread.declare_str("item").searchable().required()
    quantity = thread.declare_int("quantity", 1)
    amount = thread.declare_double("amount").required()
    reservation = thread.add_variable("reservation", VariableType.JSON_OBJ)
    receipt = thread.declare_str("receipt")
    outcome = thread.declare_str("outcome").searchable()

    reservation.assign(thread.execute("reserve-stock", item, quantity))
    receipt.assign(thread.execute("charge-card", order_id, amount, retries=5, exponential_backoff=BANK_PATIENCE))

    def all_there(body: WorkflowThread) -> None:
        outcome.assign(body.execute("ship", order_id, item))

    def too_few(body: WorkflowThread) -> None:
        outcome.assign(body.execute("refund", receipt))

    thread.do_if(reservation.with_json_path("$.complete").is_equal_to(True), all_there, too_few)


def workflow() -> Workflow:
    """The workflow as it is registered."""
    return Workflow("order", order)
