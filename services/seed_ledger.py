"""What is known of orders to make tiles: a small file for each service, which all processes of an instance share.

Whoever works at an order holds a lock on it, which the system takes away when a process dies: so an order whose worker
is gone is known as such, and can be given again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openeo_plugin.errors import OpenEOError
from services.seed_order import SeedOrder

UNFINISHED = ("queued", "running")
_STRANGE = (OSError, ValueError, TypeError)


@dataclass(frozen=True)
class SeedStatus:
    """How an order stands.

    Args:
        status: queued, running, finished, canceled or error.
        order: as it was given.
        total: tiles wanted; 0 before they were counted.
        made: tiles computed, kept: that were there, failed: that can't be computed.
        size_bytes: of the tiles computed.
        created, updated: RFC 3339.
        message: why it ended as it did.
    """

    status: str
    order: dict[str, Any]
    created: str
    updated: str
    total: int = 0
    made: int = 0
    kept: int = 0
    failed: int = 0
    size_bytes: int = 0
    message: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As clients see it; progress in percent, as that of jobs."""
        document = {name: value for name, value in asdict(self).items() if value is not None}
        done = self.made + self.kept + self.failed
        share = 100.0 * done / self.total if self.total else 0.0
        return {**document, "progress": 100.0 if self.status == "finished" else round(share, 1)}


def new_status(order: SeedOrder) -> SeedStatus:
    """Of an order that was just given."""
    now = _now()
    return SeedStatus("queued", json.loads(json.dumps(asdict(order))), now, now)


class SeedLedger:
    """The orders of all services, the latest of each. Safe in threads and processes.

    Args:
        folder: made when the first order is given.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, service_id: str) -> SeedStatus | None:
        """How the latest order of a service stands; None if there was none."""
        status = self._stored(service_id)
        if status is None or status.status not in UNFINISHED or self._is_locked(service_id):
            return status
        again = self._stored(service_id)
        if again != status:  # it has ended between the two looks
            return again
        return replace(status, status="error", message="It was interrupted; give the order again to go on.")

    def _stored(self, service_id: str) -> SeedStatus | None:
        try:
            return SeedStatus(**json.loads(self._path(service_id, "json").read_text()))
        except _STRANGE:
            return None

    def write(self, service_id: str, status: SeedStatus) -> SeedStatus:
        """Put down how an order stands; the time is set."""
        status = replace(status, updated=_now())
        path = self._path(service_id, "json")
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(status)))
        part.replace(path)
        return status

    @contextmanager
    def held(self, service_id: str) -> Iterator[None]:
        """Hold the order of a service, so that nobody else gives or carries out one.

        Raises: RequestInvalid if somebody does.
        """
        handle = self.take(service_id)
        try:
            yield
        finally:
            os.close(handle)

    def take(self, service_id: str) -> int:
        """As `held`, until the file descriptor that comes back is closed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path(service_id, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock(handle):
            os.close(handle)
            raise OpenEOError("RequestInvalid", reason="tiles of this service are being made already")
        with suppress(OSError):
            self._path(service_id, "stop").unlink()
        return handle

    def ask_to_stop(self, service_id: str) -> None:
        """Whoever works at an order of the service will stop soon."""
        if self._is_locked(service_id):
            self._path(service_id, "stop").touch()

    def asked_to_stop(self, service_id: str) -> bool:
        """Whether somebody has asked."""
        return self._path(service_id, "stop").exists()

    def forget(self, service_id: str) -> None:
        """Stop, and remove what is known."""
        self.ask_to_stop(service_id)
        with suppress(OSError):
            self._path(service_id, "json").unlink()

    def _is_locked(self, service_id: str) -> bool:
        try:
            handle = os.open(self._path(service_id, "lock"), os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _got(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def _path(self, service_id: str, ending: str) -> Path:
        """Ids are those of stored services."""
        return self._folder / f"{service_id}.{ending}"


def _lock(handle: int) -> bool:
    """Whether nobody else works at the order. Those who only look at it share the lock for a moment."""
    while not _got(handle, fcntl.LOCK_EX):
        if not _got(handle, fcntl.LOCK_SH):
            return False
        fcntl.flock(handle, fcntl.LOCK_UN)
    return True


def _got(handle: int, lock: int) -> bool:
    try:
        fcntl.flock(handle, lock | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
