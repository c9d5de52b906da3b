"""`GET /jobs/{job_id}/events`: state, progress and log of a job as server-sent events.

Native ASGI, so that a client that listens for hours holds a coroutine and no thread. What is new is found by looking:
one short read every half second serves a client whichever process works on the job.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from db.job_states import ACTIVE
from db.jobs import Job
from openeo_plugin.api.errors import error_document
from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError

PATH = "/jobs/{job_id}/events"
LOOK_EVERY_S = 0.5
BEAT_EVERY_S = 15.0
LOG_PAGE = 500
_MEDIA_TYPE = "text/event-stream"
_ENDED = frozenset({"finished", "error", "canceled"})


@dataclass
class OpenStreams:
    """How many streams each user has open in this process."""

    max_per_user: int
    _counts: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def one_more(self, user: str) -> Any:
        """Raises: TooManyRequests."""
        if self._counts[user] >= self.max_per_user:
            raise OpenEOError("TooManyRequests", retry_after_s=30)
        self._counts[user] += 1
        try:
            yield
        finally:
            self._counts[user] -= 1


@dataclass(frozen=True)
class _Seen:
    """What a client knows: id of the last log entry, and the state and progress it was told last."""

    offset: str = ""
    state: tuple[Any, ...] = ()
    progress: tuple[Any, ...] = ()
    was_active: bool = False


def job_events(backend: Backend) -> Callable[[Request], Any]:
    """The endpoint."""
    streams = OpenStreams(backend.settings.events_per_user_max)

    async def events(request: Request) -> Response:
        try:
            user = await run_in_threadpool(_caller, backend, request)
            job = await run_in_threadpool(backend.jobs.get, request.path_params["job_id"], user)
            offset = request.headers.get("Last-Event-ID", "").strip()
            newer = await run_in_threadpool(backend.jobs.logs, job.id, offset, None, 1)  # refuses what is no id
            if offset and not newer and job.status in _ENDED:
                return Response(status_code=204)  # a browser that comes back is told so to stay away
            if request.method == "HEAD":
                return Response(media_type=_MEDIA_TYPE)
            admitted = streams.one_more(user)
            admitted.__enter__()
        except OpenEOError as error:
            retry = {"Retry-After": "30"} if error.status == 429 else None
            return JSONResponse(error_document(error), error.status, retry)
        body = _stream(backend, request, user, job.id, _Seen(offset), admitted)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Authorization"}
        return StreamingResponse(body, media_type=_MEDIA_TYPE, headers=headers)

    return events


async def _stream(
    backend: Backend, request: Request, user: str, job_id: str, seen: _Seen, admitted: Any
) -> AsyncIterator[bytes]:
    """Events until the job has ended, is deleted, or the client may no longer see it, or the server ends."""
    quiet_s = 0.0
    try:
        while not getattr(request.app.state, "is_ending", False):
            try:
                chunks, seen, ended = await run_in_threadpool(_news, backend, user, job_id, seen)
            except OpenEOError:
                yield _event("end", {"reason": "The job is gone."}, seen.offset)
                return
            for chunk in chunks:
                yield chunk
            if ended:
                return
            quiet_s = 0.0 if chunks else quiet_s + LOOK_EVERY_S
            if quiet_s >= BEAT_EVERY_S:
                if not await run_in_threadpool(_still_signed_in, backend, request, user):
                    return
                yield b": alive\n\n"
                quiet_s = 0.0
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        admitted.__exit__(None, None, None)


def _news(backend: Backend, user: str, job_id: str, seen: _Seen) -> tuple[list[bytes], _Seen, bool]:
    """What the client does not know yet. Raises: JobNotFound."""
    job = backend.jobs.get(job_id, user)  # before the log: what an ended job wrote is there by then
    chunks: list[bytes] = []
    while entries := backend.jobs.logs(job_id, seen.offset, limit=LOG_PAGE):
        chunks += [_event("log", entry, entry["id"]) for entry in entries]
        seen = replace(seen, offset=entries[-1]["id"])
        if len(entries) < LOG_PAGE:
            break
    progress = (job.progress, job.phase, job.eta_s)
    if job.status == "running" and progress != seen.progress:
        chunks.append(_event("progress", _progress(job), seen.offset))
        seen = replace(seen, progress=progress)
    state = (job.status, job.queued, job.started)
    if state != seen.state:
        chunks.append(_event("state", _state(job), seen.offset))
    ended = job.status in _ENDED or (seen.was_active and job.status not in ACTIVE)
    if ended:
        chunks.append(_event("end", {"reason": f"The job is {job.status}."}, seen.offset))
    return chunks, replace(seen, state=state, was_active=seen.was_active or job.status in ACTIVE), ended


def _state(job: Job) -> dict[str, Any]:
    return _given({"id": job.id, "status": job.status, "updated": job.updated.isoformat(), "error": job.error})


def _progress(job: Job) -> dict[str, Any]:
    return _given({"progress": job.progress, "phase": job.phase, "eta_s": job.eta_s, "usage": job.usage or None})


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _event(kind: str, data: dict[str, Any], id: str) -> bytes:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{f'id: {id}{chr(10)}' if id else ''}event: {kind}\ndata: {text}\n\n".encode()


def _caller(backend: Backend, request: Request) -> str:
    """Raises: AuthenticationRequired, AuthenticationSchemeInvalid, TokenInvalid."""
    scheme, _, bearer = request.headers.get("Authorization", "").strip().partition(" ")
    if not scheme:
        raise OpenEOError("AuthenticationRequired")
    if scheme.lower() != "bearer":
        raise OpenEOError("AuthenticationSchemeInvalid")
    return backend.auth.user_of(bearer.strip()).name


def _still_signed_in(backend: Backend, request: Request, user: str) -> bool:
    try:
        return _caller(backend, request) == user
    except OpenEOError:
        return False
