"""Two-dimensional convolution with a small kernel."""

from __future__ import annotations

import numba as nb


@nb.njit(nogil=True, cache=True)
def convolve(values, kernel, out):  # type: ignore[no-untyped-def]
    """Sum of kernel[i, j] * values[y + i, x + j], in the order of the kernel's elements.

    Args:
        values: (rows + kernel rows - 1, columns + kernel columns - 1), floating point.
        kernel: (kernel rows, kernel columns) of the same type.
        out: (rows, columns) of the same type, written.
    """
    rows, columns = out.shape
    for y in range(rows):
        line = out[y]
        line[:] = 0
        for i in range(kernel.shape[0]):
            source = values[y + i]
            for j in range(kernel.shape[1]):
                weight = kernel[i, j]
                if weight != 0:
                    for x in range(columns):
                        line[x] += weight * source[x + j]
