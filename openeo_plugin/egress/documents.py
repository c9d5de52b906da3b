"""JSON documents from outside, remembered for a short while: a graph is checked, planned and run in turn."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from openeo_plugin.egress.client import Answer, Egress

REMEMBERED_S = 60.0
MAX_REMEMBERED_BYTES = 2**25
_ACCEPT = {"Accept": "application/json, application/geo+json"}


class Documents:
    """Fetches JSON by address. Safe in threads."""

    def __init__(self, egress: Egress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.egress = egress
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, url: str) -> tuple[str, Any]:
        """(address after redirects, a copy of the JSON there).

        Raises: EgressError.
        """
        answer = self._remembered(url)
        if answer is None:
            answer = self.egress.fetch(url, headers=_ACCEPT)
            answer.json()
            self._remember(url, answer)
        return answer.url, answer.json()

    def _remembered(self, url: str) -> Answer | None:
        with self._lock:
            until, answer = self._kept.get(url, (0.0, None))
        return answer if self._clock() < until else None

    def _remember(self, url: str, answer: Answer) -> None:
        with self._lock:
            self._kept.pop(url, None)
            self._kept[url] = (self._clock() + REMEMBERED_S, answer)
            while sum(len(kept.body) for _, kept in self._kept.values()) > MAX_REMEMBERED_BYTES:
                self._kept.popitem(last=False)
