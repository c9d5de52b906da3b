"""A page that shows one service on a map: date, opacity, legend, values on click, and addresses to copy.

It needs nothing from elsewhere: OpenLayers comes from the installed MapProxy, whose own demo pages use it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.answers import answer
from services.legend import legend, legend_size
from services.served import GEOGRAPHIC, ServedService
from services.service_type import WCS, WMS, WMTS, XYZ
from services.visit import public_segment

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STATIC = "/viewer-files"
_FOLDER = Path(__file__).parent
_DAY_S = 86_400


@dataclass(frozen=True)
class ViewerFace:
    """Builds the pages of services; runs in threads."""

    backend: Backend
    services: OpenServices

    def page(self, request: Request) -> Response:
        """The page of a service."""
        try:
            served = self.services.open(request.path_params["service_id"])
            text = self._html(served)
        except OpenEOError as error:
            return answer(error)
        return HTMLResponse(text, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    def legend(self, request: Request) -> Response:
        """The legend of a service as PNG; 404 for colour composites, which have none."""
        try:
            served = self.services.open(request.path_params["service_id"])
            if legend_size(served.unranged_style) is None:
                raise OpenEOError("NotFound")
            out = io.BytesIO()
            legend(served.style).save(out, "PNG")
        except OpenEOError as error:
            return answer(error)
        return Response(out.getvalue(), media_type="image/png")

    def _html(self, served: ServedService) -> str:
        template = Environment(autoescape=True).from_string((_FOLDER / "page.html").read_text(encoding="utf-8"))
        base = self.backend.settings.public_base
        segment = public_segment(served.id)
        addresses = {kind.id: kind.url(segment, base) for kind in (WMTS, WMS, XYZ, WCS)}
        return template.render(
            title=served.title,
            abstract=served.abstract,
            attribution=served.attribution,
            addresses=addresses,
            has_legend=legend_size(served.unranged_style) is not None,
            static=f"..{STATIC}",
            segment=segment,
            settings=_script_json(self._settings(served, segment)),
        )

    def _settings(self, served: ServedService, segment: str) -> dict[str, Any]:
        """What the script needs; addresses are relative, so the page works wherever it is reached."""
        return {
            "tiles": f"../tiles/{segment}/{{z}}/{{x}}/{{y}}.png",
            "point": f"../tiles/{segment}/point/",
            "bounds": list(served.bounds(GEOGRAPHIC)),
            "maxZoom": served.useful_zoom(self.backend.settings.tile_max_zoom),
            "tileSize": served.tile_size,
            "times": served.dates.distinct,
            "time": served.dates.label(None),
            "attribution": served.attribution,
        }


def create_viewer(backend: Backend, services: OpenServices) -> Starlette:
    """The ASGI application to mount at `/viewer`."""
    face = ViewerFace(backend, services)
    return Starlette(routes=[Route("/{service_id}", face.page), Route("/{service_id}/legend.png", face.legend)])


def create_viewer_files() -> Starlette:
    """The ASGI application to mount at `STATIC`: scripts and styles, the same for every service."""
    return Starlette(routes=[Route("/{name}", _file)])


def _file(request: Request) -> Response:
    path = static_files().get(request.path_params["name"])
    if path is None:
        return answer(OpenEOError("NotFound"))
    return FileResponse(path, headers={"Cache-Control": f"public, max-age={_DAY_S}"})


def static_files() -> Mapping[str, Path]:
    """What the page loads, by name."""
    openlayers = Path(str(files("mapproxy"))) / "service" / "templates" / "demo" / "static"
    own = {name: _FOLDER / name for name in ("viewer.js", "viewer.css")}
    return {**own, "ol.js": openlayers / "ol.js", "ol.css": openlayers / "ol.css"}


def _script_json(value: object) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
