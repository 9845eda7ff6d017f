"""A trip is flight, hotel and car: if one cannot be had, what was booked before is cancelled, last booking first."""

from examples.stage import Tasks, end_of, run, working
from littlehorse.config import LHConfig
from littlehorse.exceptions import LHTaskException
from littlehorse.model import WfRun
from littlehorse.workflow import NodeOutput, Workflow, WorkflowThread

SOLD_OUT = "sold-out"
# Where something is missing.
NO_HOTEL = "Nowhere"
NO_CAR = "Venice"


async def book_flight(city: str) -> str:
    """Books the flight; returns the booking."""
    return f"flight-to-{city}"


async def book_hotel(city: str) -> str:
    """Books the hotel."""
    if city == NO_HOTEL:
        raise LHTaskException(SOLD_OUT, f"no bed in {city}")
    return f"hotel-in-{city}"


async def book_car(city: str) -> str:
    """Books the car."""
    if city == NO_CAR:
        raise LHTaskException(SOLD_OUT, f"no roads in {city}")
    return f"car-in-{city}"


async def cancel_flight(booking: str) -> str:
    """Compensates `book_flight`; may be repeated."""
    return f"cancelled {booking}"


async def cancel_hotel(booking: str) -> str:
    """Compensates `book_hotel`; may be repeated."""
    return f"cancelled {booking}"


TASKS: Tasks = {
    "book-flight": book_flight,
    "book-hotel": book_hotel,
    "book-car": book_car,
    "cancel-flight": cancel_flight,
    "cancel-hotel": cancel_hotel,
}


def trip(thread: WorkflowThread) -> None:
    """Each step knows what to undo when it fails."""
    city = thread.declare_str("city").searchable().required()
    flight = thread.declare_str("flight")
    hotel = thread.declare_str("hotel")
    car = thread.declare_str("car")

    flight.assign(thread.execute("book-flight", city))

    def without_hotel(handler: WorkflowThread) -> None:
        handler.execute("cancel-flight", flight, retries=5)
        handler.fail("trip-cancelled", "there is no hotel")

    def without_car(handler: WorkflowThread) -> None:
        handler.execute("cancel-hotel", hotel, retries=5)
        handler.execute("cancel-flight", flight, retries=5)
        handler.fail("trip-cancelled", "there is no car")

    booked_hotel: NodeOutput = thread.execute("book-hotel", city)
    thread.handle_exception(booked_hotel, without_hotel, SOLD_OUT)
    hotel.assign(booked_hotel)
    booked_car: NodeOutput = thread.execute("book-car", city)
    thread.handle_exception(booked_car, without_car, SOLD_OUT)
    car.assign(booked_car)


def workflow() -> Workflow:
    """The workflow as it is registered."""
    return Workflow("trip", trip)


async def play(config: LHConfig) -> list[WfRun]:
    """Books three trips; returns the ended runs."""
    async with working(config, TASKS, workflow()) as stub:
        trips = {"trip-1": "Rome", "trip-2": NO_CAR, "trip-3": NO_HOTEL}
        started = [await run(stub, "trip", wf_run_id, city=city) for wf_run_id, city in trips.items()]
        return [await end_of(stub, wf_run_id) for wf_run_id in started]
