"""How zonal statistics cut their cube: windows and groups of labels that a plan fixes, whatever machine runs it."""

from __future__ import annotations

from typing import Any

from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.estimate import peak_bytes, task_bytes
from openeo_plugin.engine.operator import Operator, Request
from openeo_plugin.engine.schedule import schedule

MOST_BYTES = 256 << 20
"""The blocks alive in one window stay below this, or the windows are made smaller."""

MAX_ROWS = 1024
"""Blocks of sources that are taller - files without tiles - are cut."""


def window_shape(cube: Operator) -> tuple[int, int]:
    """Windows of whole source blocks, smaller where a single label would need too much memory."""
    description = cube.description
    rows, columns = (min(n, MAX_ROWS) for n in description.block)
    while rows * columns > 64 * 64:
        window = Window(description.grid, 0, 0, *_no_larger((rows, columns), description.grid.shape))
        first = tuple((0,) for _ in description.labelled)
        request = Request(window, tuple(range(len(description.bands))), first, exact=True)
        if peak_bytes(schedule([(cube, request)])[0]) <= MOST_BYTES:
            break
        rows, columns = (rows // 2, columns) if rows >= columns else (rows, columns // 2)
    return rows, columns


def _no_larger(size: tuple[int, int], limit: Any) -> tuple[int, int]:
    return min(size[0], limit[0]), min(size[1], limit[1])


def label_groups(cube: Operator, window: Window, limit_bytes: int) -> list[tuple[tuple[int, ...], ...]]:
    """Labels in groups along the first dimension, if asking for them apart reads no more than asking for all."""
    description = cube.description
    every = tuple(tuple(range(len(d.labels))) for d in description.labelled)
    bands = tuple(range(len(description.bands)))
    if not every or not every[0] or any(not own for own in every):
        return [every]

    def tasks(labels: tuple[tuple[int, ...], ...]) -> Any:
        return schedule([(cube, Request(window, bands, labels, exact=True))])[0]

    def read(labels: tuple[tuple[int, ...], ...]) -> int:
        return sum(task_bytes(t) for t in tasks(labels) if not t.operator.inputs)

    single = [((label,), *every[1:]) for label in every[0]]
    together = peak_bytes(tasks(every))
    if together <= limit_bytes or len(single) < 2:
        return [every]
    if together <= MOST_BYTES and sum(map(read, single)) > 1.01 * read(every):
        return [every]
    size = max(1, int(limit_bytes / max(1, peak_bytes(tasks(single[0])))))
    return [(every[0][i : i + size], *every[1:]) for i in range(0, len(every[0]), size)]
