"""Coordinates of pixels, interpolated from a coarse mesh; and gathers that use them."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(nogil=True, cache=True)
def interpolate(mesh_x, mesh_y, first_row, first_column, spacing, y0, x0, out_x, out_y):  # type: ignore[no-untyped-def]
    """Bilinear interpolation of mesh nodes at the pixel centres of a window.

    A pixel's value depends on its index (y0 + row, x0 + column) only, never on the window.

    Args:
        mesh_x, mesh_y: float64 (nodes down, nodes across); node (first_row, first_column) comes first.
        spacing: pixels between nodes.
        y0, x0: index of the window's first pixel on its grid.
        out_x, out_y: float64 (rows, columns), written.
    """
    for row in range(out_x.shape[0]):
        y = y0 + row
        j = y // spacing
        v = (y - j * spacing + 0.5) / spacing
        j -= first_row
        for column in range(out_x.shape[1]):
            x = x0 + column
            i = x // spacing
            u = (x - i * spacing + 0.5) / spacing
            i -= first_column
            out_x[row, column] = (mesh_x[j, i] * (1 - u) + mesh_x[j, i + 1] * u) * (1 - v) + (
                mesh_x[j + 1, i] * (1 - u) + mesh_x[j + 1, i + 1] * u
            ) * v
            out_y[row, column] = (mesh_y[j, i] * (1 - u) + mesh_y[j, i + 1] * u) * (1 - v) + (
                mesh_y[j + 1, i] * (1 - u) + mesh_y[j + 1, i + 1] * u
            ) * v


@nb.njit(nogil=True, cache=True)
def gather_nearest(source, at_x, at_y, factor, row0, column0, out, found):  # type: ignore[no-untyped-def]
    """Take the source pixel under every centre.

    Args:
        source: (rows, columns), a part of a raster that starts at (row0, column0).
        at_x, at_y: float64 (rows, columns) in full-resolution pixels of the raster.
        factor: full-resolution pixels per pixel of `source` (overview level).
        out: (rows, columns), written where a centre lies on `source`.
        found: bool (rows, columns), set there.
    """
    rows, columns = source.shape
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            j = int(np.floor(at_y[row, column] / factor)) - row0
            i = int(np.floor(at_x[row, column] / factor)) - column0
            if 0 <= j < rows and 0 <= i < columns:
                out[row, column] = source[j, i]
                found[row, column] = True


@nb.njit(nogil=True, cache=True)
def nearest_pixels(at_x, at_y, factor, rows, columns, out_row, out_column, found):  # type: ignore[no-untyped-def]
    """The pixel of an overview under every centre.

    Args:
        at_x, at_y: float64 (rows, columns) in full-resolution pixels of the raster.
        factor: full-resolution pixels per overview pixel. rows, columns: of the full resolution.
        out_row, out_column: int32, written; -1 off the raster. found: bool, written.
    Returns: (first row, row after the last, first column, column after the last, how many lie on the raster).
    """
    top, bottom, left, right, count = 1 << 30, -1, 1 << 30, -1, 0
    last_row, last_column = int(np.ceil(rows / factor)) - 1, int(np.ceil(columns / factor)) - 1
    for i in range(at_x.shape[0]):
        for j in range(at_x.shape[1]):
            x, y = at_x[i, j], at_y[i, j]
            on = x >= 0 and x < columns and y >= 0 and y < rows
            found[i, j] = on
            if on:
                column, row = min(int(x / factor), last_column), min(int(y / factor), last_row)
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
