"""The newest revision, known without loading Alembic: every job's process asks for it."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

NEWEST = "0005"


def is_newest(connection: Connection) -> bool:
    """Whether the tables are of the newest revision."""
    return _revisions(connection) == {NEWEST}


def newer_revision(connection: Connection) -> str | None:
    """The revision of the tables, if it came after the newest that is known here: revisions are counted."""
    return max((found for found in _revisions(connection) if found > NEWEST), default=None)


def _revisions(connection: Connection) -> set[str]:
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))
