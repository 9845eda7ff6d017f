"""How many users there are at which moment: steady, burst, soak. Knows nothing of Locust, so that tests need none."""

from collections.abc import Callable

BURST_EVERY_S = 60
BURST_LASTS_S = 10
BURST_TIMES = 10
"""A burst has this many times the users."""
SOAK_RAMP_S = 600
RAMP_S = 10


def steady(elapsed_s: float, users: int) -> int:
    """All users after a short ramp."""
    return max(1, round(users * min(1.0, elapsed_s / RAMP_S)))


def burst(elapsed_s: float, users: int) -> int:
    """A tenth of the users, and all of them for ten seconds in each minute, the first time after half a minute."""
    in_minute = (elapsed_s + BURST_EVERY_S / 2) % BURST_EVERY_S
    is_burst = elapsed_s >= BURST_EVERY_S / 2 and in_minute < BURST_LASTS_S
    return users if is_burst else max(1, users // BURST_TIMES)


def soak(elapsed_s: float, users: int) -> int:
    """All users after ten minutes, for as long as one lets it run: what leaks or grows shows in hours."""
    return max(1, round(users * min(1.0, elapsed_s / SOAK_RAMP_S)))


PROFILES: dict[str, Callable[[float, int], int]] = {"steady": steady, "burst": burst, "soak": soak}
