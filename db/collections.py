"""The catalogue: STAC collections and their items, whether sources of data or results of jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, delete, insert, select, union_all
from sqlalchemy.orm import Session

from db import revisions
from db.filters.expression import Condition
from db.footprint import Box, footprint_of
from db.item_search import ITEMS, After, ItemSearch, SortKey, count_of, items_of
from db.models import CollectionRow, ItemRow, RecordRow
from db.moments import interval_of, moment
from db.queryables import described, queryables_of
from db.records import record_row
from db.session import Clock, Database, affected, utc_now
from openeo_plugin.errors import OpenEOError, suggest

type Documents = list[dict[str, Any]]
Kind = Literal["source", "result"]
SUBJECT = "collections"
_NO_FOOTPRINT = {"wkb": None, "west": None, "south": None, "east": None, "north": None}


@dataclass(frozen=True, slots=True)
class StoredCollection:
    """A STAC collection with its items, ready to be stored. Raises: ValueError, if an item can't be."""

    document: dict[str, Any]
    items: Sequence[dict[str, Any]]
    rows: Sequence[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        rows = [_item_row(self.document["id"], item) for item in self.items]
        _check_distinct([row["id"] for row in rows])
        object.__setattr__(self, "rows", rows)


class CollectionStore:
    """Collections with their items. Without an owner they are public; owned ones are seen by the owner only."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def put(
        self,
        document: dict[str, Any],
        items: Iterable[dict[str, Any]],
        *,
        owner: str | None = None,
        kind: Kind = "source",
        job_id: str | None = None,
    ) -> None:
        """Store a collection with its items; what was there under its id is replaced, in one transaction.

        Args:
            document: STAC collection with `id`.
            items: STAC items; their ids differ. A footprint comes from `geometry`, else from `bbox`.
            owner: who alone may see it; None for all.
            kind: what it is.
            job_id: the job it came from; it goes when the job is deleted.
        Raises: ValueError, if the id belongs to another owner or an item can't be stored.
        """
        collection = StoredCollection(document, [*items])
        with self._database.session() as session:
            store_collection(session, collection, owner=owner, kind=kind, job_id=job_id, now=self._clock())

    def get(self, id: str, user: str | None) -> dict[str, Any]:
        """The document of a collection. Raises: CollectionNotFound, also if it is another user's."""
        with self._database.reading() as session:
            document = session.scalar(visible(select(CollectionRow.document), user).where(CollectionRow.id == id))
            if document is None:
                known = [
                    *session.scalars(visible(select(CollectionRow.id), user).where(CollectionRow.kind == "source"))
                ]
        if document is None:
            raise OpenEOError("CollectionNotFound", identifier=id, suggestion=suggest(id, known))
        return document

    def list(self, user: str | None, *, kind: Kind | None = None) -> Documents:
        """The documents of all collections that the user sees, by id."""
        query = visible(select(CollectionRow.document), user).order_by(CollectionRow.id)
        if kind is not None:
            query = query.where(CollectionRow.kind == kind)
        with self._database.reading() as session:
            return [*session.scalars(query)]

    def page(self, user: str | None, *, after: str | None = None, limit: int | None = None) -> Documents:
        """The documents of the collections that the user sees, by id: those behind the id `after`, at most `limit`."""
        parts = []
        for owner in {None, user}:  # apart, since the index by owner has each in this order
            part = select(CollectionRow.id, CollectionRow.document).where(CollectionRow.owner == owner)
            part = part if after is None else part.where(CollectionRow.id > after)
            parts.append(part.order_by(CollectionRow.id).limit(limit).subquery().select())
        found = union_all(*parts).subquery()
        query = select(found.c.document).order_by(found.c.id).limit(limit)
        with self._database.reading() as session:
            return [*session.scalars(query)]

    def queryables(self, id: str, user: str | None) -> dict[str, Any]:
        """JSON Schema of each property that items of a collection have, by name. Raises: CollectionNotFound."""
        document = self.get(id, user)
        with self._database.reading() as session:
            found = session.scalar(select(CollectionRow.queryables).where(CollectionRow.id == id))
            if found is None:  # stored by an earlier version
                found = queryables_of(session.scalars(items_of(id)))
        return described(found, document)

    def items(
        self,
        id: str,
        *,
        bbox: Box | None = None,
        start: str | None = None,
        end: str | None = None,
        condition: Condition | None = None,
        sort: tuple[SortKey, ...] = (),
        after: After | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Documents:
        """Items of a collection by datetime, then id. Whether the user may see the collection is `get`'s to say.

        Args:
            id: of the collection.
            bbox: west, south, east, north in degrees; west > east crosses the antimeridian. Touching counts.
            start: RFC 3339; items before it are left out.
            end: RFC 3339; items at it or after it are left out. An item with a range is in if the ranges overlap.
            condition: a filter; see `db.filters`.
            sort: properties to sort by first, each with whether it is descending.
            after: the last item of the page before; cheaper than an offset.
            limit: at most so many; None for all.
            offset: how many to leave out at the start.
        """
        search = ItemSearch(bbox, moment(start), moment(end), condition, sort, after)
        query = search.ordered(items_of(id), ITEMS, self._database.is_sqlite)
        with self._database.reading() as session:
            return [*session.scalars(query.limit(limit).offset(offset))]

    def count_items(
        self,
        id: str,
        *,
        bbox: Box | None = None,
        start: str | None = None,
        end: str | None = None,
        condition: Condition | None = None,
    ) -> int:
        """How many items `items` would give without a limit."""
        search = ItemSearch(bbox, moment(start), moment(end), condition)
        with self._database.reading() as session:
            return session.scalar(search.narrowed(count_of(id), ITEMS, self._database.is_sqlite)) or 0

    def item(self, collection_id: str, item_id: str) -> dict[str, Any]:
        """One item. Raises: NotFound."""
        query = select(ItemRow.document).where(ItemRow.collection_id == collection_id, ItemRow.id == item_id)
        with self._database.reading() as session:
            document = session.scalar(query)
        if document is None:
            raise OpenEOError("NotFound", message=f"The collection '{collection_id}' has no item '{item_id}'.")
        return document

    def delete(self, id: str) -> None:
        """Remove a collection and its items. Raises: CollectionNotFound."""
        with self._database.session() as session:
            if not affected(session, delete(CollectionRow).where(CollectionRow.id == id)):
                raise OpenEOError("CollectionNotFound", identifier=id)
            revisions.advance(session, SUBJECT)

    def revision(self) -> int:
        """A number that grows with every change of any collection; one read of one row."""
        with self._database.reading() as session:
            return revisions.current(session, SUBJECT)

    def changed(self, ids: Iterable[str]) -> dict[str, str]:
        """When each of some collections was last stored, as text; those that there are not are left out."""
        query = select(CollectionRow.id, CollectionRow.updated).where(CollectionRow.id.in_([*ids]))
        with self._database.reading() as session:
            return {id: updated.isoformat() for id, updated in session.execute(query)}


def store_collection(
    session: Session, collection: StoredCollection, *, owner: str | None, kind: Kind, job_id: str | None, now: datetime
) -> None:
    """Put a collection in the place of what has its id, in the transaction given; arguments as of `put`."""
    id = collection.document["id"]
    found = session.get(CollectionRow, id, with_for_update=True)
    if found is not None and (found.owner, found.kind) != (owner, kind):
        raise ValueError(f"there is already a collection '{id}' of another owner or kind")
    row = found or CollectionRow(id=id, owner=owner, kind=kind)
    row.document, row.job_id, row.updated = collection.document, job_id, now
    row.queryables = queryables_of(collection.items)
    session.add(row)
    session.execute(delete(ItemRow).where(ItemRow.collection_id == id))
    session.execute(delete(RecordRow).where(RecordRow.collection_id == id))
    session.flush()
    session.execute(insert(RecordRow), [record_row(collection.document, collection.items, kind, now)])
    if collection.rows:
        session.execute(insert(ItemRow), collection.rows)
    revisions.advance(session, SUBJECT)


def visible[T](query: Select[T], user: str | None) -> Select[T]:
    """The query for the collections that a user may see."""
    if user is None:
        return query.where(CollectionRow.owner.is_(None))
    return query.where(CollectionRow.owner.is_(None) | (CollectionRow.owner == user))


def _check_distinct(ids: Sequence[str]) -> None:
    twice = sorted(id for id, count in Counter(ids).items() if count > 1)
    if twice:
        raise ValueError(f"several items have the same id: {', '.join(twice[:5])}")


def _item_row(collection_id: str, item: dict[str, Any]) -> dict[str, Any]:
    footprint = footprint_of(item)
    place = asdict(footprint) if footprint else dict(_NO_FOOTPRINT)
    first, last = interval_of(item)
    return {
        "collection_id": collection_id,
        "id": item["id"],
        "datetime": first,
        "end_datetime": last,
        "footprint": place.pop("wkb"),
        "document": item,
        **place,
    }
