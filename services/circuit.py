"""Keeps off a server that does not answer: after a failure it is left alone for a pause, then one caller asks first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Circuit:
    """Whether something may be asked. Safe to use from many threads.

    Args:
        pause_s: from a failure until somebody may ask again.
        clock: seconds.
    """

    def __init__(self, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._again_s: float | None = None  # None while it answers

    def may_ask(self) -> bool:
        """Who is told yes must tell the outcome; after a pause that is one, the others go on without."""
        with self._lock:
            if self._again_s is None:
                return True
            if self._clock() < self._again_s:
                return False
            self._again_s = self._clock() + self._pause_s
            return True

    def failed(self) -> None:
        """It did not answer, or not what it should."""
        with self._lock:
            self._again_s = self._clock() + self._pause_s

    def answered(self) -> None:
        """It works."""
        with self._lock:
            self._again_s = None
