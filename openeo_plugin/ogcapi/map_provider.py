"""Collections and results as maps at `/collections/{id}/map`: the picture that services show, of any part and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyproj
from pygeoapi.provider.base import BaseProvider

from openeo_plugin.ogcapi.failures import invalid
from openeo_plugin.ogcapi.pictures import opened_map, picture
from openeo_plugin.ogcapi.reference_systems import CRS84, Box, carried, named_crs, x_first
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
        width: int = 0,
        height: int = 0,
        **_: object,
    ) -> bytes:
        """A PNG.

        Args:
            bbox: in the CRS that `bbox-crs` of the request names; everything if the request names no box.
            width, height: in pixels; what the request does not name follows from the box.
        Raises: RequestFailedError.
        """
        from services.tile_matrix import grid_of

        served = opened_map(self._scope, self.data)
        crs = named_crs("crs", self._scope.parameters.get("crs") or CRS84)
        code = _code(crs)
        box = self._box(bbox, crs) if "bbox" in self._scope.parameters else served.bounds(code)
        if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
            raise invalid("The `bbox` is west, south, east, north, and can't be empty.")
        size = self._size((box[2] - box[0]) / (box[3] - box[1]), width, height)
        return picture(self._scope, served, grid_of((box[0], box[1], box[2], box[3]), *size, code))

    def _box(self, bbox: Sequence[float], crs: pyproj.CRS) -> Box:
        """In the CRS of the map, x first."""
        if not all(map(math.isfinite, bbox)):
            raise invalid("The numbers of `bbox` must be finite.")
        source = named_crs("bbox-crs", self._scope.parameters.get("bbox-crs") or CRS84)
        box = x_first(bbox, source)
        if _code(source) == _code(crs) or box[0] >= box[2] or box[1] >= box[3]:
            return box  # an empty one is refused
        found = carried(box, source, crs)
        if found is None:
            raise invalid("The `bbox` lies outside of the area of the map's CRS.")
        return found

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


def _code(crs: pyproj.CRS) -> str:
    """The CRS as PROJ knows it; CRS84 is EPSG:4326 with x first, as all grids are here."""
    code = 4326 if crs.to_authority() == ("OGC", "CRS84") else crs.to_epsg()
    if code is None:
        raise invalid("Maps come in CRSs with an EPSG code, and in CRS84.")
    return f"EPSG:{code}"
