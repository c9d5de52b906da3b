"""The list of all file formats that results can be stored in."""

from __future__ import annotations

from openeo_plugin.errors import OpenEOError, suggest
from openeo_plugin.formats.format import Format
from openeo_plugin.formats.gtiff import COG, GTIFF
from openeo_plugin.formats.json import JSONFormat
from openeo_plugin.formats.netcdf import NetCDFFormat
from openeo_plugin.formats.png import PNGFormat

_ALL: tuple[Format, ...] = (GTIFF, COG, NetCDFFormat(), PNGFormat(), JSONFormat())

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in _ALL}

# Names that clients are known to send for a format of the list.
_ALIASES = {"geotiff": "GTiff"}


def format_named(name: str) -> Format:
    """The format of a name, in any case.

    Raises: ProcessParameterInvalid.
    """
    wanted = _ALIASES.get(name.lower(), name).lower()
    for known, found in FORMATS.items():
        if known.lower() == wanted:
            return found
    raise OpenEOError(
        "ProcessParameterInvalid",
        process="save_result",
        parameter="format",
        reason=f"there is no format '{name}'.{suggest(name, list(FORMATS))} Formats: {', '.join(FORMATS)}.",
    )
