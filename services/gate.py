"""How much of the server one service may take: a few requests at once, a few more in line, so many a second.

What waits holds no thread: gates belong to the event loop, and are only touched there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError

KEPT = 1024


@dataclass(frozen=True)
class Limits:
    """What each service may take.

    Args:
        running: requests computed at the same time.
        waiting: requests that may stand in line for them.
        wait_s: how long one waits before it is turned away.
        rate_per_s: requests a second over some time; twice as many at once.
    """

    running: int
    waiting: int = 64
    wait_s: float = 20.0
    rate_per_s: float = 200.0

    def times(self, factor: int) -> Limits:
        """What some services may take together."""
        return Limits(self.running * factor, self.waiting * factor, self.wait_s, self.rate_per_s * factor)


class Gate:
    """Admits requests of one service; for one event loop."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._running = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._tokens = 2 * limits.rate_per_s
        self._counted_s = clock()

    @property
    def idle(self) -> bool:
        """Whether nobody is in."""
        return self._running == 0

    @asynccontextmanager
    async def admitted(self, gone: asyncio.Future[None]) -> AsyncIterator[None]:
        """Hold a place while the body runs.

        Args:
            gone: done when the client has left; it then stands in line no longer.
        Raises: TooManyRequests; Canceled.
        """
        self._count()
        if self._running < self._limits.running:
            self._running += 1
        else:
            await self._stand_in_line(gone)
        try:
            yield
        finally:
            self._leave()

    def _count(self) -> None:
        now = self._clock()
        rate = self._limits.rate_per_s
        self._tokens = min(2 * rate, self._tokens + (now - self._counted_s) * rate)
        self._counted_s = now
        if self._tokens < 1:
            raise _turned_away((1 - self._tokens) / rate)
        self._tokens -= 1

    async def _stand_in_line(self, gone: asyncio.Future[None]) -> None:
        """Wait for the place of somebody who leaves; whoever leaves hands it over."""
        if len(self._line) >= self._limits.waiting:
            raise _turned_away(1)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            await asyncio.wait({place, gone}, timeout=self._limits.wait_s, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.done():
                self._leave()
            else:
                self._line.remove(place)
            raise
        if not place.done():
            self._line.remove(place)
            raise Canceled if gone.done() else _turned_away(self._limits.wait_s)

    def _leave(self) -> None:
        if self._line:
            self._line.popleft().set_result(None)
        else:
            self._running -= 1


class Gates:
    """A gate for each service (or owner), shared by all faces; those that nobody asks for are dropped."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._gates: OrderedDict[str, Gate] = OrderedDict()

    def of(self, service_id: str) -> Gate:
        """The gate of a service (or owner)."""
        gate = self._gates.setdefault(service_id, Gate(self._limits))
        self._gates.move_to_end(service_id)
        if len(self._gates) > KEPT:
            oldest = next(iter(self._gates))
            if self._gates[oldest].idle:
                del self._gates[oldest]
        return gate


def _turned_away(after_s: float) -> OpenEOError:
    return OpenEOError("TooManyRequests", retry_after_s=max(1, math.ceil(after_s)))
