"""Instants and intervals as OGC APIs write them (RFC 3339, `start/end`, `..` for an open end)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_PERIOD = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Interval:
    """Instants with start <= t < end; None is an open end."""

    start: datetime | None = None
    end: datetime | None = None

    def __contains__(self, instant: datetime) -> bool:
        return (self.start is None or self.start <= instant) and (self.end is None or instant < self.end)


def instant_of(text: str) -> datetime:
    """The instant (UTC) that a text names, or the first one of the year, month or day that it names.

    Raises: ValueError.
    """
    period = _PERIOD.match(text)
    if period:
        year, month, day = period.groups()
        return datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def interval_of(text: str) -> Interval:
    """The interval that a `datetime` parameter names; both its ends belong to it, a day, month or year as a whole.

    Raises: ValueError.
    """
    if "/" not in text:
        return Interval(instant_of(text), _after(text))
    first, last = text.split("/", 1)
    start = None if first in ("", "..") else instant_of(first)
    end = None if last in ("", "..") else _after(last)
    if start is not None and end is not None and end <= start:
        raise ValueError("The end of an interval must not lie before its start.")
    return Interval(start, end)


def _after(text: str) -> datetime:
    """The first instant after what a text names."""
    start = instant_of(text)
    period = _PERIOD.match(text)
    if not period:
        return start + _TICK
    if period[3]:
        return start + timedelta(days=1)
    months = 1 if period[2] else 12
    index = start.month - 1 + months
    return start.replace(year=start.year + index // 12, month=index % 12 + 1)


def rfc3339(instant: datetime) -> str:
    """An instant in UTC as text, with fractions of a second only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
