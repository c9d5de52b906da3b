"""The threads of a run: jobs are handed to them a few at a time, and each that is done counts as progress."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice


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
    """Run all; few are handed out ahead of time, and none after one has failed. No job is under way when it ends.

    Raises: what the first one that failed raised, or what `jobs` or the tally's report did.
    """
    pending: set[Future[None]] = set()
    try:
        while True:
            pending.update(pool.submit(job) for job in islice(jobs, threads + 1 - len(pending)))
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            errors = [future.exception() for future in done]
            for _ in range(errors.count(None)):
                tally.one_more()
            for error in errors:
                if error is not None:
                    raise error
    finally:
        for future in pending:
            future.cancel()
        wait(pending)
