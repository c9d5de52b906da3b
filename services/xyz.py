"""XYZ tiles, TileJSON, point values, statistics and a preview of each service: a TiTiler factory over plans.

No route takes an address: the path names a service, and a service is all that is ever opened.
"""

from __future__ import annotations

import html
import math
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from urllib.parse import quote

from attrs import define
from fastapi import Depends, FastAPI, Path, Query
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from titiler.core.factory import BaseFactory

from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.answers import answer_errors
from services.reader import PlanReader
from services.render import MEDIA_TYPES, preview_grid
from services.served import MapRequest, ServedService
from services.tile_matrix import GEOGRAPHIC, WEB_MERCATOR, grid_of, tile_bounds
from services.visit import current_visit, public_segment

Format = Literal["png", "jpeg", "jpg", "webp", "npy", "tif"]
Time = Annotated[str | None, Query(max_length=64, description="A date; the service's default if left out.")]
Zoom = Annotated[int, Path(ge=0)]
Index = Annotated[int, Path(ge=0)]


def create_tiles(backend: Backend, services: OpenServices | None = None) -> FastAPI:
    """The ASGI application to mount at `/tiles`.

    Args:
        backend: where services are found and planned.
        services: opened services to share with other faces.
    """
    app = FastAPI(title="Tiles", docs_url=None, redoc_url=None, openapi_url=None)
    opened = services or OpenServices(backend)
    factory = ServiceTiles(
        path_dependency=_path_dependency(opened),
        public_base=backend.settings.public_base,
        max_zoom=backend.settings.tile_max_zoom,
        router_prefix="/{service_id}",
    )
    app.include_router(factory.router, prefix="/{service_id}")
    answer_errors(app)
    return app


def _path_dependency(opened: OpenServices) -> Callable[..., Awaitable[ServedService]]:
    """Takes the service that the door has looked up already; only one that is not open yet needs a thread."""

    async def path(service_id: Annotated[str, Path()]) -> ServedService:
        visit = current_visit()
        if visit and visit.opened and visit.service.id == service_id:
            return visit.opened.served
        return await run_in_threadpool(opened.open, service_id)

    return path


@define(kw_only=True)
class ServiceTiles(BaseFactory):
    """The routes of one service; each is a plain function, so it runs in a thread and never blocks the server.

    Args:
        path_dependency: gives the opened service of a request.
        public_base: what addresses in answers begin with.
        max_zoom: tiles of higher zoom levels are refused.
    """

    path_dependency: Callable[..., Awaitable[ServedService]]
    public_base: str
    max_zoom: int

    def register_routes(self) -> None:
        """Register every route of a service."""
        self._register_tile()
        self._register_tilejson()
        self._register_point()
        self._register_statistics()
        self._register_preview()

    def _register_tile(self) -> None:
        service = Depends(self.path_dependency)

        @self.router.get("/{z}/{x}/{y}.{image_format}")
        def tile_as(
            z: Zoom, x: Index, y: Index, image_format: Format, time: Time = None, served: ServedService = service
        ) -> Response:
            return self.tile(served, (z, x, y), image_format, time)

        @self.router.get("/{z}/{x}/{y}")
        def tile(z: Zoom, x: Index, y: Index, time: Time = None, served: ServedService = service) -> Response:
            return self.tile(served, (z, x, y), "png", time)

    def tile(self, served: ServedService, tile: tuple[int, int, int], image_format: str, time: str | None) -> Response:
        """One tile.

        Raises: RequestInvalid for a tile that does not exist.
        """
        z, x, y = tile
        if z > self.max_zoom:
            raise OpenEOError("RequestInvalid", reason=f"zoom levels go from 0 to {self.max_zoom}")
        if max(x, y) >= 2**z:
            raise OpenEOError("RequestInvalid", reason=f"columns and rows of zoom level {z} go from 0 to {2**z - 1}")
        image_format = "jpeg" if image_format == "jpg" else image_format
        geobox = grid_of(tile_bounds(tile), served.tile_size, served.tile_size, WEB_MERCATOR)
        content = served.picture(MapRequest(geobox, time, tile), image_format)
        return Response(content, media_type=MEDIA_TYPES[image_format])

    def _register_tilejson(self) -> None:
        service = Depends(self.path_dependency)

        @self.router.get("/tilejson.json")
        def tilejson(time: Time = None, served: ServedService = service) -> JSONResponse:
            return JSONResponse(self.tilejson(served, time))

    def tilejson(self, served: ServedService, time: str | None) -> dict[str, Any]:
        """What a web map needs to know of the tiles (TileJSON 3.0.0)."""
        label = served.dates.label(time)
        query = f"?time={quote(label or '')}" if time else ""
        west, south, east, north = served.bounds(GEOGRAPHIC)
        high = served.useful_zoom(self.max_zoom)
        return {
            "tilejson": "3.0.0",
            "name": served.title,
            "description": served.abstract,
            "attribution": html.escape(served.attribution),  # web maps show it as HTML
            "scheme": "xyz",
            "tiles": [f"{self.public_base}/tiles/{public_segment(served.id)}/{{z}}/{{x}}/{{y}}.png{query}"],
            "minzoom": 0,
            "maxzoom": high,
            "bounds": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2, max(high - 4, 0)],
            "times": served.dates.distinct,
        }

    def _register_point(self) -> None:
        service = Depends(self.path_dependency)

        @self.router.get("/point/{lon},{lat}")
        def point(
            lon: Annotated[float, Path(ge=-180, le=180)],
            lat: Annotated[float, Path(ge=-90, le=90)],
            time: Time = None,
            served: ServedService = service,
        ) -> JSONResponse:
            found = PlanReader(input=served, time=time).point(lon, lat)
            values = [None if masked else value for value, masked in _with_mask(found.array)]
            return JSONResponse(
                {
                    "coordinates": [lon, lat],
                    "values": values,
                    "band_names": found.band_names,
                    "time": served.dates.label(time),
                }
            )

    def _register_statistics(self) -> None:
        service = Depends(self.path_dependency)

        @self.router.get("/statistics")
        def statistics(time: Time = None, served: ServedService = service) -> JSONResponse:
            found = PlanReader(input=served, time=time).statistics()
            return JSONResponse({name: _finite(band.model_dump()) for name, band in found.items()})

    def _register_preview(self) -> None:
        service = Depends(self.path_dependency)

        @self.router.get("/preview.png")
        def preview(
            max_size: Annotated[int, Query(ge=16, le=2048)] = 512,
            time: Time = None,
            served: ServedService = service,
        ) -> Response:
            grid = preview_grid(served.description.grid, max_size)
            return Response(served.picture(MapRequest(grid, time)), media_type=MEDIA_TYPES["png"])


def _with_mask(values: Any) -> list[tuple[float, bool]]:
    import numpy as np

    flags = np.ma.getmaskarray(values)
    return list(zip(np.ma.getdata(values).tolist(), flags.tolist(), strict=True))


def _finite(value: Any) -> Any:
    """JSON has no NaN: null instead."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
