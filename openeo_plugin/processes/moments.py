"""Dates and times as the standard writes them: reading, counting, writing.

An instant is a number of nanoseconds since 0001-01-01T00:00:00Z of the proleptic Gregorian calendar, without leap
seconds: a leap second is the first second of the next minute.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import date

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
UNITS_NS = {
    "millisecond": 10**6,
    "second": SECOND_NS,
    "minute": 60 * SECOND_NS,
    "hour": 3_600 * SECOND_NS,
    "day": DAY_NS,
    "week": 7 * DAY_NS,
}
UNITS_MONTHS = {"month": 1, "year": 12}

_CLOCK = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})(?P<fraction>\.\d+)?"
_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_PATTERN = re.compile(
    rf"{_DATE}(?:(?P<separator>[Tt ]){_CLOCK}(?P<zone>[Zz]|[+-]\d{{2}}:\d{{2}}))?|(?P<time>\d{{2}}:\d{{2}}:\d{{2}})",
    re.A,
)


@dataclass(frozen=True)
class Moment:
    """A date, with or without time, or a time alone, with its way of writing.

    Args:
        day: ordinal of the day in its own zone, 1 for 0001-01-01; 0 for a time alone.
        clock_ns: since midnight in its own zone, a leap second not counted.
        leap: whether it is written as a leap second (`:60`); `clock_ns` then is that of the second before.
        offset_ns: of its zone, east of Greenwich.
        digits: decimal places of its seconds.
        form: "date", "time" or "date-time".
        separator, zone: as they were written.
    """

    day: int
    clock_ns: int
    form: str
    leap: bool = False
    offset_ns: int = 0
    digits: int = 0
    separator: str = "T"
    zone: str = "Z"

    @property
    def instant_ns(self) -> int:
        """Nanoseconds since 0001-01-01T00:00:00Z; for a time alone, since midnight UTC."""
        days = self.day - 1 if self.day else 0
        return days * DAY_NS + self.clock_ns + (SECOND_NS if self.leap else 0) - self.offset_ns

    @property
    def time_of_day_ns(self) -> int:
        """Nanoseconds since midnight UTC."""
        return self.instant_ns % DAY_NS

    def written(self) -> str:
        """As the standard writes it, in the zone it came in; leap seconds become the second before."""
        if self.form == "date":
            return date.fromordinal(self.day).isoformat()
        seconds, fraction_ns = divmod(self.clock_ns, SECOND_NS)
        minutes, second = divmod(seconds, 60)
        clock = f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"
        if self.form == "time":
            return clock
        digits = max(self.digits, 3) if fraction_ns else self.digits
        fraction = "." + f"{fraction_ns:09d}".ljust(digits, "0")[:digits] if digits else ""
        return f"{date.fromordinal(self.day).isoformat()}{self.separator}{clock}{fraction}{self.zone}"


def read(text: str) -> Moment:
    """The moment of a text: `2020-01-31`, `2020-01-31T10:00:00.5+02:00` or `10:00:00`.

    Raises: ValueError.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no date or time such as 2020-01-31, 2020-01-31T10:00:00Z or 10:00:00.")
    if found["time"] is not None:
        return Moment(0, _clock(text[0:2], text[3:5], text[6:8], ""), "time")
    day = _day(int(found["year"]), int(found["month"]), int(found["day"]), text)
    if found["separator"] is None:
        return Moment(day, 0, "date")
    fraction = found["fraction"] or ""
    moment = Moment(
        day,
        _clock(found["hour"], found["minute"], "59" if found["second"] == "60" else found["second"], fraction),
        "date-time",
        leap=found["second"] == "60",
        offset_ns=_offset(found["zone"]),
        digits=max(len(fraction) - 1, 0),
        separator=found["separator"],
        zone=found["zone"],
    )
    if moment.leap and moment.time_of_day_ns >= SECOND_NS:
        raise ValueError(f"'{text}' is no leap second: these come before midnight UTC.")
    return moment


def _day(year: int, month: int, day: int, text: str) -> int:
    try:
        return date(year, month, day).toordinal()
    except ValueError:
        raise ValueError(f"'{text}' is a day that is not in the calendar.") from None


def _clock(hour: str, minute: str, second: str, fraction: str) -> int:
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise ValueError(f"'{hour}:{minute}:{second}' is no time of the day.")
    seconds = int(hour) * 3_600 + int(minute) * 60 + int(second)
    return seconds * SECOND_NS + int(fraction[1:10].ljust(9, "0") or 0)


def _offset(zone: str) -> int:
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"'{zone}' is no time zone.")
    size = (hours * 60 + minutes) * 60 * SECOND_NS
    return -size if zone[0] == "-" else size


def shifted(moment: Moment, value: int, unit: str) -> Moment:
    """The moment `value` units later (or earlier, below zero). Days and longer units leave the time as it is.

    A day that its month does not have becomes the month's last one.
    Raises: ValueError beyond the years 1 to 9999.
    """
    if unit in UNITS_MONTHS:
        return _later_by_months(moment, value * UNITS_MONTHS[unit])
    if unit in ("day", "week") or value == 0:
        return replace(moment, day=_within_calendar(moment.day + value * (UNITS_NS[unit] // DAY_NS)), leap=False)
    leap_ns = SECOND_NS if moment.leap else 0
    days, clock_ns = divmod(moment.clock_ns + leap_ns + value * UNITS_NS[unit], DAY_NS)
    return replace(moment, day=_within_calendar(moment.day + days), clock_ns=clock_ns, leap=False)


def _later_by_months(moment: Moment, months: int) -> Moment:
    year, month, day = _month_later(moment, months)
    if not 1 <= year <= 9999:
        raise ValueError("the result lies outside of the years 1 to 9999.")
    return replace(moment, day=date(year, month, day).toordinal(), leap=False)


def _month_later(moment: Moment, months: int) -> tuple[int, int, int]:
    """Year, month and day some months later; the year may be any."""
    start = date.fromordinal(moment.day)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1])


_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""The calendar repeats itself."""


def instant_months_later_ns(moment: Moment, months: int) -> int:
    """Like `Moment.instant_ns` of the moment some months later, in any year: also in 10000 and 0."""
    year, month, day = _month_later(moment, months)
    cycles = (year - 1) // _CYCLE_YEARS
    ordinal = date(year - cycles * _CYCLE_YEARS, month, day).toordinal() + cycles * _CYCLE_DAYS
    return moment.instant_ns + (ordinal - moment.day) * DAY_NS


def months_apart(first: Moment, second: Moment) -> int:
    """Difference of the calendar months that two moments stand in, each in its own zone."""
    start, end = date.fromordinal(first.day), date.fromordinal(second.day)
    return (end.year - start.year) * 12 + end.month - start.month


def _within_calendar(day: int) -> int:
    if not 1 <= day <= date.max.toordinal():
        raise ValueError("the result lies outside of the years 1 to 9999.")
    return day
