"""`apply_neighborhood`: a callback on chunks of a cube, each with an overlap to its neighbours.

Chunks lie on a lattice that begins at the first pixel and the first label of the cube, so they do not depend on how the
extent is cut into windows. What sticks out of the cube is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

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


@dataclass(frozen=True, eq=False)
class ApplyNeighborhood:
    """A callback on every chunk.

    rows, columns: of y and x. labels: of every labelled dimension, in order.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: ChunkCallback
    rows: Chunking
    columns: Chunking
    labels: tuple[Chunking, ...]

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
            for band, pixels in enumerate(made.bands):
                _put(values[band], null[band], pixels, chunk, request.window, self)
        bands = []
        for b in request.bands:
            array, flags = values[b][np.ix_(*request.labels)], null[b][np.ix_(*request.labels)]
            if array.dtype.kind == "f":
                array[flags] = np.nan
            bands.append(Pixels(array, mask=Mask(flags), nan_marks=array.dtype.kind == "f"))
        return Block(tuple(bands))

    def _chunks(self, window: Window) -> Iterator[_Chunk]:
        source = self.inputs[0].description
        spans = [_spans(0, len(d.labels), c.size) for d, c in zip(source.labelled, self.labels, strict=True)]
        rows = _spans(*self._rows(window), self.rows.size)
        columns = _spans(*self._columns(window), self.columns.size)
        for place in product(*spans, rows, columns):
            yield _Chunk(tuple(place[:-2]), place[-2], place[-1])

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
        labels = [
            (max(0, start - c.overlap), min(len(d.labels), stop + c.overlap))
            for (start, stop), c, d in zip(chunk.labels, self.labels, source.labelled, strict=True)
        ]
        grid = _part(source.grid, rows, columns)
        dimensions = []
        named = {d.name: span for d, span in zip(source.labelled, labels, strict=True)}
        for dimension in source.dimensions:
            span = named.get(dimension.name)
            if span is None or isinstance(dimension, SpatialDimension):
                dimensions.append(dimension)
            else:
                dimensions.append(replace(dimension, labels=dimension.labels[span[0] : span[1]]))
        description = replace(source, dimensions=tuple(dimensions), grid=grid, free=False)
        shape = (*(stop - start for start, stop in labels), *grid.shape)
        bands = [
            _framed(pixels, labels, rows, columns, held, shape) for pixels in (block.bands if block is not None else [])
        ] or [null_pixels(shape, b.dtype, b.nodata) for b in source.bands]
        return MemoryCube(self.node, description, tuple(bands))

    def probe(self) -> CubeDescription:
        """What the callback makes of the first chunk, without a pixel.

        Raises: DataCubePropertiesImmutable.
        """
        rows, columns = self.inputs[0].description.grid.shape
        first = _Chunk(
            tuple(
                (0, min(c.size or len(d.labels), len(d.labels)))
                for c, d in zip(self.labels, self.inputs[0].description.labelled, strict=True)
            ),
            (0, self.rows.size or rows),
            (0, self.columns.size or columns),
        )
        cube = self._cube(first, None, whole(self.inputs[0].description.grid))
        made = self.callback(cube).description
        _require_same(cube.description, made)
        return made


@dataclass(frozen=True)
class _Chunk:
    """Spans (start, stop) without overlap, on the cube's own indices."""

    labels: tuple[tuple[int, int], ...]
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
    labels: list[tuple[int, int]],
    rows: tuple[int, int],
    columns: tuple[int, int],
    held: Window,
    shape: tuple[int, ...],
) -> Pixels:
    """The part of a band's pixels in a frame of null."""
    plain = pixels.plain()
    top, bottom = max(rows[0], held.y), min(rows[1], held.y + held.height)
    left, right = max(columns[0], held.x), min(columns[1], held.x + held.width)
    lead = tuple(slice(start, stop) for start, stop in labels)
    source = (*lead, slice(top - held.y, bottom - held.y), slice(left - held.x, right - held.x))
    if (top, bottom) == rows and (left, right) == columns:
        return plain.with_values(lambda a: a[source])
    values, null = np.zeros(shape, plain.values.dtype), np.ones(shape, bool)
    target = (..., slice(top - rows[0], bottom - rows[0]), slice(left - columns[0], right - columns[0]))
    values[target] = plain.values[source]
    flags = plain.null()
    null[target] = False if flags is None else flags[source]
    return Pixels(values, mask=Mask(null))


def _put(
    values: Array, null: Array, pixels: Pixels, chunk: _Chunk, window: Window, operator: ApplyNeighborhood
) -> None:
    """Write a chunk, without its overlap, into the arrays of a window (all labels)."""
    rows, columns = operator.rows.overlap, operator.columns.overlap
    top, bottom = max(chunk.rows[0], window.y), min(chunk.rows[1], window.y + window.height)
    left, right = max(chunk.columns[0], window.x), min(chunk.columns[1], window.x + window.width)
    if top >= bottom or left >= right:
        return
    lead_source, lead_target = [], []
    for (start, end), chunking, size in zip(chunk.labels, operator.labels, values.shape, strict=False):
        stop = min(end, size)
        offset = start - max(0, start - chunking.overlap)
        lead_source.append(slice(offset, offset + stop - start))
        lead_target.append(slice(start, stop))
    first_row, first_column = chunk.rows[0] - rows, chunk.columns[0] - columns
    source = (
        *lead_source,
        slice(top - first_row, bottom - first_row),
        slice(left - first_column, right - first_column),
    )
    target = (*lead_target, slice(top - window.y, bottom - window.y), slice(left - window.x, right - window.x))
    plain = pixels.plain()
    flags = plain.null()
    values[target] = plain.values[source]
    null[target] = False if flags is None else flags[source]


def _require_same(chunk: CubeDescription, made: CubeDescription) -> None:
    same = made.names == chunk.names and made.shape == chunk.shape and made.grid.affine == chunk.grid.affine
    if not same:
        raise OpenEOError("DataCubePropertiesImmutable")


def apply_neighborhood(
    node: str,
    cube: Operator,
    callback: ChunkCallback,
    rows: Chunking,
    columns: Chunking,
    labels: tuple[Chunking, ...],
) -> Operator:
    """Describe `apply_neighborhood`; the callback is probed with a chunk of null."""
    source = cube.description
    operator = ApplyNeighborhood(node, (cube,), source, callback, rows, columns, labels)
    made = operator.probe()
    bands = tuple(
        replace(band_of(Pixels(np.empty(0, b.dtype), b.nodata), own.name, own), nullable=True)
        for b, own in zip(made.bands, source.bands, strict=True)
    )
    return pin(replace(operator, description=replace(source, bands=bands, free=False)))
