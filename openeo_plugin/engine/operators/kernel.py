"""`apply_kernel`: a convolution needs a halo around every window."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Array, Block, Pixels
from openeo_plugin.engine.kernels.focal import convolve
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.pinned import pin


@dataclass(frozen=True, eq=False)
class ApplyKernel:
    """Convolution on the cube's own grid.

    Args:
        kernel: (rows, columns), both uneven, factor applied.
        border: a number, or how the cube goes on beyond its edge (`replicate`, `reflect`, `reflect_pixel`, `wrap`).
        replace_invalid: stands for null, NaN and infinity.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    kernel: Array
    border: str | float
    replace_invalid: float

    def _indices(self, start: int, count: int, axis: int) -> Array:
        """Rows (or columns) of the input under a window with its halo; -1 where the border is a number."""
        size = self.description.grid.shape[axis]
        half = self.kernel.shape[axis] // 2
        return border_indices(np.arange(start - half, start + count + half), size, self.border)

    def _source(self, window: Window) -> tuple[Window, Array, Array]:
        rows = self._indices(window.y, window.height, 0)
        columns = self._indices(window.x, window.width, 1)
        top, bottom = _span(rows)
        left, right = _span(columns)
        return Window(window.grid, top, left, bottom - top, right - left), rows - top, columns - left

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The window grown by half a kernel; at the edge what the border refers to."""
        return (replace(request, window=self._source(request.window)[0], exact=False),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One convolution for each band and label."""
        assert inputs[0] is not None
        _, rows, columns = self._source(request.window)
        return Block(tuple(self._one(p, rows, columns, request.window.shape) for p in inputs[0].bands))

    def _one(self, pixels: Pixels, rows: Array, columns: Array, shape: tuple[int, int]) -> Pixels:
        values = pixels.real()
        if not (pixels.mask is None and pixels.nodata is None and pixels.palette is None and pixels.dtype.kind != "f"):
            invalid = ~np.isfinite(values)
            if invalid.any():
                values = np.where(invalid, values.dtype.type(self.replace_invalid), values)
        padded = _padded(values, rows, columns, self.border)
        kernel = self.kernel.astype(values.dtype)
        out = empty((*values.shape[:-2], *shape), values.dtype)
        for place in np.ndindex(*values.shape[:-2]):
            convolve(padded[place], kernel, out[place])
        return Pixels(out)


def _span(indices: Array) -> tuple[int, int]:
    inside = indices[indices >= 0]
    return (int(inside.min()), int(inside.max()) + 1) if inside.size else (0, 1)


def border_indices(indices: Array, size: int, border: str | float) -> Array:
    """Where a row (or column) beyond the edge is taken from; far below zero where a number stands instead."""
    if border == "replicate":
        return np.clip(indices, 0, size - 1)
    if border == "wrap":
        return indices % size
    if border == "reflect":
        folded = indices % (2 * size)
        return np.where(folded < size, folded, 2 * size - 1 - folded)
    if border == "reflect_pixel":
        period = max(1, 2 * size - 2)
        folded = indices % period
        return np.where(folded < size, folded, period - folded)
    return np.where((indices >= 0) & (indices < size), indices, _NOWHERE)


_NOWHERE = -(1 << 40)


def _padded(values: Array, rows: Array, columns: Array, border: str | float) -> Array:
    height, width = values.shape[-2:]
    whole = len(rows) == height and len(columns) == width
    if whole and rows[0] == 0 and columns[0] == 0 and rows[-1] == height - 1 and columns[-1] == width - 1:
        return np.ascontiguousarray(values)
    wide = empty((*values.shape[:-1], len(columns)), values.dtype)
    for first, end in _runs(columns):
        start = max(0, columns[first])
        wide[..., first:end] = values[..., start : start + end - first]
    shape = (*values.shape[:-2], len(rows), len(columns))
    padded = np.take(wide, np.clip(rows, 0, height - 1), -2, empty(shape, values.dtype), "clip")
    if not isinstance(border, str):
        padded[..., rows < 0, :] = border
        padded[..., columns < 0] = border
    return padded


def _runs(indices: Array) -> Iterator[tuple[int, int]]:
    """(first, end) of stretches of indices that follow one another."""
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    yield from itertools.pairwise([0, *breaks.tolist(), len(indices)])


def apply_kernel(node: str, cube: Operator, kernel: Array, border: str | float, replace_invalid: float) -> Operator:
    """Describe a convolution."""
    description = cube.description
    bands = tuple(
        replace(b, dtype=np.result_type(b.dtype, np.float32), nodata=math.nan, nullable=False, scale=1.0, offset=0.0)
        for b in description.bands
    )
    described = replace(description, bands=bands, free=False)
    return pin(ApplyKernel(node, (cube,), described, kernel, border, replace_invalid))
