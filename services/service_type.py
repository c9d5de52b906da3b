"""A kind of secondary web service: how it is described, and where its maps are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LAYER = "map"  # the one layer of a service's WMTS and WMS, and the one coverage of its WCS


@dataclass(frozen=True)
class ServiceType:
    """A service type of `/service_types`.

    Args:
        id: as clients write it, such as `XYZ`; compared without regard to case.
        path: appended to the public base; `{id}` stands for the service's id.
        attributes: what a client needs beside the URL.
        process_parameters: names of `PROCESS_PARAMETERS` that a process graph may refer to.
        about: (title, address) of the standard.
    """

    id: str
    title: str
    description: str
    path: str
    attributes: Mapping[str, Any]
    process_parameters: tuple[str, ...]
    about: tuple[str, str]

    def url(self, service_id: str, public_base: str) -> str:
        """Where the service is found."""
        return public_base.rstrip("/") + self.path.replace("{id}", service_id)


def _optional(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, {"type": "null"}]


_CORNERS = {name: {"type": "number"} for name in ("west", "south", "east", "north")}

_PARAMETERS: tuple[dict[str, Any], ...] = (
    {
        "name": "x",
        "description": "Column of the requested tile; null where the request names no tile.",
        "schema": _optional({"type": "integer", "minimum": 0}),
    },
    {
        "name": "y",
        "description": "Row of the requested tile, counted from the north; null where the request names no tile.",
        "schema": _optional({"type": "integer", "minimum": 0}),
    },
    {
        "name": "z",
        "description": "Zoom level of the requested tile; null where the request names no tile.",
        "schema": _optional({"type": "integer", "minimum": 0}),
    },
    {
        "name": "spatial_extent",
        "description": "The requested map as a bounding box in degrees (EPSG:4326); null stands for everything.",
        "schema": _optional(
            {
                "type": "object",
                "subtype": "bounding-box",
                "required": list(_CORNERS),
                "properties": _CORNERS,
            }
        ),
    },
    {
        "name": "time",
        "description": "The requested date; null where the request names none.",
        "schema": _optional({"type": "string"}),
    },
)
PROCESS_PARAMETERS: dict[str, dict[str, Any]] = {
    parameter["name"]: {**parameter, "optional": True, "default": None} for parameter in _PARAMETERS
}

_TILE = ("x", "y", "z", "spatial_extent", "time")

XYZ = ServiceType(
    id="XYZ",
    title="XYZ tiles",
    description="Picture tiles in Web Mercator for web maps and desktop GIS, computed for each request.",
    path="/tiles/{id}/{z}/{x}/{y}.png",
    attributes={"crs": "EPSG:3857", "format": "image/png"},
    process_parameters=_TILE,
    about=("Tiled web maps", "https://en.wikipedia.org/wiki/Tiled_web_map"),
)

WMTS = ServiceType(
    id="WMTS",
    title="OGC Web Map Tile Service",
    description="Picture tiles with capabilities and a time dimension (WMTS 1.0.0, KVP and REST).",
    path="/ogc/{id}/wmts/1.0.0/WMTSCapabilities.xml",
    attributes={"layers": [LAYER], "version": "1.0.0", "crs": ["EPSG:3857"]},
    process_parameters=_TILE,
    about=("OGC Web Map Tile Service", "https://www.ogc.org/standard/wmts/"),
)

WMS = ServiceType(
    id="WMS",
    title="OGC Web Map Service",
    description="Maps of any size in several coordinate reference systems, with values of a pixel (WMS 1.1.1, 1.3.0).",
    path="/ogc/{id}/wms",
    attributes={"layers": [LAYER], "versions": ["1.1.1", "1.3.0"]},
    process_parameters=("spatial_extent", "time"),
    about=("OGC Web Map Service", "https://www.ogc.org/standard/wms/"),
)

WCS = ServiceType(
    id="WCS",
    title="OGC Web Coverage Service",
    description="Values of all bands as GeoTIFF, by area, date, band and resolution (WCS 2.0.1).",
    path="/wcs/{id}",
    attributes={"coverages": [LAYER], "versions": ["2.0.1"]},
    process_parameters=("spatial_extent", "time"),
    about=("OGC Web Coverage Service", "https://www.ogc.org/standard/wcs/"),
)
