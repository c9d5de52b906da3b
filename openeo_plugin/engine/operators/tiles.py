"""Statistics of tiles: rectangles of pixels side by side, each of which becomes one pixel of a coarser grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Array, Block, Lanes, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.select import clipped
from openeo_plugin.engine.probe import Compute, as_pixels, band_of
from openeo_plugin.engine.windows import inside, on_grid


@dataclass(frozen=True, eq=False)
class ReduceTiles:
    """One pixel for each tile of (rows, columns) pixels: a callback on all values of a tile.

    Args:
        start: row and column of the input's grid where the first tile begins; below 0 where it is padded.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    size: tuple[int, int]
    start: tuple[int, int]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The pixels of all tiles."""
        return (replace(request, window=self._source(request.window), exact=True),)

    def _source(self, window: Window) -> Window:
        window = on_grid(window, self.description.grid)
        (rows, columns), (top, left) = self.size, self.start
        return Window(
            self.inputs[0].description.grid,
            top + window.y * rows,
            left + window.x * columns,
            window.height * rows,
            window.width * columns,
        )

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each band."""
        assert inputs[0] is not None
        source = self._source(request.window)
        block = clipped(inputs[0], inside(source, self.inputs[0].description.grid))
        rows, columns = self.size
        height, width = source.height // rows, source.width // columns

        def tiles(array: Array) -> Array:
            """From (*labels, rows, columns) to (values of a tile, *labels, rows, columns) of tiles."""
            cut = array.reshape(*array.shape[:-2], height, rows, width, columns)
            moved = np.moveaxis(cut, (-3, -1), (0, 1))
            return moved.reshape(rows * columns, *moved.shape[2:])

        made = []
        for pixels in block.bands:
            lanes = pixels.with_values(tiles)
            value = self.callback(data=Lanes(None, stacked=lanes), context=self.context)
            made.append(as_pixels(value, lanes.shape[1:]).settled(exact=request.exact))
        return Block(tuple(made))


def tile_layout(
    shape: tuple[int, int], size: tuple[int, int], *, pad: bool, align: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(tiles, start): how many tiles of `size` there are down and across, and the pixel where the first begins.

    align: the corner from which tiles are counted, such as `upper-left`.
    """
    counts = tuple(-(-n // s) if pad else n // s for n, s in zip(shape, size, strict=True))
    over = tuple(n - c * s for n, c, s in zip(shape, counts, size, strict=True))  # below 0 where it is padded
    vertical, horizontal = align.split("-")
    start = (over[0] if vertical == "lower" else 0, over[1] if horizontal == "right" else 0)
    return (counts[0], counts[1]), start


def reduce_tiles(
    node: str, cube: Operator, callback: Compute, context: Any, size: tuple[int, int], *, pad: bool, align: str
) -> ReduceTiles:
    """Describe `aggregate_spatial_window`. size: (rows, columns)."""
    description = cube.description
    grid = description.grid
    tiles, start = tile_layout((grid.shape[0], grid.shape[1]), size, pad=pad, align=align)
    affine = grid.affine * Affine.translation(start[1], start[0]) * Affine.scale(size[1], size[0])
    labels = tuple(len(d.labels) for d in description.labelled)
    bands = []
    for band in description.bands:
        shape = (size[0] * size[1], *labels, 0, 0)
        lanes = Lanes(None, stacked=Pixels(np.empty(shape, band.dtype), band.nodata))
        made = band_of(as_pixels(callback(data=lanes, context=context), shape[1:]), band.name, band)
        bands.append(replace(made, nullable=True))
    block = tuple(max(1, b // s) for b, s in zip(description.block, size, strict=True))
    described = replace(
        description,
        grid=GeoBox(tiles, affine, grid.crs),
        bands=tuple(bands),
        free=False,
        block=(block[0], block[1]),
    )
    return ReduceTiles(node, (cube,), described, callback, context, size, start)
