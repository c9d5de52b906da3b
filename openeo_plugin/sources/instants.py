"""Times of items, in one spelling: RFC 3339 in UTC, `2022-06-12T10:16:00Z`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def instant(text: object) -> str | None:
    """An instant in the one spelling; without an offset it is UTC; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        return None


def item_times(properties: Mapping[str, Any]) -> dict[str, str] | None:
    """`datetime`, and for a period also `start_datetime` and `end_datetime`.

    An item with a period only gets its start as `datetime`: this is its label in the temporal dimension.

    Returns: None if there is no valid time.
    """
    start, end = instant(properties.get("start_datetime")), instant(properties.get("end_datetime"))
    moment = instant(properties.get("datetime")) or start or end
    if moment is None:
        return None
    if start is None and end is None:
        return {"datetime": moment}
    return {"datetime": moment, "start_datetime": start or moment, "end_datetime": end or moment}
