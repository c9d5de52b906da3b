"""Arithmetic of single numbers."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np

from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.elementwise import elementwise
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Number, NumberOrNull

_ANY_NUMBER: dict[str, Any] = {"type": ["number", "null"]}

NotNegative = Annotated[Any, Schema({"type": ["number", "null"], "minimum": 0}, accepts=_ANY_NUMBER)]
"""Of a negative number the result is NaN."""

BandValue = Annotated[Any, Schema({"type": "number"}, accepts=_ANY_NUMBER)]
"""The standard writes `number`, but has a case for null."""

Sign = Annotated[Any, Schema({"type": ["number", "null"], "enum": [-1, 0, 1, None]})]
NormalizedDifference = Annotated[float, Schema({"type": "number", "minimum": -1, "maximum": 1})]


@process(level="L1", categories=["math"])
@elementwise()
def add(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """Sum of two numbers.

    Null in either operand gives null; NaN and infinity follow IEEE 754.

    Args:
        x: the first summand.
        y: the second summand.
    Returns: x + y.
    Source: openeo-processes 2.0.0-rc.2, add.
    """
    return np.add(x, y)


@process(level="L1", categories=["math"])
@elementwise()
def subtract(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """Difference of two numbers.

    Null in either operand gives null; NaN and infinity follow IEEE 754.

    Args:
        x: what is subtracted from.
        y: what is subtracted.
    Returns: x - y.
    Source: openeo-processes 2.0.0-rc.2, subtract.
    """
    return np.subtract(x, y)


@process(level="L1", categories=["math"])
@elementwise()
def multiply(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """Product of two numbers.

    Null in either operand gives null; NaN and infinity follow IEEE 754.

    Args:
        x: the first factor.
        y: the second factor.
    Returns: x * y.
    Raises: MultiplicandMissing is declared by the standard; both factors being required, it never comes.
    Source: openeo-processes 2.0.0-rc.2, multiply.
    """
    return np.multiply(x, y)


@process(level="L1", categories=["math"])
@elementwise()
def divide(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """Quotient of two numbers.

    Dividing by zero gives an infinity with the sign of x, or NaN for x = 0. Null in either operand gives null.

    Args:
        x: the dividend.
        y: the divisor.
    Returns: x / y.
    Raises: DivisionByZero is declared by the standard for back-ends without infinity; here it never comes.
    Source: openeo-processes 2.0.0-rc.2, divide.
    """
    return np.divide(x, y)


@process(level="L1", categories=["math"])
@elementwise()
def mod(x: NumberOrNull, y: NumberOrNull) -> NumberOrNull:
    """Remainder of a division.

    The result has the sign of the divisor. With y = 0 it is an infinity with the sign of x, or NaN for x = 0;
    a finite x is its own remainder when y is infinite. Null in either operand gives null.

    Args:
        x: the dividend.
        y: the divisor.
    Returns: what remains of x.
    Raises: DivisionByZero is declared by the standard for back-ends without infinity; here it never comes.
    Source: openeo-processes 2.0.0-rc.2, mod.
    """
    remainder = np.mod(x, y)
    if isinstance(y, int | float) and y != 0 and np.isfinite(y):
        return remainder
    whole = np.where(np.isinf(y) & np.isfinite(x), x, remainder)
    return np.where(np.equal(y, 0), np.divide(x, abs(y)), whole)


@process(level="L1", categories=["math", "math > exponential & logarithmic"])
@elementwise(absorbs_nan=True)
def power(base: NumberOrNull, p: NumberOrNull) -> NumberOrNull:
    """A number raised to a power.

    Null in either operand gives null; NaN and infinity follow IEEE 754, so anything to the power of 0 is 1.

    Args:
        base: the base.
        p: the exponent.
    Returns: base to the power of p.
    Source: openeo-processes 2.0.0-rc.2, power.
    """
    return base**p  # the operator squares and takes roots faster than np.power does


@process(level="L1", categories=["math"])
@elementwise()
def absolute(x: NumberOrNull) -> NotNegative:
    """Distance of a number from zero.

    Null stays null, NaN stays NaN.

    Args:
        x: a number.
    Returns: |x|.
    Source: openeo-processes 2.0.0-rc.2, absolute.
    """
    return np.abs(x)


@process(level="L1", categories=["math"])
@elementwise()
def sgn(x: NumberOrNull) -> Sign:
    """Sign of a number.

    Null stays null, NaN stays NaN.

    Args:
        x: a number.
    Returns: 1 for positive numbers, -1 for negative ones, 0 for zero.
    Source: openeo-processes 2.0.0-rc.2, sgn.
    """
    return np.sign(x)


@process(level="L1", categories=["math", "math > exponential & logarithmic"])
@elementwise()
def sqrt(x: NumberOrNull) -> NumberOrNull:
    """Square root of a number.

    NaN for negative numbers; null stays null.

    Args:
        x: a number.
    Returns: the number that is not negative and whose square is x.
    Source: openeo-processes 2.0.0-rc.2, sqrt.
    """
    return np.sqrt(x)


@process(level="L1", categories=["math > exponential & logarithmic"])
@elementwise()
def exp(
    p: NumberOrNull,
) -> Annotated[Any, Schema({"type": ["number", "null"], "minimumExclusive": 0})]:
    """Euler's number raised to a power.

    Null stays null, NaN stays NaN.

    Args:
        p: the exponent.
    Returns: e to the power of p.
    Source: openeo-processes 2.0.0-rc.2, exp.
    """
    return np.exp(p)


@process(level="L1", categories=["math > exponential & logarithmic"])
@elementwise()
def ln(x: NotNegative) -> NumberOrNull:
    """Natural logarithm of a number.

    Minus infinity for 0, NaN for negative numbers; null stays null.

    Args:
        x: a number that is not negative.
    Returns: the power of e that gives x.
    Source: openeo-processes 2.0.0-rc.2, ln.
    """
    return np.log(x)


@process(level="L1", categories=["math > exponential & logarithmic"])
@elementwise()
def log(x: NotNegative, base: NumberOrNull) -> NumberOrNull:
    """Logarithm of a number to a base.

    Minus infinity for x = 0, NaN for negative x and for a base that is not positive; null in either gives null.

    Args:
        x: a number that is not negative.
        base: the base.
    Returns: the power of the base that gives x.
    Source: openeo-processes 2.0.0-rc.2, log.
    """
    constant = isinstance(base, int | float)
    if constant and base in (2, 10):
        return np.log2(x) if base == 2 else np.log10(x)
    # a numpy scalar would lift float32 pixels to float64, a Python float does not
    quotient = np.log(x) / (float(np.log(base)) if constant else np.log(base))
    if constant and 1 < base < math.inf:
        return quotient
    return np.where(np.greater(base, 0), np.where(np.equal(x, 0), -np.inf, quotient), np.nan)


@process(level="L1", categories=["math"])
def clip(x: NumberOrNull, min: Number, max: Number) -> NumberOrNull:
    """A number brought into a range.

    Null stays null; NaN in any of the three gives NaN.

    Args:
        x: a number.
        min: what smaller numbers become.
        max: what larger numbers become.
    Returns: the number of the range that is nearest to x.
    Raises: MinMaxSwapped.
    Source: openeo-processes 2.0.0-rc.2, clip.
    """
    if isinstance(min, int | float) and isinstance(max, int | float) and min > max:
        raise OpenEOError("MinMaxSwapped")
    return _clip(x, min, max)


@elementwise()
def _clip(x: Any, low: Any, high: Any) -> Any:
    clipped = np.clip(x, low, high)
    if isinstance(low, int | float) and isinstance(high, int | float):
        return clipped
    return np.where(np.greater(low, high), np.nan, clipped)


@process(level="L2", categories=["math"])
@elementwise()
def linear_scale_range(
    x: NumberOrNull,
    inputMin: Number,  # noqa: N803 (the standard's name)
    inputMax: Number,  # noqa: N803
    outputMin: Number = 0,  # noqa: N803
    outputMax: Number = 1,  # noqa: N803
) -> NumberOrNull:
    """A number carried linearly from one range to another.

    x is first brought into the input range, so that the result lies in the output range. The ends of either range
    may be swapped. Null stays null.

    Args:
        x: a number.
        inputMin: the number that becomes outputMin.
        inputMax: the number that becomes outputMax.
        outputMin: one end of the output range.
        outputMax: the other end of the output range.
    Returns: (x - inputMin) / (inputMax - inputMin) * (outputMax - outputMin) + outputMin.
    Source: openeo-processes 2.0.0-rc.2, linear_scale_range.
    """
    if isinstance(inputMin, int | float) and isinstance(inputMax, int | float):
        clipped = np.clip(x, min(inputMin, inputMax), max(inputMin, inputMax))
    else:
        clipped = np.clip(x, np.minimum(inputMin, inputMax), np.maximum(inputMin, inputMax))
    share = np.divide(clipped - inputMin, inputMax - inputMin)
    return share * (outputMax - outputMin) + outputMin


@process(level="L2", categories=["math > indices", "vegetation indices"])
@elementwise()
def normalized_difference(x: BandValue, y: BandValue) -> NormalizedDifference:
    """Difference of two numbers in relation to their sum.

    Indices such as NDVI (near infrared and red), NDWI (near and short-wave infrared) and NDSI (green and short-wave
    infrared) are of this form. Null in either operand gives null; NaN where the sum is 0 and so is the difference.

    Args:
        x: the value of the first band.
        y: the value of the second band.
    Returns: (x - y) / (x + y).
    Source: openeo-processes 2.0.0-rc.2, normalized_difference.
    """
    return np.divide(np.subtract(x, y), np.add(x, y))
