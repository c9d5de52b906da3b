"""ASGI: the one way in to the faces of services, around each of them.

address -> service -> may this client see it? -> known already (304, kept tile)? -> gate -> the face

A service that there is not, that is disabled or that is somebody else's is not found, whatever face is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.services import Service
from openeo_plugin.backend import Backend
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from services.access import Opened, OpenServices
from services.answers import answer
from services.departure import departure, waiting
from services.gate import Gates
from services.journal import Journal
from services.render import MEDIA_TYPES
from services.ticket import SEPARATOR, check_ticket
from services.tile_address import tile_of
from services.visit import Visit, enter, is_private

THREADS = 8  # that look services up


@dataclass(frozen=True)
class Entrance:
    """What the doors of all faces share.

    Args:
        gates: of services.
        owners: gates of those who own them, so that nobody takes the server by many services.
    """

    backend: Backend
    services: OpenServices
    gates: Gates
    journal: Journal
    owners: Gates


@dataclass(frozen=True)
class _Found:
    """What is known of a request before anything is computed: the service and a kept tile."""

    visit: Visit
    tile: tuple[bytes, str] | None


class Door:
    """Around one face.

    Args:
        face: of `tile_of`: "tiles", "ogc" or any other.
    """

    def __init__(self, app: ASGIApp, entrance: Entrance, face: str) -> None:
        self._app = app
        self._entrance = entrance
        self._face = face
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._let_in(scope, receive, send)
        except OpenEOError as error:
            await answer(error)(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise OpenEOError("MethodNotAllowed", methods="GET, HEAD")
        segment, slash, rest = get_route_path(scope).removeprefix("/").partition("/")
        headers = Headers(scope=scope)
        found = await self._in_thread(partial(self._look, segment, slash + rest, scope["query_string"], headers))
        etag = _etag(found.visit.opened, scope, slash + rest)
        if etag and matches(headers.get("if-none-match"), etag):
            response = Response(status_code=304)
            _add_caching(response.headers, found.visit, etag)
            await response(scope, receive, send)
        elif found.tile:
            response = Response(found.tile[0], media_type=found.tile[1])
            _add_caching(response.headers, found.visit, etag)
            self._entrance.journal.answered(found.visit.service.id, cached=True, sent_bytes=len(found.tile[0]))
            await response(scope, receive, send)
        else:
            await self._compute(_at(scope, found.visit, slash + rest), receive, send, found.visit)

    async def _in_thread(self, work: Callable[[], _Found]) -> _Found:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _look(self, segment: str, rest: str, query: bytes, headers: Headers) -> _Found:
        service_id, _, ticket = segment.partition(SEPARATOR)
        found = self._entrance.services.look(service_id)
        if is_private(found.service):
            self._check(found.service, ticket, headers)
        visit = Visit(found.service, segment if ticket else service_id, found.opened)
        return _Found(visit, self._kept_tile(found.opened, rest, query) if found.opened else None)

    def _check(self, service: Service, ticket: str, headers: Headers) -> None:
        """Let the owner's token and tickets pass; nobody else learns that there is such a service.

        Raises: ServiceNotFound; TokenInvalid, AuthenticationSchemeInvalid for a token that is none; ResultLinkExpired.
        """
        if ticket:
            with suppress(_Forged):
                return _check_ticket(ticket, service, self._entrance.backend.secret)
        header = headers.get("authorization", "").strip()
        if header:
            scheme, _, bearer = header.partition(" ")
            if scheme.lower() != "bearer":
                raise OpenEOError("AuthenticationSchemeInvalid")
            if self._entrance.backend.auth.user_of(bearer.strip()).name == service.owner:
                return None
        raise OpenEOError("ServiceNotFound", identifier=service.id)

    def _kept_tile(self, opened: Opened, rest: str, query: bytes) -> tuple[bytes, str] | None:
        served = opened.served
        asked = tile_of(self._face, rest, query, bool(served.dates.labels), served.tile_size)
        if asked is None:
            return None
        content = served.kept_tile(asked.tile, asked.time, asked.image_format, asked.matrix_set)
        return (content, MEDIA_TYPES[asked.image_format]) if content is not None else None

    async def _compute(self, scope: Scope, receive: Receive, send: Send, visit: Visit) -> None:
        """Hand the request to the face when the gate lets it through; stop when the client leaves."""
        enter(visit)
        gone = asyncio.create_task(departure(receive))
        gone.add_done_callback(lambda _: visit.context.cancel.set())
        watched = self._entrance.journal.watching(visit, scope, self._with_caching(send, visit, scope))
        try:
            async with (
                self._entrance.gates.of(visit.service.id).admitted(gone),
                self._entrance.owners.of(visit.service.owner).admitted(gone),
            ):
                await self._app(scope, waiting(gone), watched)
        except Canceled:
            await Response(status_code=499)(scope, receive, send)
        except OpenEOError as error:
            self._entrance.journal.refused(visit.service.id)
            await answer(error)(scope, receive, send)
        except Exception:
            if not watched.complete:  # Starlette raises on what it has answered and logged already
                raise
        finally:
            gone.cancel()
        if watched.complete:
            await watched.done()

    def _with_caching(self, send: Send, visit: Visit, scope: Scope) -> Send:
        async def with_caching(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                etag = None
                if message["status"] == 200:
                    opened = self._entrance.services.at_hand(visit.service)
                    etag = _etag(opened, scope, scope["rest"])
                _add_caching(headers, visit, etag)
            await send(message)

        return with_caching


class _Forged(Exception):  # noqa: N818 - not an error of the server
    pass


def _check_ticket(ticket: str, service: Service, secret: bytes) -> None:
    try:
        check_ticket(ticket, service.id, service.owner, secret)
    except OpenEOError as error:
        if error.code == "ResultLinkExpired":
            raise
        raise _Forged from None


def _at(scope: Scope, visit: Visit, rest: str) -> dict[str, Any]:
    """The request as the face is to see it: without a ticket."""
    path = f"{scope.get('root_path', '')}/{visit.service.id}{rest}"
    return {**scope, "path": path, "raw_path": path.encode("utf-8", "replace"), "rest": rest}


def _etag(opened: Opened | None, scope: Scope, rest: str) -> str | None:
    """Names an answer before it is made: the same service, data and address give the same bytes."""
    if opened is None:
        return None
    parts = (opened.served.id, opened.stamp, scope.get("root_path", ""), rest, scope["query_string"].decode("latin-1"))
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def matches(given: str | None, etag: str) -> bool:
    """Whether a client has what a tag names, by its If-None-Match."""
    return given is not None and (
        given.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in given.split(",")]
    )


def _add_caching(headers: MutableHeaders, visit: Visit, etag: str | None) -> None:
    """Answers may be kept, but are asked for anew each time: a service may change or go at any moment."""
    headers["Cache-Control"] = "private, no-cache" if visit.is_private else "public, no-cache"
    if visit.is_private:
        headers.add_vary_header("Authorization")
    if etag:
        headers["ETag"] = etag
