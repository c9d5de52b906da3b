"""Collections and results as maps at `/collections/{id}/map`: the picture that services show, of any part and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pygeoapi.crs import get_crs
from pygeoapi.provider.base import BaseProvider
from pyproj.exceptions import CRSError

from openeo_plugin.ogcapi.failures import invalid
from openeo_plugin.ogcapi.pictures import opened_map, picture
from openeo_plugin.ogcapi.scope import current_scope

MAX_PX = 4096
DEFAULT_PX = 512  # of the longer side


class MapProvider(BaseProvider):
    """The map of one raster collection. Reads nothing before it is asked."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._scope = current_scope()
        self._fields: dict[str, dict[str, Any]] = {}

    def get_fields(self) -> dict[str, dict[str, Any]]:
        """Bands that `properties` may name."""
        served = opened_map(self._scope, self.data)
        self._fields = {band.name: {"type": "number"} for band in served.description.bands}
        return self._fields

    def query(
        self,
        bbox: Sequence[float] = (),
        crs: str = "",
        width: int = 0,
        height: int = 0,
        **_: object,
    ) -> bytes:
        """A PNG.

        Args:
            bbox: west, south, east, north in `crs`, x first; everything if the request names no box.
            crs: URI of the map's CRS.
            width, height: in pixels; what the request does not name follows from the box.
        Raises: RequestFailedError.
        """
        from services.tile_matrix import grid_of

        served = opened_map(self._scope, self.data)
        code = _epsg(crs)
        box = tuple(bbox) if "bbox" in self._scope.parameters else served.bounds(code)
        if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
            raise invalid("The `bbox` is west, south, east, north, and can't be empty.")
        size = self._size((box[2] - box[0]) / (box[3] - box[1]), width, height)
        return picture(self._scope, served, grid_of((box[0], box[1], box[2], box[3]), *size, code))

    def _size(self, aspect: float, width: float, height: float) -> tuple[int, int]:
        given = self._scope.parameters
        if "width" not in given and "height" not in given:
            width, height = (DEFAULT_PX, DEFAULT_PX / aspect) if aspect >= 1 else (DEFAULT_PX * aspect, DEFAULT_PX)
        elif "height" not in given:
            height = width / aspect
        elif "width" not in given:
            width = height * aspect
        width, height = (n if name in given else max(1, round(n)) for name, n in (("width", width), ("height", height)))
        if not (1 <= width <= MAX_PX and 1 <= height <= MAX_PX):
            raise invalid(f"`width` and `height` must lie between 1 and {MAX_PX}.")
        return int(width), int(height)


def _epsg(uri: str) -> str:
    """The CRS as PROJ knows it; CRS84 is EPSG:4326 with x first, as all grids are here."""
    try:
        crs = get_crs(uri)
    except (CRSError, ValueError) as error:
        raise invalid("The parameter `crs` is not the URI of a known CRS.") from error
    code = crs.to_epsg()
    if "CRS84" in uri:
        code = 4326
    if code is None:
        raise invalid("Maps come in CRSs with an EPSG code, and in CRS84.")
    return f"EPSG:{code}"
