"""`bbox` and `datetime` as OGC APIs and STAC have them in a query."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from flask import request

from openeo_plugin.errors import OpenEOError

_LAST = datetime.max.replace(tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
Box = tuple[float, float, float, float]


def requested_bbox() -> tuple[Box | None, str]:
    """(west, south, east, north) in degrees, and the text as it was sent. Heights are ignored.

    Raises: RequestInvalid.
    """
    text = request.args.get("bbox", "").strip()
    if not text:
        return None, ""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise _bad_bbox() from None
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise _bad_bbox()
    half = len(numbers) // 2
    west, south, east, north = numbers[0], numbers[1], numbers[half], numbers[half + 1]
    if south > north:
        raise _bad_bbox()
    return (west, south, east, north), text


def requested_interval() -> tuple[str | None, str | None, str]:
    """(start, end, text): RFC 3339 with start <= t < end, either open. In the query the end belongs to the interval, a
    day as a whole.

    Raises: RequestInvalid.
    """
    text = request.args.get("datetime", "").strip()
    if not text:
        return None, None, ""
    parts = text.split("/")
    if len(parts) > 2 or (len(parts) == 2 and all(part in ("", "..") for part in parts)):
        raise _bad_time()
    (start, _), (_, after_end) = (_span(part) for part in (parts if len(parts) == 2 else parts * 2))
    if start is not None and after_end is not None and start >= after_end:
        raise _bad_time()
    return _text(start), _text(after_end), text


def _span(text: str) -> tuple[datetime | None, datetime | None]:
    """The instant that a text names, or a day's first one, and the first instant after it; None for open ends."""
    if text in ("", ".."):
        return None, None
    is_day = _DAY.fullmatch(text) is not None
    try:
        first = datetime.fromisoformat(f"{text}T00:00:00Z" if is_day else text)
        if first.tzinfo is None or not (is_day or len(text) >= len("2020-01-01T00:00:00Z")):
            raise _bad_time()
        first = first.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad_time() from None
    width = timedelta(days=1) if is_day else timedelta(microseconds=1)
    return first, first + width if first <= _LAST - width else None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _bad_bbox() -> OpenEOError:
    return OpenEOError("RequestInvalid", reason="`bbox` must be west,south,east,north in degrees.")


def _bad_time() -> OpenEOError:
    return OpenEOError(
        "RequestInvalid",
        reason="`datetime` must be an RFC 3339 instant, a day, or an interval, such as 2020-06-01/2020-06-30 or "
        "2020-06-01T10:00:00Z/..",
    )
