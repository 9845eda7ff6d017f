"""How many users the profiles of loadtest/ have at which moment."""

import pytest

from loadtest.profiles import PROFILES, burst, soak, steady


def test_steady_ramps_up_and_stays() -> None:
    """Ten seconds, then all; never none, which would end the load."""
    assert [steady(second, 50) for second in (0, 5, 10, 3600)] == [1, 25, 50, 50]


def test_burst_is_ten_seconds_in_each_minute() -> None:
    """Quiet at first, so that there is something to compare the burst with."""
    assert [burst(second, 50) for second in (0, 5, 29, 30, 39, 40, 89, 90, 100)] == [5, 5, 5, 50, 50, 5, 5, 50, 5]


def test_soak_takes_ten_minutes() -> None:
    """Then it goes on for hours."""
    assert [soak(second, 20) for second in (0, 300, 600, 36_000)] == [1, 10, 20, 20]


@pytest.mark.parametrize("name", list(PROFILES))
def test_one_user_is_the_least(name: str) -> None:
    """Of whatever peak."""
    assert all(PROFILES[name](second, 1) == 1 for second in range(120))
