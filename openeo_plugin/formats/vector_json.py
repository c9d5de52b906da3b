"""JSON of vector cubes: time series by date, anything else with dimensions and labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from openeo_plugin.cube.dimensions import BandsDimension
from openeo_plugin.cube.geojson import feature_collection
from openeo_plugin.cube.pixels import Array
from openeo_plugin.cube.vector_cube import VectorCube, plain_value


def vector_document(cube: VectorCube) -> str:
    """A time series is `{"2020-06-01T00:00:00Z": [[band, band], ...]}`, with a list of bands for each geometry.

    Any other cube is `{"dims", "coords", "data"}`; one of geometries alone is GeoJSON. NaN and infinity are null.
    """
    if cube.values is None:
        return json.dumps(feature_collection(cube), allow_nan=False)
    kinds = sorted(d.type for d in cube.dimensions)
    cells = cube.cells()
    if kinds in (["temporal"], ["bands", "temporal"]):
        return json.dumps(_time_series(cube, cells), allow_nan=False)
    document = {
        "dims": list(cube.names),
        "coords": {
            name: {"dims": [name], "data": list(labels)}
            for name, labels in zip(
                cube.names, (cube.geometries.labels, *(d.labels for d in cube.dimensions)), strict=True
            )
        },
        "data": _nested(cells),
    }
    return json.dumps(document, allow_nan=False)


def _time_series(cube: VectorCube, cells: Array) -> dict[str, Any]:
    if isinstance(cube.dimensions[0], BandsDimension):
        cells = cells.swapaxes(1, 2)
    labels = next(d.labels for d in cube.dimensions if d.type == "temporal")
    rows = cells[..., np.newaxis] if cells.ndim == 2 else cells
    return {str(label): _nested(rows[:, place]) for place, label in enumerate(labels)}


def _nested(cells: Array) -> Any:
    if cells.ndim == 0:
        return plain_value(cells.item())
    return [_nested(part) if isinstance(part, np.ndarray) else plain_value(part) for part in cells]
