"""Processes that change the grid, and focal operations."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS
from pyproj.exceptions import CRSError

from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.reference_system import reference_system
from openeo_plugin.cube.transforms import transformer
from openeo_plugin.engine.operators import kernel as kernel_operator
from openeo_plugin.engine.operators import resample as resample_operator
from openeo_plugin.engine.operators.spatial import reduce_spatial as reduce_spatially
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.folds import fold_of
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import RasterCube, Reducer, SpatialCube

METHODS = [
    "average", "bilinear", "cubic", "cubicspline", "lanczos", "max", "med", "min", "mode", "near", "q1", "q3", "rms",
    "sum",
]  # fmt: skip
Method = Annotated[str, Schema({"type": "string", "enum": METHODS})]
Align = Annotated[str, Schema({"type": "string", "enum": ["lower-left", "upper-left", "lower-right", "upper-right"]})]
Resolution = Annotated[
    Any,
    Schema(
        [
            {"type": "number", "minimum": 0},
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number", "minimum": 0}},
        ]
    ),
]
Projection = Annotated[
    Any,
    Schema(
        [
            {"type": "integer", "subtype": "epsg-code", "minimum": 1000, "examples": [3857]},
            {"type": "string", "subtype": "wkt2-definition"},
            {"type": "null"},
        ]
    ),
]
KernelWeights = Annotated[
    list[list[float]],
    Schema({"type": "array", "subtype": "kernel", "items": {"type": "array", "items": {"type": "number"}}}),
]
Border = Annotated[
    Any,
    Schema([{"type": "string", "enum": ["replicate", "reflect", "reflect_pixel", "wrap"]}, {"type": "number"}]),
]
MAX_PIXELS = 1 << 36


@process(level="L2A", categories=["cubes", "reproject"])
def resample_spatial(
    data: SpatialCube,
    resolution: Resolution = 0,
    projection: Projection = None,
    method: Method = "near",
    align: Align = "upper-left",
    *,
    environment: Environment,
) -> SpatialCube:
    """Put a cube on a grid of another resolution or reference system.

    A new reference system gives a grid whose pixel edges are whole multiples of the resolution, counted from the
    origin of the reference system, so that neighbouring areas fit together; `align` then has nothing to decide. If only
    the resolution changes, the corner named by `align` stays where it is. Values are computed at the pixel centres;
    the result never depends on how the work was cut.

    Args:
        data: a cube with x and y.
        resolution: one number for both, or x and y, in units of the target; 0 keeps it (or, for another reference
            system, takes the one that keeps the number of pixels along the diagonal).
        projection: EPSG code or WKT2; null keeps it.
        method: as in gdalwarp.
        align: corner of the extent that is kept.
    Returns: the same dimensions on another grid. A cube without pixels is refused (`DataCubeEmpty`).
    Source: openeo-processes 2.0.0-rc.2, resample_spatial.
    """
    data.description.require_space()
    grid: Grid = data.description.grid
    if 0 in grid.shape:
        raise OpenEOError("DataCubeEmpty")
    crs = _crs(projection) if projection is not None else None
    sizes = tuple(resolution) if isinstance(resolution, list) else (resolution, resolution)
    if crs is None or (grid.crs is not None and crs == CRS.from_user_input(str(grid.crs))):
        target = _finer(grid, sizes, align)
    else:
        target = _reprojected(grid, crs, sizes)
    return resample_operator.resample(environment.node, data, target, method)


@process(level="L3", categories=["cubes", "reproject"])
def resample_cube_spatial(
    data: SpatialCube, target: SpatialCube, method: Method = "near", *, environment: Environment
) -> SpatialCube:
    """Put a cube on the grid of another cube.

    Args:
        data: what is to be resampled.
        target: its grid is taken; its values do not matter.
        method: as in gdalwarp.
    Returns: the same dimensions on the grid of the target.
    Source: openeo-processes 2.0.0-rc.2, resample_cube_spatial.
    """
    for cube in (data, target):
        cube.description.require_space()
    data.description.require_comparable(target.description)
    return resample_operator.resample(environment.node, data, target.description.grid, method)


def _crs(projection: int | str) -> CRS:
    try:
        return reference_system(projection)
    except CRSError:
        reason = f"'{str(projection)[:100]}' is no coordinate reference system: give an EPSG code or WKT2."
        raise OpenEOError(
            "ProcessParameterInvalid", process="resample_spatial", parameter="projection", reason=reason
        ) from None


def _finer(grid: Grid, sizes: tuple[float, ...], align: str) -> Grid:
    """Another resolution in the same reference system; one corner stays."""
    affine, (rows, columns) = grid.affine, grid.shape
    step_x = math.copysign(sizes[0] or abs(affine.a), affine.a)
    step_y = math.copysign(sizes[1] or abs(affine.e), affine.e)
    width, height = columns * affine.a, rows * affine.e
    new_columns = max(1, math.ceil(width / step_x - 1e-9))
    new_rows = max(1, math.ceil(height / step_y - 1e-9))
    _refuse_huge(new_rows, new_columns)
    at_right = align.endswith("right") == (affine.a > 0)
    at_bottom = align.startswith("lower") == (affine.e < 0)
    x = affine.c + (width - new_columns * step_x if at_right else 0.0)
    y = affine.f + (height - new_rows * step_y if at_bottom else 0.0)
    return GeoBox((new_rows, new_columns), Affine(step_x, 0, x, 0, step_y, y), grid.crs)


def _reprojected(grid: Grid, crs: CRS, sizes: tuple[float, ...]) -> Grid:
    """A grid in another reference system, its edges at multiples of the resolution."""
    if grid.crs is None:
        reason = "the coordinates of the data have no reference system."
        raise OpenEOError("ProcessParameterInvalid", process="resample_spatial", parameter="data", reason=reason)
    box = grid.boundingbox
    name = f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else crs.to_wkt()
    bounds = (box.left, box.bottom, box.right, box.top)
    west, south, east, north = transformer(grid.crs, name).transform_bounds(*bounds, densify_pts=21)
    if not all(map(math.isfinite, (west, south, east, north))):
        reason = "the extent of the data can't be expressed in this reference system."
        raise OpenEOError("ProcessParameterInvalid", process="resample_spatial", parameter="projection", reason=reason)
    rows, columns = grid.shape
    same = math.hypot(east - west, north - south) / math.hypot(rows, columns)
    step_x, step_y = sizes[0] or same, sizes[1] or same
    left, right = math.floor(west / step_x + 1e-9), math.ceil(east / step_x - 1e-9)
    bottom, top = math.floor(south / step_y + 1e-9), math.ceil(north / step_y - 1e-9)
    _refuse_huge(top - bottom, right - left)
    affine = Affine(step_x, 0, left * step_x, 0, -step_y, top * step_y)
    return GeoBox((max(1, top - bottom), max(1, right - left)), affine, name)


def _refuse_huge(rows: int, columns: int) -> None:
    if rows * columns > MAX_PIXELS:
        reason = f"this resolution gives {rows} x {columns} pixels. Ask for a coarser one, or for a smaller extent."
        raise OpenEOError("ProcessGraphComplexity", reason=reason)


@process(level="L2A", categories=["cubes", "math > image filter"])
def apply_kernel(
    data: SpatialCube,
    kernel: KernelWeights,
    factor: float = 1,
    border: Border = 0,
    replace_invalid: float = 0,
    *,
    environment: Environment,
) -> SpatialCube:
    """Convolve x and y with a kernel.

    Args:
        data: a cube with x and y.
        kernel: rows of weights, both sides uneven.
        factor: multiplied to every result.
        border: a number that stands beyond the edge of the cube, or how the cube goes on there.
        replace_invalid: stands for null, NaN and infinity.
    Returns: the same dimensions.
    Raises: KernelDimensionsUneven.
    Source: openeo-processes 2.0.0-rc.2, apply_kernel.
    """
    data.description.require_space()
    rows = {len(row) for row in kernel}
    if len(kernel) % 2 == 0 or len(rows) != 1 or next(iter(rows)) % 2 == 0:
        raise OpenEOError("KernelDimensionsUneven")
    weights = np.array(kernel, float) * factor
    return kernel_operator.apply_kernel(environment.node, data, weights, border, replace_invalid)


@process(level="L3", categories=["aggregate", "cubes", "reducer"], experimental=True)
def reduce_spatial(data: SpatialCube, reducer: Reducer, context: Any = None, *, environment: Environment) -> RasterCube:
    """Make one value of all values along x and y, which go away.

    Args:
        data: a cube with x and y.
        reducer: gives one value for an array of values.
        context: handed on to the reducer.
    Returns: two dimensions less.
    Source: openeo-processes 2.0.0-rc.2, reduce_spatial.
    """
    data.description.require_space()
    return reduce_spatially(environment.node, data, ("y", "x"), reducer, context, fold=fold_of(reducer))
