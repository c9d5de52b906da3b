"""A cube whose pixels lie in the files of STAC items: the source operator of the engine.

For every label of time and every band there are the layers (files) that hold it. Files on the cube's own lattice are
read as they are, others are sampled at the pixel centres (nearest neighbour). Where several layers hold one date, the
first with a value counts, in the order of the items.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, Mask, Palette, Pixels
from openeo_plugin.cube.transforms import transformer
from openeo_plugin.engine.kernels.mesh import flat_indices, gather_nearest, nearest_pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.windows import coordinates, inside, offset, on_grid, pixels_per_pixel
from openeo_plugin.sources.datasets import level_shape, read
from openeo_plugin.sources.layers import Layer

_CODES = np.arange(256, dtype=np.uint8)
_CODES.setflags(write=False)
MAX_READ_PX = 1 << 24
"""A single read for a sampled window holds at most about this many pixels; larger ones are cut in rows."""


@dataclass(frozen=True, eq=False)
class ItemCube:
    """Pixels from files.

    Args:
        slices: [temporal label][band] -> the layers that hold it, the first one on top.
        has_time: whether the cube has a temporal dimension (else there is one slice).
    """

    node: str
    description: CubeDescription
    slices: tuple[tuple[tuple[Layer, ...], ...], ...]
    has_time: bool = True
    inputs: tuple[Operator, ...] = ()

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """A source needs nothing."""
        return ()

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Read what is asked for, band by band."""
        window = on_grid(request.window, self.description.grid)
        within = inside(window, self.description.grid)
        dates = request.labels[0] if self.has_time else (0,)
        return Block(tuple(self._band(b, dates, window, within, context) for b in request.bands))

    def read_bytes(self, request: Request) -> int:
        """Bytes that a request reads where no pixel is null: layers below one that covers the window are not read."""
        window = on_grid(request.window, self.description.grid)
        dates = request.labels[0] if self.has_time else (0,)
        shares: dict[int, tuple[float, float]] = {}
        return sum(_stack_bytes(self.slices[date][band], window, shares) for band in request.bands for date in dates)

    def _band(
        self, index: int, dates: Sequence[int], window: Window, within: Array | None, context: RunContext
    ) -> Pixels:
        band = self.description.bands[index]
        values = empty((len(dates), *window.shape), band.dtype)
        missing: list[Array | None] = []
        for place, date in enumerate(dates):
            context.check()
            layers = self.slices[date][index]
            missing.append(mosaic(layers, band, window, within, values[place], context))
        if not self.has_time:
            values = values[0]
        return self._pixels(band, values, missing)

    def _pixels(self, band: Band, values: Array, missing: list[Array | None]) -> Pixels:
        """Missing pixels were set to nodata already; without a nodata value they need a mask."""
        mask = None
        if band.nodata is None and any(m is not None for m in missing):
            rows = [np.zeros(values.shape[-2:], bool) if m is None else m for m in missing]
            mask = Mask(np.stack(rows) if self.has_time else rows[0])
        if band.dtype == np.uint8:
            null = np.equal(_CODES, -1 if band.nodata is None else band.nodata)
            return Pixels(values, mask=mask, palette=Palette(_CODES, null))
        return Pixels(values, band.nodata, mask)


def _stack_bytes(layers: Sequence[Layer], window: Window, shares: dict[int, tuple[float, float]]) -> int:
    """Of layers that lie on each other. `shares` remembers `_share` for each grid."""
    total = 0
    for layer in layers:
        if id(layer.grid) not in shares:
            shares[id(layer.grid)] = _share(window, layer)
        share, density = shares[id(layer.grid)]
        total += round(share * density * window.height * window.width) * layer.band.dtype.itemsize
        if share > 1 - 1e-9:
            break
    return total


def _share(window: Window, layer: Layer) -> tuple[float, float]:
    """How much of a window a layer covers, exactly on one lattice, else by bounding boxes; pixels read per pixel."""
    shift = offset(window.grid, layer.grid)
    if shift is not None:
        top, left, height, width = window.y + shift[0], window.x + shift[1], window.height, window.width
        return _overlap(layer.grid, top, left, height, width), 1.0
    down, across = np.meshgrid(np.linspace(0, window.height, 5), np.linspace(0, window.width, 5))
    affine = window.transform
    x = affine.c + affine.a * across + affine.b * down
    y = affine.f + affine.d * across + affine.e * down
    if window.grid.crs != layer.grid.crs:
        x, y = transformer(window.grid.crs, layer.grid.crs).transform(x, y)
    inverse = ~layer.grid.affine
    at_x, at_y = inverse.c + inverse.a * x + inverse.b * y, inverse.f + inverse.d * x + inverse.e * y
    finer = pixels_per_pixel(window.grid, layer.grid)
    density = (finer / overview_for(layer, finer)[1]) ** 2
    return _overlap(layer.grid, at_y.min(), at_x.min(), np.ptp(at_y), np.ptp(at_x)), density


def _overlap(grid: Grid, top: float, left: float, height: float, width: float) -> float:
    rows, columns = grid.shape
    down, across = min(rows, top + height) - max(0, top), min(columns, left + width) - max(0, left)
    return float(max(0, down) * max(0, across) / max(height * width, 1e-9))


def mosaic(
    layers: Sequence[Layer], band: Band, window: Window, within: Array | None, out: Array, context: RunContext
) -> Array | None:
    """Fill `out` from the layers, the first one on top.

    Args:
        layers: of one date and band, the top one first.
        band: how null is to be written: `band.nodata`, or 0 and a flag if there is none.
        window: on any grid. within: where the cube's extent is (None: everywhere).
        out: (rows, columns), written as a whole.
    Returns: bool (rows, columns), True where `out` was set to null; None if nowhere. Null as a file has it may stand
        beside, where the file's nodata is the band's.
    """
    open_: Array | None = None  # pixels still to be filled; None means all of them
    for place, layer in enumerate(layers):
        if open_ is not None and not open_.any():
            break
        if open_ is None:
            is_last = place + 1 == len(layers)
            if is_last and layer.band.nodata is not None and repr(layer.band.nodata) == repr(band.nodata):
                found = _covered(layer, window, out, context)  # its nulls are those of the band
            else:
                found = _fill(layer, window, out, context)
            open_ = None if found is None else ~found
            if found is None:
                break
            continue
        below = np.empty_like(out)
        found = _fill(layer, window, below, context)
        take = open_ if found is None else open_ & found
        out[take] = below[take]
        open_ = open_ & ~take
    else:
        if open_ is None:
            open_ = np.ones(out.shape, bool)
    if within is not None:
        outside = ~within
        open_ = outside if open_ is None else open_ | outside
    if open_ is not None:
        out[open_] = band.nodata if band.nodata is not None else 0
    return open_


def _fill(layer: Layer, window: Window, out: Array, context: RunContext) -> Array | None:
    """Write a layer's pixels; returns where it has a value (None: everywhere, nulls included if they are nodata)."""
    return _valid(layer, out, _covered(layer, window, out, context))


def _covered(layer: Layer, window: Window, out: Array, context: RunContext) -> Array | None:
    """Write a layer's pixels; returns where it is (None: everywhere)."""
    shift = offset(window.grid, layer.grid)
    if shift is not None:
        return _read_aligned(layer, window, shift, out, context)
    return _read_sampled(layer, window, out, context)


def _valid(layer: Layer, out: Array, covered: Array | None) -> Array | None:
    nodata = layer.band.nodata
    if nodata is None:
        return covered
    null = np.isnan(out) if np.isnan(nodata) else out == nodata
    if not null.any():
        return covered
    return ~null if covered is None else covered & ~null


def _read_aligned(
    layer: Layer, window: Window, shift: tuple[int, int], out: Array, context: RunContext
) -> Array | None:
    rows, columns = layer.grid.shape
    top, left = window.y + shift[0], window.x + shift[1]
    first_row, first_column = max(0, top), max(0, left)
    last_row, last_column = min(rows, top + window.height), min(columns, left + window.width)
    if first_row >= last_row or first_column >= last_column:
        return np.zeros(out.shape, bool)
    size = (last_row - first_row, last_column - first_column)
    part = out[first_row - top : last_row - top, first_column - left : last_column - left]
    rectangle = (first_row, first_column, *size)
    if size == out.shape:
        read(layer, None, rectangle, out)
    else:
        part[...] = read(layer, None, rectangle)
    context.count_read(part.size * layer.band.dtype.itemsize)
    if size == out.shape:
        return None
    covered = np.zeros(out.shape, bool)
    covered[first_row - top : last_row - top, first_column - left : last_column - left] = True
    return covered


def _read_sampled(layer: Layer, window: Window, out: Array, context: RunContext) -> Array | None:
    level = _level(layer, *overview_for(layer, pixels_per_pixel(window.grid, layer.grid)))
    sampling = _sampling(window, layer.grid, level)
    if sampling is None:
        return np.zeros(out.shape, bool)
    if math.prod(sampling.rectangle[2:]) > MAX_READ_PX:
        return _read_in_strips(layer, window, level, sampling, out, context)
    source = read(layer, level.index, sampling.rectangle)
    context.count_read(source.nbytes)
    np.take(source.reshape(-1), sampling.index, out=out, mode="clip")
    return sampling.found


@dataclass(frozen=True)
class _Level:
    """A resolution of a file: its index (None: full), pixels of the full one per pixel down and across, last pixel."""

    index: int | None
    steps: tuple[float, float]
    lasts: tuple[int, int]


def _level(layer: Layer, index: int | None, factor: int) -> _Level:
    """Of an odd number of pixels, some writers keep half and one more, the last of them cut by the edge; others, GDAL's
    COG driver among them, keep half of them, all a little wider. What is neither is refused when it is read.

    Raises: SourceUnreadable.
    """
    rows, columns = layer.grid.shape
    up = -(-rows // factor), -(-columns // factor)
    shape = up if index is None else level_shape(layer, index)
    if any(part not in (most, most - 1) or part == 0 for part, most in zip(shape, up, strict=True)):
        shape = up
    down, across = (
        float(factor) if part == most else size / part
        for size, part, most in zip((rows, columns), shape, up, strict=True)
    )
    return _Level(index, (down, across), (shape[0] - 1, shape[1] - 1))


def _read_in_strips(
    layer: Layer, window: Window, level: _Level, sampling: _Sampling, out: Array, context: RunContext
) -> Array | None:
    """A window that spans very many source pixels: read in strips of rows, so that memory stays bounded."""
    at_x, at_y = coordinates(window, layer.grid)
    top, left, rows, columns = sampling.rectangle
    found = np.zeros(out.shape, np.bool_)
    strip = max(1, MAX_READ_PX // columns)
    for row in range(top, top + rows, strip):
        context.check()
        source = read(layer, level.index, (row, left, min(strip, top + rows - row), columns))
        context.count_read(source.nbytes)
        gather_nearest(source, at_x, at_y, level.steps, level.lasts, tuple(layer.grid.shape), row, left, out, found)
    return None if found.all() else found


@dataclass(frozen=True)
class _Sampling:
    """Which pixel of a raster lies under every centre of a window.

    rectangle: (row, column, rows, columns) to be read at the overview level. index: into its values, row by row, for
    every pixel of the window. found: where a centre lies on the raster; None for everywhere.
    """

    rectangle: tuple[int, int, int, int]
    index: Array
    found: Array | None


_LOCAL = threading.local()


def _sampling(window: Window, grid: Grid, level: _Level) -> _Sampling | None:
    """The same for all bands and dates that share a grid, so it is kept for the windows just worked on."""
    cache: OrderedDict[Any, tuple[Grid, _Sampling | None]] = _LOCAL.__dict__.setdefault("samplings", OrderedDict())
    key = (window, id(grid), level)
    if key not in cache:
        cache[key] = (grid, _new_sampling(window, grid, level))
        if len(cache) > 4:
            cache.popitem(last=False)
    return cache[key][1]


def _new_sampling(window: Window, grid: Grid, level: _Level) -> _Sampling | None:
    at_x, at_y = coordinates(window, grid)
    row, column = np.empty(window.shape, np.int32), np.empty(window.shape, np.int32)
    found, index = np.empty(window.shape, np.bool_), np.empty(window.shape, np.int64)
    top, bottom, left, right, count = nearest_pixels(
        at_x, at_y, level.steps, level.lasts, tuple(grid.shape), row, column, found
    )
    if count == 0:
        return None
    flat_indices(row, column, top, left, right - left, index)
    return _Sampling((top, left, bottom - top, right - left), index, None if count == found.size else found)


def overview_for(layer: Layer, scale: float) -> tuple[int | None, int]:
    """(level, factor) of the coarsest overview that is at least as fine as asked; (None, 1) for full resolution."""
    best: tuple[int | None, int] = (None, 1)
    for level, factor in enumerate(layer.overviews):
        if factor <= scale * (1 + 1e-6):
            best = (level, factor)
    return best


def described_bands(names: Sequence[str], slices: Sequence[Mapping[str, Sequence[Layer]]]) -> tuple[Band, ...]:
    """One band per name: the type that holds every layer's values, the layers' nodata if all share it.

    Raises: nothing; a band of which no slice has a layer is left to the caller.
    """
    bands = []
    for name in names:
        layers = [layer for held in slices for layer in held.get(name, ())]
        first = layers[0].band
        dtype = np.result_type(*{layer.band.dtype for layer in layers})
        nodata = _shared_nodata({layer.band.nodata for layer in layers})
        bands.append(replace(first, name=name, dtype=dtype, nodata=nodata, nullable=nodata is None))
    return tuple(bands)


def _shared_nodata(values: set[float | int | None]) -> float | int | None:
    """The one nodata of all layers; None if they differ, for what is null in one file may be a value in another."""
    first, *others = values
    if first is None or any(o is None or not (o == first or (np.isnan(o) and np.isnan(first))) for o in others):
        return None
    return first
