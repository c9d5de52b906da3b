"""Comparisons of single values, and questions about them.

Types are told apart strictly: a boolean is no number, a text with digits is none either. Null in an operand gives null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np

from openeo_plugin.cube.pixels import Array, Pixels
from openeo_plugin.processes.elementwise import elementwise, on_palette
from openeo_plugin.processes.logic import and_, not_
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.texts import fold_case
from openeo_plugin.processes.types import Anything, Boolean, BooleanOrNull, Comparable, Number

Delta = Annotated[float | None, Schema({"type": ["number", "null"], "minimumExclusive": 0})]


def kind_of(value: Any) -> Literal["number", "boolean", "text", "other"]:
    """The type of a value in the sense of JSON; that of pixels is told by their dtype."""
    if isinstance(value, Pixels):
        return "boolean" if value.dtype.kind == "b" else "number"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _of_kind(kind: str, *operands: Any) -> bool:
    return all(kind_of(o) == kind for o in operands)


@elementwise(native=True)
def _never(*operands: Any) -> Any:
    """False wherever no operand is null."""
    return np.bool_(False)


@elementwise()
def _near(x: Any, y: Any, delta: Any) -> Any:
    return np.abs(np.subtract(x, y)) <= delta


_equal = elementwise(native=True)(np.equal)
_not_equal = elementwise(native=True)(np.not_equal)
_greater = elementwise(native=True)(np.greater)
_greater_or_equal = elementwise(native=True)(np.greater_equal)
_less = elementwise(native=True)(np.less)
_less_or_equal = elementwise(native=True)(np.less_equal)


@process(level="L1", categories=["texts", "comparison"])
def eq(x: Comparable, y: Comparable, delta: Delta = None, case_sensitive: bool = True) -> BooleanOrNull:
    """Whether two values are equal.

    Values of different types never are, though 1 and 1.0 are the same number. NaN equals nothing. Dates are texts
    here: the same instant written in two ways is not equal. Null in either operand gives null.

    Args:
        x: the first value.
        y: the second value.
        delta: numbers that differ by no more than this count as equal.
        case_sensitive: whether upper and lower case of texts matter.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, eq.
    """
    if x is None or y is None:
        return _never(x, y)
    kind = kind_of(x)
    if kind == "other" or kind != kind_of(y):
        return _never(x, y)
    if kind == "text" and not case_sensitive:
        return fold_case(x) == fold_case(y)
    if kind == "number" and delta is not None:
        return _near(x, y, delta)
    return _equal(x, y) if isinstance(x, Pixels) or isinstance(y, Pixels) else x == y


@process(level="L1", categories=["texts", "comparison"])
def neq(x: Comparable, y: Comparable, delta: Delta = None, case_sensitive: bool = True) -> BooleanOrNull:
    """Whether two values are not equal.

    The opposite of `eq`, with the same rules for types, NaN and null.

    Args:
        x: the first value.
        y: the second value.
        delta: only numbers that differ by more than this count as different.
        case_sensitive: whether upper and lower case of texts matter.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, neq.
    """
    if delta is None and _of_kind("number", x, y):
        return _not_equal(x, y)
    return not_(eq(x, y, delta, case_sensitive))


@process(level="L1", categories=["comparison"])
def gt(x: Comparable, y: Comparable) -> BooleanOrNull:
    """Whether a number is greater than another.

    False for anything that is not a number, dates and other texts included, and for NaN. Null in either operand
    gives null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, gt.
    """
    return _greater(x, y) if _of_kind("number", x, y) else _never(x, y)


@process(level="L1", categories=["comparison"])
def gte(x: Comparable, y: Comparable) -> BooleanOrNull:
    """Whether a number is greater than another, or two values are equal.

    Values that are not numbers can only be equal in the sense of `eq`. Null in either operand gives null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, gte.
    """
    return _greater_or_equal(x, y) if _of_kind("number", x, y) else eq(x, y)


@process(level="L1", categories=["comparison"])
def lt(x: Comparable, y: Comparable) -> BooleanOrNull:
    """Whether a number is less than another.

    False for anything that is not a number, dates and other texts included, and for NaN. Null in either operand
    gives null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, lt.
    """
    return _less(x, y) if _of_kind("number", x, y) else _never(x, y)


@process(level="L1", categories=["comparison"])
def lte(x: Comparable, y: Comparable) -> BooleanOrNull:
    """Whether a number is less than another, or two values are equal.

    Values that are not numbers can only be equal in the sense of `eq`. Null in either operand gives null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, lte.
    """
    return _less_or_equal(x, y) if _of_kind("number", x, y) else eq(x, y)


@elementwise(native=True)
def _within(x: Any, low: Any, high: Any) -> Any:
    return (x >= low) & (x <= high)


@elementwise(native=True)
def _within_open(x: Any, low: Any, high: Any) -> Any:
    return (x >= low) & (x < high)


@process(level="L1", categories=["comparison"])
def between(x: Anything, min: Number, max: Number, exclude_max: bool = False) -> BooleanOrNull:
    """Whether a number lies in a range.

    False for anything that is not a number, for NaN, and always if the bounds are swapped. Null gives null.

    Args:
        x: the value.
        min: lower bound, part of the range.
        max: upper bound, part of the range unless it is excluded.
        exclude_max: leave the upper bound out.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, between.
    """
    if x is None:
        return None
    if kind_of(x) != "number":
        return _never(x)
    if isinstance(min, int | float) and isinstance(max, int | float):
        return _within_open(x, min, max) if exclude_max else _within(x, min, max)
    return and_(gte(x, min), lt(x, max) if exclude_max else lte(x, max))


def ask(pixels: Pixels, test: Callable[[Pixels], Array]) -> Pixels:
    """Put a question to pixels that has an answer for null, too; to the 256 entries of a palette where that will do.

    Args:
        test: gives bool of the shape of the pixels that it gets.
    """
    if pixels.palette is not None and pixels.mask is None:
        return on_palette(lambda operands: ask(operands[0], test), [pixels], pixels.values)
    return Pixels(test(pixels.plain()))


def _where_not_null(found: Array, pixels: Pixels) -> Array:
    null = pixels.null()
    return found if null is None else found & ~null


def _spread(value: bool, pixels: Pixels) -> Array:
    return np.broadcast_to(np.bool_(value), pixels.shape)


def _nan_in(pixels: Pixels) -> Array:
    is_real = pixels.values.dtype.kind == "f"
    return _where_not_null(np.isnan(pixels.values), pixels) if is_real else _spread(False, pixels)


def _null_in(pixels: Pixels) -> Array:
    null = pixels.null()
    return _spread(False, pixels) if null is None else null


def _valid_in(pixels: Pixels) -> Array:
    is_real = pixels.values.dtype.kind == "f"
    return _where_not_null(np.isfinite(pixels.values) if is_real else _spread(True, pixels), pixels)


def _infinite_in(pixels: Pixels) -> Array:
    is_real = pixels.values.dtype.kind == "f"
    return _where_not_null(np.isinf(pixels.values), pixels) if is_real else _spread(False, pixels)


@process(level="L2", categories=["comparison", "math > constants"])
def is_nan(x: Anything) -> Boolean:
    """Whether a value is NaN.

    Null is not NaN, and neither is a text, an array or any other value that is no number.

    Args:
        x: the value.
    Returns: true or false.
    Source: openeo-processes 2.0.0-rc.2, is_nan.
    """
    if isinstance(x, Pixels):
        return ask(x, _nan_in)  # type: ignore[return-value]
    return isinstance(x, float) and math.isnan(x)


@process(level="L2", categories=["comparison"])
def is_nodata(x: Anything) -> Boolean:
    """Whether a value is null.

    Null is what the data itself declares as no data; NaN only is if it is declared so.

    Args:
        x: the value.
    Returns: true or false.
    Source: openeo-processes 2.0.0-rc.2, is_nodata.
    """
    if isinstance(x, Pixels):
        return ask(x, _null_in)  # type: ignore[return-value]
    return x is None


@process(level="L2", categories=["comparison"])
def is_valid(x: Anything) -> Boolean:
    """Whether a value can be worked with.

    Null, NaN and infinite numbers can't; any text, array or object can, whatever it holds.

    Args:
        x: the value.
    Returns: true or false.
    Source: openeo-processes 2.0.0-rc.2, is_valid.
    """
    if isinstance(x, Pixels):
        return ask(x, _valid_in)  # type: ignore[return-value]
    return x is not None and not (isinstance(x, float) and not math.isfinite(x))


@process(level="L3", categories=["comparison"], experimental=True)
def is_infinite(x: Anything) -> Boolean:
    """Whether a value is an infinite number.

    NaN and null are not, and neither is a text that spells infinity.

    Args:
        x: the value.
    Returns: true or false.
    Source: openeo-processes 2.0.0-rc.2, is_infinite.
    """
    if isinstance(x, Pixels):
        return ask(x, _infinite_in)  # type: ignore[return-value]
    return isinstance(x, float) and math.isinf(x)
