"""A service as a source of MapProxy: maps, values of a pixel and the legend, in this process and without HTTP."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from mapproxy.config.configuration.source import SourceConfiguration
from mapproxy.extent import MapExtent
from mapproxy.featureinfo import FeatureInfoDoc, HTMLFeatureInfoDoc, JSONFeatureInfoDoc, TextFeatureInfoDoc
from mapproxy.image import ImageResult
from mapproxy.image.opts import ImageFormat, ImageOptions
from mapproxy.layer import InfoLayer
from mapproxy.layer.map_layer import MapLayer
from mapproxy.query import InfoQuery, LegendQuery, MapQuery
from mapproxy.source import LegendSource, SourceError
from mapproxy.srs import SRS

from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from services.extent import MERCATOR_LATITUDE
from services.legend import legend, legend_size
from services.served import MapRequest, ServedService, epsg_of
from services.tile_matrix import GEOGRAPHIC, WEB_MERCATOR_QUAD, Bounds, Tile, grid_of

SOURCE_TYPE = "openeo_service"


@dataclass
class OwsRequest:
    """What MapProxy does not carry between the door and a source.

    time: TIME, which GetFeatureInfo is not told. failed: set by a source that failed for no fault of the client.
    """

    time: str | None = None
    failed: bool = False


current: ContextVar[OwsRequest] = ContextVar("current")

log = logging.getLogger(__name__)


class ServiceSourceConfiguration(SourceConfiguration):
    """`{type: openeo_service, served: ServedService}` in the sources of a configuration."""

    source_type = (SOURCE_TYPE,)

    def source(self, params: Any = None) -> MapLayer:
        """What answers GetMap and GetTile."""
        return ServiceMap(self.conf["served"])

    def fi_source(self, params: Any = None) -> InfoLayer:
        """What answers GetFeatureInfo."""
        return ServiceInfo(self.conf["served"])

    def lg_source(self, params: Any = None) -> LegendSource | None:
        """What answers GetLegendGraphic."""
        size = legend_size(self.conf["served"].unranged_style)
        return ServiceLegend(self.conf["served"], size) if size else None


class ServiceMap(MapLayer):
    """Pictures of a service, already encoded; MapProxy passes them on as they are."""

    supports_meta_tiles = True

    def __init__(self, served: ServedService) -> None:
        super().__init__(ImageOptions(transparent=True, format="image/png"))
        self.served = served
        self.extent = extent_of(served)

    def get_map(self, query: MapQuery) -> ImageResult:
        """The picture of a query.

        Raises: SourceError, with a message fit for clients.
        """
        crs = crs_of(query.srs)
        width, height = query.size
        geobox = grid_of(query.bbox, width, height, crs)
        ending = ImageFormat(query.format).ext
        image_format = ending if ending in ("jpeg", "webp") else "png"
        matrix_set, tile = self._tile(query.bbox, crs)
        request = MapRequest(geobox, time_of(query.dimensions), tile, matrix_set)
        try:
            content = self.served.picture(request, image_format)
        except Exception as error:
            raise SourceError(_message(error)) from error
        options = ImageOptions(transparent=image_format != "jpeg", format=f"image/{image_format}")
        return ImageResult(BytesIO(content), size=query.size, image_opts=options)

    def _tile(self, bounds: Bounds, crs: str) -> tuple[str, Tile | None]:
        """The tile matrix set and the tile in it that bounds are."""
        for one in self.served.tile_matrix_sets.values():
            tile = one.tile_at(bounds) if one.crs == crs else None
            if tile:
                return one.id, tile
        return WEB_MERCATOR_QUAD.id, None


class ServiceInfo(InfoLayer):
    """Values of all bands in the pixel of the cube under a position."""

    def __init__(self, served: ServedService) -> None:
        self.served = served

    def get_info(self, query: InfoQuery) -> FeatureInfoDoc:
        """Values by band, and the date they belong to."""
        west, south, east, north = query.bbox
        x = west + (query.pos[0] + 0.5) * (east - west) / query.size[0]
        y = north - (query.pos[1] + 0.5) * (north - south) / query.size[1]
        time = current.get().time
        try:
            values = self.served.values_at(x, y, crs_of(query.srs), time)
        except Exception as error:
            raise SourceError(_message(error)) from error
        return _document(str(query.info_format), self.served.dates.label(time), values)


class ServiceLegend(LegendSource):
    """The legend of a service; `size` is (width, height) in pixels."""

    def __init__(self, served: ServedService, size: tuple[int, int]) -> None:
        self.served = served
        self.size = size

    def get_legend(self, query: LegendQuery) -> ImageResult:
        """The legend as a picture."""
        image = legend(self.served.style)
        return ImageResult(image, size=image.size, image_opts=ImageOptions(format="image/png"))


def extent_of(served: ServedService) -> MapExtent:
    """Where the data lies: in its own CRS if that has an EPSG code, else in degrees; short of the poles.

    MapProxy writes it in every CRS on offer, and Web Mercator knows no poles; what crosses the antimeridian goes all
    around in degrees.
    """
    west, south, east, north = served.bounds(GEOGRAPHIC)
    if max(abs(south), abs(north)) > MERCATOR_LATITUDE:
        south, north = max(south, -MERCATOR_LATITUDE), min(north, MERCATOR_LATITUDE)
        return MapExtent((west, south, east, north), SRS(GEOGRAPHIC))
    if len(served.boxes(GEOGRAPHIC)) > 1:
        return MapExtent((west, south, east, north), SRS(GEOGRAPHIC))
    crs = epsg_of(served) or GEOGRAPHIC
    return MapExtent(served.bounds(crs), SRS(crs))


def crs_of(srs: Any) -> str:
    """A CRS of MapProxy with the axes in the order x, y."""
    return GEOGRAPHIC if srs.srs_code in ("CRS:84", "CRS84") else str(srs.srs_code)


def time_of(dimensions: Mapping[str, str] | None) -> str | None:
    """The value of TIME, however it is written."""
    return next((value for name, value in (dimensions or {}).items() if name.lower() == "time"), None)


def _message(error: Exception) -> str:
    """What a client may know of an error; the rest stands in the log under an id."""
    if isinstance(error, OpenEOError) and error.status < 500:
        return html.escape(error.message)
    if isinstance(error, Canceled):
        return "the client has left"
    request = current.get(None)
    if request is not None:
        request.failed = True
    internal = OpenEOError("Internal")
    log.error("Internal error %s in a map service", internal.id, exc_info=error)
    return internal.message


def _document(info_format: str, time: str | None, values: Mapping[str, float | None]) -> FeatureInfoDoc:
    if "json" in info_format:
        return JSONFeatureInfoDoc(json.dumps({"time": time, "values": dict(values)}))
    rows = [("time", time)] if time else []
    shown = [*rows, *((name, "no data" if value is None else f"{value:.9g}") for name, value in values.items())]
    if "html" in info_format:
        cells = "".join(f"<tr><th>{html.escape(n)}</th><td>{html.escape(str(v))}</td></tr>" for n, v in shown)
        return HTMLFeatureInfoDoc(f"<html><body><table>{cells}</table></body></html>")
    return TextFeatureInfoDoc("\n".join(f"{name}: {value}" for name, value in shown))
