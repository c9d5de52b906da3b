"""Geometries to spans of pixels: (geometry, row, first column, end column). Coordinates are in pixels of a grid.

The centre of pixel (row, column) is (column + 0.5, row + 0.5). A polygon has the pixels whose centre it covers, edges
and vertices included; a line the pixels that it runs through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import kernel


@kernel
def _added(spans: Array, count: int, owner: Any, row: Any, first: Any, last: Any, columns: int) -> Array:
    """Append a span, clipped to the columns; the array doubles when it is full. The caller counts."""
    if count == spans.shape[0]:
        larger = np.empty((2 * count, 4), np.int32)
        larger[:count] = spans
        spans = larger
    spans[count, 0] = owner
    spans[count, 1] = row
    spans[count, 2] = max(0, first)
    spans[count, 3] = min(columns, last + 1)
    return spans


@kernel
def _edge_rows(y: Array, v: int, first_row: int, last_row: int) -> tuple[Any, Any]:
    """The first row whose centre line an edge (v, v + 1) crosses, and the one behind the last."""
    low, high = min(y[v], y[v + 1]), max(y[v], y[v + 1])
    start: Any = max(first_row, np.int64(np.ceil(low - 0.5)))
    end: Any = min(last_row, np.int64(np.ceil(high - 0.5)) - 1)
    return start, max(start, end + 1)


@kernel
def _crossings(
    x: Array, y: Array, rings: Array, first_ring: int, end_ring: int, first_row: int, last_row: int
) -> tuple[Array, Array]:
    """(offsets, x): where the edges of some rings cross the centre line of each row, in ascending order."""
    offsets = np.zeros(last_row - first_row + 2, np.int64)
    for ring in range(first_ring, end_ring):
        for v in range(rings[ring], rings[ring + 1] - 1):
            start, end = _edge_rows(y, v, first_row, last_row)
            for row in range(start, end):
                offsets[row - first_row + 1] += 1
    for r in range(offsets.size - 1):
        offsets[r + 1] += offsets[r]
    found = np.empty(offsets[-1], np.float64)
    filled = offsets.copy()
    for ring in range(first_ring, end_ring):
        for v in range(rings[ring], rings[ring + 1] - 1):
            start, end = _edge_rows(y, v, first_row, last_row)
            low, high = (v, v + 1) if y[v] < y[v + 1] else (v + 1, v)  # one order: neighbours share the crossing
            for row in range(start, end):
                at = x[low] + (row + 0.5 - y[low]) * ((x[high] - x[low]) / (y[high] - y[low]))
                place = filled[row - first_row]
                filled[row - first_row] += 1
                while place > offsets[row - first_row] and found[place - 1] > at:
                    found[place] = found[place - 1]
                    place -= 1
                found[place] = at
    return offsets, found


@kernel
def _on_vertices(
    spans: Array, count: int, owner: Any, x: Array, y: Array, start: int, end: int, limits: tuple[Any, Any, Any]
) -> tuple[Array, Any]:
    """Spans of the pixel centres that lie on a vertex or on an edge along a row, of one ring."""
    first_row, last_row, columns = limits
    for v in range(start, end - 1):
        row = np.int64(np.floor(y[v]))
        if y[v] != row + 0.5 or row < first_row or row > last_row:
            continue
        other = x[v + 1] if y[v + 1] == y[v] else x[v]
        first = np.int64(np.ceil(min(x[v], other) - 0.5))
        last = np.int64(np.floor(max(x[v], other) - 0.5))
        if first <= last and last >= 0 and first < columns:
            spans = _added(spans, count, owner, row, first, last, columns)
            count += 1
    return spans, count


@kernel
def polygon_spans(
    x: Array, y: Array, rings: Array, parts: Array, owners: Array, top: int, rows: int, columns: int
) -> Array:
    """Spans of polygons on rows `top` <= row < `rows`, columns 0 <= column < `columns`: int32 (n, 4), unsorted.

    x, y: float64 vertices, rings closed. rings: offsets of rings in x, y. parts: offsets of polygons in rings, one
    more than there are. owners: the geometry of each polygon. Spans of one geometry may overlap.
    """
    spans = np.empty((1024, 4), np.int32)
    count = 0
    for part in range(owners.size):
        first_ring, end_ring = parts[part], parts[part + 1]
        start, end = rings[first_ring], rings[end_ring]
        if start == end:
            continue
        first_row: Any = max(top, np.int64(np.ceil(y[start:end].min() - 0.5)))
        last_row: Any = min(rows - 1, np.int64(np.floor(y[start:end].max() - 0.5)))
        if first_row > last_row:
            continue
        offsets, crossed = _crossings(x, y, rings, first_ring, end_ring, first_row, last_row)
        for r in range(offsets.size - 1):
            for place in range(offsets[r], offsets[r + 1] - 1, 2):
                first = np.int64(np.ceil(crossed[place] - 0.5))
                last = np.int64(np.floor(crossed[place + 1] - 0.5))
                if first <= last and last >= 0 and first < columns:
                    spans = _added(spans, count, owners[part], first_row + r, first, last, columns)
                    count += 1
        limits = (first_row, last_row, columns)
        for ring in range(first_ring, end_ring):
            spans, count = _on_vertices(spans, count, owners[part], x, y, rings[ring], rings[ring + 1], limits)
    return spans[:count]


@kernel
def line_spans(x: Array, y: Array, lines: Array, owners: Array, top: int, rows: int, columns: int) -> Array:
    """Spans of the pixels that lines run through, as `polygon_spans`. lines: offsets of lines in x, y."""
    spans = np.empty((1024, 4), np.int32)
    count = 0
    for line in range(owners.size):
        for v in range(lines[line], lines[line + 1] - 1):
            low, high = (v, v + 1) if y[v] <= y[v + 1] else (v + 1, v)
            from_row: Any = max(top, np.int64(np.floor(y[low])))
            to_row: Any = min(rows - 1, np.int64(np.floor(y[high])))
            flat = y[low] == y[high]
            slope = 0.0 if flat else (x[high] - x[low]) / (y[high] - y[low])
            for row in range(from_row, to_row + 1):
                one = x[low] if flat or row <= y[low] else x[low] + (row - y[low]) * slope
                two = x[high] if flat or row + 1 >= y[high] else x[low] + (row + 1 - y[low]) * slope
                first, last = np.int64(np.floor(min(one, two))), np.int64(np.floor(max(one, two)))
                if last >= 0 and first < columns:
                    spans = _added(spans, count, owners[line], row, first, last, columns)
                    count += 1
    return spans[:count]


@kernel
def merged(spans: Array) -> Array:
    """Spans sorted by (geometry, row, first column), those that overlap or touch within one row made one."""
    out = np.empty(spans.shape, np.int32)
    count = 0
    for s in range(spans.shape[0]):
        last = count - 1
        if count and out[last, 0] == spans[s, 0] and out[last, 1] == spans[s, 1] and spans[s, 2] <= out[last, 3]:
            out[last, 3] = max(out[last, 3], spans[s, 3])
        else:
            out[count] = spans[s]
            count += 1
    return out[:count]


@kernel
def paint(spans: Array, top: int, left: int, flags: Array) -> None:
    """Set the pixels of some spans in `flags`, bool (rows, columns) of a window at (top, left)."""
    rows, columns = flags.shape
    for s in range(spans.shape[0]):
        row = spans[s, 1] - top
        if 0 <= row < rows:
            for column in range(max(0, spans[s, 2] - left), min(columns, spans[s, 3] - left)):
                flags[row, column] = True
