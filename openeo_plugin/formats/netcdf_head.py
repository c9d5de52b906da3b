"""What a netCDF file says about its dimensions, its place on earth and its bands."""

from __future__ import annotations

from typing import Any

import netCDF4
import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Array
from openeo_plugin.formats.times import since_epoch

_UNITS = {"metre": "m", "degree": "degrees"}
_STANDARD_NAMES = {
    ("x", True): ("longitude", "degrees_east"),
    ("y", True): ("latitude", "degrees_north"),
    ("x", False): ("projection_x_coordinate", None),
    ("y", False): ("projection_y_coordinate", None),
}


def write_coordinates(dataset: netCDF4.Dataset, description: CubeDescription) -> bool:
    """Dimensions, their coordinates, and the grid mapping `crs`.

    Returns: whether there is a grid mapping.
    """
    spatial = 0
    for dimension in description.dimensions:
        if isinstance(dimension, SpatialDimension):
            _write_spatial(dataset, dimension, description.grid)
            spatial += 1
        elif not isinstance(dimension, BandsDimension):
            write_labels(dataset, dimension)
    if spatial != 2 or description.grid.crs is None or "crs" in description.names:
        return False
    variable = dataset.createVariable("crs", "i4", ())
    variable[...] = 0  # its attributes count, but nothing is filled in for what is not written
    variable.setncatts(grid_mapping(description.grid))
    return True


def grid_mapping(grid: Grid) -> dict[str, Any]:
    """Attributes by CF, and those that GDAL and rioxarray read."""
    assert grid.crs is not None
    attributes = grid.crs.proj.to_cf()
    attributes["spatial_ref"] = attributes["crs_wkt"]
    a = grid.affine
    attributes["GeoTransform"] = " ".join(repr(float(v)) for v in (a.c, a.a, a.b, a.f, a.d, a.e))
    return attributes


def pixel_centres(grid: Grid, axis: str) -> Array:
    """Coordinates of the pixel centres of an axis-aligned grid along `x` or `y`, float64."""
    if axis == "x":
        return grid.affine.c + grid.affine.a * (np.arange(grid.shape[1]) + 0.5)
    return grid.affine.f + grid.affine.e * (np.arange(grid.shape[0]) + 0.5)


def band_attributes(band: Band, *, mapped: bool) -> dict[str, Any]:
    """Attributes of a band's variable.

    Stored values are not physical ones where scale or offset are declared: then no CF attribute may claim a unit or a
    scale, for readers would apply it.
    """
    found: dict[str, Any] = {}
    if band.name or band.description:
        found["long_name"] = band.description or band.name
    if (band.scale, band.offset) != (1.0, 0.0):
        found |= {"openeo_scale": band.scale, "openeo_offset": band.offset}
        if band.unit:
            found["openeo_unit"] = band.unit
    elif band.unit:
        found["units"] = band.unit
    if band.dtype.kind == "b":
        found |= {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "false true"}
    if mapped:
        found["grid_mapping"] = "crs"
    return found


def _write_spatial(dataset: netCDF4.Dataset, dimension: SpatialDimension, grid: Grid) -> None:
    values = pixel_centres(grid, dimension.axis)
    dataset.createDimension(dimension.name, values.size)
    variable = dataset.createVariable(dimension.name, "f8", (dimension.name,))
    variable[:] = values
    attributes = {"axis": dimension.axis.upper()}
    if grid.crs is not None:
        name, units = _STANDARD_NAMES[dimension.axis, bool(grid.crs.geographic)]
        unit = grid.crs.proj.axis_info[0].unit_name if grid.crs.proj.axis_info else "metre"
        attributes |= {"standard_name": name, "units": units or _UNITS.get(unit, unit)}
    variable.setncatts(attributes)


def write_labels(dataset: netCDF4.Dataset, dimension: LabelledDimension) -> None:
    """A dimension with its coordinates: times, numbers, or else texts."""
    dataset.createDimension(dimension.name, len(dimension.labels))
    times = since_epoch(dimension.labels) if dimension.type == "temporal" else None
    if times is not None:
        variable = dataset.createVariable(dimension.name, "i8", (dimension.name,))
        variable.setncatts({"standard_name": "time", "axis": "T", "units": times[0], "calendar": "standard"})
        variable[:] = np.array(times[1], np.int64)
    elif all(isinstance(label, int | float) for label in dimension.labels):
        values = np.array(dimension.labels)
        dataset.createVariable(dimension.name, values.dtype, (dimension.name,))[:] = values
    else:
        labels = np.array([str(label) for label in dimension.labels], object)
        dataset.createVariable(dimension.name, str, (dimension.name,))[:] = labels
