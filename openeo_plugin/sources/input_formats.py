"""File formats that can be read from an address, as `/file_formats` shows them. They take no options."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

GEOJSON = "GeoJSON"
GTIFF = "GTiff"
PARQUET = "Parquet"
MAX_GEOJSON_BYTES = 2**24

_FORMATS: dict[str, dict[str, Any]] = {
    GEOJSON: {
        "title": "GeoJSON",
        "description": "Features with properties and ids, in longitude and latitude. At most 16 MiB.",
        "gis_data_types": ["vector"],
        "parameters": {},
    },
    GTIFF: {
        "title": "GeoTIFF",
        "description": "Tiled files and COGs are read in parts, others as far as their strips ask for.",
        "gis_data_types": ["raster"],
        "parameters": {},
    },
    PARQUET: {
        "title": "GeoParquet",
        "description": "Features with properties; the primary geometry column counts.",
        "gis_data_types": ["vector"],
        "parameters": {},
    },
}
_ALIASES = {"geotiff": GTIFF, "cog": GTIFF, "geoparquet": PARQUET}


def input_formats() -> dict[str, dict[str, Any]]:
    """The formats that this installation can read, by name."""
    lacking = () if find_spec("pyarrow") else (PARQUET,)
    return {name: shown for name, shown in _FORMATS.items() if name not in lacking}


def input_format(name: str) -> str | None:
    """The format that is called so, in upper or lower case; None if there is none."""
    available = input_formats()
    found = {own.lower(): own for own in available}.get(name.lower()) or _ALIASES.get(name.lower())
    return found if found in available else None
