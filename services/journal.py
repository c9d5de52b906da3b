"""What the owner of a service learns of its use: entries of the service's log.

Failures are written once a minute at most for each of their codes, and a count of the requests every ten minutes.
What a service was used is added to its counters in the database some seconds after the requests.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from starlette.types import Message, Scope, Send

from db.service_use import ServiceUse
from services.visit import Visit

if TYPE_CHECKING:
    from db.services import ServiceStore

log = logging.getLogger(__name__)

COUNT_EVERY_S = 600.0
REPEAT_AFTER_S = 60.0
COUNTED_AFTER_S = 2.0
KEPT = 1024


@dataclass
class _Page:
    """Of one service: counts since `began_s`, and when each failure was last written."""

    began_s: float
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    written_s: dict[str, float] = field(default_factory=dict)


class Journal:
    """Counts requests and writes the logs of services. Counting belongs to the event loop, writing to threads."""

    def __init__(self, store: ServiceStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._pages: dict[str, _Page] = {}
        self._uses: dict[str, ServiceUse] = {}
        self._counting: asyncio.AbstractEventLoop | None = None

    def answered(
        self, service_id: str, *, cached: bool = False, seconds: float = 0.0, sent_bytes: int = 0, read_bytes: int = 0
    ) -> None:
        """Count an answer."""
        self._count(service_id, ServiceUse(1, int(cached), 0, seconds, read_bytes, sent_bytes))
        page = self._page(service_id)
        page.counts["cached" if cached else "computed"] += 1
        page.seconds += seconds

    def refused(self, service_id: str) -> None:
        """Count a request that the gate turned away."""
        self._page(service_id).counts["refused"] += 1
        self._count(service_id, ServiceUse(refused=1))

    def watching(self, visit: Visit, scope: Scope, send: Send) -> Watched:
        """`send`, seen by the journal."""
        return Watched(self, visit, scope, send, self._clock())

    def due(self, service_id: str) -> list[Callable[[], object]]:
        """What is to be written of the count, if it is time."""
        page, now = self._page(service_id), self._clock()
        if now - page.began_s < COUNT_EVERY_S or not page.counts:
            return []
        counts, seconds = page.counts, page.seconds
        self._pages[service_id] = _Page(now, written_s=page.written_s)
        message = (
            f"{counts['computed'] + counts['cached']} requests were answered, {counts['cached']} of them from kept "
            f"tiles; {counts['refused']} were turned away; computing took {seconds:.1f} s."
        )
        data = {**counts, "seconds": round(seconds, 1)}
        return [partial(self._store.log, service_id, "info", message, data=data)]

    def failure(self, visit: Visit, status: int, body: bytes, path: str) -> list[Callable[[], object]]:
        """What is to be written of an answer that is an error."""
        page, now = self._page(visit.service.id), self._clock()
        code, message = _fault(status, body)
        if now - page.written_s.get(code, -REPEAT_AFTER_S) < REPEAT_AFTER_S or len(page.written_s) > 100:
            return []
        page.written_s[code] = now
        level = "error" if status >= 500 else "warning"
        text = f"{path[:200]}: {message}"
        return [partial(self._store.log, visit.service.id, level, text, code=code)]

    def finished(self, watched: Watched) -> list[Callable[[], object]]:
        """Count an answer and say what is to be written."""
        service_id = watched.visit.service.id
        read_bytes, seconds = watched.visit.context.bytes_read, self._clock() - watched.began_s
        self.answered(service_id, seconds=seconds, sent_bytes=watched.sent_bytes, read_bytes=read_bytes)
        entries = self.due(service_id)
        if watched.status >= 400 and watched.status != 499:
            entries += self.failure(watched.visit, watched.status, watched.body, watched.scope["path"])
        return entries

    def _count(self, service_id: str, use: ServiceUse) -> None:
        """Add to the counters soon: one write for many requests."""
        self._uses[service_id] = self._uses.get(service_id, ServiceUse()) + use
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._counting is not loop:
            self._counting = loop
            loop.call_later(COUNTED_AFTER_S, self._write_uses, loop)

    def _write_uses(self, loop: asyncio.AbstractEventLoop) -> None:
        uses, self._uses, self._counting = self._uses, {}, None
        loop.run_in_executor(None, self.write, uses)

    def write(self, uses: dict[str, ServiceUse]) -> None:
        """Add to the counters of services; in a thread."""
        for service_id, use in uses.items():
            try:
                self._store.add_use(service_id, use)
            except Exception:
                log.exception("The use of a service can't be counted")

    def _page(self, service_id: str) -> _Page:
        if len(self._pages) > KEPT:
            self._pages.pop(next(iter(self._pages)))
        return self._pages.setdefault(service_id, _Page(self._clock()))


@dataclass
class Watched:
    """ASGI's send, which remembers the status and the beginning of the body of an error."""

    journal: Journal
    visit: Visit
    scope: Scope
    send: Send
    began_s: float
    status: int = 500
    body: bytes = b""
    complete: bool = False
    sent_bytes: int = 0

    async def __call__(self, message: Message) -> None:
        """ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.complete = not message.get("more_body", False)
            self.sent_bytes += len(message.get("body", b""))
            if self.status >= 400 and len(self.body) < 4096:
                self.body += message.get("body", b"")[:4096]
        await self.send(message)

    async def done(self) -> None:
        """Write what is to be written; a log that can't be written is no fault of the client."""
        for entry in self.journal.finished(self):
            try:
                await anyio.to_thread.run_sync(entry)
            except Exception:
                log.exception("The log of a service can't be written")


def _fault(status: int, body: bytes) -> tuple[str, str]:
    """(code, message) of an error; of exception reports only the status is told."""
    try:
        document: Any = json.loads(body)
        return str(document["code"])[:64], str(document["message"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"HTTP{status}", "the request could not be answered"
