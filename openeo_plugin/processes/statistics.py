"""Statistics over an array: of numbers in a list, or for every pixel of the values along a dimension.

Null is left out, or with `ignore_nodata: false` makes the result null; NaN is a value and makes the result NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.engine.kernels import reductions
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes import samples
from openeo_plugin.processes.elementwise import to_json_number
from openeo_plugin.processes.lanes import lanes_of, reduced, refuse_large
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import NumberOrNull, Numbers

Extrema = Annotated[
    list[Any],
    Schema(
        [
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}},
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "null"}},
        ]
    ),
]

Probabilities = Annotated[
    list[float] | int | None,
    Schema(
        [
            {"type": "array", "uniqueItems": True, "items": {"type": "number", "minimum": 0, "maximum": 1}},
            {"type": "integer", "minimum": 2},
        ]
    ),
]

Intervals = Annotated[int | None, Schema({"type": "integer", "minimum": 2})]


def reduce_numbers(
    data: Any,
    kernel: Callable[[Pixels, bool], Pixels],
    sample: Callable[[samples.Values], float],
    ignore_nodata: bool,
    *,
    least: int = 1,
) -> Any:
    """One number for an array: by the kernel for pixels, by its twin for JSON numbers.

    Args:
        least: with fewer values the result is null.
    """
    lanes = lanes_of(data)
    if lanes is not None:
        return reduced(lanes, kernel, ignore_nodata)
    valid = valid_numbers(data, ignore_nodata)
    if len(valid) < least:
        return None
    return to_json_number(sample(valid), whole=all(isinstance(v, int) for v in valid))


def valid_numbers(data: list[Any], ignore_nodata: bool) -> list[float]:
    """The numbers of a list without nulls; none at all if nulls count and there is one."""
    valid = [v for v in data if v is not None]
    return valid if ignore_nodata or len(valid) == len(data) else []


@process(level="L1", categories=["math", "math > statistics", "reducer"], id="max")
def max_(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Largest value of an array.

    Infinity counts as a number; a NaN among the values gives NaN. Without any value the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the maximum.
    Source: openeo-processes 2.0.0-rc.2, max.
    """
    return reduce_numbers(data, reductions.max_, samples.largest, ignore_nodata)


@process(level="L1", categories=["math", "math > statistics", "reducer"], id="min")
def min_(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Smallest value of an array.

    Infinity counts as a number; a NaN among the values gives NaN. Without any value the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the minimum.
    Source: openeo-processes 2.0.0-rc.2, min.
    """
    return reduce_numbers(data, reductions.min_, samples.smallest, ignore_nodata)


@process(level="L2", categories=["math > statistics"])
def extrema(data: Numbers, ignore_nodata: bool = True) -> Extrema:
    """Smallest and largest value of an array.

    A NaN among the values gives NaN twice. Without any value both are null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes both results null.
    Returns: an array of two elements: minimum, maximum.
    Source: openeo-processes 2.0.0-rc.2, extrema.
    """
    both = [min_(data, ignore_nodata), max_(data, ignore_nodata)]
    return lanes_of(both) or both  # type: ignore[return-value]


@process(level="L1", categories=["math > statistics", "reducer"])
def mean(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Arithmetic mean of an array.

    The sum of the values divided by their number. A NaN among them gives NaN. Without any value the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the mean.
    Source: openeo-processes 2.0.0-rc.2, mean.
    """
    return reduce_numbers(data, reductions.mean, samples.mean, ignore_nodata)


@process(level="L1", categories=["math > statistics", "reducer"])
def median(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Median of an array.

    The value in the middle of the sorted array; for an even number of values the mean of the two in the middle.
    A NaN among the values gives NaN. Without any value the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the median.
    Source: openeo-processes 2.0.0-rc.2, median.
    """
    return reduce_numbers(data, reductions.median, samples.median, ignore_nodata)


@process(level="L1", categories=["math", "reducer"], id="sum")
def sum_(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Sum of an array.

    Infinity of both signs, or a NaN among the values, gives NaN. Without any value the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the sum.
    Source: openeo-processes 2.0.0-rc.2, sum.
    """
    return reduce_numbers(data, reductions.sum_, samples.total, ignore_nodata)


@process(level="L1", categories=["math", "reducer"])
def product(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Product of an array.

    Zero times infinity, or a NaN among the values, gives NaN. Without any value the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the product.
    Source: openeo-processes 2.0.0-rc.2, product.
    """
    return reduce_numbers(data, reductions.product, samples.product, ignore_nodata)


@process(level="L1", categories=["math > statistics", "reducer"])
def sd(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Sample standard deviation of an array.

    The square root of the sample variance. NaN or infinity among the values gives NaN. With fewer than two values
    the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the standard deviation.
    Source: openeo-processes 2.0.0-rc.2, sd.
    """
    return reduce_numbers(data, reductions.sd, samples.sd, ignore_nodata, least=2)


@process(level="L1", categories=["math > statistics", "reducer"])
def variance(data: Numbers, ignore_nodata: bool = True) -> NumberOrNull:
    """Sample variance of an array.

    The sum of the squared deviations from the mean, divided by the number of values less one. NaN or infinity among
    the values gives NaN. With fewer than two values the result is null.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are left out; if not, one of them makes the result null.
    Returns: the variance.
    Source: openeo-processes 2.0.0-rc.2, variance.
    """
    return reduce_numbers(data, reductions.variance, samples.variance, ignore_nodata, least=2)


@process(level="L1", categories=["math > statistics"])
def quantiles(
    data: Numbers, probabilities: Probabilities = None, q: Intervals = None, ignore_nodata: bool = True
) -> Numbers:
    """Quantiles of an array.

    Linear interpolation between the order statistics (type 7 of Hyndman and Fan 1996). A NaN among the values gives
    NaN for each quantile. Without any value they are null.

    Args:
        data: the numbers.
        probabilities: probabilities from 0 to 1 in ascending order, or a number of intervals of equal probability.
        q: a number of intervals. Deprecated: use `probabilities`.
        ignore_nodata: whether nulls are left out; if not, one of them makes all quantiles null.
    Returns: an array with one quantile per probability, or one less than there are intervals.
    Raises: QuantilesParameterMissing, QuantilesParameterConflict, AscendingProbabilitiesRequired.
    Source: openeo-processes 2.0.0-rc.2, quantiles.
    """
    wanted = _probabilities(probabilities, q)
    lanes = lanes_of(data)
    if lanes is not None:
        found = reduced(lanes, lambda pixels, ignore: reductions.quantiles(pixels, wanted, ignore), ignore_nodata)
        return Lanes(None, stacked=found)  # type: ignore[return-value]
    valid = valid_numbers(data, ignore_nodata)
    return [to_json_number(samples.quantile(valid, p), whole=False) if valid else None for p in wanted]


def _probabilities(probabilities: list[float] | int | None, q: int | None) -> list[float]:
    """The probabilities wanted, as a list."""
    if probabilities is None and q is None:
        raise OpenEOError("QuantilesParameterMissing")
    if probabilities is not None and q is not None:
        raise OpenEOError("QuantilesParameterConflict")
    given = q if probabilities is None else probabilities
    if isinstance(given, int):
        refuse_large(given)
        return [k / given for k in range(1, given)]
    assert given is not None
    if sorted(given) != list(given):
        raise OpenEOError("AscendingProbabilitiesRequired")
    return list(given)
