"""Logs of synchronous requests: written once when the request ends, read by its user, gone after a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete

from db.models import ResultLogRow
from db.session import Clock, Database, affected, utc_now
from openeo_plugin.errors import OpenEOError

type Entries = list[dict[str, Any]]


class ResultLogStore:
    """The logs of all users. A log of another user is as good as none."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def put(self, id: str, owner: str, entries: Entries) -> None:
        """Store the log of the request `id`; entries as the API shows them."""
        row = ResultLogRow(id=id, owner=owner, created=self._clock(), entries={"logs": entries})
        with self._database.session() as session:
            session.add(row)

    def get(self, id: str, owner: str) -> Entries:
        """The log of a request. Raises: NotFound."""
        with self._database.reading() as session:
            row = session.get(ResultLogRow, id)
        if row is None or row.owner != owner:
            raise OpenEOError("NotFound", message=f"There is no log of a request '{id}'.")
        logs: Entries = row.entries["logs"]
        return logs

    def delete_before(self, moment: datetime) -> int:
        """Remove what was written before `moment`; how many logs that were."""
        with self._database.session() as session:
            return affected(session, delete(ResultLogRow).where(ResultLogRow.created < moment))
