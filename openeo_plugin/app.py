"""The server's front door: one ASGI application that holds every face under its own path."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import Settings, load_settings
from openeo_plugin.api import events
from openeo_plugin.api.application import create_api
from openeo_plugin.api.bridge import Threaded
from openeo_plugin.api.capabilities import well_known
from openeo_plugin.api.departure import WatchDepartures
from openeo_plugin.api.errors import error_document, told
from openeo_plugin.api.health import PATH as HEALTH_PATH
from openeo_plugin.api.health import health
from openeo_plugin.api.http import CORS_HEADERS, SECURITY_HEADERS
from openeo_plugin.api.landing import CONTENT_SECURITY_POLICY, landing_page
from openeo_plugin.api.links import API_MOUNT
from openeo_plugin.api.request_log import forget_old_logs
from openeo_plugin.backend import Backend, open_backend
from openeo_plugin.errors import OpenEOError
from openeo_plugin.results.scratch import sweep
from openeo_plugin.sources.tiff_blocks import keep_blocks

if TYPE_CHECKING:
    from services.gate import Limits

API_THREADS = 32
OGC_THREADS = 16
PIXEL_THREADS = 12  # of those of the OGC API, so that its pages don't wait for maps
OWNER_FACTOR = 2  # what all services of an owner may take, in terms of what one may
SWEPT_AFTER_S = 3600  # after the longest that a synchronous request may take
_SLASHES = re.compile(r"/{2,}")
_OTHER_VERSION = re.compile(r"/openeo/v?(?P<version>[0-9][0-9.]{0,15})(/|$)")


@dataclass(frozen=True)
class Face:
    """A part of the server under a path of its own."""

    path: str
    app: ASGIApp


def faces(backend: Backend) -> tuple[Face, ...]:
    """Every face of the server."""
    from openeo_plugin.ogcapi.app import create_ogcapi
    from openeo_plugin.ogcapi.door import CollectionDoor
    from services.gate import Gates

    body_max_bytes = backend.settings.request_max_bytes
    ogcapi = Threaded(create_ogcapi(backend), OGC_THREADS, body_max_bytes)
    return (
        Face(API_MOUNT, WatchDepartures(Threaded(create_api(backend), API_THREADS, body_max_bytes))),
        Face("/oapi", CollectionDoor(ogcapi, backend, Gates(_limits(backend.settings)), PIXEL_THREADS)),
        *_service_faces(backend),
    )


def _service_faces(backend: Backend) -> tuple[Face, ...]:
    """The faces of services. They share what they have opened, and each is behind a door."""
    from services.access import OpenServices
    from services.door import Door, Entrance
    from services.gate import Gates
    from services.journal import Journal
    from services.kept_tiles import kept_tiles_of
    from services.ows import create_ows
    from services.viewer.page import STATIC, create_viewer, create_viewer_files
    from services.wcs import create_wcs
    from services.xyz import create_tiles

    settings = backend.settings
    opened = OpenServices(backend, kept_tiles_of(settings))
    limits = _limits(settings)
    owners = Gates(limits.times(OWNER_FACTOR))
    entrance = Entrance(backend, opened, Gates(limits), Journal(backend.services), owners)
    apps: dict[str, ASGIApp] = {
        "ogc": Threaded(create_ows(backend, opened), OGC_THREADS, settings.request_max_bytes),
        "tiles": create_tiles(backend, opened),
        "wcs": create_wcs(backend, opened),
        "viewer": create_viewer(backend, opened),
    }
    doors = (Face(f"/{name}", Door(app, entrance, name)) for name, app in apps.items())
    return (Face(STATIC, create_viewer_files()), *doors)


def _limits(settings: Settings) -> Limits:
    """What one service, or the pixels of one collection, may take."""
    from services.gate import Limits

    return Limits(max(2, settings.threads), rate_per_s=settings.service_rate_per_s)


def create_app(settings: Settings | None = None) -> Starlette:
    """The whole server; usable as a factory of uvicorn. Without settings they are read from the environment."""
    backend = open_backend(settings or load_settings())
    return create_app_of(backend, faces(backend))


def create_app_of(backend: Backend, mounted: tuple[Face, ...]) -> Starlette:
    """The server of an opened back-end with the given faces. Closing it closes the back-end's connections."""
    keep_blocks(backend.settings.block_cache)
    paths = tuple(face.path for face in mounted)
    routes: list[BaseRoute] = [
        Route("/", _landing_page(backend)),
        Route("/.well-known/openeo", _well_known(backend.settings)),
        Route(HEALTH_PATH, health(backend)),
        *_event_streams(backend),
        *(Mount(face.path, app=face.app) for face in mounted),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Headers, mounts=paths)],
        exception_handlers={HTTPException: _http_error},
        lifespan=_closing(backend),
    )
    app.router.redirect_slashes = False
    return app


def end_streams(app: Starlette) -> None:
    """Let streams that would go on for hours end soon, as the server is about to."""
    app.state.is_ending = True


def _event_streams(backend: Backend) -> list[BaseRoute]:
    """Beside the API's own face, as its threads are not for clients that stay for hours."""
    if not backend.settings.microservices["jobs"]:
        return []
    return [Route(API_MOUNT + events.PATH, events.job_events(backend), methods=["GET"])]


class Headers:
    """ASGI: CORS and security headers on every answer of every face, OPTIONS answered, double slashes tolerated.

    What a face has set itself is kept. What it did not catch becomes an error in openEO's words.
    """

    def __init__(self, app: ASGIApp, mounts: tuple[str, ...] = ()) -> None:
        self.app = app
        self.mounts = mounts
        headers = {**CORS_HEADERS, **SECURITY_HEADERS}
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = {name.lower() for name, _ in message.get("headers", [])}
                added = [pair for pair in self.headers if pair[0] not in given]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        if scope["method"] == "OPTIONS":
            await Response(status_code=204)(scope, receive, send_with_headers)
            return
        try:
            await self.app({**scope, "path": self._path(scope["path"])}, receive, send_with_headers)
        except Exception as error:
            if started:
                raise  # the server cuts the connection, so that nobody takes half an answer for a whole one
            await _error(error)(scope, receive, send_with_headers)

    def _path(self, path: str) -> str:
        single = _SLASHES.sub("/", path)
        return f"{single}/" if single in self.mounts else single


def _landing_page(backend: Backend) -> Callable[[Request], object]:
    async def landing(request: Request) -> Response:
        public = await run_in_threadpool(backend.driver.collections, None)
        page = landing_page(backend.settings, len(public))
        return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    return landing


def _well_known(settings: Settings) -> Callable[[Request], object]:
    async def versions(request: Request) -> Response:
        return JSONResponse(well_known(settings))

    return versions


def _http_error(request: Request, error: Exception) -> Response:
    """Paths that no face has, in openEO's words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: _not_found(request.url.path), 405: OpenEOError("MethodNotAllowed", methods="GET, HEAD")}
    shown = known.get(status, error)
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse(error_document(shown), status, dict(headers or {}))


def _not_found(path: str) -> OpenEOError:
    version = _OTHER_VERSION.match(path)
    if version and not path.startswith(f"{API_MOUNT}/"):
        return OpenEOError("UnsupportedApiVersion", version=version["version"])
    return OpenEOError("NotFound")


def _error(error: Exception) -> Response:
    shown = told(error)
    return JSONResponse(shown.to_json(), shown.status)


def _tidy_up(backend: Backend) -> None:
    """Remove what servers before this one have left behind."""
    sweep(backend.settings.data_dir, backend.settings.sync_timeout_s + SWEPT_AFTER_S)
    forget_old_logs(backend)


def _closing(backend: Backend) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(_tidy_up, backend)
        try:
            yield
        finally:
            backend.database.dispose()

    return lifespan
