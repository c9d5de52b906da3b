"""What of a request is looked at before pygeoapi reads it.

pygeoapi 0.24 takes `subset` apart with an expression whose time grows with the cube of the length, and while it does no
other request of the process is answered; its times end in an overflow where a number has too many digits. Offsets that
no database counts to, boxes of what is no number and NUL characters would reach the database.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, MutableMapping

from openeo_plugin.ogcapi.instants import interval_of

SUBSET_MAX = 2000
TIME_MAX = 100
BOX_MAX = 400
OFFSET_MAX_DIGITS = 15
HEADER_MAX = 2000
CHOICE_HEADERS = ("HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE")

_AXIS = re.compile(r"[^(),]{1,100}\([^(),]{1,200}\)")
_REFUSED_CHOICE = re.compile(r";\s{0,9}q=0(?:\.0{0,3})?\s*$", re.IGNORECASE)


class InvalidParameterError(ValueError):
    """A parameter can't be read; the message is for who sent it."""


def check_parameters(given: Mapping[str, str]) -> None:
    """Refuse parameters that pygeoapi would choke on.

    Raises: InvalidParameterError.
    """
    if any("\0" in value for value in given.values()):
        raise InvalidParameterError("No parameter holds a NUL character.")
    subset, box, time, offset = (given.get(name) for name in ("subset", "bbox", "datetime", "offset"))
    if subset and (len(subset) > SUBSET_MAX or not all(map(_AXIS.fullmatch, subset.split(",")))):
        raise InvalidParameterError('`subset` must be like x(679720:680680) or t("2020-06-01":"2020-06-30").')
    if box and (len(box) > BOX_MAX or not _is_finite(box)):
        raise InvalidParameterError("`bbox` must be west,south,east,north.")
    if offset and len(offset) > OFFSET_MAX_DIGITS:
        raise InvalidParameterError("`offset` is too large.")
    if time:
        _check_time(time)


def _is_finite(box: str) -> bool:
    try:
        return all(map(math.isfinite, map(float, box.split(","))))
    except ValueError:
        return False


def _check_time(text: str) -> None:
    try:
        if len(text) > TIME_MAX:
            raise ValueError
        interval_of(text)
    except (ValueError, OverflowError):
        reason = "`datetime` must be an RFC 3339 instant or interval, such as 2020-06-01 or 2020-06-01/2020-06-30."
        raise InvalidParameterError(reason) from None


def trim_choices(environ: MutableMapping[str, str]) -> None:
    """Leave out the choices of weight 0 in the headers for formats and languages, by which pygeoapi divides."""
    for name in CHOICE_HEADERS:
        if name in environ:
            choices = environ[name][:HEADER_MAX].split(",")
            environ[name] = ",".join(choice for choice in choices if not _REFUSED_CHOICE.search(choice))
