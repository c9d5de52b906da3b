"""Data cubes of the official cases: JSON to an operator in memory, and an operator's cube back to JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import (
    BandsDimension,
    Dimension,
    OtherDimension,
    SpatialDimension,
    TemporalDimension,
)
from openeo_plugin.cube.grid import tiled, whole
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.engine.operator import Operator, RunContext, everything

LABELLED = {"temporal": TemporalDimension, "bands": BandsDimension, "other": OtherDimension}


def dimensions_of(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The dimensions of a cube by name, in the order of its axes.

    One case writes them as a list, one the order under the key `order: `, some leave the axis of x and y to the name.
    """
    given = spec["dimensions"]
    if isinstance(given, list):
        given = {d["name"]: d for d in given}
    order = spec.get("order", spec.get("order: ", list(given)))
    return {n: {"axis": n, **given[n]} if given[n]["type"] == "spatial" else given[n] for n in order}


def cube_argument(spec: dict[str, Any]) -> Operator:
    """The cube of an argument as an operator that holds its pixels.

    Whole numbers are held as int32 and others as float64, so that results are computed in double precision.
    """
    from openeo_plugin.engine.memory import MemoryCube

    dimensions = dimensions_of(spec)
    values, null = values_of(spec, tuple(len(d["values"]) for d in dimensions.values()))
    nodata = _nodata(spec)
    names = list(dimensions)
    spatial = {d["axis"]: name for name, d in dimensions.items() if d["type"] == "spatial"}
    bands_name = next((name for name, d in dimensions.items() if d["type"] == "bands"), None)
    labelled = [n for n in names if n != bands_name and n not in spatial.values()]
    order = [*([bands_name] if bands_name else []), *labelled, *(spatial[a] for a in "yx" if a in spatial)]

    def arranged(array: Array) -> Array:
        """(bands, *labelled, y, x), with one row or column where a spatial dimension is missing."""
        moved = array.transpose([names.index(n) for n in order])
        moved = moved if bands_name else moved[np.newaxis]
        return moved.reshape(*moved.shape[: 1 + len(labelled)], *(_size(dimensions, spatial.get(a)) for a in "yx"))

    values, null = arranged(values), arranged(null)
    sentinel = None if nodata is None or (null & ~_equals(values, nodata)).any() else nodata
    pixels = tuple(_pixels(v, n, sentinel) for v, n in zip(values, null, strict=True))
    band_names = dimensions[bands_name]["values"] if bands_name else [""]
    bands = tuple(Band(str(name), values.dtype, sentinel) for name in band_names)
    kinds = tuple(_dimension(name, d) for name, d in dimensions.items())
    return MemoryCube("case", CubeDescription(kinds, _grid(dimensions, spatial), bands), pixels)


def _size(dimensions: dict[str, dict[str, Any]], name: str | None) -> int:
    return 1 if name is None else len(dimensions[name]["values"])


def _nodata(spec: dict[str, Any]) -> float | int | None:
    nodata = spec.get("nodata")
    return nodata[0] if isinstance(nodata, list) else nodata


def _equals(values: Array, nodata: float) -> Array:
    return np.isnan(values) if nodata != nodata else values == nodata


def values_of(spec: dict[str, Any], shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The values of a cube and where they are null; zeros where a case leaves them open."""
    if spec["data"] is None:
        return np.zeros(shape), np.zeros(shape, bool)
    cells = np.array(spec["data"], object).reshape(shape)
    missing = np.array([c is None or isinstance(c, dict) for c in cells.flat], bool).reshape(shape)
    present = [c for c in cells.flat if c is not None and not isinstance(c, dict)]
    whole_numbers = all(isinstance(c, int) and not isinstance(c, bool) for c in present)
    if present and all(isinstance(c, bool) for c in present):
        dtype = np.dtype(bool)
    else:
        dtype = np.dtype(np.int32 if whole_numbers else np.float64)
    values = np.where(missing, 0, cells).astype(dtype)
    nodata = _nodata(spec)
    return values, missing if nodata is None else missing | _equals(values, nodata)


def _pixels(values: Array, null: Array, sentinel: float | int | None) -> Pixels:
    if sentinel is not None:
        return Pixels(np.ascontiguousarray(values), sentinel)
    return Pixels(np.ascontiguousarray(values), mask=Mask(null) if null.any() else None)


def _dimension(name: str, spec: dict[str, Any]) -> Dimension:
    if spec["type"] == "spatial":
        return SpatialDimension(name, spec["axis"])
    dimension: Dimension = LABELLED[spec["type"]](name, tuple(spec["values"]))
    return dimension


def _grid(dimensions: dict[str, dict[str, Any]], spatial: dict[str, str]) -> GeoBox:
    """The grid whose pixel centres are the labels of x and y."""
    starts, steps, sizes, crs = {}, {}, {}, None
    for axis, sign in (("x", 1.0), ("y", -1.0)):
        spec = dimensions.get(spatial.get(axis, ""), {})
        centres = spec.get("values") or [0.5 * sign]
        steps[axis] = centres[1] - centres[0] if len(centres) > 1 else sign
        starts[axis] = centres[0] - steps[axis] / 2
        sizes[axis] = len(spec["values"]) if spec else 1
        crs = spec.get("reference_system", crs)
    affine = Affine(steps["x"], 0, starts["x"], 0, steps["y"], starts["y"])
    return GeoBox((sizes["y"], sizes["x"]), affine, crs)


BlockOf = Callable[[Operator], Block]
"""Computes the whole cube of an operator."""


def at_once(operator: Operator) -> Block:
    """The whole cube as one window."""
    return in_windows(operator, operator.description.grid.shape)


def in_windows(operator: Operator, size: tuple[int, int]) -> Block:
    """The whole cube, put together of windows of at most (rows, columns)."""
    from openeo_plugin.engine.schedule import compute_all
    from openeo_plugin.engine.window import assemble

    description = operator.description
    windows = list(tiled(description.grid, *size))
    blocks = [compute_all([(operator, everything(description, w, exact=True))], RunContext())[0] for w in windows]
    return blocks[0] if len(blocks) == 1 else assemble(whole(description.grid), windows, blocks)


def cube_value(operator: Operator, block_of: BlockOf = at_once) -> dict[str, Any]:
    """The cube that an operator gives, in the form of the cases; null as None, `data` as nested lists."""
    description = operator.description
    if 0 in description.shape:
        return _written(description, np.empty(description.shape).tolist())
    block = block_of(operator)
    cells = np.stack([_cells(pixels) for pixels in block.bands])
    bands = description.bands_dimension
    names = [bands.name if bands else "", *(d.name for d in description.labelled)]
    axes = {d.axis: d.name for d in description.dimensions if isinstance(d, SpatialDimension)}
    names += [axes.get("y", ""), axes.get("x", "")]
    wanted = [names.index(name) for name in description.names]
    dropped = tuple(i for i in range(len(names)) if i not in wanted)
    data = cells.transpose([*wanted, *dropped]).reshape([cells.shape[i] for i in wanted])
    empty = not description.names and cells.item() is None
    return _written(description, [] if empty else data.tolist())


def _written(description: CubeDescription, data: Any) -> dict[str, Any]:
    return {
        "type": "datacube",
        "order": list(description.names),
        "dimensions": {d.name: _described(d, description) for d in description.dimensions},
        "data": data,
    }


def _cells(pixels: Pixels) -> Array:
    plain = pixels.plain()
    cells = plain.values.astype(object)
    null = plain.null()
    if null is not None:
        cells[null] = None
    return cells


def _described(dimension: Dimension, description: CubeDescription) -> dict[str, Any]:
    if not isinstance(dimension, SpatialDimension):
        return {"type": dimension.type, "values": list(dimension.labels)}
    grid = description.grid
    step, start, size = (
        (grid.affine.a, grid.affine.c, grid.shape[1])
        if dimension.axis == "x"
        else (grid.affine.e, grid.affine.f, grid.shape[0])
    )
    centres = [start + step * (i + 0.5) for i in range(size)]
    crs = str(grid.crs) if grid.crs is not None else None
    return {"type": "spatial", "axis": dimension.axis, "values": centres, "reference_system": crs}
