"""Arrays in processes: a JSON list, a labelled one, or `Lanes` - the values along a dimension for every pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from openeo_plugin.cube.dimensions import Label
from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Array, Lanes, Mask, Pixels, null_pixels
from openeo_plugin.errors import OpenEOError

ELEMENTS_MAX = 2_000_000
"""More than requests sensibly hold. What is larger was made to grow: by repeating, by arrays of arrays of arrays."""


def refuse_large(count: int, what: str = "elements") -> None:
    """Raises: ProcessGraphComplexity, if a JSON value holds more than `ELEMENTS_MAX` of something."""
    if count > ELEMENTS_MAX:
        raise OpenEOError("ProcessGraphComplexity", reason=f"a value would have more than {ELEMENTS_MAX:,} {what}.")


def lanes_of(data: Any) -> Lanes | None:
    """The array as lanes if its elements are pixels (constants among them are spread); None for plain JSON.

    An array without elements is plain JSON: it has no pixels that could tell a shape.
    """
    if isinstance(data, Lanes):
        return data
    pixels = [e for e in data if isinstance(e, Pixels)]
    if not pixels:
        return None
    shape = np.broadcast_shapes(*[p.shape for p in pixels])
    common = np.result_type(*[p.dtype for p in pixels])
    elements = [e if isinstance(e, Pixels) else constant_pixels(e, shape, common) for e in data]
    return Lanes(labels_of(data), elements=elements)


def constant_pixels(value: Any, shape: tuple[int, ...], like: np.dtype[Any]) -> Pixels:
    """The same value in every pixel, in the smallest type that fits beside pixels of type `like`.

    Raises: ProcessGraphInvalid for what can't stand in a pixel.
    """
    if value is None:
        return null_pixels(shape, like, None)
    dtype: np.dtype[Any]
    if isinstance(value, bool):
        dtype = np.dtype(bool)
    elif isinstance(value, int):
        fits = -(2**63) <= value < 2**64
        dtype = np.min_scalar_type(value) if fits else np.dtype(np.float64)
    elif isinstance(value, float):
        dtype = np.result_type(like, np.float32)
    else:
        raise OpenEOError(
            "ProcessGraphInvalid", reason=f"a {type(value).__name__} can't stand beside pixels in an array"
        )
    return Pixels(np.broadcast_to(np.asarray(value, dtype), shape))


def labels_of(data: Any) -> tuple[Label, ...] | None:
    """The labels of an array; None if it has none."""
    if isinstance(data, Lanes | LabelledArray):
        return data.labels
    return None


def elements_of(data: Any) -> list[Any]:
    """The elements, JSON values or pixels."""
    return data.elements() if isinstance(data, Lanes) else list(data)


def array_of(values: Sequence[Any], labels: tuple[Label, ...] | None) -> Any:
    """An array of these elements: lanes if there are pixels among them, else a JSON list, with labels if given.

    Raises: ProcessGraphComplexity.
    """
    refuse_large(len(values))
    array = list(values) if labels is None else LabelledArray(values, labels)
    return lanes_of(array) or array


def by_element(data: Any, function: Callable[[Any, int, Label | None], Any]) -> Any:
    """The array of what a function gives for every element, its index and its label."""
    labels = labels_of(data)
    values = [
        function(element, i, None if labels is None else labels[i]) for i, element in enumerate(elements_of(data))
    ]
    array = array_of(values, labels)
    if isinstance(data, Lanes) and isinstance(array, Lanes):
        array.lengths = data.lengths
    return array


def there(lanes: Lanes) -> Array | None:
    """Where the array of a pixel has an element, bool (n, *rest), if they are not equally long."""
    if lanes.lengths is None:
        return None
    return np.arange(len(lanes)).reshape(-1, *([1] * lanes.lengths.ndim)) < lanes.lengths


def compacted(lanes: Lanes, kept: Array) -> Lanes:
    """The elements that are kept, bool (n, *rest), moved to the front in their order; null behind them, no labels."""
    pixels, inside = lanes.stack().plain(), there(lanes)
    if inside is not None:
        kept = kept & inside
    order = np.argsort(~kept, axis=0, kind="stable")
    null = pixels.null()
    gone = ~kept if null is None else null | ~kept
    values = np.take_along_axis(pixels.values, order, axis=0)
    found = nulled(values, np.take_along_axis(gone, order, axis=0), pixels)
    return Lanes(None, stacked=found, lengths=kept.sum(axis=0))


def concatenated(arrays: Sequence[Any], labels: tuple[Label, ...] | None) -> Any:
    """One array of the elements of several."""
    joined = array_of([element for array in arrays for element in elements_of(array)], labels)
    ends = [there(array) if isinstance(array, Lanes) else None for array in arrays]
    if not isinstance(joined, Lanes) or all(end is None for end in ends):
        return joined
    shape = joined.stack().shape[1:]
    parts = [
        np.ones((len(array), *shape), bool) if end is None else np.broadcast_to(end, (len(array), *shape))
        for array, end in zip(arrays, ends, strict=True)
    ]
    return compacted(joined, np.concatenate(parts))


def reduced(lanes: Lanes, kernel: Callable[[Pixels, bool], Pixels], ignore_nodata: bool) -> Pixels:
    """What a kernel makes of the elements of every pixel. A null among them makes it null, unless nulls are ignored.

    Args:
        kernel: called with all values and whether it leaves out nulls, gives (*rest) or (m, *rest).
    """
    inside = there(lanes)
    if inside is None or ignore_nodata:
        return kernel(lanes.stack(), ignore_nodata)
    return null_where(kernel(lanes.stack(), True), null_among(lanes, inside))


def null_among(lanes: Lanes, inside: Array) -> Array:
    """Whether one of the elements of a pixel is null: bool (*rest)."""
    null = lanes.stack().null()
    found: Array = np.zeros(inside.shape[1:], bool) if null is None else (null & inside).any(axis=0)
    return found


def null_where(pixels: Pixels, flags: Array) -> Pixels:
    """The pixels, null also where flags say so (spread over what stands in front)."""
    plain = pixels.plain()
    wide, null = np.broadcast_to(flags, plain.shape), plain.null()
    return replace(plain, mask=Mask(wide if null is None else wide | null), nan_marks=False)


def selected(data: Any, indices: Sequence[int]) -> Any:
    """The array of the elements at these indices, with their labels."""
    labels = labels_of(data)
    kept = None if labels is None else tuple(labels[i] for i in indices)
    if isinstance(data, Lanes):
        if not indices:
            return Lanes(kept, stacked=data.stack().with_values(lambda a: a[:0]))
        return Lanes(kept, elements=[data.element(i) for i in indices])
    return array_of([data[i] for i in indices], kept)


def index_of(label: Label, labels: tuple[Label, ...]) -> int | None:
    """The position of a label; a number is never the same as a text."""
    return labels.index(label) if label in labels else None


def is_true(verdict: Any, shape: tuple[int, ...]) -> Array:
    """Where a verdict - JSON, or pixels - is true: bool of `shape`; null is not true."""
    if not isinstance(verdict, Pixels):
        return np.broadcast_to(np.bool_(verdict is True), shape)
    true, null = verdict.plain().values != 0, verdict.null()
    return np.broadcast_to(true if null is None else true & ~null, shape)


def nulled(values: Array, null: Array | None, source: Pixels) -> Pixels:
    """Pixels of computed values that are null where `null` says so.

    In the way of `source` if they have its type - its sentinel, else a mask - and as NaN if they are floating point.
    `values` is written to.
    """
    if null is None:
        return Pixels(values)
    if values.dtype.kind == "f":
        plain = source.plain()
        values[null] = np.nan
        can_be_nan = plain.values.dtype.kind == "f" and (plain.nodata is None or not np.isnan(plain.nodata))
        return Pixels(values, mask=Mask(null), nan_marks=True) if can_be_nan else Pixels(values, nodata=np.nan)
    if source.palette is None and source.nodata is not None and values.dtype == source.dtype:
        values[null] = source.nodata
        return Pixels(values, nodata=source.nodata)
    return Pixels(values, mask=Mask(null))
