"""`apply_neighborhood`: a callback on chunks of a cube, each with an overlap to its neighbours.

Chunks lie on a lattice that begins at the first pixel and the first label of the cube, so they do not depend on how the
extent is cut into windows. What sticks out of the cube is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.cube.grid import Grid, Window, whole
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels, null_pixels
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator, Request, RunContext, everything
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.probe import band_of
from openeo_plugin.engine.schedule import compute_all
from openeo_plugin.errors import OpenEOError

ChunkCallback = Callable[[MemoryCube], Operator]
"""From a chunk to a cube of the same dimensions and labels."""


@dataclass(frozen=True)
class Chunking:
    """Size and overlap along a dimension, in pixels or labels. size 0: everything."""

    size: int = 0
    overlap: int = 0

    def labels(self, count: int) -> tuple[LabelChunk, ...]:
        """The chunks of a dimension with so many labels."""
        return tuple(
            LabelChunk(
                tuple(range(start, min(stop, count))),
                tuple(range(max(0, start - self.overlap), min(stop + self.overlap, count))),
            )
            for start, stop in _spans(0, count, self.size)
        )


@dataclass(frozen=True)
class LabelChunk:
    """Indices of the labels of a chunk, in the order of the cube: its own ones, and these with the overlap."""

    own: tuple[int, ...]
    held: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ApplyNeighborhood:
    """A callback on every chunk.

    rows, columns: of y and x. labels: of every labelled dimension, in order, its chunks; each label stands in one.
    bands: the chunks of the bands.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: ChunkCallback
    rows: Chunking
    columns: Chunking
    labels: tuple[tuple[LabelChunk, ...], ...]
    bands: tuple[LabelChunk, ...]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Whole chunks with their overlap, clipped to the cube; all bands and labels."""
        source = self.inputs[0].description
        top, bottom = _clipped(self._rows(request.window), self.rows.overlap, source.grid.shape[0])
        left, right = _clipped(self._columns(request.window), self.columns.overlap, source.grid.shape[1])
        window = Window(source.grid, top, left, bottom - top, right - left)
        return (everything(source, window, exact=True),)

    def _rows(self, window: Window) -> tuple[int, int]:
        return _chunks_of(window.y, window.height, self.rows.size, self.inputs[0].description.grid.shape[0])

    def _columns(self, window: Window) -> tuple[int, int]:
        return _chunks_of(window.x, window.width, self.columns.size, self.inputs[0].description.grid.shape[1])

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each chunk."""
        block = inputs[0]
        assert block is not None
        source = self.inputs[0].description
        (held,) = self.request(request)
        assert held is not None
        shape = (*(len(d.labels) for d in source.labelled), *request.window.shape)
        values = [np.zeros(shape, band.dtype) for band in self.description.bands]
        null = [np.ones(shape, bool) for _ in self.description.bands]
        for chunk in self._chunks(request.window):
            context.check()
            made = self._computed(chunk, block, held.window, context)
            for band in chunk.bands.own:
                pixels = made.bands[chunk.bands.held.index(band)]
                _put(values[band], null[band], pixels, chunk, request.window, self)
        bands = []
        for b in request.bands:
            array, flags = values[b][np.ix_(*request.labels)], null[b][np.ix_(*request.labels)]
            if array.dtype.kind == "f":
                array[flags] = np.nan
            bands.append(Pixels(array, mask=Mask(flags), nan_marks=array.dtype.kind == "f"))
        return Block(tuple(bands))

    def _chunks(self, window: Window) -> Iterator[_Chunk]:
        rows = _spans(*self._rows(window), self.rows.size)
        columns = _spans(*self._columns(window), self.columns.size)
        for bands, labels, own_rows, own_columns in product(self.bands, product(*self.labels), rows, columns):
            yield _Chunk(bands, labels, own_rows, own_columns)

    def _computed(self, chunk: _Chunk, block: Block, held: Window, context: RunContext) -> Block:
        cube = self._cube(chunk, block, held)
        operator = self.callback(cube)
        _require_same(cube.description, operator.description)
        window = whole(operator.description.grid)
        return compute_all([(operator, everything(operator.description, window, exact=True))], context)[0]

    def _cube(self, chunk: _Chunk, block: Block | None, held: Window) -> MemoryCube:
        """The chunk with its overlap as a cube of its own; null where it sticks out."""
        source = self.inputs[0].description
        rows = (chunk.rows[0] - self.rows.overlap, chunk.rows[1] + self.rows.overlap)
        columns = (chunk.columns[0] - self.columns.overlap, chunk.columns[1] + self.columns.overlap)
        labels = [own.held for own in chunk.labels]
        grid = _part(source.grid, rows, columns)
        held_labels = {d.name: own for d, own in zip(source.labelled, labels, strict=True)}
        if source.bands_dimension is not None:
            held_labels[source.bands_dimension.name] = chunk.bands.held
        dimensions = tuple(
            d if isinstance(d, SpatialDimension) else replace(d, labels=tuple(d.labels[i] for i in held_labels[d.name]))
            for d in source.dimensions
        )
        own_bands = tuple(source.bands[b] for b in chunk.bands.held)
        description = replace(source, dimensions=dimensions, grid=grid, bands=own_bands, free=False)
        shape = (*map(len, labels), *grid.shape)
        if block is None:
            return MemoryCube(self.node, description, tuple(_unread(b, shape) for b in own_bands))
        pixels = (_framed(block.bands[b], labels, rows, columns, held, shape) for b in chunk.bands.held)
        return MemoryCube(self.node, description, tuple(pixels))

    def probe(self) -> tuple[Band, ...]:
        """What the callback makes of the first chunk of each group of bands, without a pixel.

        Raises: DataCubePropertiesImmutable.
        """
        rows, columns = self.inputs[0].description.grid.shape
        labels = tuple(chunks[0] if chunks else LabelChunk((), ()) for chunks in self.labels)
        spatial = (0, self.rows.size or rows), (0, self.columns.size or columns)
        found: dict[int, Band] = {}
        for group in self.bands:
            cube = self._cube(_Chunk(group, labels, *spatial), None, whole(self.inputs[0].description.grid))
            made = self.callback(cube).description
            _require_same(cube.description, made)
            found |= {band: made.bands[group.held.index(band)] for band in group.own}
        return tuple(found[b] for b in sorted(found))


def _unread(band: Band, shape: tuple[int, ...]) -> Pixels:
    """Pixels that nobody will look at, which take no memory."""
    if band.nodata is not None:
        return Pixels(np.broadcast_to(np.asarray(band.nodata, band.dtype), shape), band.nodata)
    return null_pixels(shape, band.dtype, None)


@dataclass(frozen=True)
class _Chunk:
    """Spans (start, stop) of rows and columns without overlap, on the cube's own indices; and labels."""

    bands: LabelChunk
    labels: tuple[LabelChunk, ...]
    rows: tuple[int, int]
    columns: tuple[int, int]


def _chunks_of(start: int, count: int, size: int, total: int) -> tuple[int, int]:
    """The span of whole chunks around `count` pixels from `start`, not clipped at the end of the cube."""
    if size == 0:
        return 0, total
    return start // size * size, -(-(start + count) // size) * size


def _clipped(span: tuple[int, int], overlap: int, total: int) -> tuple[int, int]:
    return max(0, span[0] - overlap), min(total, span[1] + overlap)


def _spans(start: int, stop: int, size: int) -> list[tuple[int, int]]:
    if size == 0:
        return [(start, stop)]
    return [(at, at + size) for at in range(start, stop, size)]


def _part(grid: Grid, rows: tuple[int, int], columns: tuple[int, int]) -> Grid:
    window = Window(grid, rows[0], columns[0], rows[1] - rows[0], columns[1] - columns[0])
    return window.geobox()


def _framed(
    pixels: Pixels,
    labels: list[tuple[int, ...]],
    rows: tuple[int, int],
    columns: tuple[int, int],
    held: Window,
    shape: tuple[int, ...],
) -> Pixels:
    """The part of a band's pixels in a frame of null."""
    plain = pixels.plain()
    top, bottom = max(rows[0], held.y), min(rows[1], held.y + held.height)
    left, right = max(columns[0], held.x), min(columns[1], held.x + held.width)
    part = (..., slice(top - held.y, bottom - held.y), slice(left - held.x, right - held.x))
    inside = plain.with_values(lambda a: _picked(a[part], labels))
    if (top, bottom) == rows and (left, right) == columns:
        return inside
    values, null = np.zeros(shape, plain.values.dtype), np.ones(shape, bool)
    target = (..., slice(top - rows[0], bottom - rows[0]), slice(left - columns[0], right - columns[0]))
    values[target] = inside.values
    flags = inside.null()
    null[target] = False if flags is None else flags
    return Pixels(values, mask=Mask(null))


def _picked(array: Array, labels: Sequence[tuple[int, ...]]) -> Array:
    """Some labels of the leading axes: a view where they follow one another."""
    for axis, own in enumerate(labels):
        consecutive = bool(own) and own == tuple(range(own[0], own[0] + len(own)))
        place: Any = slice(own[0], own[0] + len(own)) if consecutive else list(own)
        array = array[(*(slice(None),) * axis, place)]
    return array


def _put(
    values: Array, null: Array, pixels: Pixels, chunk: _Chunk, window: Window, operator: ApplyNeighborhood
) -> None:
    """Write a chunk, without its overlap, into the arrays of a window (all labels)."""
    rows, columns = operator.rows.overlap, operator.columns.overlap
    top, bottom = max(chunk.rows[0], window.y), min(chunk.rows[1], window.y + window.height)
    left, right = max(chunk.columns[0], window.x), min(chunk.columns[1], window.x + window.width)
    if top >= bottom or left >= right:
        return
    first_row, first_column = chunk.rows[0] - rows, chunk.columns[0] - columns
    part = (..., slice(top - first_row, bottom - first_row), slice(left - first_column, right - first_column))
    places = [tuple(own.held.index(i) for i in own.own) for own in chunk.labels]
    inside = pixels.plain().with_values(lambda a: _picked(a[part], places))
    spatial = np.arange(top - window.y, bottom - window.y), np.arange(left - window.x, right - window.x)
    target = np.ix_(*(own.own for own in chunk.labels), *spatial)
    flags = inside.null()
    values[target] = inside.values
    null[target] = False if flags is None else flags


def _require_same(chunk: CubeDescription, made: CubeDescription) -> None:
    same_grid = made.grid.shape == chunk.grid.shape and made.grid.affine == chunk.grid.affine
    if not (same_grid and made.grid.crs == chunk.grid.crs and made.dimensions == chunk.dimensions):
        raise OpenEOError("DataCubePropertiesImmutable")


def apply_neighborhood(
    node: str,
    cube: Operator,
    callback: ChunkCallback,
    rows: Chunking,
    columns: Chunking,
    labels: tuple[tuple[LabelChunk, ...], ...],
    bands: tuple[LabelChunk, ...],
) -> Operator:
    """Describe `apply_neighborhood`; the callback is probed with a chunk of null."""
    source = cube.description
    operator = ApplyNeighborhood(node, (cube,), source, callback, rows, columns, labels, bands)
    made = operator.probe()
    described = tuple(
        replace(band_of(Pixels(np.empty(0, b.dtype), b.nodata), own.name, own), nullable=True)
        for b, own in zip(made, source.bands, strict=True)
    )
    return pin(replace(operator, description=replace(source, bands=described, free=False)))
