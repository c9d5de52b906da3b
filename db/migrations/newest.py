"""The newest revision, known without loading Alembic: every job's process asks for it."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

NEWEST = "0005"


def is_newest(connection: Connection) -> bool:
    """Whether the tables are of the newest revision."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return set(connection.scalars(text("SELECT version_num FROM alembic_version"))) == {NEWEST}
