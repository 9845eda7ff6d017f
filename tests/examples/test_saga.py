"""The example of compensation runs to its end."""

import asyncio

from examples.saga.process import play
from examples.stage import tasks_of, variables_of
from littlehorse.config import LHConfig
from littlehorse.model import LHStatus


def test_bookings_are_undone_last_first(config: LHConfig) -> None:
    """Only what was booked is cancelled, in reverse; the trip ends as the handler says."""
    fine, no_car, no_hotel = asyncio.run(play(config))
    stub = config.stub()
    assert [ended.status for ended in (fine, no_car, no_hotel)] == [
        LHStatus.COMPLETED,
        LHStatus.EXCEPTION,
        LHStatus.EXCEPTION,
    ]
    booking = ["book-flight", "book-hotel", "book-car"]
    assert tasks_of(stub, fine.id) == booking
    assert tasks_of(stub, no_car.id) == [*booking, "cancel-hotel", "cancel-flight"]
    assert tasks_of(stub, no_hotel.id) == [*booking[:2], "cancel-flight"]
    assert variables_of(stub, fine.id)["car"] == "car-in-Rome"
    assert variables_of(stub, no_car.id)["car"] is None
