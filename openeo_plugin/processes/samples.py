"""Statistics of a handful of JSON numbers, none of them null, at least one: the twins of the kernels.

Whole numbers stay exact; NaN among the numbers gives NaN; infinities follow IEEE 754.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Sequence

_LARGEST = int(sys.float_info.max)

Values = Sequence[float]


def has_nan(values: Values) -> bool:
    """Whether NaN is among the numbers."""
    return any(math.isnan(v) for v in values)


def smallest(values: Values) -> float:
    """The minimum."""
    return math.nan if has_nan(values) else min(values)


def largest(values: Values) -> float:
    """The maximum."""
    return math.nan if has_nan(values) else max(values)


def total(values: Values) -> float:
    """The sum; infinities of both signs give NaN."""
    return sum(values)


def product(values: Values) -> float:
    """The product; zero times infinity gives NaN."""
    one: float = 1
    return functools.reduce(times, values, one)


def times(a: float, b: float) -> float:
    """A * b, exact for integers that a floating-point number could hold; infinite beyond them, as with pixels.

    Integers without an end would take minutes to multiply, in which no other thread runs.
    """
    found = a * b
    if isinstance(found, float) or abs(found) <= _LARGEST:
        return found
    return math.inf if found > 0 else -math.inf


def mean(values: Values) -> float:
    """The sum divided by the number of values."""
    return total(values) / len(values)


def median(values: Values) -> float:
    """The middle value, or the mean of the two in the middle."""
    if has_nan(values):
        return math.nan
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else ordered[middle - 1] / 2 + ordered[middle] / 2


def variance(values: Values) -> float:
    """The sample variance of at least two values; an infinite one gives NaN."""
    centre = mean(values)
    return total([(v - centre) * (v - centre) for v in values]) / (len(values) - 1)


def sd(values: Values) -> float:
    """The sample standard deviation of at least two values."""
    return math.sqrt(variance(values))


def quantile(values: Values, probability: float) -> float:
    """The quantile of type 7: linear between the order statistics."""
    if has_nan(values):
        return math.nan
    ordered = sorted(values)
    place = probability * (len(ordered) - 1)
    below = math.floor(place)
    part = place - below
    if part == 0:
        return ordered[below]
    return (1 - part) * ordered[below] + part * ordered[below + 1]
