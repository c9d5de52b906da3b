"""`GET /healthz`: whether this server can do its work, for those who keep it running and for what balances load."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db.session import DatabaseError
from openeo_plugin.backend import Backend

PATH = "/healthz"
PATIENCE_S = 3.0


def health(backend: Backend) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint: 200, or 503 with what is wrong. One look serves all who ask meanwhile, so that none pile up."""
    under_way: asyncio.Task[str | None] | None = None

    async def answer(request: Request) -> Response:
        nonlocal under_way
        if under_way is None or under_way.done():
            under_way = asyncio.create_task(_look(backend))
        try:
            fault = await asyncio.wait_for(asyncio.shield(under_way), PATIENCE_S)
        except TimeoutError:
            fault = "the database does not answer"
        body: dict[str, Any] = {"status": "ok"} if fault is None else {"status": "unavailable", "reason": fault}
        headers = {"Cache-Control": "no-store"}
        return JSONResponse(body, status_code=200 if fault is None else 503, headers=headers)

    return answer


async def _look(backend: Backend) -> str | None:
    return await run_in_threadpool(fault_of, backend)


def fault_of(backend: Backend) -> str | None:
    """What keeps a server from its work; None if nothing does."""
    if not os.access(backend.settings.data_dir, os.W_OK | os.X_OK):
        return "the data folder can't be written to"
    try:
        current = backend.database.is_current()
    except DatabaseError:
        return "the database can't be reached"
    return None if current else "the tables of the database are not those of this version"
