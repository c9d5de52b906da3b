"""JSON as others write it, made into JSON as the standard knows it: what stores and clients could not read is gone."""

from __future__ import annotations

import math
import re
from typing import Any

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_NODATA = "nodata"


def plain_json(value: Any, name: str = "") -> Any:
    """A copy where NaN, infinities and numbers that no float holds are null, and texts without NUL and half characters.

    Nodata is told in the words that STAC has for such numbers.

    Args:
        value: as `json.loads` gives it.
        name: under which it stands in an object.
    Raises: RecursionError, for what is nested too deeply.
    """
    if isinstance(value, dict):
        return {_text(key): plain_json(below, key) for key, below in value.items()}
    if isinstance(value, list):
        return [plain_json(below) for below in value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float) and not _is_finite(value):
        return _word(value) if name == _NODATA and isinstance(value, float) else None
    return value


def _text(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer beyond the floats
        return False


def _word(number: float) -> str:
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
