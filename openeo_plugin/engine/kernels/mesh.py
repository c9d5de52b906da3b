"""Coordinates of pixels, interpolated from a coarse mesh; and gathers that use them."""

from __future__ import annotations

import numba as nb
import numpy as np

_EDGE_PX = 1e-7


@nb.njit(nogil=True, cache=True)
def interpolate(mesh_x, mesh_y, first_row, first_column, spacing, y0, x0, out_x, out_y):  # type: ignore[no-untyped-def]
    """Interpolation of mesh nodes at the pixel centres of a window: cubic from 4 x 4 nodes, so that the curvature of a
    projection is followed; bilinear in cells around which the mesh breaks off or jumps.

    A pixel's value depends on its index (y0 + row, x0 + column) only, never on the window. A coordinate
    next to a whole number is that number: rounding doesn't decide to which pixel a centre on an edge belongs.

    Args:
        mesh_x, mesh_y: float64 (nodes down, nodes across), from one node before the window's first cell to one behind
            the last; node (first_row, first_column) comes first.
        spacing: pixels between nodes.
        y0, x0: index of the window's first pixel on its grid.
        out_x, out_y: float64 (rows, columns), written.
    """
    rows, columns = out_x.shape
    weights = _cubic_weights(spacing)
    line_x, line_y = np.empty(mesh_x.shape[1]), np.empty(mesh_x.shape[1])
    smooth = _smooth_cells(mesh_x, mesh_y)
    for row in range(rows):
        y = y0 + row
        j = y // spacing - first_row
        m = y % spacing
        for i in range(line_x.size):
            line_x[i] = _across(mesh_x[j - 1, i], mesh_x[j, i], mesh_x[j + 1, i], mesh_x[j + 2, i], weights, m)
            line_y[i] = _across(mesh_y[j - 1, i], mesh_y[j, i], mesh_y[j + 1, i], mesh_y[j + 2, i], weights, m)
        for cell in range(x0 // spacing, (x0 + columns - 1) // spacing + 1):
            i, left = cell - first_column, cell * spacing - x0
            start, stop = max(0, left), min(columns, left + spacing)
            if smooth[j, i]:
                _cubic(line_x[i - 1 : i + 3], weights, start - left, out_x[row, start:stop])
                _cubic(line_y[i - 1 : i + 3], weights, start - left, out_y[row, start:stop])
            else:
                v = (m + 0.5) / spacing
                _bilinear(mesh_x[j : j + 2, i : i + 2], v, spacing, start - left, out_x[row, start:stop])
                _bilinear(mesh_y[j : j + 2, i : i + 2], v, spacing, start - left, out_y[row, start:stop])


@nb.njit(nogil=True, cache=True, inline="always")
def _across(a, b, c, d, weights, m):  # type: ignore[no-untyped-def]
    return a * weights[0, m] + b * weights[1, m] + c * weights[2, m] + d * weights[3, m]


@nb.njit(nogil=True, cache=True, inline="always")
def _at_edge(at):  # type: ignore[no-untyped-def]
    edge = np.rint(at)
    return edge if abs(at - edge) < _EDGE_PX else at


@nb.njit(nogil=True, cache=True)
def _cubic(nodes, weights, first, out):  # type: ignore[no-untyped-def]
    a, b, c, d = nodes[0], nodes[1], nodes[2], nodes[3]
    for x in range(out.size):
        out[x] = _at_edge(_across(a, b, c, d, weights, first + x))


@nb.njit(nogil=True, cache=True)
def _bilinear(nodes, v, spacing, first, out):  # type: ignore[no-untyped-def]
    for x in range(out.size):
        u = (first + x + 0.5) / spacing
        above = nodes[0, 0] * (1 - u) + nodes[0, 1] * u
        below = nodes[1, 0] * (1 - u) + nodes[1, 1] * u
        out[x] = _at_edge(above * (1 - v) + below * v)


@nb.njit(nogil=True, cache=True)
def _cubic_weights(spacing):  # type: ignore[no-untyped-def]
    """Of Lagrange's polynomial through four nodes, for the pixel centres between the inner two: (4, spacing)."""
    weights = np.empty((4, spacing))
    for m in range(spacing):
        u = (m + 0.5) / spacing
        weights[0, m] = -u * (u - 1) * (u - 2) / 6
        weights[1, m] = (u + 1) * (u - 1) * (u - 2) / 2
        weights[2, m] = -(u + 1) * u * (u - 2) / 2
        weights[3, m] = (u + 1) * u * (u - 1) / 6
    return weights


@nb.njit(nogil=True, cache=True)
def _smooth_cells(mesh_x, mesh_y):  # type: ignore[no-untyped-def]
    """Bool (nodes down, nodes across): whether the 4 x 4 nodes around the cell behind a node are finite and even."""
    smooth = np.zeros(mesh_x.shape, np.bool_)
    for j in range(1, mesh_x.shape[0] - 2):
        for i in range(1, mesh_x.shape[1] - 2):
            even = True
            for k in range(-1, 3):
                even &= _is_even(mesh_x[j + k, i - 1], mesh_x[j + k, i], mesh_x[j + k, i + 1], mesh_x[j + k, i + 2])
                even &= _is_even(mesh_y[j + k, i - 1], mesh_y[j + k, i], mesh_y[j + k, i + 1], mesh_y[j + k, i + 2])
                even &= _is_even(mesh_x[j - 1, i + k], mesh_x[j, i + k], mesh_x[j + 1, i + k], mesh_x[j + 2, i + k])
                even &= _is_even(mesh_y[j - 1, i + k], mesh_y[j, i + k], mesh_y[j + 1, i + k], mesh_y[j + 2, i + k])
            smooth[j, i] = even
    return smooth


@nb.njit(nogil=True, cache=True, inline="always")
def _is_even(a, b, c, d):  # type: ignore[no-untyped-def]
    """Whether three steps are about as long as one another. Not if a node is not finite."""
    most = 1 + 0.5 * abs(c - b)
    return abs((b - a) - (c - b)) <= most and abs((d - c) - (c - b)) <= most


@nb.njit(nogil=True, cache=True)
def gather_nearest(source, at_x, at_y, steps, lasts, shape, row0, column0, out, found):  # type: ignore[no-untyped-def]
    """Take the source pixel under every centre.

    Args:
        source: (rows, columns), a part of a raster that starts at (row0, column0).
        at_x, at_y: float64 (rows, columns) in full-resolution pixels of the raster.
        steps: full-resolution pixels per pixel of `source` (overview level), down and across.
        lasts: the last row and column of that level. shape: rows and columns of the full resolution.
        out: (rows, columns), written where a centre lies on `source`.
        found: bool (rows, columns), set there.
    """
    rows, columns = source.shape
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            x, y = at_x[row, column], at_y[row, column]
            if not (x >= 0 and x < shape[1] and y >= 0 and y < shape[0]):
                continue
            j, i = min(int(y / steps[0]), lasts[0]) - row0, min(int(x / steps[1]), lasts[1]) - column0
            if 0 <= j < rows and 0 <= i < columns:
                out[row, column] = source[j, i]
                found[row, column] = True


@nb.njit(nogil=True, cache=True)
def nearest_pixels(at_x, at_y, steps, lasts, shape, out_row, out_column, found):  # type: ignore[no-untyped-def]
    """The pixel of an overview under every centre.

    Args:
        at_x, at_y: float64 (rows, columns) in full-resolution pixels of the raster.
        steps: full-resolution pixels per overview pixel, down and across. lasts: the overview's last row and column.
        shape: rows and columns of the full resolution.
        out_row, out_column: int32, written; -1 off the raster. found: bool, written.
    Returns: (first row, row after the last, first column, column after the last, how many lie on the raster).
    """
    top, bottom, left, right, count = 1 << 30, -1, 1 << 30, -1, 0
    for i in range(at_x.shape[0]):
        for j in range(at_x.shape[1]):
            x, y = at_x[i, j], at_y[i, j]
            on = x >= 0 and x < shape[1] and y >= 0 and y < shape[0]
            found[i, j] = on
            if on:
                column, row = min(int(x / steps[1]), lasts[1]), min(int(y / steps[0]), lasts[0])
                out_row[i, j] = row
                out_column[i, j] = column
                top, bottom = min(top, row), max(bottom, row)
                left, right = min(left, column), max(right, column)
                count += 1
            else:
                out_row[i, j] = -1
                out_column[i, j] = -1
    return top, bottom + 1, left, right + 1, count


@nb.njit(nogil=True, cache=True)
def flat_indices(out_row, out_column, top, left, width, index):  # type: ignore[no-untyped-def]
    """Index into a part of the raster, row by row; 0 off the raster.

    Args:
        out_row, out_column: int32 (rows, columns), -1 off the raster.
        top, left, width: where the part begins and its columns.
        index: int64 (rows, columns), written.
    """
    for i in range(index.shape[0]):
        for j in range(index.shape[1]):
            row = out_row[i, j]
            index[i, j] = (row - top) * width + out_column[i, j] - left if row >= 0 else 0
