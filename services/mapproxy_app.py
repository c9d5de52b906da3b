"""A MapProxy application for one service, built from a dict: no file, no cache on disk yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from mapproxy.config.configuration.proxy import ProxyConfiguration
from mapproxy.config.configuration.source import register_source_configuration
from mapproxy.exception import RequestError
from mapproxy.layer import Dimension
from mapproxy.service.wms import WMSServer
from mapproxy.service.wmts import Capabilities, WMTSRestServer, WMTSServer
from mapproxy.wsgiapp import MapProxyApp

from openeo_plugin.errors import OpenEOError
from services.date_list import listed
from services.dates import Dates
from services.legend import legend_size
from services.mapproxy_source import SOURCE_TYPE, ServiceSourceConfiguration
from services.matrix_sets import matrix_sets
from services.ows_request import MAX_MAP_PX
from services.served import ServedService, epsg_of
from services.service_type import LAYER
from services.tile_matrix import WEB_MERCATOR
from services.xml_text import xml_text

_TILE = "{TileMatrix}/{TileCol}/{TileRow}"
_INFO_FORMATS = {"json": "application/json", "text": "text/plain", "html": "text/html"}


def register_source() -> None:
    """Tell MapProxy of the source type; harmless when repeated."""
    register_source_configuration(SOURCE_TYPE, ServiceSourceConfiguration)


def mapproxy_app(served: ServedService, max_zoom: int) -> MapProxyApp:
    """The WSGI application of one service: WMTS (KVP and REST) and WMS with a single layer."""
    proxy = ProxyConfiguration(configuration(served, max_zoom))
    servers = proxy.configured_services()
    if served.dates.labels:
        _set_dates(servers, served.dates)
    for server in _all_servers(servers):
        if isinstance(server, WMTSRestServer):
            server.parse_request = partial(_own_dimensions, server.parse_request)
        if isinstance(server, WMTSServer):
            server.check_request = partial(_check_tile, server, server.check_request)
            _name_reference_systems(server)
    return MapProxyApp(servers, proxy.base_config)


def configuration(served: ServedService, max_zoom: int) -> dict[str, Any]:
    """What would stand in MapProxy's file."""
    grids = matrix_sets(served, max_zoom)
    texts = {"title": xml_text(served.title), "abstract": xml_text(served.abstract)}
    attribution = {"attribution": {"title": xml_text(served.attribution)}} if served.attribution else {}
    return {
        "globals": {"image": {"paletted": False}, "http": {"access_control_allow_origin": ""}},
        "services": {
            "wmts": _wmts(served, texts),
            "wms": _wms(served, texts),
        },
        "grids": grids,
        "sources": {"service": {"type": SOURCE_TYPE, "served": served}},
        "caches": {
            "tiles": {
                "grids": list(grids),
                "sources": ["service"],
                "format": "image/png",
                "disable_storage": True,
                "meta_size": [1, 1],
                "meta_buffer": 0,
            }
        },
        "layers": [
            {
                "name": LAYER,
                "title": texts["title"],
                "sources": ["service"],
                "tile_sources": ["tiles"],
                "md": {"abstract": texts["abstract"], **attribution},
                **_legend_addresses(served),
            }
        ],
    }


def _legend_addresses(served: ServedService) -> dict[str, str]:
    """What WMTS says of the legend: it is WMS that draws it."""
    if legend_size(served.unranged_style) is None:
        return {}
    query = "service=WMS&amp;request=GetLegendGraphic&amp;version=1.3.0&amp;format=image/png&amp;layer={layer_name}"
    return dict.fromkeys(("wmts_kvp_legendurl", "wmts_rest_legendurl"), "{base_url}/service?" + query)


def _wmts(served: ServedService, texts: dict[str, str]) -> dict[str, Any]:
    path = "/{Layer}/{TileMatrixSet}/" + ("{TIME}/" if served.dates.labels else "") + _TILE
    return {
        "md": texts,
        "kvp": True,
        "restful": True,
        "restful_template": path + ".{Format}",
        "restful_featureinfo_template": path + "/{I}/{J}.{InfoFormat}",
        "featureinfo_formats": [{"suffix": suffix, "mimetype": mime} for suffix, mime in _INFO_FORMATS.items()],
    }


def _wms(served: ServedService, texts: dict[str, str]) -> dict[str, Any]:
    own = epsg_of(served)
    srs = list(dict.fromkeys([WEB_MERCATOR, "EPSG:4326", "CRS:84", *([own] if own else [])]))
    return {
        "md": texts,
        "versions": ["1.1.1", "1.3.0"],
        "srs": srs,
        "bbox_srs": srs,
        "image_formats": ["image/png", "image/jpeg", "image/webp"],
        "featureinfo_types": list(_INFO_FORMATS),
        "max_output_pixels": [MAX_MAP_PX, MAX_MAP_PX],
        "on_source_errors": "raise",
    }


class KnownDates(Dimension):
    """The TIME dimension: lists the dates, and knows a day or an interval by the label it means."""

    def __init__(self, dates: Dates) -> None:
        super().__init__("TIME", listed(dates.distinct), default=dates.labels[dates.default])
        self.dates = dates

    def __contains__(self, value: object) -> bool:
        try:
            self.dates.index(str(value) if value is not None else None)
        except OpenEOError:
            return False
        return True


class TimedCapabilities(Capabilities):
    """KVP capabilities with dimensions, for which MapProxy 7.0 lacks the names."""

    def template_context(self) -> dict[str, Any]:
        """The context with the names of dimensions."""
        return {**super().template_context(), "dimension_keys": {"time": "TIME"}}


def _own_dimensions(parse: Callable[[Any], Any], request: Any) -> Any:
    """Parse a REST request; MapProxy 7.0 keeps the dates of all such requests, of all services, in one dict."""
    parsed = parse(request)
    parsed.dimensions = {}
    return parsed


def _check_tile(server: WMTSServer, check: Callable[..., None], request: Any, *more: Any) -> None:
    """Check a request, its tile too: MapProxy 7.0 looks only at those of pictures, not at those of values.

    Raises: RequestError.
    """
    check(request, *more)
    if server.layers[request.layer][request.tilematrixset].grid.limit_tile(request.tile) is None:
        raise RequestError("there is no such tile in the tile matrix set", code="TileOutOfRange", request=request)


def _name_reference_systems(server: WMTSServer) -> None:
    """Give URNs of reference systems their place for a version: MapProxy 7.0 writes `urn:ogc:def:crs:EPSG:3857`."""
    for matrix_set in server.matrix_sets:
        authority, code = matrix_set.grid.srs.srs_code.split(":")
        matrix_set.srs_name = f"{authority}::{code}"


def _set_dates(servers: Iterable[Any], dates: Dates) -> None:
    """Give every layer its TIME dimension. MapProxy's own configuration knows no days and misreads single dates."""
    for server in _all_servers(servers):
        if isinstance(server, WMTSServer):
            for layer in server.layers[LAYER].layers.values():
                layer.dimensions = {"time": KnownDates(dates)}
            if not isinstance(server, WMTSRestServer):
                server.capabilities_class = TimedCapabilities
        elif isinstance(server, WMSServer):
            server.layers[LAYER].dimensions = {"time": KnownDates(dates)}


def _all_servers(servers: Iterable[Any]) -> Iterable[Any]:
    for server in servers:
        yield from server.services.values() if hasattr(server, "services") else (server,)
