"""The log of one synchronous request: collected while it runs, stored when it ends."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from db.result_logs import ResultLogStore
from db.session import DatabaseError
from openeo_plugin.api.links import API_MOUNT
from openeo_plugin.api.requests import LOG_LEVELS
from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError

log = logging.getLogger(__name__)

KEPT = timedelta(days=7)


class RequestLog:
    """Entries at least as severe as `level`."""

    def __init__(self, request_id: str, level: str) -> None:
        self.request_id = request_id
        self._level = LOG_LEVELS.index(level)
        self.entries: list[dict[str, Any]] = []

    def add(self, level: str, message: str, **fields: Any) -> None:
        """An entry; fields are those of the API's log entries."""
        if LOG_LEVELS.index(level) <= self._level:
            time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            entry = {"id": str(len(self.entries) + 1), "level": level, "message": message, "time": time}
            self.entries.append({**entry, **fields})

    def add_error(self, error: Exception) -> None:
        """Why the request failed, with the node at fault; what is unexpected is not told."""
        if not isinstance(error, OpenEOError):
            self.add("error", "The server met an unexpected condition.", code="Internal")
            return
        path = [{"node_id": node} for node in error.node.split("/")] if error.node else []
        self.add("error", error.message, code=error.code, **({"path": path} if path else {}))

    def headers(self, backend: Backend) -> dict[str, str]:
        """What names the request and its log in the answer."""
        href = f"{backend.settings.public_base}{API_MOUNT}/result/{self.request_id}/logs"
        return {"OpenEO-Identifier": self.request_id, "Link": f'<{href}>; rel="monitor"'}

    def store(self, backend: Backend, user: str) -> None:
        """Keep the entries. A result is not lost because its log is."""
        try:
            ResultLogStore(backend.database).put(self.request_id, user, self.entries)
        except DatabaseError:
            log.warning("The log of the request %s could not be stored", self.request_id, exc_info=True)


def forget_old_logs(backend: Backend) -> None:
    """Remove the logs that are older than `KEPT`."""
    ResultLogStore(backend.database).delete_before(datetime.now(UTC) - KEPT)
