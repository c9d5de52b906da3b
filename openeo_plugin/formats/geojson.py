"""GeoJSON: vector cubes as a feature collection in longitude and latitude."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openeo_plugin.cube.geojson import feature_collection
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.vector_file import VectorOnly, stored

_DESCRIPTION = (
    "A FeatureCollection in longitude and latitude (RFC 7946). Ids and properties are those of the geometries. Each "
    "value is a property; its name joins the labels by `_`, the band first: `B04_2020-06-01T00:00:00Z`, or `value` "
    "where a geometry has a single one. Null, NaN and infinity are null."
)


@dataclass(frozen=True)
class GeoJSONFormat(VectorOnly):
    """GeoJSON, the driver of that name in GDAL."""

    name: str = "GeoJSON"
    title: str = "GeoJSON"
    description: str = _DESCRIPTION
    media_type: str = "application/geo+json"
    extension: str = ".geojson"

    def write_vector(self, cube: VectorCube, folder: Path, name: str, options: Mapping[str, Any]) -> list[Asset]:
        """One file; see `VectorFormat`."""
        try:
            document = feature_collection(cube)
        except ValueError:
            reason = "the geometries can't be expressed in longitude and latitude."
            raise OpenEOError("FormatUnsuitable", format=self.name, reason=reason) from None
        text = json.dumps(document, default=str)  # a property of a table may be a date
        return [stored(cube, text.encode(), folder, self.file_name(name, options), self.media_type)]
