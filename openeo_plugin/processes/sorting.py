"""Arrays put in order: numbers, or texts that name instants.

NaN stands behind all numbers, whichever way they are sorted; equal values keep their order.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np

from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.cube.pixels import Array, Lanes, Mask, Pixels, null_pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.lanes import constant_pixels, lanes_of, nulled, selected, there
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import AnyArray

Sortable = Annotated[
    list[Any],
    Schema(
        {
            "type": "array",
            "items": {
                "anyOf": [
                    {"type": "number"},
                    {"type": "null"},
                    {"type": "string", "format": "date-time", "subtype": "date-time"},
                    {"type": "string", "format": "date", "subtype": "date"},
                ]
            },
        }
    ),
]

Positions = Annotated[list[int], Schema({"type": "array", "items": {"type": "integer", "minimum": 0}})]

Placing = Annotated[bool | None, Schema({"type": ["boolean", "null"]})]


@process(level="L3", categories=["arrays", "sorting"])
def order(data: Sortable, asc: bool = True, nodata: Placing = None) -> Positions:
    """Positions that elements of an array have in it, in the order of their values.

    For pixels, positions of removed nulls are null at the end, so that all pixels have arrays of the same length.

    Args:
        data: numbers, dates or instants.
        asc: whether the smallest comes first.
        nodata: whether nulls go to the end (true) or to the start (false); null removes them.
    Returns: the positions, from 0.
    Source: openeo-processes 2.0.0-rc.2, order.
    """
    lanes = lanes_of(data)
    if lanes is None:
        return _list_order(data, asc, nodata)
    positions, null = _pixel_order(lanes, asc, nodata)
    mask = None if null is None or nodata is not None else Mask(null)
    found = Pixels(positions.astype(np.uint16), mask=mask)
    return Lanes(None, stacked=found, lengths=_lengths(lanes, null, nodata))  # type: ignore[return-value]


@process(level="L3", categories=["arrays", "sorting"])
def rearrange(data: AnyArray, order: Positions) -> AnyArray:
    """Array of the elements at the given positions.

    A position that the array does not have is refused with ArrayElementNotAvailable.

    Args:
        data: the array.
        order: positions, such as the process `order` gives.
    Returns: the elements in that order, with their labels.
    Source: openeo-processes 2.0.0-rc.2, rearrange.
    """
    array, by_pixel = lanes_of(data), lanes_of(order)
    if by_pixel is not None:
        positions = by_pixel.stack().plain()
        if array is None:  # the same for all pixels
            elements = [constant_pixels(element, positions.shape[1:], np.dtype(np.uint8)) for element in data]
            array = Lanes(None, elements=elements or [null_pixels(positions.shape[1:], np.dtype(np.uint8), None)])
        found = _taken(array.stack().plain(), positions, len(data))
        return Lanes(None, stacked=found, lengths=by_pixel.lengths)  # type: ignore[return-value]
    for position in order:
        if not 0 <= position < len(data):
            raise OpenEOError("ArrayElementNotAvailable", element=position)
    return selected(array or data, order)


@process(level="L2", categories=["arrays", "sorting"])
def sort(data: Sortable, asc: bool = True, nodata: Placing = None) -> Sortable:
    """Array in the order of its values.

    Labels are dropped. For pixels, nulls that are removed come back as null at the end.

    Args:
        data: numbers, dates or instants.
        asc: whether the smallest comes first.
        nodata: whether nulls go to the end (true) or to the start (false); null removes them.
    Returns: the sorted array.
    Source: openeo-processes 2.0.0-rc.2, sort.
    """
    lanes = lanes_of(data)
    if lanes is None:
        return [data[i] for i in _list_order(data, asc, nodata)]
    pixels = lanes.stack().plain()
    positions, null = _pixel_order(lanes, asc, nodata)
    found = nulled(np.take_along_axis(pixels.values, positions, axis=0), null, pixels)
    return Lanes(None, stacked=found, lengths=_lengths(lanes, null, nodata))  # type: ignore[return-value]


def _list_order(data: list[Any], asc: bool, nodata: bool | None) -> list[int]:
    nulls = [i for i, v in enumerate(data) if v is None]
    aside = [i for i, v in enumerate(data) if isinstance(v, float) and math.isnan(v)]
    rest = [i for i, v in enumerate(data) if v is not None and i not in aside]
    ordered = sorted(rest, key=lambda i: _key(data[i]), reverse=not asc) + aside
    if nodata is None:
        return ordered
    return ordered + nulls if nodata else nulls + ordered


def _key(value: Any) -> tuple[int, Any]:
    """What a value is sorted by: numbers by themselves, texts by the instant they name."""
    if not isinstance(value, str):
        return 0, value
    try:
        return 1, parse_instant(value)
    except ValueError:
        raise OpenEOError(
            "ProcessParameterInvalid", process="order", parameter="data", reason=f"'{value}' is no date."
        ) from None


def _pixel_order(lanes: Lanes, asc: bool, nodata: bool | None) -> tuple[Array, Array | None]:
    """Positions (T, *rest) in the order of the values, and where in that order nulls stand."""
    pixels, inside = lanes.stack().plain(), there(lanes)
    values, null = pixels.values, pixels.null()
    rank = np.zeros(values.shape, np.int8)
    if values.dtype.kind == "f":
        rank[np.isnan(values)] = 1
    if null is not None:
        rank[null] = -1 if nodata is False else 2
    if inside is not None:
        rank[~inside] = 3
    key = values if asc else _reversed(values)
    if null is not None:
        key = np.where(null, key.dtype.type(0), key)  # nulls keep their order, whatever stands below them
    positions = np.lexsort((key, rank), axis=0)
    return positions, None if null is None else np.take_along_axis(null, positions, axis=0)


def _lengths(lanes: Lanes, null: Array | None, nodata: bool | None) -> Array | None:
    """How many elements of each pixel are left, if nulls are removed."""
    if nodata is not None or null is None:
        return lanes.lengths
    found: Array = np.sum(~null, axis=0)
    return found


def _reversed(values: Array) -> Array:
    """Values in the opposite order; no integer overflows."""
    return -values if values.dtype.kind == "f" else ~values


def _taken(values: Pixels, positions: Pixels, count: int) -> Pixels:
    """For every pixel the values at its own positions, of which there are `count`; null where a position is."""
    absent, null = positions.null(), values.null()
    at = positions.values.astype(np.intp)
    if absent is not None:
        at = np.where(absent, 0, at)
    if at.size and (at.min() < 0 or at.max() >= count):
        raise OpenEOError("ArrayElementNotAvailable", element=int(at.max()))
    if null is not None:
        null = np.take_along_axis(null, at, axis=0)
    both = absent if null is None else null if absent is None else null | absent
    return nulled(np.take_along_axis(values.values, at, axis=0), both, values)
