"""A cube whose pixels are in memory: for literals, small intermediate results and tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels, null_pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.windows import coordinates, on_grid, pixel_index


@dataclass(frozen=True, eq=False)
class MemoryCube:
    """Pixels that are there already.

    bands: one `Pixels` per band of the description, values (*labelled, rows, columns) on its grid. Other grids are
    answered by the nearest pixel centre; outside of the grid there is null.
    """

    node: str
    description: CubeDescription
    bands: tuple[Pixels, ...]
    inputs: tuple[Operator, ...] = ()

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Needs nothing."""
        return ()

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Views where the window lies on the grid, copies elsewhere."""
        return Block(tuple(window_of(self.bands[b], request, self.description.grid) for b in request.bands))


def window_of(pixels: Pixels, request: Request, grid: Grid) -> Pixels:
    """The part of a band's pixels that a request wants; null outside of the grid."""
    pixels = _chosen(pixels, request.labels)
    window = on_grid(request.window, grid)
    if window.grid is grid and _contains(grid, window):
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        return pixels.with_values(lambda a: a[..., rows, columns])
    return _sampled(pixels, window, grid)


def _chosen(pixels: Pixels, labels: tuple[tuple[int, ...], ...]) -> Pixels:
    full = all(own == tuple(range(n)) for own, n in zip(labels, pixels.shape, strict=False))
    if full:
        return pixels
    return pixels.with_values(lambda a: a[np.ix_(*labels)])


def _contains(grid: Grid, window: Window) -> bool:
    rows, columns = grid.shape
    inside = window.y >= 0 and window.x >= 0
    return inside and window.y + window.height <= rows and window.x + window.width <= columns


def _sampled(pixels: Pixels, window: Window, grid: Grid) -> Pixels:
    rows, columns = grid.shape
    if window.grid is grid:
        y, x = np.meshgrid(
            np.arange(window.y, window.y + window.height), np.arange(window.x, window.x + window.width), indexing="ij"
        )
    else:
        at_x, at_y = coordinates(window, grid)
        y, x = pixel_index(at_y), pixel_index(at_x)
    ok = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    if not ok.any():
        return null_pixels((*pixels.shape[:-2], *window.shape), pixels.dtype, pixels.nodata)
    y, x = np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)
    taken = pixels.with_values(lambda a: a[..., y, x])
    if ok.all():
        return taken
    null = taken.null()
    outside = np.broadcast_to(~ok, taken.shape)
    return replace(taken.plain(), mask=Mask(outside if null is None else outside | null), nan_marks=False)


def grid_of_coordinates(x: Array, y: Array, crs: str) -> GeoBox:
    """The grid of evenly spaced pixel centres; y may ascend or descend. One centre counts as a pixel of 1 x 1."""
    step_x = float(x[1] - x[0]) if len(x) > 1 else 1.0
    step_y = float(y[1] - y[0]) if len(y) > 1 else -1.0
    affine = Affine(step_x, 0, float(x[0]) - step_x / 2, 0, step_y, float(y[0]) - step_y / 2)
    return GeoBox((len(y), len(x)), affine, crs)
