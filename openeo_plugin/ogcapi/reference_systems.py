"""Reference systems that parameters of the OGC API name, and boxes in them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pyproj
from pygeoapi.crs import get_crs
from pyproj.exceptions import CRSError, ProjError

from openeo_plugin.ogcapi.failures import invalid

Box = tuple[float, float, float, float]

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EDGE_POINTS = 21  # with which an edge of a box is carried from one CRS into another
_CURIE = re.compile(r"\[?(?:EPSG:(?P<code>\d{1,9})|OGC:CRS84|CRS:84)\]?", re.IGNORECASE)


def named_crs(parameter: str, text: str) -> pyproj.CRS:
    """The CRS that a URI or a CURIE (`EPSG:3857`, `[OGC:CRS84]`) names.

    Raises: RequestFailedError.
    """
    curie = _CURIE.fullmatch(text)
    uri = text
    if curie:
        uri = f"http://www.opengis.net/def/crs/EPSG/0/{curie['code']}" if curie["code"] else CRS84
    try:
        return get_crs(uri)
    except (CRSError, ValueError) as error:
        raise invalid(f"The parameter `{parameter}` is not the URI of a known CRS.") from error


def x_first(box: Sequence[float], crs: pyproj.CRS) -> Box:
    """West, south, east, north of a box whose numbers are in the order of its CRS' axes."""
    west, south, east, north = box
    if crs.axis_info and crs.axis_info[0].direction.lower() in ("north", "south"):
        return south, west, north, east
    return west, south, east, north


def carried(box: Box, source: pyproj.CRS, target: pyproj.CRS) -> Box | None:
    """What a box (x first) covers in another CRS; None outside of the area where that can be told."""
    try:
        transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
        found = transformer.transform_bounds(*box, densify_pts=EDGE_POINTS)
    except ProjError:
        return None
    return (found[0], found[1], found[2], found[3]) if all(map(math.isfinite, found)) else None
