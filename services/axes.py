"""The axes of a CRS as WCS names and orders them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pyproj import CRS
from pyproj.exceptions import CRSError

from openeo_plugin.errors import OpenEOError

_CODE = re.compile(r"(?:http://www\.opengis\.net/def/crs/EPSG/[^/]+/|urn:ogc:def:crs:EPSG:[^:]*:|EPSG:)(\d{4,6})")
_LABEL = re.compile("[A-Za-z][A-Za-z0-9_]{0,15}")
_NORTHWARD = ("north", "south")


@dataclass(frozen=True)
class Axes:
    """The two horizontal axes of a CRS with an EPSG code.

    Args:
        code: of EPSG.
        x: label of the axis that runs east, y: of the one that runs north.
        north_first: whether the CRS names y before x.
        unit: of both axes, as UCUM writes it.
    """

    code: int
    x: str
    y: str
    north_first: bool
    unit: str

    @property
    def uri(self) -> str:
        """The CRS as OGC services write it."""
        return f"http://www.opengis.net/def/crs/EPSG/0/{self.code}"

    @property
    def labels(self) -> tuple[str, str]:
        """In the order of the CRS."""
        return (self.y, self.x) if self.north_first else (self.x, self.y)

    def ordered(self, x: float, y: float) -> str:
        """A position as text, in the order of the CRS."""
        first, second = (y, x) if self.north_first else (x, y)
        return f"{first:.15g} {second:.15g}"

    def axis(self, label: str) -> str | None:
        """The axis, `x` or `y`, for a label of the CRS, of the grid (i, j) or plain x and y; None for any other."""
        lower = label.lower()
        names = {"x": "x", "i": "x", "y": "y", "j": "y"}
        if self.unit == "deg":
            names |= {"lon": "x", "long": "x", "longitude": "x", "lat": "y", "latitude": "y"}
        return {self.x.lower(): "x", self.y.lower(): "y"}.get(lower) or names.get(lower)


def epsg_code(uri: str) -> int:
    """The EPSG code that an address, a URN or `EPSG:n` names.

    Raises: RequestInvalid.
    """
    found = _CODE.fullmatch(uri.strip())
    if found is None:
        raise OpenEOError("RequestInvalid", reason="a CRS is written http://www.opengis.net/def/crs/EPSG/0/CODE")
    return int(found[1])


@lru_cache(maxsize=64)
def axes_of(code: int) -> Axes:
    """The axes of a CRS.

    Raises: RequestInvalid for codes that there are not, and CRSs that are neither geographic nor projected.
    """
    try:
        crs = CRS.from_epsg(code)
    except CRSError:
        raise OpenEOError("RequestInvalid", reason=f"there is no CRS EPSG:{code}") from None
    if not (crs.is_geographic or crs.is_projected) or len(crs.axis_info) < 2:
        raise OpenEOError("RequestInvalid", reason=f"EPSG:{code} is no horizontal CRS")
    first, second = crs.axis_info[:2]
    north_first = first.direction.lower() in _NORTHWARD and second.direction.lower() not in _NORTHWARD
    if crs.is_geographic:
        return Axes(code, "Long", "Lat", north_first, "deg")
    x, y = (second.abbrev, first.abbrev) if north_first else (first.abbrev, second.abbrev)
    unit = "m" if first.unit_name in ("metre", "meter") else first.unit_name.replace(" ", "_")
    if not (_LABEL.fullmatch(x) and _LABEL.fullmatch(y)) or x == y:
        x, y = "E", "N"
    return Axes(code, x, y, north_first, unit)
