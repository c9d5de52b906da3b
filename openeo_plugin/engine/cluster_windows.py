"""Windows computed by a Dask cluster: a task is a strip of windows, whose blocks come through a shared folder.

The run stays where it is: it hands out strips, uses what comes back, and alone knows the files of the results. So a
worker that is lost costs the strips that it had, which Dask gives to another. What the cluster does not give, because
it is away or its workers see another catalogue, this process computes: it only takes longer.
"""

from __future__ import annotations

import logging
import math
import pickle
import queue
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.ahead import AheadWork, FoldWork
from openeo_plugin.engine.cluster import Cluster, ClusterAway, Crew
from openeo_plugin.engine.estimate import peak_bytes
from openeo_plugin.engine.kept_windows import read_blocks
from openeo_plugin.engine.operator import RunContext, everything
from openeo_plugin.engine.schedule import schedule
from openeo_plugin.engine.strips import FoldStrip, Outcome, Strip, StripTask, WindowStrip, put_fold, take_partial
from openeo_plugin.engine.window import window_key
from openeo_plugin.errors import OpenEOError

_LOG = logging.getLogger(__name__)
_STRIP_WINDOWS = 64
_STRIP_BYTES = 128 << 20
_STRIPS_IN_FLIGHT_PER_THREAD = 2
_STRIPS_PER_THREAD = 6
_LOOK_EVERY_S = 0.1
_RESULT_TIMEOUT_S = 5.0
_CREW_EVERY_S = 5.0
_WITHOUT_CREW_S = 60.0
_TRY_AGAIN_S = 30.0
_SMALLEST_PART_PX = 16
_ALONE = "The cluster did not compute all windows; this job's own process does what is left."

type MakeStrip[T] = Callable[[Sequence[T], Crew], Strip]
"""What a cluster is asked to do for some items, with the workers that it has."""


@dataclass(frozen=True)
class ClusterWindows:
    """See `Ahead`: windows of one run.

    Args:
        cluster: that computes.
        task: what it runs for a strip.
        folder: shared with the workers; what they need to know of the run lies there. Its removal stops them.
        notify: takes level and message, for the owner of the run, of whom the cluster's addresses are no business.
    """

    cluster: Cluster
    task: StripTask
    folder: Path
    notify: Callable[[str, str], None] | None = None
    _told: set[str] = field(default_factory=set)

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

        def strip(own: Sequence[Window], crew: Crew) -> Strip:
            places = tuple((w.y, w.x, w.height, w.width) for w in own)
            return WindowStrip(work.group, work.places, _part_px(work, own[0], crew), places)

        if missing:
            with closing(self._flown(iter(missing), work.count, strip, _window_bytes(work), context)) as landed:
                yield from landed

    def partials(self, work: FoldWork, context: RunContext) -> Generator[int]:
        """Strips of a barrier's windows. Their order is that of the fold, which is up to the run."""

        def strip(own: Sequence[int], crew: Crew) -> Strip:
            return FoldStrip(work.number, tuple(own))

        with closing(self._flown(iter(work.places), work.count, strip, 0, context)) as landed:
            yield from landed

    def take_partial(self, number: int, place: int) -> Any | None:
        """The partial that a worker has left; its file goes."""
        return take_partial(self.folder, number, place)

    def put_fold(self, number: int, value: Any) -> None:
        """Tell the workers. One that is not told folds by itself."""
        try:
            put_fold(self.folder, number, value)
        except (OSError, pickle.PicklingError, TypeError, AttributeError) as error:
            self.tell(f"The outcome of a fold can't be told to the Dask cluster: {error}")

    def _flown[T](
        self, items: Iterator[T], count: int, strip: MakeStrip[T], item_bytes: int, context: RunContext
    ) -> Generator[T]:
        """The items, each when it has been computed, or when this process has to do it."""
        while True:
            flight = _Flight(self, items, strip, context)
            try:
                crew = self.cluster.crew()
                yield from flight.landed(_strip_size(count, item_bytes, crew.threads), crew)
                return
            except ClusterAway as away:
                reason = str(away)
                self.tell(f"{reason[:1].upper()}{reason[1:]}. This process computes the windows meanwhile.")
            finally:
                flight.call_off()
            looked_s = time.monotonic()
            items = flight.left()
            for item in items:
                yield item
                if time.monotonic() - looked_s > _TRY_AGAIN_S and self.cluster.answers():
                    break
            else:
                return

    def tell(self, what: str) -> None:
        """Log what keeps the cluster from helping, once in a run; its owner learns that it takes longer."""
        if what not in self._told:
            _LOG.warning("%s", what)
            if not self._told and self.notify is not None:
                self.notify("warning", _ALONE)
            self._told.add(what)


class _Flight[T]:
    """Strips of one kind on their way."""

    def __init__(self, owner: ClusterWindows, items: Iterator[T], strip: MakeStrip[T], context: RunContext) -> None:
        self._owner = owner
        self._items = items
        self._strip = strip
        self._context = context
        self._crew = Crew(1, None)
        self._pending: dict[Any, list[T]] = {}
        self._suspects: set[T] = set()
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._looked_s = self._seen_s = time.monotonic()

    def landed(self, size: int, crew: Crew) -> Iterator[T]:
        """The items of each strip that has been computed.

        Raises: ClusterAway if the cluster gives nothing any more; OpenEOError; Canceled.
        """
        self._crew = crew
        while True:
            while len(self._pending) < _STRIPS_IN_FLIGHT_PER_THREAD * self._crew.threads:
                client = self._owner.cluster.client()
                own = list(islice(self._items, size))
                if not own:
                    break
                if client.status == "connecting":  # its scheduler may come back
                    yield from own
                else:
                    self._submit(client, own)
            if not self._pending:
                return
            future = self._next()
            own = self._pending[future]
            if future.status == "error" and self._is_to_be_tried(future, own):
                client = self._owner.cluster.client()  # if it is away, the strip is among what is left
                del self._pending[future]
                for item in own:
                    self._submit(client, [item])
            elif self._is_back(future):
                del self._pending[future]
                yield from own
            else:  # its worker died before it could tell: Dask has it done once more
                self._expect(future, own)

    def left(self) -> Iterator[T]:
        """What has not landed, once all is called off."""
        pending = [item for own in self._pending.values() for item in own]
        self._pending.clear()
        return chain(pending, self._items)

    def _submit(self, client: Any, own: list[T]) -> None:
        strip = self._strip(own, self._crew)
        self._expect(client.submit(self._owner.task, str(self._owner.folder), strip, pure=False, retries=1), own)

    def _expect(self, future: Any, own: list[T]) -> None:
        self._pending[future] = own
        future.add_done_callback(self._done.put)

    def _next(self) -> Any:
        """Raises: ClusterAway, if there has been nobody for a while who could compute."""
        while True:
            self._context.check()
            self._look()
            try:
                future = self._done.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
            if future in self._pending:
                return future

    def _look(self) -> None:
        """See who is there, and whether anybody works; without that a strip would be waited for without end."""
        now = time.monotonic()
        if now - self._looked_s < _CREW_EVERY_S:
            return
        away = ClusterAway("the workers of the Dask cluster do not begin with what they are given")
        try:
            self._crew = self._owner.cluster.crew()
            if self._crew.is_busy:
                self._seen_s = time.monotonic()
        except ClusterAway as found:
            away = found
        self._looked_s = time.monotonic()
        if now - self._seen_s > _WITHOUT_CREW_S:
            raise away

    def _is_to_be_tried(self, future: Any, own: list[T]) -> bool:
        """Whether Dask gave a strip up as deadly that may be harmless: it only stood in line behind one that is not.

        Items are given one more chance each, alone.
        """
        from distributed import KilledWorker

        if not isinstance(future.exception(), KilledWorker) or (len(own) == 1 and own[0] in self._suspects):
            return False
        self._suspects.update(own)
        return True

    def _is_back(self, future: Any) -> bool:
        """Whether a strip is. What it lacks this process computes. Raises: what went wrong with it."""
        from distributed import KilledWorker

        try:
            outcome: Outcome = future.result(timeout=_RESULT_TIMEOUT_S)
        except CancelledError as lost:
            self._owner.tell(f"The Dask cluster lost windows, which this process computes: {lost}")
            return True
        except (KilledWorker, MemoryError) as killed:
            reason = "computing its windows ended one worker process after the other, most likely for want of memory."
            raise OpenEOError("ProcessGraphComplexity", reason=reason) from killed
        except Exception as broken:  # a worker without this software, or with another version of it
            if isinstance(broken, TimeoutError) and future.status != "error":
                return False
            self._owner.tell(f"The Dask cluster failed, this process goes on: {type(broken).__name__}: {broken}")
            return True
        self._context.count_read(outcome.bytes_read)
        self._context.count_cpu(outcome.cpu_s)
        if outcome.left is not None:
            self._owner.tell(f"A worker of the Dask cluster left its windows to this process: {outcome.left}")
        if outcome.fault is not None:
            code, node, message = outcome.fault
            raise OpenEOError(code, node=node, message=message)
        return True

    def call_off(self) -> None:
        """Want no more of what is under way; workers notice after the window that they are at."""
        for future in self._pending:
            future.release()


def _strip_size(count: int, item_bytes: int, threads: int) -> int:
    """Items in a strip: so few that every thread gets several strips, and that what they give takes little space."""
    return max(1, min(_STRIP_WINDOWS, _STRIP_BYTES // max(1, item_bytes), count // (_STRIPS_PER_THREAD * threads)))


def _window_bytes(work: AheadWork) -> int:
    """Bytes of all blocks of one window."""
    rows, columns = work.operators[0].description.grid.shape
    cell_bytes = 0
    for operator in work.operators:
        description = operator.description
        labels = math.prod(len(dimension.labels) for dimension in description.labelled)
        cell_bytes += labels * sum(band.dtype.itemsize for band in description.bands)
    return rows * columns * cell_bytes // max(1, work.count)


def _part_px(work: AheadWork, window: Window, crew: Crew) -> tuple[int, int]:
    """What is computed at once, smaller where workers have less memory than this process."""
    rows, columns = work.part_px
    while crew.window_bytes is not None and max(rows, columns) > _SMALLEST_PART_PX:
        part = Window(window.grid, window.y, window.x, min(rows, window.height), min(columns, window.width))
        tasks, _ = schedule([(o, everything(o.description, part)) for o in work.operators])
        if peak_bytes(tasks) <= crew.window_bytes:
            break
        rows, columns = (-(-rows // 2), columns) if rows >= columns else (rows, -(-columns // 2))
    return rows, columns
