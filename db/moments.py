"""RFC 3339 texts and the moments they mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

EVER = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)  # what an open end is stored and looked for as


def moment(text: str | None) -> datetime | None:
    """The moment a date or date-time means; UTC where no zone is given. Raises: ValueError."""
    if text is None:
        return None
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def text_of(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`, to the millisecond."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def interval_of(item: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """First and last moment of a STAC item: its `datetime` twice, else its range."""
    properties = item.get("properties") or {}
    at = moment(properties.get("datetime"))
    if at is not None:
        return at, at
    first, last = moment(properties.get("start_datetime")), moment(properties.get("end_datetime"))
    return first or last, last or first
