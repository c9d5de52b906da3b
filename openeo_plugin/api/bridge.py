"""WSGI applications in an ASGI server, without a thread that waits for a client.

A thread is held only while the application computes: the body of a request is read before, and its answer is sent
between two looks at the application. So clients that are slow to send or to take hold up nobody.
"""

from __future__ import annotations

import asyncio
import contextvars
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, cast

from a2wsgi.wsgi import build_environ
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from openeo_plugin.errors import RETRY_AFTER_S, OpenEOError

PIECE_BYTES = 2**18  # of an answer, that is sent at once
IN_MEMORY_BYTES = 2**16  # of a body; the rest of it waits on disk
SILENCE_S = 15.0  # after which a body that has not ended will not be waited for
ARRIVAL_S = 300.0

type Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ClientLeftError(Exception):
    """There is nobody to answer."""


@dataclass
class _Start:
    """What an application says before the body of its answer."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """WSGI's `start_response`."""
        self.status = int(status.partition(" ")[0])
        self.headers = [
            (name.strip().lower().encode("latin1"), value.strip().encode("latin1")) for name, value in headers
        ]
        return self.written.append


class Threaded:
    """ASGI: a WSGI application that runs in threads of its own.

    Args:
        app: the application.
        threads: how many there are.
        body_max_bytes: of larger bodies the application sees no more than that they are larger.
        silence_s: how long the next part of a body may take.
    """

    def __init__(self, app: Wsgi, threads: int, body_max_bytes: int, silence_s: float = SILENCE_S) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="WSGI")
        self._body_max_bytes = body_max_bytes
        self._silence_s = silence_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is answered here")
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as body:
            try:
                size_bytes = await self._read(scope, receive, body)
            except ClientLeftError:
                return
            except OpenEOError as error:
                headers = {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"}
                await JSONResponse(error.to_json(), error.status, headers)(scope, receive, send)
                return
            body.seek(0)
            environ = build_environ(cast(Any, scope), cast(Any, body))
            if size_bytes is not None:
                environ["CONTENT_LENGTH"] = str(size_bytes)
            await self._answer(cast(Any, environ), send)

    async def _read(self, scope: Scope, receive: Receive, body: IO[bytes]) -> int | None:
        """Write the body of a request to a file; its size, None if there is none or the header says more than is read.

        Raises: ClientLeftError, OpenEOError.
        """
        headers = {name.lower(): value for name, value in scope.get("headers", [])}
        told = headers.get(b"content-length", b"")
        if not (told.strip(b"0") or b"transfer-encoding" in headers) or _number(told) > self._body_max_bytes:
            return None
        size_bytes, more = 0, True
        end = asyncio.get_running_loop().time() + ARRIVAL_S
        while more and size_bytes <= self._body_max_bytes:
            left_s = min(self._silence_s, end - asyncio.get_running_loop().time())
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left_s))
            except TimeoutError:
                reason = "The body of the request did not arrive in time. Send it again."
                raise OpenEOError("RequestTimeout", message=reason) from None
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            size_bytes += body.write(message.get("body", b""))
            more = bool(message.get("more_body"))
        return size_bytes

    async def _answer(self, environ: dict[str, Any], send: Send) -> None:
        """Let the application answer, a piece at a time; all of it in one context, whichever thread it is in."""
        context, start = contextvars.copy_context(), _Start()
        answer = await self._in_thread(context, self._app, environ, start)
        chunks = iter(answer)
        try:
            piece, more = await self._in_thread(context, _next_piece, chunks)
            await send({"type": "http.response.start", "status": start.status, "headers": start.headers})
            await send(_body(b"".join(start.written) + piece, more))
            while more:
                piece, more = await self._in_thread(context, _next_piece, chunks)
                await send(_body(piece, more))
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                with suppress(RuntimeError):  # the threads have ended
                    self._threads.submit(context.copy().run, close)

    async def _in_thread(self, context: contextvars.Context, function: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(function, *given))


def _next_piece(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    """What comes next, up to about `PIECE_BYTES`, and whether there may be more."""
    found, size_bytes = [], 0
    for chunk in chunks:
        found.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= PIECE_BYTES:
            return b"".join(found), True
    return b"".join(found), False


def _body(content: bytes, more: bool) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
