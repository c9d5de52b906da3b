"""Dates and times, given as texts."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.moments import (
    UNITS_MONTHS,
    UNITS_NS,
    Moment,
    instant_months_later_ns,
    months_apart,
    read,
    shifted,
)
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import BooleanOrNull, Number

_DATE_TIME = {"type": "string", "format": "date-time", "subtype": "date-time"}
_DATE = {"type": "string", "format": "date", "subtype": "date"}
_TIME = {"type": "string", "subtype": "time", "pattern": "^\\d{2}:\\d{2}:\\d{2}$"}

DateOrTime = Annotated[str, Schema([_DATE_TIME, _DATE, _TIME])]
Date = Annotated[str, Schema([_DATE_TIME, _DATE])]
Unit = Annotated[
    str,
    Schema(
        {"type": "string", "enum": ["millisecond", "second", "minute", "hour", "day", "week", "month", "year"]},
    ),
]


def moment_of(value: Any, process_id: str, parameter: str, *, time_alone: bool = False) -> Moment:
    """The moment that an argument names.

    Raises: ProcessParameterInvalid.
    """
    try:
        moment = read(value)
    except (TypeError, ValueError) as error:
        reason = str(error) if isinstance(value, str) else "expected a text with a date."
        raise _invalid(process_id, parameter, reason) from None
    if moment.form == "time" and not time_alone:
        raise _invalid(process_id, parameter, "a time alone does not do here; expected a date.")
    return moment


def _invalid(process_id: str, parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter=parameter, reason=reason)


@process(level="L2-Date", categories=["comparison", "date & time"])
def date_between(x: DateOrTime, min: DateOrTime, max: DateOrTime, exclude_max: bool = False) -> BooleanOrNull:
    """Whether a date or time lies between two others.

    Dates without a time mean midnight UTC. If the bounds are times of the day, the time of the day of x counts, in
    UTC. Always false if the bounds are swapped; null stays null.

    Args:
        x: the date, date with time, or time.
        min: lower bound, part of the range.
        max: upper bound, part of the range unless it is excluded.
        exclude_max: leave the upper bound out.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, date_between.
    """
    if x is None:
        return None
    moment, low, high = (
        moment_of(value, "date_between", name, time_alone=True)
        for name, value in (("x", x), ("min", min), ("max", max))
    )
    if (low.form == "time") != (high.form == "time"):
        raise _invalid("date_between", "max", "one bound is a time alone, the other a date.")
    if moment.form == "time" and low.form != "time":
        raise _invalid("date_between", "x", "a time alone can't be compared with dates.")
    value = moment.time_of_day_ns if low.form == "time" else moment.instant_ns
    below = value < high.instant_ns if exclude_max else value <= high.instant_ns
    return low.instant_ns <= value and below


@process(level="L2-Date", categories=["comparison", "date & time"], experimental=True)
def date_difference(date1: Date, date2: Date, unit: Unit = "second") -> Number:
    """How long after a date another one comes.

    Dates without a time mean midnight UTC; leap seconds don't count. In months and years whole ones are counted as
    `date_shift` does, and what remains is a share of the month or year that it lies in.

    Args:
        date1: the date that is subtracted.
        date2: the date it is subtracted from.
        unit: of the result.
    Returns: date2 - date1, with decimal places; negative if date2 is the earlier one.
    Source: openeo-processes 2.0.0-rc.2, date_difference.
    """
    first = moment_of(date1, "date_difference", "date1")
    second = moment_of(date2, "date_difference", "date2")
    difference = _difference(first, second, unit)
    return int(difference) if difference.denominator == 1 else float(difference)


def _difference(first: Moment, second: Moment, unit: str) -> Fraction:
    if unit in UNITS_NS:
        return Fraction(second.instant_ns - first.instant_ns, UNITS_NS[unit])
    if second.instant_ns < first.instant_ns:
        return -_months_between(second, first, unit)
    return _months_between(first, second, unit)


def _months_between(start: Moment, end: Moment, unit: str) -> Fraction:
    """How many months (or years) `end` lies after `start`; it must not lie before."""
    size = UNITS_MONTHS[unit]

    def later_ns(units: int) -> int:
        return instant_months_later_ns(start, units * size)

    whole = months_apart(start, end) // size
    while later_ns(whole) > end.instant_ns:
        whole -= 1
    while later_ns(whole + 1) <= end.instant_ns:
        whole += 1
    since, until = later_ns(whole), later_ns(whole + 1)
    return whole + Fraction(end.instant_ns - since, until - since)


@process(level="L2-Date", categories=["date & time"])
def date_shift(date: Date, value: int, unit: Unit) -> Date:
    """A date moved by a period of time.

    The time zone stays as it is written. Days, weeks, months and years leave the time as it is; a day that the month
    does not have becomes the last one that it has (a month after 2020-01-31 is 2020-02-29). Leap seconds may be
    given, but never come out. Without a time the date counts from midnight, and comes back without one.

    Args:
        date: the date, with or without time.
        value: how many units later; earlier below zero.
        unit: of the period.
    Returns: the date in the form in which it was given.
    Source: openeo-processes 2.0.0-rc.2, date_shift.
    """
    moment = moment_of(date, "date_shift", "date")
    try:
        return shifted(moment, value, unit).written()
    except ValueError as error:
        raise _invalid("date_shift", "value", str(error)) from None
