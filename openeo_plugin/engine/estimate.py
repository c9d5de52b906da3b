"""What a run would read, hold and take, worked out from requests. No pixel is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window, whole
from openeo_plugin.engine.barrier import barriers_below
from openeo_plugin.engine.operator import Operator, Request, everything
from openeo_plugin.engine.schedule import Task, schedule

# Seconds of one core, fitted to the workloads of benchmarks/ on deflated 16-bit Sentinel-2 data.
_START_S = 0.010
_READ_S = 1 / 450e6
_COMPUTE_S = 1 / 1e9
_GATHER_S = 1 / 150e6
_STORE_S = 1 / 1e9
_PROCESS_BYTES = 300 << 20
_SAMPLES = 8


@runtime_checkable
class CountsReads(Protocol):
    """A source that knows better than its pixels' size what a request reads: it has gaps, overviews, overlaps."""

    def read_bytes(self, request: Request) -> int:
        """Decoded bytes that a request reads."""
        ...


@dataclass(frozen=True)
class Estimate:
    """What a run costs.

    bytes_read: decoded bytes of the sources. pixels: pixels of the results, all bands and labels.
    peak_bytes: live blocks of one window. windows: how many windows of the size asked about.
    output_bytes: results, uncompressed. duration_s: on one core.
    """

    bytes_read: int
    windows: int
    peak_bytes: int
    pixels: int
    output_bytes: int
    duration_s: float

    def memory_bytes(self, threads: int) -> int:
        """Memory of the whole process when a window is under way in each thread and one is being written."""
        return _PROCESS_BYTES + (threads + 1) * self.peak_bytes


@dataclass(frozen=True)
class _Work:
    """Of some tasks: bytes read, and seconds of one core."""

    read: float = 0.0
    seconds: float = 0.0

    def times(self, share: float) -> _Work:
        return _Work(self.read * share, self.seconds * share)

    def plus(self, other: _Work) -> _Work:
        return _Work(self.read + other.read, self.seconds + other.seconds)


def task_bytes(task: Task) -> int:
    """Bytes of the block that a task gives."""
    window, description = task.request.window, task.operator.description
    cells = window.height * window.width * math.prod(len(labels) for labels in task.request.labels)
    return cells * sum(description.bands[b].dtype.itemsize for b in task.request.bands)


def peak_bytes(tasks: Sequence[Task]) -> int:
    """The most bytes of blocks alive at once when tasks run in order, scratch of the running one counted once more."""
    left = [task.uses for task in tasks]
    alive = peak = 0
    for task in tasks:
        own = task_bytes(task)
        alive += own
        peak = max(peak, alive + own)
        for i in task.inputs:
            if i is not None:
                left[i] -= 1
                if left[i] == 0:
                    alive -= task_bytes(tasks[i])
    return peak


def window_shape(description: CubeDescription, wanted: tuple[int, int] | None = None) -> tuple[int, int]:
    """The shape of a window, not larger than the grid."""
    rows, columns = description.grid.shape
    height, width = wanted or description.block
    return min(height, rows), min(width, columns)


def estimate(operators: Sequence[Operator], window_px: tuple[int, int] | None = None) -> Estimate:
    """Sum over the results and the barriers below; a window in the middle of the extent tells the memory.

    Args:
        operators: the results.
        window_px: (rows, columns) of windows; those of the cubes' blocks if None.
    """
    windows = peak = pixels = output = 0
    for operator in operators:
        description = operator.description
        height, width = window_shape(description, window_px)
        rows, columns = description.grid.shape
        window = Window(description.grid, (rows - height) // 2, (columns - width) // 2, height, width)
        peak = max(peak, peak_bytes(schedule([(operator, everything(description, window))])[0]))
        windows += math.ceil(rows / max(1, height)) * math.ceil(columns / max(1, width))
        cells = rows * columns * math.prod(len(d.labels) for d in description.labelled)
        pixels += cells * len(description.bands)
        output += cells * sum(b.dtype.itemsize for b in description.bands)
    work = _work(schedule([(o, everything(o.description, whole(o.description.grid))) for o in operators])[0])
    for barrier in barriers_below(operators):
        requests = barrier.fold_requests()
        if requests:
            samples = requests[:: math.ceil(len(requests) / _SAMPLES)]
            tasks = [schedule([(barrier.fold_input, request)])[0] for request in samples]
            share = sum(map(_cells, requests)) / max(1, sum(map(_cells, samples)))
            work = work.plus(_work(task for own in tasks for task in own).times(share))
            peak = max(peak, *map(peak_bytes, tasks))
            windows += len(requests)
    seconds = _START_S + work.seconds + output * _STORE_S
    return Estimate(int(work.read), windows, peak, pixels, output, seconds)


def _work(tasks: Iterable[Task]) -> _Work:
    work = _Work()
    for task in tasks:
        operator, own = task.operator, task_bytes(task)
        if not operator.inputs:
            read = operator.read_bytes(task.request) if isinstance(operator, CountsReads) else own
            work = work.plus(_Work(read, read * _READ_S))
        else:
            work = work.plus(_Work(0, own * (_GATHER_S if _gathers(task) else _COMPUTE_S)))
    return work


def _gathers(task: Task) -> bool:
    """Whether a pixel is made of several, around it or elsewhere: these take longest."""
    wanted = task.operator.request(task.request)
    return any(w is not None and w.window.shape != task.request.window.shape for w in wanted)


def _cells(request: Request) -> int:
    return request.window.height * request.window.width * math.prod(len(labels) for labels in request.labels)
