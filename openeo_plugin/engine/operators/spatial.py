"""Operators that fold x or y away: a window of the result needs the whole extent along the dimension folded.

The request asks for all of it; the run makes windows narrow enough for that to fit the memory budget. Both axes leave a
single pixel, for which that would be the whole cube: reducers that can be folded are, window by window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import Label, SpatialDimension
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, Lanes, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.operators.zonal import aggregate_extent
from openeo_plugin.engine.operators.zonal_folds import Fold
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels


@dataclass(frozen=True, eq=False)
class ReduceSpatial:
    """A callback that makes one value of all values along y, along x, or along both.

    axes: of "y" and "x", those that go away.
    labels: of the values along a single axis, where they are no coordinates.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    axes: tuple[str, ...]
    labels: tuple[Label, ...] | None = None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The whole extent along what is folded."""
        grid, window = self.inputs[0].description.grid, request.window
        y, height = (0, grid.shape[0]) if "y" in self.axes else (window.y, window.height)
        x, width = (0, grid.shape[1]) if "x" in self.axes else (window.x, window.width)
        return (replace(request, window=Window(grid, y, x, height, width), exact=True),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each band."""
        assert inputs[0] is not None
        labels = self.labels or coordinates_along(self.inputs[0].description.grid, self.axes)
        return Block(tuple(self._one(p, labels, exact=request.exact) for p in inputs[0].bands))

    def _one(self, pixels: Pixels, labels: tuple[Label, ...] | None, *, exact: bool) -> Pixels:
        first = pixels.with_values(lambda a: folded_first(a, self.axes))
        value = self.callback(data=Lanes(labels, stacked=first), context=self.context)
        reduced = as_pixels(value, first.shape[1:]).settled(exact=exact)
        return reduced.with_values(lambda a: _restored(a, self.axes))


def folded_first(array: Array, axes: tuple[str, ...]) -> Array:
    """The folded dimensions as first axis, row by row: (n, *labelled, what is left of y and x)."""
    if axes == ("y",):
        return np.ascontiguousarray(np.moveaxis(array, -2, 0))
    if axes == ("x",):
        return np.ascontiguousarray(np.moveaxis(array, -1, 0))
    flat = array.reshape(*array.shape[:-2], -1)
    return np.ascontiguousarray(np.moveaxis(flat, -1, 0))


def _restored(array: Array, axes: tuple[str, ...]) -> Array:
    if axes == ("y",):
        return np.expand_dims(array, -2)
    if axes == ("x",):
        return np.expand_dims(array, -1)
    return array.reshape(*array.shape, 1, 1)


def coordinates_along(grid: Grid, axes: tuple[str, ...]) -> tuple[Label, ...] | None:
    """Pixel centres along the dimension that is folded; none for two."""
    affine = grid.affine
    if axes == ("y",):
        return tuple((affine.f + affine.e * (np.arange(grid.shape[0]) + 0.5)).tolist())
    if axes == ("x",):
        return tuple((affine.c + affine.a * (np.arange(grid.shape[1]) + 0.5)).tolist())
    return None


def folded_grid(grid: Grid, axes: tuple[str, ...]) -> Grid:
    """One row and/or one column that spans the extent of the grid."""
    rows, columns = grid.shape
    affine = grid.affine
    if "y" in axes:
        affine = affine @ Affine.scale(1, rows)
        rows = 1
    if "x" in axes:
        affine = affine @ Affine.scale(columns, 1)
        columns = 1
    return GeoBox((rows, columns), affine, grid.crs)


def reduce_spatial(
    node: str,
    cube: Operator,
    axes: tuple[str, ...],
    callback: Compute,
    context: Any,
    labels: tuple[Label, ...] | None = None,
    fold: Fold | None = None,
) -> Operator:
    """Describe a reduction over y, x, or both. The callback is probed with an array of no pixels.

    labels: of the values along a single axis, where they are no coordinates.
    fold: the fold that the callback is, if it is one: both axes are then folded window by window.
    """
    description = cube.description
    kept = tuple(d for d in description.dimensions if not (isinstance(d, SpatialDimension) and d.axis in axes))
    bands = tuple(_probed(description, band, axes, callback, context, labels) for band in description.bands)
    described = replace(description, dimensions=kept, grid=folded_grid(description.grid, axes), bands=bands, free=False)
    if fold is not None and len(axes) == 2:
        return pin(aggregate_extent(node, cube, described, callback, context, fold))
    return pin(ReduceSpatial(node, (cube,), described, callback, context, axes, labels))


def _probed(
    description: CubeDescription,
    band: Band,
    axes: tuple[str, ...],
    callback: Compute,
    context: Any,
    labels: tuple[Label, ...] | None,
) -> Band:
    lanes = empty_lanes(description, band, axes, labels)
    rest = lanes.stack().shape[1:]
    return band_of(as_pixels(callback(data=lanes, context=context), rest), band.name, band)


def empty_lanes(
    description: CubeDescription, band: Band, axes: tuple[str, ...], labels: tuple[Label, ...] | None = None
) -> Lanes:
    """The values along what is folded, for no pixels: (n, *labelled, 0)."""
    labels = labels or coordinates_along(description.grid, axes)
    count = len(labels) if labels is not None else description.grid.shape[0] * description.grid.shape[1]
    shape = (count, *empty_pixels(band, description).shape[:-2], 0)
    mask = Mask(np.zeros(shape, bool)) if band.nullable else None
    return Lanes(labels, stacked=Pixels(np.empty(shape, band.dtype), band.nodata, mask))
