"""How many tasks may still be taken on."""

from __future__ import annotations

import asyncio


class Slots:
    """A number of free places; whoever wants one waits until there is one or until no more are given out."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._closed = False
        self._waiting: list[asyncio.Future[None]] = []

    async def take(self) -> bool:
        """Takes a place, waiting for one if need be; False if no more are given out."""
        while self._free == 0 and not self._closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        if self._closed:
            return False
        self._free -= 1
        return True

    def take_free(self) -> int:
        """Takes all places that are free now; returns how many."""
        count = 0 if self._closed else self._free
        self._free -= count
        return count

    def give_back(self, count: int = 1) -> None:
        """Frees places."""
        self._free += count
        self._wake()

    def close(self) -> None:
        """Gives out no more places."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
