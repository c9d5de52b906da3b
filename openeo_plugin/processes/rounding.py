"""Rounding of single numbers. Pixels of an integer type come back as they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.processes.elementwise import elementwise, on_palette, shared_palette
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import IntegerOrNull, NumberOrNull


def is_whole(x: Any) -> bool:
    """Whether these are pixels of an integer type."""
    return isinstance(x, Pixels) and x.dtype.kind in "iu"


def to_integer(value: Any) -> Any:
    """A whole JSON number as an integer; pixels, null, NaN and infinity as they are."""
    return int(value) if isinstance(value, float) and math.isfinite(value) else value


_ceil = elementwise()(np.ceil)
_floor = elementwise()(np.floor)
_truncate = elementwise()(np.trunc)


@process(level="L1", categories=["math > rounding"])
def ceil(x: NumberOrNull) -> IntegerOrNull:
    """Smallest integer that is not below a number.

    Null, NaN and infinity stay what they are.

    Args:
        x: a number.
    Returns: x rounded up.
    Source: openeo-processes 2.0.0-rc.2, ceil.
    """
    return x if is_whole(x) else to_integer(_ceil(x))


@process(level="L1", categories=["math > rounding"])
def floor(x: NumberOrNull) -> IntegerOrNull:
    """Largest integer that is not above a number.

    Unlike `int` it rounds negative numbers away from zero. Null, NaN and infinity stay what they are.

    Args:
        x: a number.
    Returns: x rounded down.
    Source: openeo-processes 2.0.0-rc.2, floor.
    """
    return x if is_whole(x) else to_integer(_floor(x))


@process(level="L1", categories=["math", "math > rounding"])
def int_(x: NumberOrNull) -> IntegerOrNull:
    """Integer part of a number.

    Unlike `floor` it rounds negative numbers towards zero. NaN has no integer part and gives null; null and
    infinity stay what they are.

    Args:
        x: a number.
    Returns: x without its decimal places.
    Source: openeo-processes 2.0.0-rc.2, int.
    """
    if is_whole(x):
        return x
    if isinstance(x, Pixels):
        return _integer_part(x)
    value = to_integer(_truncate(x))
    return None if isinstance(value, float) and math.isnan(value) else value


def _integer_part(x: Pixels) -> Pixels:
    codes = shared_palette([x])
    if codes is not None:
        return on_palette(lambda operands: _integer_part(operands[0]), [x], codes)
    return Pixels(np.trunc(x.real()), nodata=np.nan)  # null and NaN both give null


@process(level="L1", categories=["math > rounding"])
def round_(x: NumberOrNull, p: int = 0) -> NumberOrNull:
    """A number rounded to a number of decimal places.

    Halfway between two candidates the even one is taken, as IEEE 754 does. Null, NaN and infinity stay what they are.

    Args:
        x: a number.
        p: how many decimal places are kept; a negative number rounds to a power of ten, -2 to whole hundreds.
    Returns: x rounded.
    Source: openeo-processes 2.0.0-rc.2, round.
    """
    if p == 0:
        return x if is_whole(x) else _round_to_even(x)
    return x if is_whole(x) and p > 0 else elementwise()(_to_places(p) if p > 0 else _to_powers_of_ten(-p))(x)


_round_to_even = elementwise()(np.rint)


def _to_places(places: int) -> Callable[[Any], Any]:
    factor = 10.0 ** min(places, 308)

    def rounded(x: Any) -> Any:
        scaled = x * factor
        exact = 1 / float(np.finfo(np.result_type(scaled)).eps)  # from here on numbers have no decimals that count
        return np.where(np.abs(scaled) < exact, np.rint(scaled) / factor, x)

    return rounded


def _to_powers_of_ten(power: int) -> Callable[[Any], Any]:
    factor = 10.0 ** min(power, 308)

    def rounded(x: Any) -> Any:
        multiple = np.rint(x / factor)
        return np.where(np.equal(multiple, 0), multiple, multiple * factor)

    return rounded
