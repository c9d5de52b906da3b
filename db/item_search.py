"""The search for items by place and time: GiST on PostgreSQL, the R*Tree on SQLite, the same answer from both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, column, func, or_, select, table

from db.footprint import Box, parts_of, region_of
from db.models import ItemRow

_BOUNDS = table("item_bounds", *(column(name) for name in ("key", "west", "east", "south", "north")))


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """What is looked for in a collection: items that meet a box and have a moment in start <= t < end."""

    collection_id: str
    bbox: Box | None = None
    start: datetime | None = None
    end: datetime | None = None

    def ordered(self, is_sqlite: bool) -> Select[dict[str, Any]]:
        """The documents by datetime (those without first), then id by code point."""
        query = self._narrow(select(ItemRow.document), is_sqlite)
        id_order = ItemRow.id.collate("BINARY" if is_sqlite else "C")
        return query.order_by(ItemRow.datetime.nulls_first(), id_order)

    def count(self, is_sqlite: bool) -> Select[int]:
        """How many there are."""
        return self._narrow(select(func.count(ItemRow.key)), is_sqlite)

    def _narrow[Q: Select[Any]](self, query: Q, is_sqlite: bool) -> Q:
        query = query.where(ItemRow.collection_id == self.collection_id)
        if self.start is not None:
            query = query.where(ItemRow.end_datetime >= self.start)
        if self.end is not None:
            query = query.where(ItemRow.datetime < self.end)
        if self.bbox is not None:
            meets = _meets_on_sqlite if is_sqlite else _meets_on_postgis
            query = query.where(or_(*(meets(part) for part in parts_of(self.bbox))))
        return query


def _meets_on_postgis(box: Box) -> ColumnElement[bool]:
    return func.ST_Intersects(ItemRow.footprint, func.ST_GeomFromWKB(region_of(box), 4326))


def _meets_on_sqlite(box: Box) -> ColumnElement[bool]:
    west, south, east, north = box
    bounds = _BOUNDS.c
    near = select(bounds.key).where(
        bounds.west <= east, bounds.east >= west, bounds.south <= north, bounds.north >= south
    )
    return and_(ItemRow.key.in_(near), func.footprint_meets(ItemRow.footprint, *box))
