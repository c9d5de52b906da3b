"""ASGI: the way to the pixels of collections at `/oapi`, as `services.door` is the way to services.

address -> what the client sees of the collection -> known already (304, kept tile)? -> gate -> pygeoapi

Maps, tiles and coverages pass here; everything else goes straight on. What a client may not see, and tokens that are
none, are left to the application behind, which says so in its own words.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl, unquote

import anyio
from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openeo_plugin.backend import Backend
from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from services.collection_maps import Seen
from services.departure import departure, waiting
from services.door import matches
from services.gate import Gate, Gates, Limits
from services.visit import enter_context

THREADS = 8  # that look collections up
_TAGGED = ("accept", "accept-language")  # what an answer depends on beside its address
_PIXELS = re.compile(
    r"/collections/(?P<id>[^/]+)/(?:map|coverage|tiles/(?P<set>[^/]+)/(?P<z>\d{1,2})/(?P<y>\d{1,9})/(?P<x>\d{1,9}))/?"
)


@dataclass(frozen=True)
class _Asked:
    """A request for pixels: of which collection, and the tile if it is one."""

    identifier: str
    parameters: Mapping[str, str]
    matrix_set: str | None = None
    tile: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class _Found:
    """What is known of a request before anything is computed. seen: None for what the client may not see."""

    seen: Seen | None = None
    tile: bytes | None = None


@dataclass
class _Entry:
    """One request that was let in."""

    seen: Seen
    etag: str
    context: RunContext = field(default_factory=RunContext)


class CollectionDoor:
    """Around the OGC API.

    Args:
        gates: of collections.
        running: requests for pixels of all collections that are computed at the same time.
    """

    def __init__(self, app: ASGIApp, backend: Backend, gates: Gates, running: int) -> None:
        self._app = app
        self._backend = backend
        self._gates = gates
        self._all = Gate(Limits(running, waiting=1024, rate_per_s=1e6))
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        asked = _asked(scope) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        found = await self._in_thread(partial(self._look, asked, headers.get("authorization", "").strip()))
        if found.seen is None:
            await self._app(scope, receive, send)
            return
        entry = _Entry(found.seen, _etag(found.seen, scope, headers))
        if matches(headers.get("if-none-match"), entry.etag):
            response = Response(status_code=304)
        elif found.tile is not None:
            response = Response(found.tile, media_type="image/png")
        else:
            await self._compute(entry, scope, receive, send)
            return
        _add_caching(response.headers, entry)
        await response(scope, receive, send)

    async def _in_thread(self, work: Callable[[], _Found]) -> _Found:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _look(self, asked: _Asked, authorization: str) -> _Found:
        from openeo_plugin.ogcapi.failures import RequestFailedError  # loads pygeoapi
        from openeo_plugin.ogcapi.pictures import bands_of, date_of, maps_of

        maps = maps_of(self._backend)
        try:
            seen = maps.seen(asked.identifier, self._user(authorization))
            served = maps.at_hand(seen, bands_of(asked.parameters)) if asked.matrix_set else None
            if served is None or asked.parameters.get("f", "png") != "png":
                return _Found(seen)
            date = date_of(served, asked.parameters.get("datetime"))
            return _Found(seen, served.kept_tile(asked.tile, date, "png", asked.matrix_set or ""))
        except OpenEOError:
            return _Found()
        except RequestFailedError:
            return _Found(seen)

    def _user(self, authorization: str) -> str | None:
        """Raises: TokenInvalid, AuthenticationSchemeInvalid."""
        if not authorization:
            return None
        scheme, _, bearer = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise OpenEOError("AuthenticationSchemeInvalid")
        return self._backend.auth.user_of(bearer.strip()).name

    async def _compute(self, entry: _Entry, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on when the collection's gate lets it through; stop when the client leaves."""
        enter_context(entry.context)
        gone = asyncio.create_task(departure(receive))
        gone.add_done_callback(lambda _: entry.context.cancel.set())
        try:
            async with self._gates.of(entry.seen.identifier).admitted(gone), self._all.admitted(gone):
                await self._app(scope, waiting(gone), _with_caching(send, entry))
        except Canceled:
            await Response(status_code=499)(scope, receive, send)
        except OpenEOError as error:
            await _refusal(error)(scope, receive, send)
        finally:
            gone.cancel()


def _asked(scope: Scope) -> _Asked | None:
    """The request for pixels that this is; None for anything else."""
    found = _PIXELS.fullmatch(get_route_path(scope)) if scope["method"] in ("GET", "HEAD") else None
    if found is None:
        return None
    parameters = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if found["set"] is None:
        return _Asked(unquote(found["id"]), parameters)
    tile = int(found["z"]), int(found["x"]), int(found["y"])
    return _Asked(unquote(found["id"]), parameters, found["set"], tile)


def _etag(seen: Seen, scope: Scope, headers: Headers) -> str:
    """Names an answer before it is made: the same collection, viewer and request give the same bytes."""
    request = (scope["path"], scope["query_string"].decode("latin-1"), *(headers.get(name) for name in _TAGGED))
    parts = (seen.identifier, seen.viewer, seen.stamp, *request)
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def _with_caching(send: Send, entry: _Entry) -> Send:
    async def with_caching(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            _add_caching(MutableHeaders(scope=message), entry)
        await send(message)

    return with_caching


def _add_caching(headers: MutableHeaders, entry: _Entry) -> None:
    """Answers may be kept, but are asked for anew each time: a collection may change or go at any moment."""
    headers["Cache-Control"] = "public, no-cache" if entry.seen.viewer is None else "private, no-cache"
    headers["Vary"] = "Authorization, Accept, Accept-Language"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["ETag"] = entry.etag


def _refusal(error: OpenEOError) -> Response:
    """An error as the OGC APIs and openEO clients look for it."""
    document = {**error.to_json(), "type": error.code, "description": error.message}
    response = JSONResponse(document, error.status)
    if error.status == 429:
        response.headers["Retry-After"] = str(error.details.get("retry_after_s", 1))
    return response
