"""A part of a cube as CoverageJSON (domain type Grid). Null and NaN both read as `null`: JSON knows no NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from odc.geo.crs import CRS

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.ogcapi.coverage import Part

Json = dict[str, Any]


def coverage_json(part: Part, block: Block) -> Json:
    """The coverage.

    Args:
        part: what the block holds.
        block: every band of the part, (*labelled dimensions, rows, columns).
    """
    labelled = part.description.labelled
    names = [d.name for d in labelled] + [_axis_name(part, "y"), _axis_name(part, "x")]
    axes = _horizontal_axes(part) | {d.name: {"values": list(part.chosen_labels(d))} for d in labelled}
    keys = [band.name or "value" for band in part.chosen_bands]
    return {
        "type": "Coverage",
        "domain": {"type": "Domain", "domainType": "Grid", "axes": axes, "referencing": _referencing(part)},
        "parameters": {key: _parameter(key, band) for key, band in zip(keys, part.chosen_bands, strict=True)},
        "ranges": {key: _range(names, pixels) for key, pixels in zip(keys, block.bands, strict=True)},
    }


def _axis_name(part: Part, axis: str) -> str:
    found = (d.name for d in part.description.dimensions if isinstance(d, SpatialDimension) and d.axis == axis)
    return next(found, axis)


def _horizontal_axes(part: Part) -> Json:
    grid = part.grid
    rows, columns = grid.shape
    x0, y0 = grid.affine @ (0.5, 0.5)
    x1, y1 = grid.affine @ (columns - 0.5, rows - 0.5)
    return {_axis_name(part, "x"): _regular(x0, x1, columns), _axis_name(part, "y"): _regular(y0, y1, rows)}


def _regular(start: float, stop: float, number: int) -> Json:
    """Centres of pixels. CoverageJSON wants values where there is only one."""
    return {"start": start, "stop": stop, "num": number} if number > 1 else {"values": [start]}


def _referencing(part: Part) -> list[Json]:
    horizontal = {"coordinates": [_axis_name(part, "x"), _axis_name(part, "y")], "system": _system(part.grid)}
    temporal = [
        {"coordinates": [d.name], "system": {"type": "TemporalRS", "calendar": "Gregorian"}}
        for d in part.description.temporal
    ]
    return [horizontal, *temporal]


def _system(grid: Grid) -> Json:
    crs = grid.crs
    kind = "GeographicCRS" if crs is None or crs.geographic else "ProjectedCRS"
    return {"type": kind, "id": crs_uri(crs)} if crs_uri(crs) else {"type": kind}


def crs_uri(crs: CRS | None) -> str | None:
    """The OGC address of a CRS that has an EPSG code."""
    code = None if crs is None else crs.to_epsg()
    return None if code is None else f"http://www.opengis.net/def/crs/EPSG/0/{code}"


def _parameter(key: str, band: Band) -> Json:
    parameter: Json = {
        "type": "Parameter",
        "description": {"en": band.description or key},
        "observedProperty": {"label": {"en": band.common_name or key}},
    }
    if band.unit:
        parameter["unit"] = {"symbol": band.unit}
    return parameter


def _range(axes: Sequence[str], pixels: Pixels) -> Json:
    plain = pixels.plain()
    values, null = plain.values, plain.null()
    if values.dtype.kind == "f":
        hidden = ~np.isfinite(values)
        null = hidden if null is None else null | hidden
    listed: list[Any] = (values.astype(np.int64) if values.dtype.kind in "bu" else values).ravel().tolist()
    if null is not None and null.any():
        for index in np.flatnonzero(null):
            listed[index] = None
    return {
        "type": "NdArray",
        "dataType": "float" if values.dtype.kind == "f" else "integer",
        "axisNames": list(axes),
        "shape": list(values.shape),
        "values": listed,
    }
