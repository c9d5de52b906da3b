"""Pages of lists by the key of the last entry that was shown: the index finds any page as fast as the first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_

type LastShown = tuple[datetime, str]


def newest_first[T](query: Select[T], row: Any, after: LastShown | None, limit: int | None) -> Select[T]:
    """A list ordered by `created`, then `id`, both descending.

    Args:
        query: the list, of one owner: the index begins with that.
        row: the class with the columns.
        after: `created` and `id` of the last entry before the page.
        limit: at most so many.
    """
    if after is not None:
        created, id = after
        query = query.where(row.created <= created, or_(row.created < created, row.id < id))
    return query.order_by(row.created.desc(), row.id.desc()).limit(limit)
