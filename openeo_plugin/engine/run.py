"""Run a plan over the whole extent: windows on threads, into sinks, with progress, cancel and bounded memory."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from openeo_plugin.cube.grid import Grid, Window, tiled
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.ahead import Ahead, AheadWork
from openeo_plugin.engine.barrier import barriers_below
from openeo_plugin.engine.estimate import peak_bytes, task_bytes
from openeo_plugin.engine.operator import Operator, RunContext, everything
from openeo_plugin.engine.pool import Progress, Tally, run_all, shared_pool
from openeo_plugin.engine.salvage import UNREADABLE, Salvage
from openeo_plugin.engine.schedule import schedule
from openeo_plugin.engine.stages import Stage, run_stage
from openeo_plugin.engine.window import compute_window, window_key
from openeo_plugin.errors import OpenEOError

MAX_WINDOW_PX = 2048


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

    @property
    def align(self) -> tuple[int, int]:
        rows, columns = (math.lcm(*(sink.align[axis] for _, sink in self.members)) for axis in (0, 1))
        return rows, columns

    def windows(self) -> Iterator[Window]:
        return tiled(self.grid, *self.write_px)

    def reads(self) -> bool:
        """Whether windows need pixels of a source; all that others need has been folded."""
        first = next(self.windows(), None)
        if first is None:
            return False
        tasks, _ = schedule([(o, everything(o.description, first)) for o in self.operators])
        return any(not task.operator.inputs for task in tasks)

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
    Raises: OpenEOError of the first window that fails; Canceled. No other window is started then, except to keep what
        can be read of a source that is damaged.
    """
    by_grid = places_by_grid([operator for operator, _ in sinks])
    groups = [_group(sinks, places, number, options) for number, places in enumerate(by_grid)]
    stages = [(barrier, barrier.fold_requests()) for barrier in barriers_below([operator for operator, _ in sinks])]
    total = sum(group.count for group in groups) + sum(len(requests) for _, requests in stages)
    tally = Tally(total, on_progress)
    on_progress(Progress(0, total, None))
    pool = shared_pool(options.threads)
    try:
        for number, (barrier, requests) in enumerate(stages):
            run_stage(pool, Stage(number, barrier, requests), options.threads, options.ahead, context, tally)
        for group in groups:
            with contextlib.closing(_window_jobs(group, options, context)) as jobs:
                run_all(pool, jobs, options.threads, tally)
    except OpenEOError as error:
        if error.code == UNREADABLE and context.kept is not None:
            rest = Salvage(context, context.kept).jobs(groups)
            run_all(pool, iter(rest), options.threads, Tally(len(rest), on_progress))
        raise


def _window_jobs(group: _Group, options: RunOptions, context: RunContext) -> Generator[Callable[[], None]]:
    """What is to be done for each window, as soon as it can be done in this process."""
    ahead = options.ahead
    if ahead is None or not group.reads():
        for window in group.windows():
            yield functools.partial(_write_window, group, window, context, None)
        return
    work = AheadWork(group.number, group.operators, group.places, group.compute_px, group.count)
    with contextlib.closing(ahead.windows(work, group.windows(), context)) as windows:
        for window in windows:
            yield functools.partial(_write_window, group, window, context, ahead)


def places_by_grid(operators: Sequence[Operator]) -> list[list[int]]:
    """Places of the operators on each grid."""
    found: dict[int, list[int]] = {}
    for place, operator in enumerate(operators):
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
