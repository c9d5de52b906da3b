"""Secondary web services."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from db.collections import SUBJECT as COLLECTIONS
from db.logs import read_entries, severity_of, write_entry
from db.models import ServiceLogRow, ServiceRow
from db.paging import LastShown, newest_first
from db.service_use import ServiceUse, add_use, use_of
from db.session import Clock, Database, utc_now
from openeo_plugin.errors import OpenEOError

# Asked with every request for a picture: as text it takes half the time that a composed statement does.
_STATE = text(
    "SELECT services.version, (SELECT value FROM revisions WHERE subject = :subject) FROM services WHERE id = :id"
)
EDITABLE = frozenset(
    {"type", "title", "description", "process", "configuration", "enabled", "plan", "budget", "attributes"}
)


@dataclass(frozen=True, slots=True)
class Service:
    """A secondary web service. `version` grows with every change."""

    id: str
    owner: str
    type: str
    title: str | None
    description: str | None
    process: dict[str, Any]
    configuration: dict[str, Any]
    enabled: bool
    plan: str | None
    budget: float | None
    created: datetime
    attributes: dict[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What tells whether a service kept in memory is still the one that is stored.

    Args:
        version: of the service.
        revision: of the catalogue of collections.
    """

    version: int
    revision: int


type Entries = list[dict[str, Any]]
type Services = list[Service]


class ServiceStore:
    """The services of all users. A service of another user is as good as none."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def create(
        self,
        owner: str,
        type: str,
        process: dict[str, Any],
        *,
        title: str | None = None,
        description: str | None = None,
        configuration: dict[str, Any] | None = None,
        enabled: bool = True,
        plan: str | None = None,
        budget: float | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> Service:
        """Store a new service."""
        row = ServiceRow(
            id=secrets.token_hex(16), owner=owner, type=type, title=title, description=description, process=process,
            configuration=configuration or {}, enabled=enabled, plan=plan, budget=budget, created=self._clock(),
            attributes=attributes or {}, version=1,
        )  # fmt: skip
        with self._database.session() as session:
            session.add(row)
            session.flush()
            return _service_of(row)

    def get(self, id: str, owner: str) -> Service:
        """A service of a user. Raises: ServiceNotFound."""
        with self._database.reading() as session:
            return _service_of(_owned(session, id, owner))

    def find(self, id: str) -> Service:
        """A service, whoever owns it. Raises: ServiceNotFound."""
        with self._database.reading() as session:
            return _service_of(_owned(session, id, None))

    def state(self, id: str) -> ServiceState:
        """The state of a service, whoever owns it; one read of two rows. Raises: ServiceNotFound."""
        with self._database.engine.connect() as connection:
            found = connection.execute(_STATE, {"id": id, "subject": COLLECTIONS}).first()
        if found is None:
            raise OpenEOError("ServiceNotFound", identifier=id)
        return ServiceState(found[0], found[1] or 0)

    def update(self, id: str, owner: str, /, **changes: Any) -> Service:
        """Change `EDITABLE` properties. Raises: ServiceNotFound, PropertyNotEditable."""
        for name in changes.keys() - EDITABLE:
            raise OpenEOError("PropertyNotEditable", property=name)
        with self._database.session() as session:
            row = _owned(session, id, owner, lock=True)
            for name, value in changes.items():
                setattr(row, name, value)
            row.version += 1
            return _service_of(row)

    def delete(self, id: str, owner: str) -> None:
        """Remove a service with its log. Raises: ServiceNotFound."""
        with self._database.session() as session:
            session.delete(_owned(session, id, owner, lock=True))

    def log(self, id: str, level: str, message: str, **fields: Any) -> bool:
        """Add an entry to a service's log, unless the service asks for more severe ones only.

        `fields`: `code`, `data`, `path`, `links`. Returns: False if the service is gone.
        """
        with self._database.session() as session:
            row = session.get(ServiceRow, id, with_for_update=True)
            if row is None:
                return False
            if severity_of(level) > severity_of(row.attributes.get("log_level") or "info"):
                return True
            write_entry(session, ServiceLogRow, id, level, message, self._clock(), fields)
            return True

    def logs(self, id: str, offset: str | None = None, level: str | None = None, limit: int | None = None) -> Entries:
        """Log entries after the one with the id `offset`, at least as severe as `level`. Raises: RequestInvalid."""
        with self._database.reading() as session:
            return read_entries(session, ServiceLogRow, id, offset, level, limit)

    def add_use(self, id: str, use: ServiceUse) -> bool:
        """Count what a service was used. Returns: False if the service is gone."""
        with self._database.session() as session:
            return add_use(session, id, use)

    def use(self, id: str) -> ServiceUse:
        """What a service was used since it was created."""
        with self._database.reading() as session:
            return use_of(session, id)

    def list(self, owner: str, limit: int | None = None, after: LastShown | None = None) -> Services:
        """The services of a user, newest first: those behind the one with `created` and `id` as in `after`."""
        query = newest_first(select(ServiceRow).where(ServiceRow.owner == owner), ServiceRow, after, limit)
        with self._database.reading() as session:
            return [_service_of(row) for row in session.scalars(query)]


def _owned(session: Session, id: str, owner: str | None, *, lock: bool = False) -> ServiceRow:
    row = session.get(ServiceRow, id, with_for_update=lock or None)
    if row is None or (owner is not None and row.owner != owner):
        raise OpenEOError("ServiceNotFound", identifier=id)
    return row


def _service_of(row: ServiceRow) -> Service:
    return Service(**{field.name: getattr(row, field.name) for field in fields(Service)})
