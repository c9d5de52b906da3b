"""The threads of a run: jobs are handed to them a few at a time, and each that is done counts as progress."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run is. `eta_s` is None until a window is done."""

    windows_done: int
    windows_total: int
    eta_s: float | None

    @property
    def percent(self) -> float:
        """0 to 100."""
        return 100.0 * self.windows_done / max(1, self.windows_total)


class Tally:
    """Counts what is done, and reports it. Safe to use from many threads."""

    def __init__(self, total: int, report: Callable[[Progress], None]) -> None:
        self.total = total
        self.done = 0
        self.report = report
        self.started = time.monotonic()
        self.lock = threading.Lock()

    def one_more(self) -> None:
        """One more window is done."""
        with self.lock:
            self.done += 1
            elapsed = time.monotonic() - self.started
            self.report(Progress(self.done, self.total, elapsed / self.done * (self.total - self.done)))


_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}
_POOLS_LOCK = threading.Lock()


def shared_pool(threads: int) -> ThreadPoolExecutor:
    """The threads of this process: kept, since each holds open datasets, and shared, so that runs don't crowd."""
    key = (os.getpid(), threads)
    with _POOLS_LOCK:
        if key not in _POOLS:
            _POOLS[key] = ThreadPoolExecutor(threads, thread_name_prefix="window")
        return _POOLS[key]


def run_all(pool: ThreadPoolExecutor, jobs: Iterator[Callable[[], None]], threads: int, tally: Tally) -> None:
    """Run all; few are handed out ahead of time, and none after one has failed.

    Raises: what the first one that failed raised.
    """
    pending: set[Future[None]] = set()
    failed: BaseException | None = None
    while failed is None:
        while len(pending) < threads + 1:
            job = next(jobs, None)
            if job is None:
                break
            pending.add(pool.submit(job))
        if not pending:
            return
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            if error is None:
                tally.one_more()
            elif failed is None:
                failed = error
    for future in pending:
        future.cancel()
    wait(pending)
    raise failed
