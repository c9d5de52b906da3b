"""How much of the server one service may take: a few requests at once, a few more in line, the rest is turned away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from openeo_plugin.errors import OpenEOError


class Gate:
    """Admits requests of one service. Safe to use from many threads.

    Args:
        running: requests computed at the same time.
        waiting: requests that may stand in line for them.
        wait_s: how long one waits before it is turned away.
    """

    def __init__(self, running: int, waiting: int, wait_s: float) -> None:
        self._places = threading.BoundedSemaphore(running + waiting)
        self._running = threading.BoundedSemaphore(running)
        self._wait_s = wait_s

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place while the body runs.

        Raises: TooManyRequests.
        """
        if not self._places.acquire(blocking=False):
            raise OpenEOError("TooManyRequests", retry_after_s=1)
        try:
            if not self._running.acquire(timeout=self._wait_s):
                raise OpenEOError("TooManyRequests", retry_after_s=1)
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._places.release()
