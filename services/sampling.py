"""The values that a style shows on a grid: bands -> resampled by kind of data -> expression -> algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Pixels
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.windows import coordinates, pixels_per_pixel
from services.blend import bilinear
from services.readable import Readable, Selection, read
from services.style import Style

_MARGIN_PX = 2  # neighbours that bilinear resampling looks at


def layers(
    plan: Readable, geobox: GeoBox, style: Style, labels: Selection, context: RunContext | None = None
) -> list[Pixels]:
    """One or three layers of (rows, columns), ready to be coloured.

    Raises: Canceled.
    """
    halo = style.algorithm.halo if style.algorithm else 0
    grown = _grown(geobox, halo)
    bands = (_smooth if style.smooth else read)(plan, grown, style.bands, labels, context)
    if style.expressions:
        values = {index: band.real() for index, band in zip(style.bands, bands, strict=True)}
        bands = [Pixels(made.evaluate(values), math.nan) for made in style.expressions]
    return style.algorithm.apply(bands[0], grown) if style.algorithm else bands


def _grown(geobox: GeoBox, halo: int) -> GeoBox:
    if not halo:
        return geobox
    rows, columns = geobox.shape
    shape = (rows + 2 * halo, columns + 2 * halo)
    return GeoBox(shape, geobox.affine @ Affine.translation(-halo, -halo), geobox.crs)


def _smooth(
    plan: Readable, geobox: GeoBox, bands: Sequence[int], labels: Selection, context: RunContext | None = None
) -> list[Pixels]:
    """Where pixels of the cube are larger than those of the grid, their values blended; else the nearest.

    The cube is computed at its own resolution, which takes fewer pixels than the picture has.
    """
    assert plan.description is not None
    grid = plan.description.grid
    window = Window(geobox, 0, 0, *geobox.shape)
    if pixels_per_pixel(window.grid, grid) > 1 - 1e-6:
        return read(plan, geobox, bands, labels, context)
    x, y = coordinates(window, grid)
    part = _part(grid, x, y)
    if part is None:
        return read(plan, geobox, bands, labels, context)
    (top, left), own = part
    return [_blended(band, top, left, x, y, grid) for band in read(plan, own, bands, labels, context)]


def _part(grid: Grid, x: Array, y: Array) -> tuple[tuple[int, int], GeoBox] | None:
    """The part of a grid that holds coordinates and their neighbours: its origin (row, column) and its grid."""
    spans = []
    for at, size in ((y, grid.shape.y), (x, grid.shape.x)):
        first, last = max(0, math.floor(at.min()) - _MARGIN_PX), min(size, math.ceil(at.max()) + _MARGIN_PX)
        if first >= last:
            return None
        spans.append((first, last))
    (top, bottom), (left, right) = spans
    return (top, left), grid[top:bottom, left:right]


def _blended(band: Pixels, top: int, left: int, x: Array, y: Array, grid: Grid) -> Pixels:
    """Null where the nearest pixel is null, so that edges stay where they are."""
    source = band.real()
    out = np.empty(x.shape, source.dtype)
    rows, columns = grid.shape
    bilinear(source, top, left, x, y, rows, columns, out)
    return Pixels(out, math.nan)
