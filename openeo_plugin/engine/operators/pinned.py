"""Where a cube is pinned to its grid, other grids are answered by sampling it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels, null_pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.windows import coordinates, on_grid, pixel_index, reach


@dataclass(frozen=True, eq=False)
class Pinned:
    """The same cube; a window on another lattice takes the pixel under each centre. Outside of the grid is null."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription

    def _source(self, window: Window) -> Window | None:
        """The pixels of the own grid that a window needs; None if it lies outside."""
        grid = self.description.grid
        rows, columns = grid.shape
        local = on_grid(window, grid)
        if local.grid is grid:
            top, left = max(0, local.y), max(0, local.x)
            bottom, right = min(rows, local.y + local.height), min(columns, local.x + local.width)
        else:
            x, y = reach(window, grid)
            on = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
            if not on.any():
                return None
            top, bottom = int(np.floor(y[on].min())), int(np.floor(y[on].max())) + 1
            left, right = int(np.floor(x[on].min())), int(np.floor(x[on].max())) + 1
        return Window(grid, top, left, bottom - top, right - left) if bottom > top and right > left else None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The pixels under the window."""
        source = self._source(request.window)
        return (None if source is None else replace(request, window=source),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The block itself, or a sample of it."""
        source, block = self._source(request.window), inputs[0]
        if source is None or block is None:
            shape = (*(len(own) for own in request.labels), *request.window.shape)
            bands = (self.description.bands[b] for b in request.bands)
            return Block(tuple(null_pixels(shape, b.dtype, b.nodata) for b in bands))
        local = on_grid(request.window, self.description.grid)
        if local == source:
            return block
        return Block(tuple(_taken(p, local, source) for p in block.bands))


def _taken(pixels: Pixels, window: Window, source: Window) -> Pixels:
    y, x = _places(window, source)
    ok = (y >= 0) & (y < source.height) & (x >= 0) & (x < source.width)
    y, x = np.clip(y, 0, source.height - 1), np.clip(x, 0, source.width - 1)
    taken = pixels.with_values(lambda a: a[..., y, x])
    if ok.all():
        return taken
    outside = np.broadcast_to(~ok, taken.shape)
    null = taken.null()
    return replace(taken.plain(), mask=Mask(outside if null is None else outside | null), nan_marks=False)


def _places(window: Window, source: Window) -> tuple[Array, Array]:
    """Row and column in `source` of every pixel of a window, negative or too large outside of it."""
    if window.grid is source.grid:
        y = np.arange(window.y - source.y, window.y - source.y + window.height)
        x = np.arange(window.x - source.x, window.x - source.x + window.width)
        grid = np.meshgrid(y, x, indexing="ij")
        return grid[0], grid[1]
    at_x, at_y = coordinates(window, source.grid)
    y, x = pixel_index(at_y), pixel_index(at_x)
    return np.where(y < 0, -1, y - source.y), np.where(x < 0, -1, x - source.x)


def pin(operator: Operator) -> Pinned:
    """An operator that can only be computed on its own grid, made to answer on any."""
    return Pinned(operator.node, (operator,), operator.description)
