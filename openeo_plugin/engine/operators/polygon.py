"""Operators that tell pixels inside of geometries from others: masks, and processes run for each polygon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels, null_pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.select import Crop, clipped
from openeo_plugin.engine.operators.zones import Spans, Zones
from openeo_plugin.engine.windows import on_grid
from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True, eq=False)
class PolygonMask:
    """A cube, null (or another value) where a pixel belongs to no geometry.

    Args:
        inside: the other way round: null where it belongs to one.
        replacement: None for null. What is null already stays null.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    zones: Zones
    inside: bool = False
    replacement: float | bool | None = None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same; nothing where all pixels of the window would be null."""
        if self.replacement is None and not self._kept(request.window).any():
            return (None,)
        exact = request.exact or self.replacement is not None
        return (replace(request, window=on_grid(request.window, self.inputs[0].description.grid), exact=exact),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The input with a mask more."""
        if inputs[0] is None:
            return Block(tuple(nothing(self.description.bands[b], request) for b in request.bands))
        kept = self._kept(request.window)
        if kept.all():
            return inputs[0]
        if self.replacement is None:
            return clipped(inputs[0], kept)
        return Block(tuple(replaced(p, ~kept, self.replacement) for p in inputs[0].bands))

    def _kept(self, window: Window) -> Array:
        flags = self.zones.flags(window, self.description.grid)
        return ~flags if self.inside else flags


def nothing(band: Band, request: Request) -> Pixels:
    """Null for every pixel of a request."""
    shape = (*(len(labels) for labels in request.labels), *request.window.shape)
    return null_pixels(shape, band.dtype, band.nodata)


def replaced(pixels: Pixels, where: Array, value: float | bool) -> Pixels:
    """Another value for pixels (rows, columns) that are not null."""
    plain = pixels.plain()
    null = plain.null()
    dtype = np.result_type(plain.values.dtype, np.min_scalar_type(value))
    values = np.where(where, dtype.type(value), plain.values)
    if null is None:
        return Pixels(values)
    return Pixels(values, mask=Mask(np.ascontiguousarray(null)))


def mask_polygon(
    node: str, cube: Operator, zones: Zones, *, inside: bool = False, replacement: float | bool | None = None
) -> PolygonMask:
    """Describe `mask_polygon`.

    Raises: ValueError if the geometries can't be expressed in the cube's reference system.
    """
    zones.on(cube.description.grid)
    if replacement is None:
        bands = tuple(replace(b, nullable=True) for b in cube.description.bands)
    else:
        bands = tuple(
            replace(b, dtype=np.result_type(b.dtype, np.min_scalar_type(replacement)), nodata=None, nullable=True)
            for b in cube.description.bands
        )
    return PolygonMask(node, (cube,), replace(cube.description, bands=bands), zones, inside, replacement)


def filter_spatial(node: str, cube: Operator, zones: Zones) -> Operator:
    """Describe `filter_spatial`: the smallest part of the grid that has all pixels of the geometries, others null.

    A grid without rows and columns if there are none.
    Raises: ValueError if the geometries can't be expressed in the cube's reference system.
    """
    description = cube.description
    grid = cut_to(description.grid, zones.on(description.grid))
    cropped: Operator = cube
    if grid is not description.grid:
        cropped = Crop(node, (cube,), replace(description, grid=grid))
    return mask_polygon(node, cropped, zones)


def cut_to(grid: Grid, spans: Spans) -> Grid:
    """The part of a grid that has all pixels of some geometries; the grid itself if nothing is cut off."""
    found = spans.bounds()
    top, left, bottom, right = (0, 0, 0, 0) if found is None else found
    if (top, left, bottom, right) == (0, 0, *grid.shape):
        return grid
    return GeoBox((bottom - top, right - left), grid.affine * Affine.translation(left, top), grid.crs)


@dataclass(frozen=True, eq=False)
class ApplyPolygon:
    """What a process makes of the part of a cube in each polygon, put together; null outside of all.

    Args:
        inputs: for each polygon that has pixels the process' result, on `grids`.
        places: which geometries these are.
        grids: the smallest part of the cube's grid that has the polygon, for each input.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    spans: Spans
    places: tuple[int, ...]
    grids: tuple[Grid, ...]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Of each polygon the rectangle that the window has of it."""
        parts = self._parts(on_grid(request.window, self.description.grid))
        return tuple(
            replace(request, window=on_grid(parts[place][0], grid)) if place in parts else None
            for place, grid in zip(self.places, self.grids, strict=True)
        )

    def _parts(self, window: Window) -> dict[int, tuple[Window, Array]]:
        """For each polygon in a window the rectangle around its pixels, and their spans."""
        own = self.spans.within(window.y, window.height, window.x, window.width)
        own = own[np.argsort(own[:, 0], kind="stable")]
        zones, sizes = np.unique(own[:, 0], return_counts=True)
        found = {}
        for zone, size, end in zip(zones.tolist(), sizes.tolist(), np.cumsum(sizes).tolist(), strict=True):
            spans = own[end - size : end]
            top, left = int(spans[0, 1]), int(spans[:, 2].min())
            height, width = int(spans[-1, 1]) + 1 - top, int(spans[:, 3].max()) - left
            found[zone] = Window(window.grid, top, left, height, width), spans
        return found

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The pixels inside of each polygon from its own result."""
        window = on_grid(request.window, self.description.grid)
        parts = self._parts(window)
        shape = (*(len(labels) for labels in request.labels), *window.shape)
        bands = []
        for place, band in enumerate(request.bands):
            values = np.zeros(shape, self.description.bands[band].dtype)
            null = np.ones(shape, bool)
            for zone, block in zip(self.places, inputs, strict=True):
                if block is not None:
                    _paste(*parts[zone], window, block.bands[place], values, null)
            if values.dtype.kind == "f":
                values[null] = np.nan
            bands.append(Pixels(values, mask=Mask(null), nan_marks=values.dtype.kind == "f"))
        return Block(tuple(bands))


def _paste(part: Window, spans: Array, window: Window, pixels: Pixels, values: Array, null: Array) -> None:
    """Write the pixels of spans, given in `part`, into a window."""
    plain = pixels.plain()
    missing = plain.null()
    for _, row, first, end in spans.tolist():
        into = (..., row - window.y, slice(first - window.x, end - window.x))
        cells = (..., row - part.y, slice(first - part.x, end - part.x))
        values[into] = plain.values[cells]
        null[into] = False if missing is None else missing[cells]


def apply_polygon(
    node: str,
    cube: Operator,
    zones: Zones,
    process: Callable[[Operator], Operator],
    mask_value: float | bool | None,
) -> Operator:
    """Describe `apply_polygon`: the process is called once for each polygon, with a cube cut to it.

    Raises: GeometriesOverlap; IncompatibleDataCubes if results differ from the data or from one another.
    """
    spans = zones.on(cube.description.grid)
    if spans.overlap():
        raise OpenEOError("GeometriesOverlap")
    places = tuple(spans.sizes[0].tolist())
    cubes = [_sub_cube(node, cube, zones, place, spans, mask_value) for place in places]
    made = [process(one) for one in cubes]
    for one, given in zip(made, cubes, strict=True):
        _check_result(given.description, one.description)
    bands = _joined_bands(made) if made else cube.description.bands
    dimensions = made[0].description.dimensions if made else cube.description.dimensions
    if any(one.description.dimensions != dimensions for one in made):
        raise OpenEOError("IncompatibleDataCubes", reason="the process gives other labels for some polygons.")
    description = replace(cube.description, bands=bands, dimensions=dimensions, free=False)
    grids = tuple(one.description.grid for one in cubes)
    return ApplyPolygon(node, tuple(made), description, spans, places, grids)


def _sub_cube(
    node: str, cube: Operator, zones: Zones, place: int, spans: Spans, mask_value: float | bool | None
) -> Operator:
    grid = cut_to(cube.description.grid, Spans(spans.rows[spans.rows[:, 0] == place]))
    part = Zones(zones.geometries.taken([place]))
    cropped = Crop(node, (cube,), replace(cube.description, grid=grid, free=False))
    return mask_polygon(node, cropped, part, replacement=mask_value)


def _check_result(given: CubeDescription, found: CubeDescription) -> None:
    if found.names != given.names or found.shape != given.shape or found.grid != given.grid:
        reason = "the process of a polygon must keep the dimensions and the number of labels."
        raise OpenEOError("IncompatibleDataCubes", reason=reason)


def _joined_bands(made: Sequence[Operator]) -> tuple[Band, ...]:
    columns = zip(*(o.description.bands for o in made), strict=True)
    return tuple(
        replace(own[0], dtype=np.result_type(*{b.dtype for b in own}), nodata=None, nullable=True) for own in columns
    )
