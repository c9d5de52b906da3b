"""The catalogue of records: one for each collection that a user may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, false, func, select

from db.collections import visible
from db.filters.expression import Condition
from db.footprint import Box
from db.item_search import RECORDS, ItemSearch, SortKey
from db.models import CollectionRow, RecordRow
from db.moments import moment
from db.session import Database

type Documents = list[dict[str, Any]]


class RecordStore:
    """Records of collections; they come and go with them. Those of another user are as good as none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self,
        user: str | None,
        *,
        ids: Sequence[str] | None = None,
        bbox: Box | None = None,
        start: str | None = None,
        end: str | None = None,
        condition: Condition | None = None,
        sort: tuple[SortKey, ...] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[Documents, int]:
        """Records by the begin of their time, then id, and how many there are without `limit` and `offset`.

        Arguments as of `CollectionStore.items`; `ids`: one of these.
        """
        search = ItemSearch(bbox, moment(start), moment(end), condition, sort)
        is_sqlite = self._database.is_sqlite
        with self._database.reading() as session:
            count = search.narrowed(_of(select(func.count(RecordRow.key)), user, ids), RECORDS, is_sqlite)
            query = search.ordered(_of(select(RecordRow.document), user, ids), RECORDS, is_sqlite)
            return [*session.scalars(query.limit(limit).offset(offset))], session.scalar(count) or 0

    def get(self, id: str, user: str | None) -> dict[str, Any] | None:
        """One record."""
        with self._database.reading() as session:
            return session.scalar(_of(select(RecordRow.document), user, [id]))


def _of[T](query: Select[T], user: str | None, ids: Sequence[str] | None) -> Select[T]:
    query = visible(query.join(CollectionRow, CollectionRow.id == RecordRow.collection_id), user)
    if ids is None:
        return query
    return query.where(RecordRow.collection_id.in_(ids) if ids else false())
