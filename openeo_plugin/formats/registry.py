"""The list of all file formats that results can be stored in."""

from __future__ import annotations

from openeo_plugin.errors import OpenEOError, suggest
from openeo_plugin.formats.csv import CSVFormat
from openeo_plugin.formats.format import Format, VectorFormat
from openeo_plugin.formats.geojson import GeoJSONFormat
from openeo_plugin.formats.geoparquet import GeoParquetFormat
from openeo_plugin.formats.gtiff import COG, GTIFF
from openeo_plugin.formats.json import JSONFormat
from openeo_plugin.formats.netcdf import NetCDFFormat
from openeo_plugin.formats.png import PNGFormat

_ALL: tuple[Format, ...] = (GTIFF, COG, NetCDFFormat(), PNGFormat(), JSONFormat())

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in _ALL}
"""Those that take raster cubes."""

_VECTOR: tuple[VectorFormat, ...] = (GeoJSONFormat(), GeoParquetFormat(), CSVFormat())

VECTOR_FORMATS: dict[str, VectorFormat] = {format_.name: format_ for format_ in _VECTOR}
"""Those that take vector cubes only."""

ALL_FORMATS: dict[str, Format] = {**FORMATS, **VECTOR_FORMATS}

# Names that clients are known to send for a format of the list.
_ALIASES = {"geotiff": "GTiff", "geoparquet": "Parquet"}


def format_named(name: str) -> Format:
    """The format of a name, in any case.

    Raises: ProcessParameterInvalid.
    """
    wanted = _ALIASES.get(name.lower(), name).lower()
    for known, found in ALL_FORMATS.items():
        if known.lower() == wanted:
            return found
    raise OpenEOError(
        "ProcessParameterInvalid",
        process="save_result",
        parameter="format",
        reason=f"there is no format '{name}'.{suggest(name, list(ALL_FORMATS))} Formats: {', '.join(ALL_FORMATS)}.",
    )


def vector_format_named(name: str) -> VectorFormat:
    """The format of a name, in any case, if it stores vector cubes.

    Raises: ProcessParameterInvalid, FormatUnsuitable.
    """
    found = format_named(name)
    if isinstance(found, VectorFormat):
        return found
    known = ", ".join(n for n, format_ in ALL_FORMATS.items() if isinstance(format_, VectorFormat))
    reason = f"it takes no vector cube. Formats that do: {known}."
    raise OpenEOError("FormatUnsuitable", format=found.name, reason=reason)
