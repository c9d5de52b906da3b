"""Cutting off what has no data. The only process here that reads pixels while a graph is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.dimensions import BandsDimension, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.estimate import estimate
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.operators.select import Crop
from openeo_plugin.engine.operators.trim import Occupied, occupied
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.filter import select_labels
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import RasterCube

MAX_BYTES = 256 << 20


@process(level="L3", categories=["cubes"])
def trim_cube(data: RasterCube, *, environment: Environment) -> RasterCube:
    """Cut off labels that have no data at all.

    Of x, y, time and numbers labels go at both ends only; of names, such as bands, anywhere. NaN is a value. What
    remains is known only once the pixels are, so the cube is read before the rest of the process is described, and must
    not be larger than 256 MiB.

    Args:
        data: any cube.
    Returns: the same dimensions, fewer labels and pixels; a cube without any data is empty, and can't be stored.
    Source: openeo-processes 2.0.0-rc.2, trim_cube.
    """
    description = data.description
    if 0 in (*description.shape, *description.grid.shape) or not description.bands:
        return data
    size_bytes = estimate([data]).bytes_read
    if size_bytes > MAX_BYTES:
        reason = (
            f"trim_cube has to read the data before anything else, and these are {size_bytes >> 20} MiB; the limit is "
            f"{MAX_BYTES >> 20} MiB. Filter by bounding box, bands and time first, or leave trim_cube out."
        )
        raise OpenEOError("ProcessGraphComplexity", reason=reason)
    return _trimmed(environment.node, data, occupied(data, RunContext()))


def _trimmed(node: str, cube: Operator, found: Occupied) -> Operator:
    description = cube.description
    axes = tuple(range(found.cells.ndim))
    for dimension in description.dimensions:
        if isinstance(dimension, SpatialDimension):
            continue
        axis = 0 if isinstance(dimension, BandsDimension) else 1 + description.axis(dimension.name)
        there = found.cells.any(axis=tuple(a for a in axes if a != axis))
        kept = _kept(dimension, there)
        if len(kept) < len(dimension.labels):
            cube = select_labels(node, cube, dimension.name, kept)
    grid = _part(description.grid, found.rows, found.columns)
    return cube if grid is description.grid else Crop(node, (cube,), replace(cube.description, grid=grid))


def _kept(dimension: LabelledDimension, there: Array) -> Sequence[int]:
    named = dimension.type != "temporal" and all(isinstance(label, str) for label in dimension.labels)
    places = [int(i) for i in there.nonzero()[0]]
    return places if named or not places else range(places[0], places[-1] + 1)


def _part(grid: Grid, rows: Array, columns: Array) -> Grid:
    if not rows.any():
        return GeoBox((0, 0), grid.affine, grid.crs)
    (top, bottom), (left, right) = ((int(a.argmax()), len(a) - int(a[::-1].argmax())) for a in (rows, columns))
    if (bottom - top, right - left) == tuple(grid.shape):
        return grid
    return GeoBox((bottom - top, right - left), grid.affine * Affine.translation(left, top), grid.crs)
