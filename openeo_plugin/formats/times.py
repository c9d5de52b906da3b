"""Which time a temporal label stands for: an instant, or a period such as a month.

Period labels are those of aggregate_temporal_period. Two digits after the year may be a month, a week or a dekad: they
are read as months only if no label of the dimension forbids it, else as their year.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from openeo_plugin.cube.dimensions import Label

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
# month of the first day, number of months; seasons that begin in December and November belong to the year of their end
_SEASONS = {"djf": (12, 3), "mam": (3, 3), "jja": (6, 3), "son": (9, 3), "ndjfma": (11, 6), "mjjaso": (5, 6)}


@dataclass(frozen=True)
class Span:
    """An instant (`datetime` only), a period (start <= t < end), or nothing known. RFC 3339, UTC."""

    datetime: str | None = None
    start: str | None = None
    end: str | None = None


def instant(label: Label) -> datetime | None:
    """The instant (UTC) of an RFC 3339 date or date-time, or None for any other label."""
    if not isinstance(label, str) or not re.match(r"^\d{4}-\d\d-\d\d($|[Tt ])", label):
        return None
    try:
        found = datetime.fromisoformat(label.replace("z", "Z"))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def span_of_labels(labels: Sequence[Label], siblings: Sequence[Label]) -> Span:
    """The time that some labels cover together.

    Args:
        labels: of the temporal dimensions of one file.
        siblings: all labels of these dimensions, by which ambiguous ones are told apart.
    """
    if len(labels) == 1 and (only := instant(labels[0])) is not None:
        return Span(datetime=rfc3339(only))
    months = not any(_is_no_month(str(label)) for label in siblings)
    periods = [period for label in labels if (period := _period(label, months)) is not None]
    if not periods:
        return Span()
    start, end = min(p[0] for p in periods), max(p[1] for p in periods)
    return Span(datetime=rfc3339(start)) if start == end else Span(start=rfc3339(start), end=rfc3339(end))


def since_epoch(labels: Sequence[Label]) -> tuple[str, list[int]] | None:
    """CF units and whole numbers in the coarsest unit that is exact; None if a label is no instant."""
    moments = [instant(label) for label in labels]
    if not moments or any(moment is None for moment in moments):
        return None
    passed = [(moment - _EPOCH) // timedelta(microseconds=1) for moment in moments if moment is not None]
    for unit, size in (("days", 86_400_000_000), ("seconds", 1_000_000), ("microseconds", 1)):
        if all(value % size == 0 for value in passed):
            return f"{unit} since 1970-01-01T00:00:00Z", [value // size for value in passed]
    return None


def rfc3339(moment: datetime) -> str:
    """`2022-06-12T10:00:31Z`; with a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_no_month(label: str) -> bool:
    match = re.fullmatch(r"\d{4}-(\d\d)", label)
    return match is not None and not 1 <= int(match[1]) <= 12


def _period(label: Label, months: bool) -> tuple[datetime, datetime] | None:
    moment = instant(label)
    if moment is not None:
        return moment, moment
    match = re.fullmatch(r"(\d{4})(?:-(.+))?", str(label))
    if match is None or not 1 <= (year := int(match[1])) <= 9998:
        return None
    rest = match[2]
    if rest is None:
        return _months(year, 1, 12)
    if rest in _SEASONS:
        month, count = _SEASONS[rest]
        return _months(year - (month > 10), month, count)
    if re.fullmatch(r"\d{3}", rest) and 1 <= int(rest) <= 366:
        day = datetime(year, 1, 1, tzinfo=UTC) + (int(rest) - 1) * _DAY
        return day, day + _DAY
    if re.fullmatch(r"\d\d-\d\d-\d\d", rest):
        return _hour(year, rest)
    if re.fullmatch(r"\d\d", rest):
        return _months(year, int(rest), 1) if months else _months(year, 1, 12)
    return None


def _hour(year: int, rest: str) -> tuple[datetime, datetime] | None:
    month, day, hour = (int(part) for part in rest.split("-"))
    try:
        start = datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None
    return start, start + timedelta(hours=1)


def _months(year: int, month: int, count: int) -> tuple[datetime, datetime]:
    last = month - 1 + count
    return datetime(year, month, 1, tzinfo=UTC), datetime(year + last // 12, last % 12 + 1, 1, tzinfo=UTC)
