"""Reducers that pick, count or judge the elements of an array, whatever their type."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np

from openeo_plugin.cube.pixels import Array, Pixels
from openeo_plugin.engine.kernels import reductions
from openeo_plugin.processes.lanes import elements_of, is_true, lanes_of, null_among, null_where, nulled, there
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import AnyArray, Anything, BooleanOrNull, Booleans, Number, ValueCondition

Everything = Annotated[Literal[True], Schema({"type": "boolean", "const": True})]


@process(level="L1", categories=["arrays", "reducer"])
def first(data: AnyArray, ignore_nodata: bool = True) -> Anything:
    """First element of an array.

    Args:
        data: elements of any type.
        ignore_nodata: whether nulls are passed over; if not, the first element is given even if it is null.
    Returns: the first element, or null if there is none.
    Source: openeo-processes 2.0.0-rc.2, first.
    """
    return _pick(data, reductions.first, ignore_nodata, 0)


@process(level="L1", categories=["arrays", "reducer"])
def last(data: AnyArray, ignore_nodata: bool = True) -> Anything:
    """Last element of an array.

    Args:
        data: elements of any type.
        ignore_nodata: whether nulls are passed over; if not, the last element is given even if it is null.
    Returns: the last element, or null if there is none.
    Source: openeo-processes 2.0.0-rc.2, last.
    """
    return _pick(data, reductions.last, ignore_nodata, -1)


def _pick(data: Any, kernel: Callable[[Pixels, bool], Pixels], ignore_nodata: bool, position: int) -> Any:
    lanes = lanes_of(data)
    if lanes is not None and (ignore_nodata or not len(lanes)):
        return kernel(lanes.stack(), ignore_nodata)
    if lanes is not None and lanes.lengths is not None and position < 0:
        return _last_there(lanes.stack().plain(), lanes.lengths)
    if lanes is not None:
        return lanes.element(position % len(lanes))
    found = [v for v in data if v is not None] if ignore_nodata else data
    return found[position] if found else None


def _last_there(pixels: Pixels, lengths: Array) -> Pixels:
    """The last of as many elements as each pixel has; null if there are none, for then the first one is null."""
    place = np.maximum(lengths - 1, 0)[np.newaxis]
    null = pixels.null()
    gone = None if null is None else np.take_along_axis(null, place, axis=0)[0]
    return nulled(np.take_along_axis(pixels.values, place, axis=0)[0], gone, pixels)


@process(level="L2", categories=["arrays", "math > statistics", "reducer"])
def count(data: AnyArray, condition: ValueCondition | Everything | None = None, context: Anything = None) -> Number:
    """Number of elements in an array.

    By default valid elements are counted: those that are neither null nor NaN nor infinite.

    Args:
        data: elements of any type.
        condition: a process graph that tells for each element whether to count it, or true to count every element.
        context: passed on to the condition.
    Returns: the number.
    Source: openeo-processes 2.0.0-rc.2, count.
    """
    lanes = lanes_of(data)
    inside = None if lanes is None else there(lanes)
    if condition is True:
        return len(data) if inside is None else Pixels(np.sum(inside, axis=0, dtype=np.uint16))  # type: ignore[return-value]
    if condition is not None:
        return _count_true([condition(x=element, context=context) for element in elements_of(data)], inside)
    if lanes is not None:
        return reductions.count(lanes.stack())  # type: ignore[return-value]
    return sum(_is_valid(v) for v in data)


def _is_valid(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _count_true(verdicts: list[Any], inside: Array | None) -> Any:
    """How many verdicts are true; null is not, nor is what is not there."""
    if inside is not None:
        shape = inside.shape[1:]
        found = [is_true(v, shape) & own for v, own in zip(verdicts, inside, strict=True)]
        return Pixels(np.sum(found, axis=0, dtype=np.uint16))
    shapes = [v.shape for v in verdicts if isinstance(v, Pixels)]
    if not shapes:
        return sum(v is True for v in verdicts)
    shape = np.broadcast_shapes(*shapes)
    return Pixels(np.sum([is_true(v, shape) for v in verdicts], axis=0, dtype=np.uint16))


@process(level="L2", categories=["logic", "reducer"], id="any")
def any_(data: Booleans, ignore_nodata: bool = True) -> BooleanOrNull:
    """Whether at least one value of an array is true.

    An array without values gives false.

    Args:
        data: booleans.
        ignore_nodata: whether nulls are left out; if not, the result is null unless a value is true, as for `or`.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, any.
    """
    return _judge(data, reductions.any_, ignore_nodata, wanted=True)


@process(level="L2", categories=["logic", "reducer"], id="all")
def all_(data: Booleans, ignore_nodata: bool = True) -> BooleanOrNull:
    """Whether all values of an array are true.

    An array without values gives true.

    Args:
        data: booleans.
        ignore_nodata: whether nulls are left out; if not, the result is null unless a value is false, as for `and`.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, all.
    """
    return _judge(data, reductions.all_, ignore_nodata, wanted=False)


def _judge(data: Any, kernel: Callable[[Pixels, bool], Pixels], ignore_nodata: bool, *, wanted: bool) -> Any:
    """Whether a `wanted` value is there, for `any`; whether none is, for `all`."""
    lanes = lanes_of(data)
    inside = None if lanes is None else there(lanes)
    if lanes is not None and inside is not None and not ignore_nodata:
        verdict = kernel(lanes.stack(), True)
        true = is_true(verdict, verdict.shape)
        open_ = null_among(lanes, inside) & (inside.sum(axis=0) > 1)  # a single null is like no value, see below
        return null_where(verdict, open_ & (~true if wanted else true))
    if lanes is not None:
        return kernel(lanes.stack(), ignore_nodata)
    if any(v is wanted for v in data):
        return wanted
    # Nulls are reduced in pairs, so that a single one by itself is like no value at all.
    unknown = not ignore_nodata and len(data) > 1 and any(v is None for v in data)
    return None if unknown else not wanted
