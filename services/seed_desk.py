"""Takes orders to make tiles in a server: one after the other in a thread of its own, so that requests come first."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openeo_plugin.errors import OpenEOError
from services.seed_ledger import SeedStatus, new_status
from services.seed_order import SeedOrder
from services.seed_run import SeedRun, ledger_of

if TYPE_CHECKING:
    from db.services import Service
    from openeo_plugin.backend import Backend

WAITING_MAX = 64
PER_OWNER_MAX = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    """handle: of the lock that is held from when the order was taken."""

    service: Service
    order: SeedOrder
    status: SeedStatus
    handle: int


class SeedDesk:
    """The orders that this process has taken. Its thread runs only while there are some."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._ledger = ledger_of(backend.settings)
        self._lock = threading.Lock()
        self._line: deque[_Waiting] = deque()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def take(self, service: Service, order: SeedOrder) -> SeedStatus:
        """Put an order in line.

        Raises: RequestInvalid if there is one for the service already; TooManyRequests.
        """
        with self._lock:
            own = sum(one.service.owner == service.owner for one in self._line)
            if own >= PER_OWNER_MAX or len(self._line) >= WAITING_MAX:
                raise OpenEOError("TooManyRequests", retry_after_s=30)
            handle = self._ledger.take(service.id)
            try:
                status = self._ledger.write(service.id, new_status(order))
            except OSError:
                os.close(handle)
                raise
            self._line.append(_Waiting(service, order, status, handle))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="seeding", daemon=True)
                self._thread.start()
                atexit.unregister(self.close)  # that of the thread before
                atexit.register(self.close)
        return status

    def close(self) -> None:
        """Stop soon; what waits is found interrupted."""
        self._stop.set()
        thread = self._thread
        if thread is not None:
            thread.join(10)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._line or self._stop.is_set():
                    self._thread = None
                    return
                one = self._line[0]
            try:
                SeedRun(self._backend, one.service.id, one.order, self._stop).run(one.status)
            except Exception:
                log.exception("Tiles of the service %s can't be made", one.service.id)
            finally:
                os.close(one.handle)
                with self._lock:
                    self._line.popleft()
