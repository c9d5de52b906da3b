"""Sorting networks: comparisons in a fixed order, so that thousands of pixels are sorted side by side."""

from __future__ import annotations

import functools

import numpy as np

from openeo_plugin.cube.pixels import Array


def _merge_exchange(size: int) -> list[tuple[int, int]]:
    """Batcher's merge exchange, for any size (Knuth, TAOCP vol. 3, algorithm 5.2.2M)."""
    comparators: list[tuple[int, int]] = []
    if size < 2:
        return comparators
    top = 1 << ((size - 1).bit_length() - 1)
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            comparators += [(i, i + d) for i in range(size - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return comparators


LONGEST = 4096
"""Beyond so many values no network is built: it would have half a million comparators."""


NO_NETWORK: Array = np.empty((0, 2), np.int64)
"""Without comparators the kernels sort each pixel by itself."""

MOST_AT_ONCE = 64
"""A network of so many values at most is worth being built for any number of pixels."""


def worth_building(size: int, pixels: int) -> bool:
    """Whether sorting by a network pays: a large one takes longer to build than a few pixels take to be sorted."""
    return size <= MOST_AT_ONCE or (size <= LONGEST and pixels >= 16 * size)


def _as_array(comparators: list[tuple[int, int]]) -> Array:
    return np.array(comparators, np.int64).reshape(-1, 2)


@functools.lru_cache(maxsize=64)
def sorting_network(size: int) -> Array:
    """Comparators (i, j), i < j, int64 (n, 2): the smaller value goes to i. Afterwards all are in order.

    Empty for more than `LONGEST` values, for which the kernels sort otherwise.
    """
    return _as_array(_merge_exchange(size) if size <= LONGEST else [])


@functools.lru_cache(maxsize=64)
def middle_network(size: int) -> Array:
    """As `sorting_network`, without the comparators that the two middle places do not depend on."""
    if size > LONGEST:
        return _as_array([])
    wanted = set(middle_places(size))
    kept: list[tuple[int, int]] = []
    for i, j in reversed(_merge_exchange(size)):
        if i in wanted or j in wanted:
            kept.append((i, j))
            wanted |= {i, j}
    return _as_array(kept[::-1])


def middle_places(size: int) -> tuple[int, int]:
    """Where the median's two values stand when nulls count in turn as largest and as smallest value."""
    return max((size - 1) // 2 - (size & 1), 0), size // 2 if size % 2 == 0 else (size - 1) // 2
