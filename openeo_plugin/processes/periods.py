"""Calendar periods: which period an instant falls into, and how its label reads.

A period is an integer that counts on, so that the periods between the first and the last one can be listed, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from openeo_plugin.cube.instants import Instant, parse_instant
from openeo_plugin.processes.lanes import refuse_large

_EPOCH = date(1970, 1, 1)
_WEEK_EPOCH = date(1969, 12, 29)  # a Monday


@dataclass(frozen=True)
class Period:
    """A kind of period: number of an instant's period, and label of a number."""

    number: Callable[[datetime], int]
    label: Callable[[int], str]


def _month(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _dekad(moment: datetime) -> int:
    return _month(moment) * 3 + min((moment.day - 1) // 10, 2)


def _season(moment: datetime) -> int:
    return (_month(moment) + 1) // 3  # December opens the season of its own year


def _hour_label(hours: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    return f"{moment.date().isoformat()}-{moment.hour:02d}"


def _day_label(days: int) -> str:
    day = _EPOCH + timedelta(days=days)
    return f"{day.year:04d}-{day.timetuple().tm_yday:03d}"


def _week_label(weeks: int) -> str:
    year, week, _ = (_WEEK_EPOCH + timedelta(weeks=weeks)).isocalendar()
    return f"{year:04d}-{week:02d}"


def _season_label(season: int) -> str:
    year, part = divmod(season * 3 - 1, 12)
    return f"{year:04d}-{ {11: 'djf', 2: 'mam', 5: 'jja', 8: 'son'}[part] }"


def _tropical(moment: datetime) -> int:
    return (_month(moment) + 2) // 6  # November opens the season of its own year


def _tropical_label(season: int) -> str:
    year, part = divmod(season * 6 - 2, 12)
    return f"{year:04d}-{ {10: 'ndjfma', 4: 'mjjaso'}[part] }"


PERIODS: dict[str, Period] = {
    "hour": Period(lambda m: (m.date() - _EPOCH).days * 24 + m.hour, _hour_label),
    "day": Period(lambda m: (m.date() - _EPOCH).days, _day_label),
    "week": Period(lambda m: (m.date() - _WEEK_EPOCH).days // 7, _week_label),
    "dekad": Period(_dekad, lambda n: f"{n // 36:04d}-{n % 36 + 1:02d}"),
    "month": Period(_month, lambda n: f"{n // 12:04d}-{n % 12 + 1:02d}"),
    "season": Period(_season, _season_label),
    "tropical-season": Period(_tropical, _tropical_label),
    "year": Period(lambda m: m.year, lambda n: f"{n:04d}"),
    "decade": Period(lambda m: m.year // 10, lambda n: f"{n * 10:04d}"),
    "decade-ad": Period(lambda m: (m.year - 1) // 10, lambda n: f"{n * 10 + 1:04d}"),
}


def _moment(instant: Instant) -> datetime:
    moment: datetime = instant.astype("datetime64[us]").item()
    return moment


def groups(labels: Sequence[str], period: str) -> tuple[list[str], list[tuple[int, ...]]]:
    """Labels of all periods from the first to the last one, and for each the indices of the labels that fall into it.

    Raises: ValueError if a label is no instant; ProcessGraphComplexity for more periods than anybody wants.
    """
    kind = PERIODS[period]
    numbers = [kind.number(_moment(parse_instant(label))) for label in labels]
    if not numbers:
        return [], []
    every = range(min(numbers), max(numbers) + 1)
    refuse_large(len(every), "labels")
    members: dict[int, list[int]] = {number: [] for number in every}
    for index, number in enumerate(numbers):
        members[number].append(index)
    return [kind.label(number) for number in every], [tuple(members[number]) for number in every]


def in_interval(labels: Sequence[str], start: Instant | None, end: Instant | None) -> tuple[int, ...]:
    """Indices of the labels with start <= label < end."""
    found = []
    for index, label in enumerate(labels):
        instant = parse_instant(label)
        if (start is None or instant >= start) and (end is None or instant < end):
            found.append(index)
    return tuple(found)


def at_times(labels: Sequence[str], start: time | None, end: time | None) -> tuple[int, ...]:
    """Indices of the labels whose time of day (UTC) is in [start, end); over midnight if it ends before it starts."""
    found = []
    for index, label in enumerate(labels):
        own = _moment(parse_instant(label)).time()
        after, before = start is None or start <= own, end is None or own < end
        over_midnight = start is not None and end is not None and end < start
        if (after or before) if over_midnight else (after and before):
            found.append(index)
    return tuple(found)
