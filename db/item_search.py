"""The search for items by place, time and property: the same answer from both databases.

Places are found through GiST on PostgreSQL and the R*Tree on SQLite. Pages are cut by the key of their last item, so
that the thousandth is as near as the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from db.filters.expression import Condition
from db.filters.sql import ConditionSql, SearchedColumns
from db.footprint import Box, parts_of, region_of
from db.models import ItemRow, RecordRow

type SortKey = tuple[str, bool]

ITEMS = SearchedColumns(ItemRow, ItemRow.id, "item_bounds")
RECORDS = SearchedColumns(RecordRow, RecordRow.collection_id, "record_bounds")


@dataclass(frozen=True, slots=True)
class After:
    """The last item of a page: its datetime, None if it has none, and its id."""

    datetime: datetime | None
    id: str


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """What is looked for.

    Args:
        bbox: west, south, east, north in degrees that an item meets; west > east crosses the antimeridian.
        start: items that end before it are left out.
        end: items that begin at it or after it are left out.
        condition: what else must be true of an item.
        sort: names of properties, each with whether it is descending; before datetime and id.
        after: what comes behind this item in the order of datetime and id; not together with `sort`.
    """

    bbox: Box | None = None
    start: datetime | None = None
    end: datetime | None = None
    condition: Condition | None = None
    sort: tuple[SortKey, ...] = ()
    after: After | None = field(default=None)

    def ordered[T](self, query: Select[T], columns: SearchedColumns, is_sqlite: bool) -> Select[T]:
        """The query narrowed and ordered: by datetime (those without first), then id by code point."""
        row, id = columns.row, columns.id.collate("BINARY" if is_sqlite else "C")
        query = self.narrowed(query, columns, is_sqlite)
        if self.after is not None:
            query = query.where(_behind(self.after, row.datetime, id))
        sql = ConditionSql(columns, is_sqlite)
        keys = [key for name, descending in self.sort for key in sql.order(name, descending)]
        return query.order_by(*keys, row.datetime.nulls_first(), id)

    def narrowed[T](self, query: Select[T], columns: SearchedColumns, is_sqlite: bool) -> Select[T]:
        """The query for what is looked for, in no order."""
        row = columns.row
        if self.start is not None:
            query = query.where(row.end_datetime >= self.start)
        if self.end is not None:
            query = query.where(row.datetime < self.end)
        if self.bbox is not None:
            query = query.where(or_(*(_meets(part, columns, is_sqlite) for part in parts_of(self.bbox))))
        if self.condition is not None:
            query = query.where(ConditionSql(columns, is_sqlite).of(self.condition))
        return query


def items_of(collection_id: str) -> Select[dict[str, Any]]:
    """The documents of a collection's items."""
    return select(ItemRow.document).where(ItemRow.collection_id == collection_id)


def count_of(collection_id: str) -> Select[int]:
    """How many items a collection has."""
    return select(func.count(ItemRow.key)).where(ItemRow.collection_id == collection_id)


def _behind(after: After, moment: Any, id: Any) -> ColumnElement[bool]:
    if after.datetime is None:
        return or_(moment.is_not(None), id > after.id)
    return and_(moment >= after.datetime, or_(moment > after.datetime, id > after.id))


def _meets(box: Box, columns: SearchedColumns, is_sqlite: bool) -> ColumnElement[bool]:
    footprint = columns.row.footprint
    if not is_sqlite:
        return func.ST_Intersects(footprint, func.ST_GeomFromWKB(region_of(box), 4326))
    return and_(columns.near(*box), func.footprint_meets(footprint, *box))
