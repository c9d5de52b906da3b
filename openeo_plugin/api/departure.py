"""Clients that leave before they have their answer: whoever computes it is told, so that it can stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEY = "openeo.departure"


class Departure:
    """Whether a client has left. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_left = False
        self._calls: list[Callable[[], None]] = []

    def call(self, function: Callable[[], None]) -> None:
        """Call a function when the client leaves; at once if it has left."""
        with self._lock:
            if not self._has_left:
                self._calls.append(function)
                return
        function()

    def leave(self) -> None:
        """The client is gone."""
        with self._lock:
            self._has_left = True
            calls, self._calls = self._calls, []
        for function in calls:
            function()


class WatchDepartures:
    """ASGI: watches the connection of a request from when its body has been read until it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        departure = Departure()
        watchers: list[asyncio.Task[None]] = []

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            departure.leave()

        async def receive_and_watch() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                departure.leave()
            elif not message.get("more_body"):
                watchers.append(asyncio.create_task(watch()))
            return message

        try:
            await self.app({**scope, KEY: departure}, receive_and_watch, send)
        except asyncio.CancelledError:  # the server ends and waits no longer
            departure.leave()
            raise
        finally:
            for watcher in watchers:
                watcher.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await watcher


def departure_of(environ: Mapping[str, Any]) -> Departure:
    """The departure of the client of a WSGI request; one that never happens, where nobody watches."""
    found = environ.get("asgi.scope", {}).get(KEY)
    return found if isinstance(found, Departure) else Departure()
