"""Windows computed by a Dask cluster: a task is a strip of windows, whose blocks come through a shared folder.

The run stays where it is: it hands out strips, writes what comes back, and alone knows the files of the results. So a
worker that is lost costs the strips that it had, which Dask gives to another. Only here is `distributed` imported, and
only if an instance is told to use a cluster.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.ahead import AheadWork
from openeo_plugin.engine.kept_windows import read_blocks
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.window import window_key
from openeo_plugin.errors import OpenEOError

LOCAL = "local"
_LOG = logging.getLogger(__name__)
_STRIP_WINDOWS = 64
_STRIP_BYTES = 128 << 20
_STRIPS_IN_FLIGHT_PER_THREAD = 2
_STRIPS_PER_THREAD = 6
_LOOK_EVERY_S = 0.1
_CONNECT_TIMEOUT_S = 20
_WORKERS_TIMEOUT_S = 60


@dataclass(frozen=True)
class Strip:
    """Windows of the cubes on one grid, as (y, x, height, width); the rest is as in `AheadWork`."""

    group: int
    places: tuple[int, ...]
    part_px: tuple[int, int]
    windows: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a strip: its blocks lie in the folder unless there is a fault.

    fault: code, node and message of an OpenEOError.
    """

    bytes_read: int = 0
    fault: tuple[str, str | None, str] | None = None


StripTask = Callable[[str, Strip], Outcome]
"""Computes a strip into a folder, in a worker process. It must be importable there."""


class Cluster:
    """A Dask cluster, reached when it is first needed. Safe to use from many threads.

    Args:
        address: of a scheduler, or "local" for worker processes of this process's own.
        workers: how many of these.
    """

    def __init__(self, address: str, workers: int) -> None:
        self._address = address
        self._workers = workers
        self._lock = threading.Lock()
        self._client: Any = None
        self._local: Any = None

    def client(self) -> Any:
        """The client, with at least one worker behind it.

        Raises: InfrastructureBusy.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connected()
            return self._client

    def _connected(self) -> Any:
        from distributed import Client, LocalCluster

        address: Any = self._address
        try:
            if address == LOCAL:
                address = self._local = LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    memory_limit=0,  # windows are cut to the memory budget; Dask must not kill on a guess
                    host="127.0.0.1",
                    dashboard_address=":0",
                    silence_logs=logging.ERROR,
                )
            client = Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
            client.wait_for_workers(1, timeout=_WORKERS_TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            _LOG.error("The Dask cluster %s can't be used: %s", self._address, error)
            message = "The cluster that computes windows does not answer. Please try again later."
            raise OpenEOError("InfrastructureBusy", message=message) from error
        return client

    def worker_pids(self) -> list[int]:
        """Process ids of the workers, on whatever machines."""
        return [int(pid) for pid in self.client().run(_own_pid).values()]

    def close(self) -> None:
        """Let go of the cluster; workers of one's own end."""
        with self._lock:
            for part in (self._client, self._local):
                if part is not None:
                    part.close()
            self._client = self._local = None


def _own_pid() -> int:
    import os

    return os.getpid()


@dataclass(frozen=True)
class ClusterWindows:
    """See `Ahead`: windows of one run.

    Args:
        cluster: that computes.
        task: what it runs for a strip.
        folder: shared with the workers; what they need to know of the run lies there. Its removal stops them.
    """

    cluster: Cluster
    task: StripTask
    folder: Path

    def take(self, key: str) -> list[Block] | None:
        """The blocks that a worker has left; their file goes, so that the folder stays small."""
        blocks = read_blocks(self.folder, key)
        (self.folder / f"{key}.npz").unlink(missing_ok=True)
        return blocks

    def windows(self, work: AheadWork, windows: Iterator[Window], context: RunContext) -> Generator[Window]:
        """Strips are in flight for two rounds of all threads; the next is handed out when one has been taken."""
        missing = []
        for window in windows:
            if context.kept is not None and context.kept.has(window_key(work.group, window)):
                yield window
            else:
                missing.append(window)
        if not missing:
            return
        flight = _Flight(self, work, context)
        try:
            yield from flight.landed(missing)
        finally:
            flight.call_off()


class _Flight:
    """Strips of one grid on their way."""

    def __init__(self, owner: ClusterWindows, work: AheadWork, context: RunContext) -> None:
        self._owner = owner
        self._work = work
        self._context = context
        self._client = owner.cluster.client()
        self._threads = max(1, sum(self._client.nthreads().values()))
        self._pending: dict[Any, list[Window]] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def landed(self, windows: list[Window]) -> Iterator[Window]:
        """The windows of each strip that has been computed."""
        size, waiting = _strip_size(self._work, self._threads), iter(windows)
        while True:
            while len(self._pending) < _STRIPS_IN_FLIGHT_PER_THREAD * self._threads:
                strip = list(islice(waiting, size))
                if not strip:
                    break
                if self._client.status != "running":
                    yield from strip  # the scheduler is gone: this process goes on alone
                else:
                    self._submit(strip)
            if not self._pending:
                return
            future = self._next()
            strip = self._pending.pop(future)
            self._check(future)
            yield from strip

    def _submit(self, windows: list[Window]) -> None:
        places = tuple((w.y, w.x, w.height, w.width) for w in windows)
        strip = Strip(self._work.group, self._work.places, self._work.part_px, places)
        future = self._client.submit(self._owner.task, str(self._owner.folder), strip, pure=False, retries=1)
        self._pending[future] = windows
        future.add_done_callback(self._done.put)

    def _next(self) -> Any:
        while True:
            self._context.check()
            try:
                future = self._done.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
            if future in self._pending:
                return future

    def _check(self, future: Any) -> None:
        """Raises: what went wrong with a strip. One that got lost on the way is computed by this process."""
        from distributed import KilledWorker

        try:
            outcome: Outcome = future.result()
        except CancelledError as lost:
            _LOG.warning("A strip of windows was lost by the Dask cluster: %s", lost)
            return
        except KilledWorker as killed:
            reason = "computing its windows ended one worker process after the other, most likely for want of memory."
            raise OpenEOError("ProcessGraphComplexity", reason=reason) from killed
        self._context.count_read(outcome.bytes_read)
        if outcome.fault is not None:
            code, node, message = outcome.fault
            raise OpenEOError(code, node=node, message=message)

    def call_off(self) -> None:
        """Cancel what has not begun."""
        if self._pending and self._client.status == "running":
            self._client.cancel(list(self._pending))
        self._pending.clear()


def _strip_size(work: AheadWork, threads: int) -> int:
    """Windows in a strip: so few that every thread gets several strips, and that their blocks take little space."""
    rows, columns = work.operators[0].description.grid.shape
    cell_bytes = 0
    for operator in work.operators:
        description = operator.description
        labels = 1
        for dimension in description.labelled:
            labels *= len(dimension.labels)
        cell_bytes += labels * sum(band.dtype.itemsize for band in description.bands)
    window_bytes = max(1, rows * columns * cell_bytes // max(1, work.count))
    return max(1, min(_STRIP_WINDOWS, _STRIP_BYTES // window_bytes, work.count // (_STRIPS_PER_THREAD * threads)))
