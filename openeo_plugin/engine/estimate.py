"""What a run would read and hold, worked out from the requests of sample windows. No pixel is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.barrier import barriers_below
from openeo_plugin.engine.operator import Operator, Request, everything
from openeo_plugin.engine.schedule import Task, schedule

SECONDS_PER_BYTE = 1 / 150e6
"""Decoding, computing and writing on one core, measured on deflated 16-bit Sentinel-2 data."""


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

    @property
    def duration_s(self) -> float:
        """Seconds on one core."""
        return (self.bytes_read + self.output_bytes) * SECONDS_PER_BYTE


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
    """Sum over the results and the barriers below: one window in the middle of the extent stands for all."""
    read = windows = peak = pixels = output = 0
    for operator in operators:
        description = operator.description
        height, width = window_shape(description, window_px)
        rows, columns = description.grid.shape
        window = Window(description.grid, (rows - height) // 2, (columns - width) // 2, height, width)
        request = everything(description, window)
        tasks, _ = schedule([(operator, request)])
        share = (rows * columns) / max(1, height * width)
        read += int(sum(task_bytes(t) for t in tasks if not t.operator.inputs) * share)
        windows += math.ceil(rows / max(1, height)) * math.ceil(columns / max(1, width))
        peak = max(peak, peak_bytes(tasks))
        cells = rows * columns * math.prod(len(labels) for labels in request.labels)
        pixels += cells * len(description.bands)
        output += cells * sum(b.dtype.itemsize for b in description.bands)
    for barrier in barriers_below(operators):
        requests = barrier.fold_requests()
        if requests:
            sample = requests[len(requests) // 2]
            tasks, _ = schedule([(barrier.fold_input, sample)])
            share = sum(map(_cells, requests)) / max(1, _cells(sample))
            read += int(sum(task_bytes(t) for t in tasks if not t.operator.inputs) * share)
            windows += len(requests)
            peak = max(peak, peak_bytes(tasks))
    return Estimate(read, windows, peak, pixels, output)


def _cells(request: Request) -> int:
    return request.window.height * request.window.width * math.prod(len(labels) for labels in request.labels)
