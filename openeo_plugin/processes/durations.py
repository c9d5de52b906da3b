"""Durations as ISO 8601 writes them, and the labels of a temporal dimension in stretches of a duration."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.engine.operators.neighborhood import Chunking, LabelChunk

DURATION = r"^(-?)P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
_PATTERN = re.compile(DURATION, re.A)
_UNITS_US = {"D": 86_400_000_000, "W": 604_800_000_000}


@dataclass(frozen=True)
class Duration:
    """Calendar months, and microseconds besides. Neither is negative."""

    months: int
    microseconds: int

    def __bool__(self) -> bool:
        return self.months > 0 or self.microseconds > 0

    def after(self, start: datetime, times: int) -> datetime:
        """`times` durations after an instant (before it, below 0); a day that a month lacks becomes its last one.

        What lies beyond the calendar becomes its first or last instant.
        """
        months = start.year * 12 + start.month - 1 + self.months * times
        if not 12 <= months < 120_000:
            return datetime.max if months > 12 else datetime.min
        year, month = divmod(months, 12)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        try:
            return start.replace(year=year, month=month + 1, day=day) + timedelta(
                microseconds=self.microseconds * times
            )
        except OverflowError:
            return datetime.max if times > 0 else datetime.min


def parse_duration(text: str) -> Duration:
    """The duration of a text such as `P1M` or `P1DT12H`.

    Raises: ValueError, also for negative ones.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no duration such as P1M or P5D.")
    if found[1]:
        raise ValueError(f"'{text}' is negative.")
    years, months, days, unit, hours, minutes, seconds = found.groups()[1:]
    clock = Fraction(seconds or 0) + 60 * int(minutes or 0) + 3_600 * int(hours or 0)
    return Duration(
        12 * int(years or 0) + int(months or 0), int(clock * 1_000_000) + int(days or 0) * _UNITS_US[unit or "D"]
    )


def instants_of(labels: Sequence[object]) -> list[datetime]:
    """The instants of labels, in UTC without zone.

    Raises: ValueError if one is no instant.
    """
    return [parse_instant(str(label)).item() for label in labels]


def temporal_chunks(
    instants: Sequence[datetime], size: int | Duration, overlap: int | Duration
) -> tuple[LabelChunk, ...]:
    """Chunks of labels; where a size or overlap is a duration, neighbours are those in time, whatever their order.

    Chunks of a duration follow one another from the earliest label on; those without labels are left out. A number
    of labels counts in the order of time, 0 stands for all of them.
    """
    if isinstance(size, int) and isinstance(overlap, int):
        return Chunking(size, overlap).labels(len(instants))
    order = sorted(range(len(instants)), key=lambda i: instants[i])
    times = [instants[i] for i in order]
    if isinstance(size, Duration):
        stretches = _stretches(times, size)
    else:
        stretches = [(own.own, times[own.own[0]], None) for own in Chunking(size).labels(len(times)) if own.own]
    chunks = []
    for own, start, end in stretches:
        held = _held(times, own, start, end, overlap)
        chunks.append(LabelChunk(tuple(sorted(order[i] for i in own)), tuple(sorted(order[i] for i in held))))
    return tuple(chunks)


Stretch = tuple[tuple[int, ...], datetime, datetime | None]
"""Places of labels, start, and end (not in it); an end of None: that of the last label, which is in it."""


def _stretches(times: Sequence[datetime], size: Duration) -> list[Stretch]:
    """Sorted times in stretches of a duration from the first one on."""
    members: dict[int, list[int]] = {}
    number = 0
    for place, moment in enumerate(times):
        if not size.months:
            number = (moment - times[0]) // timedelta(microseconds=size.microseconds)
        while size.months and size.after(times[0], number + 1) <= moment < datetime.max:
            number += 1
        members.setdefault(number, []).append(place)
    return [(tuple(own), size.after(times[0], n), size.after(times[0], n + 1)) for n, own in members.items()]


def _held(
    times: Sequence[datetime], own: tuple[int, ...], start: datetime, end: datetime | None, overlap: int | Duration
) -> tuple[int, ...]:
    """Places of the labels in a stretch with its overlap."""
    if isinstance(overlap, int):
        return tuple(range(max(0, own[0] - overlap), min(len(times), own[-1] + 1 + overlap)))
    first = overlap.after(start, -1)
    last = overlap.after(times[own[-1]] if end is None else end, 1)
    return tuple(i for i, t in enumerate(times) if first <= t and (t <= last if end is None else t < last))
