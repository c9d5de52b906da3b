"""Run a plan over the whole extent: windows on threads, into sinks, with progress, cancel and bounded memory."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol

from openeo_plugin.cube.grid import Grid, Window, tiled
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.ahead import Ahead, AheadWork
from openeo_plugin.engine.barrier import Barrier, barriers_below
from openeo_plugin.engine.estimate import peak_bytes, task_bytes
from openeo_plugin.engine.operator import Operator, Request, RunContext, everything
from openeo_plugin.engine.schedule import compute_all, schedule
from openeo_plugin.engine.window import compute_window, window_key
from openeo_plugin.errors import OpenEOError

MAX_WINDOW_PX = 2048


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


class Sink(Protocol):
    """Takes the windows of one cube; windows start and end at multiples of `align`, or at the edge."""

    align: tuple[int, int]

    def write(self, window: Window, block: Block) -> None:
        """Take one window. Called from many threads."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """How a run uses the machine.

    window_px: windows of this many (rows, columns); by default chosen from the memory budget.
    ahead: computes windows elsewhere; None: all are computed by the threads of this process.
    """

    threads: int = 2
    memory_budget_bytes: int = 2 << 30
    window_px: tuple[int, int] | None = None
    ahead: Ahead | None = None


@dataclass(frozen=True)
class _Group:
    """Sinks whose cubes lie on one grid: they share windows, and so the tasks that they have in common.

    places: of the members among all sinks.
    """

    grid: Grid
    members: tuple[tuple[Operator, Sink], ...]
    places: tuple[int, ...]
    write_px: tuple[int, int]
    compute_px: tuple[int, int]
    number: int

    @property
    def operators(self) -> tuple[Operator, ...]:
        return tuple(operator for operator, _ in self.members)

    def windows(self) -> Iterator[Window]:
        return tiled(self.grid, *self.write_px)

    @property
    def count(self) -> int:
        rows, columns = self.grid.shape
        return math.ceil(rows / self.write_px[0]) * math.ceil(columns / self.write_px[1])


def run(
    sinks: Sequence[tuple[Operator, Sink]],
    options: RunOptions,
    context: RunContext,
    on_progress: Callable[[Progress], None],
) -> None:
    """Compute every window of every cube and write it to its sink.

    Args:
        sinks: cubes and where they go.
        options: threads, memory, window size.
        context: canceled from outside; a cancel takes effect within the windows under way.
        on_progress: called after each window, from one thread at a time.
    Raises: OpenEOError of the first window that fails (no other is started then); Canceled.
    """
    groups = [_group(sinks, places, number, options) for number, places in enumerate(_by_grid(sinks))]
    stages = [(barrier, barrier.fold_requests()) for barrier in barriers_below([operator for operator, _ in sinks])]
    total = sum(group.count for group in groups) + sum(len(requests) for _, requests in stages)
    tally = _Tally(total, on_progress)
    on_progress(Progress(0, total, None))
    pool = _pool(options.threads)
    for barrier, requests in stages:
        _run_stage(pool, barrier, requests, options.threads, context, tally)
    for group in groups:
        with contextlib.closing(_window_jobs(group, options, context)) as jobs:
            _run_all(pool, jobs, options.threads, tally)


def _window_jobs(group: _Group, options: RunOptions, context: RunContext) -> Generator[Callable[[], None]]:
    """What is to be done for each window, as soon as it can be done in this process."""
    ahead = options.ahead
    if ahead is None or barriers_below(group.operators):  # what a barrier has folded is known in this process only
        for window in group.windows():
            yield functools.partial(_write_window, group, window, context, None)
        return
    work = AheadWork(group.number, group.operators, group.places, group.compute_px, group.count)
    with contextlib.closing(ahead.windows(work, group.windows(), context)) as windows:
        for window in windows:
            yield functools.partial(_write_window, group, window, context, ahead)


_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}
_POOLS_LOCK = threading.Lock()


def _pool(threads: int) -> ThreadPoolExecutor:
    """The threads of this process: kept, since each holds open datasets, and shared, so that runs don't crowd."""
    key = (os.getpid(), threads)
    with _POOLS_LOCK:
        if key not in _POOLS:
            _POOLS[key] = ThreadPoolExecutor(threads, thread_name_prefix="window")
        return _POOLS[key]


def _run_stage(
    pool: ThreadPoolExecutor,
    barrier: Barrier,
    requests: Sequence[Request],
    threads: int,
    context: RunContext,
    tally: _Tally,
) -> None:
    """Fold the windows of a barrier. Partials are combined in the order of the windows, whoever was first."""
    if barrier.state.done:
        for _ in requests:
            tally.one_more()
        return
    partials: list[Any] = [None] * len(requests)

    def one(place: int) -> None:
        context.check()
        block = compute_all([(barrier.fold_input, requests[place])], context)[0]
        partials[place] = barrier.partial(requests[place], block)

    _run_all(pool, (functools.partial(one, place) for place in range(len(requests))), threads, tally)
    barrier.state.get(lambda: barrier.finish(partials))


class _Tally:
    def __init__(self, total: int, report: Callable[[Progress], None]) -> None:
        self.total = total
        self.done = 0
        self.report = report
        self.started = time.monotonic()
        self.lock = threading.Lock()

    def one_more(self) -> None:
        with self.lock:
            self.done += 1
            elapsed = time.monotonic() - self.started
            self.report(Progress(self.done, self.total, elapsed / self.done * (self.total - self.done)))


def _by_grid(sinks: Sequence[tuple[Operator, Sink]]) -> list[list[int]]:
    """Places of the sinks of each grid."""
    found: dict[int, list[int]] = {}
    for place, (operator, _) in enumerate(sinks):
        found.setdefault(id(operator.description.grid), []).append(place)
    return list(found.values())


def _group(sinks: Sequence[tuple[Operator, Sink]], places: list[int], number: int, options: RunOptions) -> _Group:
    members = tuple(sinks[place] for place in places)
    operators = [operator for operator, _ in members]
    rows, columns = (math.lcm(*(sink.align[axis] for _, sink in members)) for axis in (0, 1))
    write = compute = (rows, columns)
    if options.window_px is not None:
        compute = options.window_px
    else:
        write, compute = window_sizes(operators, write, options.memory_budget_bytes // options.threads)
    return _Group(operators[0].description.grid, members, tuple(places), write, compute, number)


def window_sizes(
    operators: Sequence[Operator], align: tuple[int, int], budget_bytes: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(size to write, size to compute) of the windows of cubes on one grid.

    Windows are as large as the sources' blocks if the budget allows, and never cut a block of the files written.
    Where even the smallest window that can be written is too large to be computed at once, it is computed in parts.

    Raises: ProcessGraphComplexity if not even 16 rows of 16 pixels fit, with the node that needs most.
    """
    grid = operators[0].description.grid
    block = operators[0].description.block
    write = tuple(
        min(-(-max(block[axis], align[axis]) // align[axis]) * align[axis], max(MAX_WINDOW_PX, align[axis]))
        for axis in (0, 1)
    )
    while _peak(operators, grid, write) > budget_bytes and write != align:
        axis = 0 if write[0] / align[0] >= write[1] / align[1] else 1
        halved = max(align[axis], write[axis] // 2 // align[axis] * align[axis])
        write = (halved, write[1]) if axis == 0 else (write[0], halved)
    compute = (min(write[0], grid.shape[0]), min(write[1], grid.shape[1]))
    while _peak(operators, grid, compute) > budget_bytes:
        if max(compute) <= 16:
            raise _too_large(operators, grid, compute, budget_bytes)
        axis = 0 if compute[0] >= compute[1] else 1
        half = -(-compute[axis] // 2)
        compute = (half, compute[1]) if axis == 0 else (compute[0], half)
    return (write[0], write[1]), (compute[0], compute[1])


def _peak(operators: Sequence[Operator], grid: Grid, size: tuple[int, ...]) -> int:
    height, width = min(size[0], grid.shape[0]), min(size[1], grid.shape[1])
    window = Window(grid, 0, 0, height, width)
    tasks, _ = schedule([(o, everything(o.description, window)) for o in operators])
    return peak_bytes(tasks)


def _too_large(operators: Sequence[Operator], grid: Grid, size: tuple[int, ...], budget_bytes: int) -> OpenEOError:
    window = Window(grid, 0, 0, min(size[0], grid.shape[0]), min(size[1], grid.shape[1]))
    tasks, _ = schedule([(o, everything(o.description, window)) for o in operators])
    worst = max(tasks, key=task_bytes)
    reason = (
        f"even a window of {window.height} x {window.width} pixels needs {_peak(operators, grid, size) >> 20} MB, "
        f"{budget_bytes >> 20} MB are allowed. Load fewer dates or bands, or aggregate them earlier."
    )
    return OpenEOError("ProcessGraphComplexity", node=worst.operator.node, reason=reason)


def _run_all(pool: ThreadPoolExecutor, jobs: Iterator[Callable[[], None]], threads: int, tally: _Tally) -> None:
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


def _write_window(group: _Group, window: Window, context: RunContext, ahead: Ahead | None) -> None:
    context.check()
    for (_, sink), block in zip(group.members, _blocks(group, window, context, ahead), strict=True):
        sink.write(window, block)


def _blocks(group: _Group, window: Window, context: RunContext, ahead: Ahead | None) -> list[Block]:
    """From an earlier attempt, from elsewhere, or computed now."""
    key = window_key(group.number, window)
    kept = context.kept.load(key) if context.kept is not None else None
    if kept is not None:
        return kept
    blocks = ahead.take(key) if ahead is not None else None
    if blocks is None:
        blocks = compute_window(group.operators, window, group.compute_px, context)
    if context.kept is not None:
        context.kept.store(key, blocks)
    return blocks
