"""User-defined processes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from db.models import ProcessRow
from db.session import Clock, Database, affected, utc_now
from openeo_plugin.errors import OpenEOError

type Definitions = list[dict[str, Any]]


class ProcessStore:
    """The processes that users have defined, each known to its owner under its id."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def put(self, owner: str, id: str, definition: dict[str, Any]) -> None:
        """Store a process under `id`, whatever id the definition itself gives; what was there is replaced."""
        row = ProcessRow(owner=owner, id=id, definition={**definition, "id": id}, updated=self._clock())
        with self._database.session() as session:
            session.merge(row)

    def get(self, owner: str, id: str) -> dict[str, Any]:
        """The definition. Raises: ProcessGraphNotFound."""
        with self._database.reading() as session:
            row = session.get(ProcessRow, (owner, id))
        if row is None:
            raise OpenEOError("ProcessGraphNotFound", identifier=id)
        return row.definition

    def get_public(self, owner: str, id: str) -> dict[str, Any]:
        """The definition, if its owner has made it public. Raises: ProcessGraphNotFound."""
        definition = self.get(owner, id)
        if definition.get("public") is not True:
            raise OpenEOError("ProcessGraphNotFound", identifier=id)
        return definition

    def list_public(self, owner: str) -> Definitions:
        """The processes that a user has made public, by id."""
        return [definition for definition in self.list(owner) if definition.get("public") is True]

    def delete(self, owner: str, id: str) -> None:
        """Remove a process. Raises: ProcessGraphNotFound."""
        with self._database.session() as session:
            if not affected(session, delete(ProcessRow).where(ProcessRow.owner == owner, ProcessRow.id == id)):
                raise OpenEOError("ProcessGraphNotFound", identifier=id)

    def list(self, owner: str, limit: int | None = None, after: str | None = None) -> Definitions:
        """The processes of a user, by id: those behind the id `after`."""
        query = select(ProcessRow.definition).where(ProcessRow.owner == owner).order_by(ProcessRow.id).limit(limit)
        query = query if after is None else query.where(ProcessRow.id > after)
        with self._database.reading() as session:
            return [*session.scalars(query)]
