"""Running results along an array: as long as the array, with its labels.

Null is passed over and stays where it is; with `ignore_nodata: false` all that follows it is null. NaN goes on.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.processes.lanes import array_of, labels_of, lanes_of, nulled
from openeo_plugin.processes.process import process
from openeo_plugin.processes.samples import times
from openeo_plugin.processes.types import Numbers


@process(level="L3", categories=["math > cumulative"], experimental=True)
def cummax(data: Numbers, ignore_nodata: bool = True) -> Numbers:
    """Largest value so far, for every element of an array.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are passed over; if not, everything after the first one is null.
    Returns: an array of the same length.
    Source: openeo-processes 2.0.0-rc.2, cummax.
    """
    return _running(data, _larger, np.maximum, ignore_nodata)


@process(level="L3", categories=["math > cumulative"], experimental=True)
def cummin(data: Numbers, ignore_nodata: bool = True) -> Numbers:
    """Smallest value so far, for every element of an array.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are passed over; if not, everything after the first one is null.
    Returns: an array of the same length.
    Source: openeo-processes 2.0.0-rc.2, cummin.
    """
    return _running(data, _smaller, np.minimum, ignore_nodata)


@process(level="L3", categories=["math > cumulative"], experimental=True)
def cumproduct(data: Numbers, ignore_nodata: bool = True) -> Numbers:
    """Product so far, for every element of an array.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are passed over; if not, everything after the first one is null.
    Returns: an array of the same length.
    Source: openeo-processes 2.0.0-rc.2, cumproduct.
    """
    return _running(data, times, np.multiply, ignore_nodata, neutral=1)


@process(level="L3", categories=["math > cumulative"], experimental=True)
def cumsum(data: Numbers, ignore_nodata: bool = True) -> Numbers:
    """Sum so far, for every element of an array.

    Args:
        data: the numbers.
        ignore_nodata: whether nulls are passed over; if not, everything after the first one is null.
    Returns: an array of the same length.
    Source: openeo-processes 2.0.0-rc.2, cumsum.
    """
    return _running(data, operator.add, np.add, ignore_nodata, neutral=0)


def _larger(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)


def _smaller(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)


def _running(
    data: Any, step: Callable[[Any, Any], Any], ufunc: np.ufunc, ignore_nodata: bool, neutral: int | None = None
) -> Any:
    """Accumulate a list by `step`, or pixels by `ufunc`.

    Args:
        neutral: what changes nothing; None for an extreme, which keeps the type of the values.
    """
    lanes = lanes_of(data)
    if lanes is not None:
        running = _pixels(lanes.stack().plain(), ufunc, ignore_nodata, neutral)
        return Lanes(lanes.labels, stacked=running, lengths=lanes.lengths)
    values = list(data)
    if not ignore_nodata and None in values:
        end = values.index(None)
        values = values[:end] + [None] * (len(values) - end)
    sums = iter(itertools.accumulate((v for v in values if v is not None), step))
    return array_of([None if v is None else next(sums) for v in values], labels_of(data))


def _pixels(pixels: Pixels, ufunc: np.ufunc, ignore_nodata: bool, neutral: int | None) -> Pixels:
    values, null = pixels.values, pixels.null()
    dtype = np.result_type(values.dtype, np.float32) if neutral is not None else values.dtype
    start = _loser(ufunc, dtype) if neutral is None else np.float64(neutral)
    exact = np.full(values.shape[1:], start)
    running = np.empty(values.shape, dtype)
    for t in range(len(values)):  # numpy's own accumulate along the first axis takes twice as long
        row = values[t] if null is None else np.where(null[t], start, values[t])
        with np.errstate(all="ignore"):
            running[t] = ufunc(exact, row, out=exact)
    if null is not None and not ignore_nodata:
        null = np.logical_or.accumulate(null, axis=0)
    return nulled(running, null, pixels)


def _loser(ufunc: np.ufunc, dtype: np.dtype[Any]) -> Any:
    """The value of a type that loses against every other one."""
    if dtype.kind == "f":
        return dtype.type(-np.inf if ufunc is np.maximum else np.inf)
    if dtype.kind == "b":
        return np.bool_(ufunc is np.minimum)
    limits = np.iinfo(dtype)
    return dtype.type(limits.min if ufunc is np.maximum else limits.max)
