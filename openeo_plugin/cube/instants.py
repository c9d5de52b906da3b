"""Instants and intervals of time as openEO writes them: RFC 3339, dates, years and months; UTC unless said."""

from __future__ import annotations

import functools
import re
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from openeo_plugin.errors import OpenEOError

Instant = np.datetime64
_FIRST, _LAST = np.datetime64(datetime.min, "us"), np.datetime64(datetime.max, "us")
_PARTIAL = re.compile(r"^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?$")


@functools.lru_cache(maxsize=65536)
def parse_instant(text: str) -> Instant:
    """The instant that a text names, in microseconds UTC; a date, month or year is its first instant.

    A leap second (`:60`) is read as the second that follows.
    Raises: ValueError.
    """
    partial = _PARTIAL.match(text)
    if partial:
        year, month, day = (int(p) if p else 1 for p in partial.groups())
        return np.datetime64(datetime(year, month, day), "us")
    leap = ":60" in text[16:20]
    moment = datetime.fromisoformat(text.replace(":60", ":59", 1) if leap else text)
    instant = np.datetime64(moment.replace(tzinfo=None), "us") - np.timedelta64(moment.utcoffset() or timedelta(0))
    instant += np.timedelta64(1, "s") if leap else np.timedelta64(0, "s")
    if leap and instant - instant.astype("datetime64[D]") >= np.timedelta64(1, "s"):
        raise ValueError(f"'{text}' is no leap second: these come before midnight UTC.")
    if not _FIRST <= instant <= _LAST:
        raise ValueError(f"'{text}' lies outside of the years 1 to 9999 in UTC.")
    return instant


def format_instant(instant: Instant) -> str:
    """RFC 3339 in UTC, no more digits than needed: `2020-06-01T00:00:00Z`."""
    text = str(instant.astype("datetime64[us]"))
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"


def interval(extent: Any, process: str, parameter: str) -> tuple[Instant | None, Instant | None]:
    """[start, end) of a temporal interval, None where it is open.

    Raises: ProcessParameterInvalid, TemporalExtentEmpty.
    """
    if not isinstance(extent, list | tuple) or len(extent) != 2:
        reason = "expected a list with two instants, either of which may be null."
        raise OpenEOError("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)
    ends: list[Instant | None] = []
    for text in extent:
        try:
            ends.append(None if text is None else parse_instant(text))
        except (ValueError, TypeError):
            reason = f"'{text}' is no date or time as RFC 3339 writes it."
            raise OpenEOError("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason) from None
    start, end = ends
    if start is None and end is None:
        reason = "one of start and end must be given."
        raise OpenEOError("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)
    if start is not None and end is not None and start >= end:
        raise OpenEOError("TemporalExtentEmpty")
    return start, end


def within(label: str, start: Instant | None, end: Instant | None) -> bool:
    """Whether start <= label < end."""
    try:
        instant = parse_instant(label)
    except ValueError:
        return False
    return (start is None or start <= instant) and (end is None or instant < end)
