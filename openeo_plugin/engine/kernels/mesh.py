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
