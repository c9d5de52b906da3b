"""Column types that hide the difference between PostgreSQL with PostGIS and SQLite."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import geoalchemy2
from sqlalchemy import JSON, DateTime, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: aware in Python, `timestamptz` on PostgreSQL, naive text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; SQLite gets them in UTC, so that their order as text is their order in time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone can't be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text of any length.

    NUL, which PostgreSQL can't hold, and lone surrogates become U+FFFD: an id that holds them matches nothing.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text as every database can take it."""
        if value is None or (value.isascii() and "\x00" not in value):
            return value
        return value.replace("\x00", "\ufffd").encode(errors="surrogatepass").decode(errors="replace")


def json_type() -> TypeEngine[Any]:
    """JSON: `jsonb` on PostgreSQL, text on SQLite. None is SQL's NULL."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def footprint_type() -> TypeEngine[Any]:
    """A geometry in EPSG:4326, given as WKB bytes: PostGIS `geometry` there, a blob on SQLite.

    On SQLite the R*Tree `item_bounds`, kept by triggers, does the search; see the first migration.
    """
    geometry = geoalchemy2.Geometry("GEOMETRY", srid=4326, spatial_index=False, from_text="ST_GeomFromWKB")
    return LargeBinary().with_variant(geometry, "postgresql")
