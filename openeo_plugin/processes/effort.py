"""How long the values of a graph may be worked out while somebody waits: asked before every node, in callbacks too.

Numbers, texts and arrays are computed when a graph is compiled; a few callbacks within one another take years.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from openeo_plugin.errors import OpenEOError

_watch: ContextVar[Callable[[], None] | None] = ContextVar("effort", default=None)


def look() -> None:
    """Raises: what whoever watches raises, if it has been enough."""
    watch = _watch.get()
    if watch is not None:
        watch()


@contextmanager
def watched(watch: Callable[[], None]) -> Iterator[None]:
    """Ask a function before every node that this thread works out; it raises when it has been enough."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


@contextmanager
def limited(limit_s: float, too_long: Callable[[], Exception] | None = None) -> Iterator[None]:
    """Let this thread compute for some time, unless somebody watches it already. Waiting does not count.

    Args:
        limit_s: of processor time.
        too_long: what is raised then; by default ProcessGraphComplexity, with the node.
    """
    if _watch.get() is not None:
        yield
        return
    end = time.thread_time() + limit_s

    def watch() -> None:
        if time.thread_time() > end:
            if too_long is not None:
                raise too_long()
            reason = f"its values take longer than {limit_s:g} s to be worked out, which only batch jobs may."
            raise OpenEOError("ProcessGraphComplexity", reason=reason)

    with watched(watch):
        yield


@contextmanager
def unlimited() -> Iterator[None]:
    """For batch jobs, which have a limit of their own."""
    with watched(lambda: None):
        yield
