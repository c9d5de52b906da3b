"""Operators that put a cube on another grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, Pixels, null_pixels
from openeo_plugin.engine.kernels import resampling as k
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.windows import coordinates, offset, pixels_per_pixel, reach

CONVOLUTIONS = {
    "bilinear": k.BILINEAR,
    "cubic": k.CUBIC,
    "cubicspline": k.CUBIC_SPLINE,
    "lanczos": k.LANCZOS,
}
AREAS = {
    "average": (k.AVERAGE, 0.0),
    "rms": (k.RMS, 0.0),
    "sum": (k.SUM, 0.0),
    "min": (k.MINIMUM, 0.0),
    "max": (k.MAXIMUM, 0.0),
    "mode": (k.MODE, 0.0),
    "q1": (k.QUANTILE, 0.25),
    "med": (k.QUANTILE, 0.5),
    "q3": (k.QUANTILE, 0.75),
}
_ALMOST_WHOLE_PX = 0.05
_SMALLEST_SCALE = 1e-9
METHODS = ("near", *CONVOLUTIONS, *AREAS)


@dataclass(frozen=True, eq=False)
class Resample:
    """A cube on another grid by convolution or by statistics of areas.

    scale: (x, y) target pixels per source pixel, taken once in the middle of the target grid.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    method: str
    scale: tuple[float, float]

    def _source(self, window: Window) -> Window | None:
        grid = self.inputs[0].description.grid
        rows, columns = grid.shape
        x, y = reach(window, grid)
        somewhere = np.isfinite(x) & np.isfinite(y)
        if not somewhere.any():
            return None
        if not somewhere.all():
            x, y = x[somewhere], y[somewhere]
        reach_x, reach_y = self._reach()
        left, right = max(0, math.floor(x.min() - reach_x)), min(columns, math.ceil(x.max() + reach_x) + 1)
        top, bottom = max(0, math.floor(y.min() - reach_y)), min(rows, math.ceil(y.max() + reach_y) + 1)
        if left >= right or top >= bottom:
            return None
        return Window(grid, top, left, bottom - top, right - left)

    def _reach(self) -> tuple[float, float]:
        """Source pixels on either side of a centre that may have weight."""
        if self.method in CONVOLUTIONS:
            radius = k.RADIUS[CONVOLUTIONS[self.method]]
            return radius / min(1.0, self.scale[0]) + 1, radius / min(1.0, self.scale[1]) + 1
        return max(1.0, 1 / self.scale[0]) / 2 + 1, max(1.0, 1 / self.scale[1]) / 2 + 1

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The pixels under the window and the reach of the method."""
        source = self._source(request.window)
        return (None if source is None else replace(request, window=source, exact=False),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One resampling for each band and label."""
        source, block = self._source(request.window), inputs[0]
        if source is None or block is None:
            shape = (*(len(own) for own in request.labels), *request.window.shape)
            bands = (self.description.bands[b] for b in request.bands)
            return Block(tuple(null_pixels(shape, b.dtype, math.nan) for b in bands))
        at = coordinates(request.window, source.grid)
        return Block(tuple(self._one(p, request.window, source, at) for p in block.bands))

    def _one(self, pixels: Pixels, window: Window, source: Window, at: tuple[Array, Array]) -> Pixels:
        values = pixels.real()
        out = empty((*values.shape[:-2], *window.shape), values.dtype)
        rows, columns = source.grid.shape
        for place in np.ndindex(*values.shape[:-2]):
            part = np.ascontiguousarray(values[place])
            if self.method in CONVOLUTIONS:
                kind = CONVOLUTIONS[self.method]
                scale_x, scale_y = (min(1.0, s) for s in self.scale)
                k.convolution(
                    part, source.y, source.x, *at, scale_x, scale_y, kind, k.RADIUS[kind], rows, columns, out[place]
                )
            else:
                kind, fraction = AREAS[self.method]
                width, height = (1 / s for s in self.scale)
                k.area(part, source.y, source.x, *at, width, height, kind, fraction, rows, columns, out[place])
        return Pixels(out, math.nan)


@dataclass(frozen=True, eq=False)
class OnGrid:
    """A free (or pinned) cube described on another grid: the pixel under each centre, in its native type."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same window: the input samples it."""
        return (request,)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The input as it is."""
        assert inputs[0] is not None
        return inputs[0]


def resample(node: str, cube: Operator, grid: Grid, method: str) -> Operator:
    """Describe a cube on another grid. A cube that is on this grid already is given back as it is."""
    description = cube.description
    if offset(grid, description.grid) == (0, 0) and grid.shape == description.grid.shape:
        return cube
    if method == "near" or offset(grid, description.grid) is not None:
        bands = tuple(replace(b, nullable=True) for b in description.bands)
        return pin(OnGrid(node, (cube,), replace(description, grid=grid, bands=bands, free=False)))
    bands = tuple(
        replace(b, dtype=np.result_type(b.dtype, np.float32), nodata=math.nan, nullable=False)
        for b in description.bands
    )
    described = replace(description, grid=grid, bands=bands, free=False)
    scale_x, scale_y = scale_between(grid, description.grid)
    if method in CONVOLUTIONS:
        scale_x, scale_y = _whole(scale_x), _whole(scale_y)
    return pin(Resample(node, (cube,), described, method, (scale_x, scale_y)))


def _whole(scale: float) -> float:
    """A scale that is almost one to a whole number is meant so: a kernel as wide as that, as GDAL has it, too."""
    if not 0 < scale < 1:
        return scale
    pixels = round(1 / scale)
    return 1 / pixels if abs(1 / scale - pixels) < _ALMOST_WHOLE_PX else scale


def scale_between(target: Grid, source: Grid) -> tuple[float, float]:
    """(x, y): target pixels per source pixel in the middle of the target grid; one scale for the whole plan."""
    rows, columns = target.shape
    step = 16
    middle = Window(target, rows // 2 // step * step, columns // 2 // step * step, step + 1, step + 1)
    x, y = coordinates(middle, source)
    across = math.hypot(x[0, step] - x[0, 0], y[0, step] - y[0, 0])
    down = math.hypot(x[step, 0] - x[0, 0], y[step, 0] - y[0, 0])
    if not (0 < across < math.inf and 0 < down < math.inf):  # the middle can't be expressed in the source's CRS
        across = down = step * pixels_per_pixel(target, source)
    return max(_SMALLEST_SCALE, step / across), max(_SMALLEST_SCALE, step / down)
