"""JSON: small cubes as nested arrays with their labels, and the plain values that graphs without a cube yield."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, SpatialDimension
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Array, Block, Pixels
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.coverage import Coverage
from openeo_plugin.formats.netcdf_head import pixel_centres
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.part_file import NewFiles, storage_failures
from openeo_plugin.formats.times import span_of_labels
from openeo_plugin.formats.vector_file import stored
from openeo_plugin.formats.vector_json import vector_document

_MEDIA_TYPE = "application/json"
_MOST_VALUES = 2_000_000

_DESCRIPTION = (
    "The cube as one JSON document: `dims` (names, in order), `coords` (labels of each dimension; pixel centres for x "
    "and y), `data` (nested arrays in the order of `dims`) and `attrs` (CRS, transform, bands). Null, NaN and infinity "
    "are null. xarray reads it with DataArray.from_dict. For small cubes: at most 2 million values. A vector cube "
    "over time is an object with a key for each date, which holds for every geometry the list of its bands."
)


@dataclass(frozen=True)
class JSONFormat:
    """JSON; GDAL has no raster format of this name."""

    name: str = "JSON"
    title: str = "JavaScript Object Notation (JSON)"
    description: str = _DESCRIPTION
    gis_data_types: tuple[str, ...] = ("raster", "vector", "table", "other")
    media_type: str = _MEDIA_TYPE
    extension: str = ".json"
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"filename_prefix": FILENAME_PREFIX})
    notes: Mapping[str, str] = field(default_factory=dict)

    def writer(self, description: CubeDescription, folder: Path, name: str, options: Mapping[str, Any]) -> JSONWriter:
        """A writer of one document; see `Format.writer`."""
        values = checked(self.parameters, options)
        if not description.bands or 0 in description.shape:
            raise OpenEOError("DataCubeEmpty")
        count = math.prod(description.shape)
        if count > _MOST_VALUES:
            reason = f"{count} values are more than {_MOST_VALUES}. Try netCDF, or a coarser resolution."
            raise OpenEOError("FormatUnsuitable", format=self.name, reason=reason)
        return JSONWriter(description, folder, values.get("filename_prefix", name), self.notes)

    def check_vector(self, cube: VectorCube, options: Mapping[str, Any]) -> None:
        """Refuse what can't be stored; see `VectorFormat`."""
        checked(self.parameters, options)

    def write_vector(self, cube: VectorCube, folder: Path, name: str, options: Mapping[str, Any]) -> list[Asset]:
        """One document; see `VectorFormat`."""
        stem = checked(self.parameters, options).get("filename_prefix", name)
        return [stored(cube, vector_document(cube).encode(), folder, f"{stem}.json", _MEDIA_TYPE)]


class JSONWriter:
    """Collects the values in memory. See `Writer`."""

    align = (1, 1)

    def __init__(self, description: CubeDescription, folder: Path, prefix: str, notes: Mapping[str, str]) -> None:
        self._description = description
        self._notes = notes
        self._folder = folder
        self.bands: tuple[Band, ...] = description.bands
        self.names: tuple[str, ...] = (f"{prefix}.json",)
        self._coverage = Coverage(description.grid, self.align)
        labels = [len(d.labels) for d in description.labelled]
        self._values: Array | None = np.empty((len(self.bands), *labels, *description.grid.shape.yx), object)

    def write(self, window: Window, block: Block) -> None:
        """Take a window."""
        self._coverage.check(window)
        if self._values is None:
            raise ValueError("The writer is closed.")
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        for number, pixels in enumerate(block.bands):
            self._values[number, ..., rows, columns] = _objects(pixels)
        self._coverage.add(window)

    def finish(self) -> list[Asset]:
        """Write the document."""
        try:
            self._coverage.require_all()
            assert self._values is not None
            document = self._document(self._values)
            times = [label for d in self._description.temporal for label in d.labels]
            span = span_of_labels(times, times)
            spatial = [d for d in self._description.dimensions if isinstance(d, SpatialDimension)]
            return [
                _stored(
                    json.dumps(document, allow_nan=False),
                    self._folder,
                    self.names[0],
                    grid=self._description.grid if len(spatial) == 2 else None,
                    bands=self.bands,
                    datetime=span.datetime,
                    start=span.start,
                    end=span.end,
                    labels={d.name: d.labels for d in self._description.labelled},
                )
            ]
        finally:
            self.abort()

    def abort(self) -> None:
        """Forget the values."""
        self._values = None

    def _document(self, values: Array) -> dict[str, Any]:
        description = self._description
        return {
            "dims": list(description.names),
            "coords": {
                d.name: {"dims": [d.name], "data": self._labels(d)}
                for d in description.dimensions
                if not isinstance(d, SpatialDimension) or description.grid.axis_aligned
            },
            "data": self._arranged(values).tolist(),
            "attrs": self._attributes(),
        }

    def _arranged(self, values: Array) -> Array:
        """From (bands, *labelled, y, x) to the cube's own order."""
        places = [self._place(dimension, values.ndim) for dimension in self._description.dimensions]
        dropped = [axis for axis in range(values.ndim) if axis not in places]  # bands, y or x, of one each
        arranged = np.transpose(values, (*places, *dropped))
        return arranged.reshape(arranged.shape[: len(places)])

    def _place(self, dimension: Dimension, axes: int) -> int:
        """Of a dimension among (bands, *labelled, y, x)."""
        if isinstance(dimension, SpatialDimension):
            return axes - (1 if dimension.axis == "x" else 2)
        return 0 if isinstance(dimension, BandsDimension) else 1 + self._description.axis(dimension.name)

    def _labels(self, dimension: Dimension) -> list[Any]:
        if isinstance(dimension, SpatialDimension):
            return pixel_centres(self._description.grid, dimension.axis).tolist()
        return list(dimension.labels)

    def _attributes(self) -> dict[str, Any]:
        grid = self._description.grid
        found: dict[str, Any] = {**self._notes, "transform": list(grid.affine)[:6]}
        if grid.crs is not None:
            found["crs"] = f"EPSG:{grid.crs.epsg}" if grid.crs.epsg else grid.crs.to_wkt()
        found["bands"] = [
            {"name": b.name, "data_type": b.dtype.name, "scale": b.scale, "offset": b.offset, "unit": b.unit}
            for b in self.bands
        ]
        return found


def write_value(value: Any, folder: Path, name: str) -> Asset:
    """Store a plain value (number, text, bool, null, list, dict) as `<name>.json`. NaN and infinity become null.

    Raises: StorageFailure.
    """
    return _stored(json.dumps(_finite(value), allow_nan=False), folder, f"{name}.json")


def _stored(text: str, folder: Path, name: str, **known: Any) -> Asset:
    files = NewFiles(folder)
    data = text.encode()
    try:
        with storage_failures():
            files.path_for(name).write_bytes(data)
        files.reveal()
    finally:
        files.discard()
    stem = name.removesuffix(".json")
    return Asset(path=folder / name, media_type=_MEDIA_TYPE, title=stem, size_bytes=len(data), **known)


def _objects(pixels: Pixels) -> Array:
    """Python values; None for null, NaN and infinity."""
    plain = pixels.plain()
    objects = plain.values.astype(object)
    null = plain.null()
    if null is not None:
        objects[null] = None
    if plain.values.dtype.kind == "f":
        objects[~np.isfinite(plain.values)] = None
    return objects


def _finite(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
