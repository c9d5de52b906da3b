"""CSV: vector cubes as a table with a column for each band."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from openeo_plugin.cube.dimensions import BandsDimension
from openeo_plugin.cube.vector_cube import VALUE, VectorCube, plain_value
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.vector_file import VectorOnly, stored

_DESCRIPTION = (
    "A table with a header, separated by commas, in UTF-8. There is a row for each geometry and each label of the "
    "dimensions but bands; the first column is `feature_index` (from 0), then come `id` if there are any, the labels, "
    "a column for each band (or `value`), and the properties. Null, NaN and infinity are empty."
)
_GEOMETRY = {"type": "boolean", "description": "Whether a last column holds the geometries as WKT.", "default": False}


@dataclass(frozen=True)
class CSVFormat(VectorOnly):
    """CSV, the driver of that name in GDAL."""

    name: str = "CSV"
    title: str = "Comma Separated Values"
    description: str = _DESCRIPTION
    media_type: str = "text/csv"
    extension: str = ".csv"
    parameters: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"filename_prefix": FILENAME_PREFIX, "geometry": _GEOMETRY}
    )
    gis_data_types: tuple[str, ...] = ("vector", "table")

    def write_vector(self, cube: VectorCube, folder: Path, name: str, options: Mapping[str, Any]) -> list[Asset]:
        """One file; see `VectorFormat`."""
        text = io.StringIO()
        with_geometry = bool(checked(self.parameters, options)["geometry"])
        csv.writer(text, lineterminator="\r\n").writerows(_rows(cube, with_geometry))
        return [stored(cube, text.getvalue().encode(), folder, self.file_name(name, options), self.media_type)]


def _rows(cube: VectorCube, with_geometry: bool) -> Iterator[list[Any]]:
    """The header, then row by row."""
    own = cube.geometries
    has_ids = any(i is not None for i in own.ids)
    properties = list(dict.fromkeys(name for p in own.properties for name in p))
    axis = next((i for i, d in enumerate(cube.dimensions) if isinstance(d, BandsDimension)), None)
    others = [d for i, d in enumerate(cube.dimensions) if i != axis]
    bands = [str(label) for label in cube.dimensions[axis].labels] if axis is not None else [VALUE]
    bands = [] if cube.values is None else bands
    wkt = shapely.to_wkt(own.shapes) if with_geometry else None
    head = ["feature_index", *(["id"] if has_ids else []), *(d.name for d in others), *bands, *properties]
    yield [*head, *(["geometry"] if with_geometry else [])]
    cells = _by_band(cube, axis)
    combinations = list(itertools.product(*(d.labels for d in others)))
    for place in range(len(own)):
        for row, labels in enumerate(combinations):
            values = [] if cells is None else [_text(v) for v in cells[place, row]]
            told = [_text(own.properties[place].get(name)) for name in properties]
            identifier = [_text(own.ids[place])] if has_ids else []
            yield [place, *identifier, *labels, *values, *told, *([wkt[place]] if wkt is not None else [])]


def _by_band(cube: VectorCube, axis: int | None) -> Any:
    """Cells as (geometry, combination of other labels, band)."""
    if cube.values is None:
        return None
    cells = cube.cells()
    cells = cells[..., np.newaxis] if axis is None else np.moveaxis(cells, axis + 1, -1)
    return cells.reshape(len(cube.geometries), math.prod(cells.shape[1:-1]), cells.shape[-1])


def _text(value: Any) -> Any:
    plain = plain_value(value)
    return "" if plain is None else plain
