"""Vector cubes in netCDF: geometries and time series by the CF conventions 1.8, chapters 7.5 and 9."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import netCDF4
import numpy as np
import shapely
from pyproj import CRS

from openeo_plugin.cube.dimensions import BandsDimension, GeometryDimension, LabelledDimension
from openeo_plugin.cube.geometries import Geometries
from openeo_plugin.cube.pixels import Array
from openeo_plugin.cube.vector_cube import VALUE, VectorCube
from openeo_plugin.formats.netcdf_head import write_labels
from openeo_plugin.formats.netcdf_names import Names

_TYPES = {0: "point", 1: "line", 3: "polygon", 4: "point", 5: "line", 6: "polygon"}
_CONTAINER = "geometry_container"
_INITIAL_BYTES = 1 << 16


def vector_file(cube: VectorCube, title: str, notes: Mapping[str, str]) -> bytes:
    """The file of a vector cube. Not safe in threads.

    Every band is a variable (geometry, others in order), `value` where there are no bands; null is NaN, in integers
    and texts too (as NaN, as an empty text).
    """
    names = Names({"crs", _CONTAINER})
    cube = _with_free_names(cube, names)
    dataset = netCDF4.Dataset("memory", "w", format="NETCDF4", memory=_INITIAL_BYTES)
    try:
        has_time = any(d.type == "temporal" for d in cube.dimensions)
        conventions: dict[str, str] = {"Conventions": "CF-1.8", "title": title, **notes}
        kinds = {_TYPES.get(int(kind)) for kind in shapely.get_type_id(_filled(cube.geometries))}
        if has_time and kinds == {"point"}:
            conventions["featureType"] = "timeSeries"
        dataset.setncatts(conventions)
        for dimension in cube.dimensions:
            if not isinstance(dimension, BandsDimension):
                write_labels(dataset, dimension)
        shared = _write_geometries(dataset, cube.geometries, kinds, names, has_time=has_time)
        for name, dimensions, values in _variables(cube):
            _write(dataset, names.free(name), dimensions, values, shared)
        _write_properties(dataset, cube.geometries, names)
    except BaseException:
        dataset.close()
        raise
    return bytes(dataset.close())


def _with_free_names(cube: VectorCube, names: Names) -> VectorCube:
    """The cube with names of dimensions that a file can have."""
    geometries = replace(cube.geometries, dimension=names.free(cube.geometries.dimension))
    dimensions = tuple(replace(d, name=names.free(d.name)) for d in cube.dimensions)
    return replace(cube, geometries=geometries, dimensions=dimensions)


def _filled(geometries: Geometries) -> Array:
    return geometries.shapes[~shapely.is_empty(geometries.shapes)]


def _variables(cube: VectorCube) -> Iterator[tuple[str, tuple[str, ...], Array]]:
    """Name, dimensions and cells of each band."""
    if cube.values is None:
        return
    axis = next((i for i, d in enumerate(cube.dimensions) if isinstance(d, BandsDimension)), None)
    dimensions = (cube.geometries.dimension, *(d.name for i, d in enumerate(cube.dimensions) if i != axis))
    values = cube.values if cube.null is None or not cube.null.any() else cube.cells()
    if axis is None:
        yield VALUE, dimensions, values
        return
    for place, label in enumerate(cube.dimensions[axis].labels):
        yield str(label), dimensions, values.take(place, axis + 1)


def _write(
    dataset: netCDF4.Dataset, name: str, dimensions: tuple[str, ...], values: Array, attributes: Mapping[str, Any]
) -> None:
    """A variable of numbers, or else of texts."""
    if values.dtype == object:
        values = _typed(values)
    if values.dtype.kind == "O":
        variable = dataset.createVariable(name, str, dimensions)
    elif values.dtype.kind == "b":
        variable = dataset.createVariable(name, "u1", dimensions)
        attributes = {**attributes, "flag_values": np.array([0, 1], np.uint8), "flag_meanings": "false true"}
    else:
        fill = np.nan if values.dtype.kind == "f" else False
        dtype = np.float32 if values.dtype == np.float16 else values.dtype
        variable = dataset.createVariable(name, dtype, dimensions, fill_value=fill)
    variable.setncatts(attributes)
    variable[...] = values


def _typed(cells: Array) -> Array:
    """Cells with None among them: numbers and booleans as float64 with NaN, anything else as texts."""
    flat = [None if c is None else c.item() if isinstance(c, np.generic) else c for c in cells.flat]
    if all(c is None or isinstance(c, bool | int | float) for c in flat):
        return np.array([np.nan if c is None else float(c) for c in flat], np.float64).reshape(cells.shape)
    found = np.empty(len(flat), object)
    for place, cell in enumerate(flat):
        found[place] = "" if cell is None else cell if isinstance(cell, str) else json.dumps(cell, default=str)
    return found.reshape(cells.shape)


def _write_properties(dataset: netCDF4.Dataset, geometries: Geometries, names: Names) -> None:
    """A variable of the geometries for each property."""
    for own in dict.fromkeys(name for p in geometries.properties for name in p):
        cells = np.empty(len(geometries), object)
        for place, properties in enumerate(geometries.properties):
            cells[place] = properties.get(own)
        _write(dataset, names.free(own), (geometries.dimension,), cells, {"long_name": own})


def _write_geometries(
    dataset: netCDF4.Dataset, geometries: Geometries, kinds: set[str | None], names: Names, *, has_time: bool
) -> dict[str, str]:
    """Labels, a point for each geometry, the geometries themselves and `crs`.

    Returns: the attributes of every variable of values.
    """
    dimension: LabelledDimension = GeometryDimension(geometries.dimension, geometries.labels)
    write_labels(dataset, dimension)
    if has_time:
        dataset.variables[dimension.name].cf_role = "timeseries_id"
    crs = CRS.from_user_input(geometries.crs)
    mapping = dataset.createVariable("crs", "i4", ())
    mapping[...] = 0
    mapping.setncatts({**crs.to_cf(), "spatial_ref": crs.to_wkt()})
    inner = np.full((len(geometries), 2), np.nan)
    there = ~shapely.is_empty(geometries.shapes)
    inner[there] = shapely.get_coordinates(shapely.point_on_surface(geometries.shapes[there]))
    x, y = names.free("lon" if crs.is_geographic else "x"), names.free("lat" if crs.is_geographic else "y")
    for name, axis, values in ((x, "x", inner[:, 0]), (y, "y", inner[:, 1])):
        _write(dataset, name, (dimension.name,), values, _axis_attributes(crs, axis))
    shared = {"coordinates": f"{x} {y}", "grid_mapping": "crs"}
    if len(kinds) != 1 or None in kinds:
        wkt = np.array(shapely.to_wkt(geometries.shapes, rounding_precision=-1), object)
        _write(dataset, names.free("geometry_wkt"), (dimension.name,), wkt, {"long_name": "geometry as WKT"})
        return shared
    _write_container(dataset, geometries, str(next(iter(kinds))), (x, y), names, crs)
    return {**shared, "geometry": _CONTAINER}


def _axis_attributes(crs: CRS, axis: str) -> dict[str, str]:
    if crs.is_geographic:
        return {"x": {"standard_name": "longitude", "units": "degrees_east"}}.get(
            axis, {"standard_name": "latitude", "units": "degrees_north"}
        )
    unit = crs.axis_info[0].unit_name if crs.axis_info else "metre"
    return {"standard_name": f"projection_{axis}_coordinate", "units": "m" if unit == "metre" else unit}


def _write_container(
    dataset: netCDF4.Dataset, geometries: Geometries, kind: str, at: tuple[str, str], names: Names, crs: CRS
) -> None:
    """Nodes of all parts of all geometries, one behind the other, and how many belong together."""
    own = geometries.dimension
    counts, parts, interior, nodes = _nodes(geometries.shapes)
    container = dataset.createVariable(_CONTAINER, "i4", ())
    container[...] = 0
    node, part = names.free("node"), names.free("part")
    dataset.createDimension(node, len(nodes))
    node_x, node_y = names.free("node_x"), names.free("node_y")
    for name, axis, place in ((node_x, "x", 0), (node_y, "y", 1)):
        _write(dataset, name, (node,), nodes[:, place], {**_axis_attributes(crs, axis), "axis": axis.upper()})
    count = names.free("node_count")
    _write(dataset, count, (own,), np.array(counts, np.int32), {})
    attributes = {
        "geometry_type": kind,
        "node_count": count,
        "node_coordinates": f"{node_x} {node_y}",
        "coordinates": " ".join(at),
        "grid_mapping": "crs",
    }
    if kind != "point":
        dataset.createDimension(part, len(parts))
        attributes["part_node_count"] = names.free("part_node_count")
        _write(dataset, attributes["part_node_count"], (part,), np.array(parts, np.int32), {})
    if any(interior):
        attributes["interior_ring"] = names.free("interior_ring")
        _write(dataset, attributes["interior_ring"], (part,), np.array(interior, np.int32), {})
    container.setncatts(attributes)


def _nodes(shapes: Array) -> tuple[list[int], list[int], list[int], Array]:
    """Nodes of each geometry, nodes of each part, whether a part is a hole, and the nodes (n, 2).

    Outer rings run anticlockwise, holes clockwise, both with the first node again at the end.
    """
    counts: list[int] = []
    parts: list[int] = []
    interior: list[int] = []
    nodes = [np.empty((0, 2))]
    for shape in shapes:
        before = sum(parts)
        for own in shapely.get_parts(shapely.force_2d(shape)):
            rings = shapely.get_rings(shapely.orient_polygons(own)) if own.geom_type == "Polygon" else [own]
            for place, ring in enumerate(rings):
                coordinates = shapely.get_coordinates(ring)
                if len(coordinates):
                    nodes.append(coordinates)
                    parts.append(len(coordinates))
                    interior.append(int(place > 0))
        counts.append(sum(parts) - before)
    return counts, parts, interior, np.concatenate(nodes)
