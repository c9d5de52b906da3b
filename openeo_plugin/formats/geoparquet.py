"""GeoParquet: vector cubes as columns, in their own reference system; and geometries read from such files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openeo_plugin.cube.geometries import GEOMETRY, LON_LAT, Geometries, crs_name, geometries_of
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.vector_file import VectorOnly, stored

_DESCRIPTION = (
    "One row for each geometry, in the reference system of the cube. Properties are columns, and so is each value; its "
    "name joins the labels by `_`, the band first: `B04_2020-06-01T00:00:00Z`, or `value` where there is a single one. "
    "The column `id` holds the ids, if there are any."
)
ID = "id"


@dataclass(frozen=True)
class GeoParquetFormat(VectorOnly):
    """Parquet, the driver of that name in GDAL."""

    name: str = "Parquet"
    title: str = "GeoParquet"
    description: str = _DESCRIPTION
    media_type: str = "application/vnd.apache.parquet"
    extension: str = ".parquet"

    def write_vector(self, cube: VectorCube, folder: Path, name: str, options: Mapping[str, Any]) -> list[Asset]:
        """One file; see `VectorFormat`."""
        import pandas

        frame = cube.geometries.frame().reset_index(drop=True)
        taken = set(frame.columns)
        if ID not in taken and any(i is not None for i in cube.geometries.ids):
            frame.insert(0, ID, [None if i is None else str(i) for i in cube.geometries.ids])
        columns = {_free(n, taken): pandas.Series(c).infer_objects() for n, c in cube.columns().items()}
        whole = frame.join(pandas.DataFrame(columns)) if columns else frame
        buffer = io.BytesIO()
        whole.set_geometry(GEOMETRY, crs=cube.geometries.crs).to_parquet(buffer, index=False)
        return [stored(cube, buffer.getvalue(), folder, self.file_name(name, options), self.media_type)]


def _free(name: str, taken: set[Any]) -> str:
    while name in taken:
        name += "_"
    return name


def read_geometries(path: Path) -> Geometries:
    """The geometries of a GeoParquet file, other columns as properties, a column `id` as ids.

    Raises: ValueError for what is no GeoParquet.
    """
    import geopandas
    import pyarrow

    try:
        frame = geopandas.read_parquet(path)
    except (ValueError, OSError, KeyError, pyarrow.ArrowException):
        raise ValueError("the file is no GeoParquet") from None
    properties = frame.drop(columns=[frame.geometry.name]).astype(object)
    properties = properties.where(properties.notna(), None)
    ids = properties.pop(ID).tolist() if ID in properties else None
    crs = LON_LAT if frame.crs is None else crs_name(frame.crs)
    return geometries_of(list(frame.geometry), crs, properties.to_dict("records"), ids)
