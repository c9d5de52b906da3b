"""Values from differences, as blocks of images are stored."""

from __future__ import annotations

import numba as nb


@nb.njit(nogil=True, cache=True)
def add_up(differences, top, left, out, y0, x0, rows, columns):  # type: ignore[no-untyped-def]
    """Running sums along each row of a block, a part of which goes to a part of `out`.

    Args:
        differences: unsigned (block rows, block columns); sums wrap around.
        top, left: where the part begins in the block.
        out: of the same type, written from (y0, x0) on.
        rows, columns: of the part.
    """
    zero = differences.dtype.type(0)
    for y in range(rows):
        total = zero
        source = differences[top + y]
        target = out[y0 + y]
        for x in range(left):
            total = total + source[x]
        for x in range(columns):
            total = differences.dtype.type(total + source[left + x])
            target[x0 + x] = total
