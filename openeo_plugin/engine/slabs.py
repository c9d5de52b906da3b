"""Evaluate something pixel-wise in slabs that stay in the processor's cache, so that temporaries cost next to nothing.

Since every pixel is on its own, a slab's result is that part of the whole result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.pixels import Array, Mask, Palette, Pixels

SLAB_VALUES = 1 << 17
"""Values of one band in a slab: half a megabyte as float32."""


def in_slabs(inputs: Sequence[Pixels], compute: Callable[[Sequence[Pixels]], Pixels]) -> Pixels:
    """`compute(inputs)`, a slab of rows at a time.

    Args:
        inputs: of one shape (..., rows, columns).
        compute: pixel-wise; gives settled pixels of the inputs' shape.
    """
    shape = inputs[0].shape
    rows = shape[-2]
    per_row = max(1, inputs[0].values.size // max(1, rows))
    height = max(1, SLAB_VALUES // per_row)
    if height >= rows or all(p.palette is not None for p in inputs):
        return compute(inputs)
    out: Array | None = None
    null: Array | None = None
    first: Pixels | None = None
    for start in range(0, rows, height):
        part = (..., slice(start, start + height), slice(None))
        made = compute([_cut(p, part) for p in inputs]).plain()
        if first is None or out is None:
            first = made
            out = empty(shape, made.values.dtype)
            null = None if made.mask is None else np.empty(shape, bool)
        elif repr(made.nodata) != repr(first.nodata) or (made.mask is None) != (null is None):
            return compute(inputs)  # what is null is told differently here and there
        out[part] = made.values
        if null is not None and made.mask is not None:
            null[part] = made.mask.flags()
    assert first is not None
    assert out is not None
    return Pixels(out, first.nodata, None if null is None else Mask(null), nan_marks=first.nan_marks)


class PaletteTables:
    """What a callback has made of the palettes it met: one evaluation of 256 entries serves every window of a plan.

    Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[bool, str, bytes, bytes], Palette] = {}

    def evaluate(self, pixels: Pixels, compute: Callable[[Sequence[Pixels]], Pixels], *, exact: bool) -> Pixels:
        """`compute` of one band in slabs, or from what is known of its palette."""
        palette = pixels.palette
        if palette is None or pixels.mask is not None:
            return in_slabs([pixels], compute)
        key = exact, palette.values.dtype.str, palette.values.tobytes(), palette.null.tobytes()
        known = self._known.get(key)
        if known is not None:
            return Pixels(pixels.values, palette=known)
        made = in_slabs([pixels], compute)
        if made.palette is not None and made.mask is None and made.values is pixels.values:
            self._known[key] = made.palette
        return made


def _cut(pixels: Pixels, part: Any) -> Pixels:
    return pixels.with_values(lambda a: a[part])
