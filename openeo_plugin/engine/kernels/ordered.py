"""Kernels that need the values of a pixel in order: median and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import CHUNK, kernel, mark_nulls, null_runs


@kernel
def chunk_width(length: int) -> int:
    """Pixels in a chunk: fewer when there are many values for each, so that all of them stay in the cache."""
    return min(CHUNK, max(16, 131072 // length))


@kernel
def exchange(rows: Array, network: Array, size: int) -> None:
    """Run a network over the first `size` columns of `rows` (T, chunk); without comparators sort each column."""
    if network.shape[0] == 0 and rows.shape[0] > 1:
        for x in range(size):
            rows[:, x] = np.sort(rows[:, x])
    for q in range(network.shape[0]):
        first = rows[network[q, 0]]
        second = rows[network[q, 1]]
        for x in range(size):
            a = first[x]
            b = second[x]
            first[x] = a if a < b else b
            second[x] = b if a < b else a


@kernel
def set_nan_aside(row: Array, null: Array, instead: Any, nan: Array) -> None:
    """Remember in `nan` the pixels with a NaN that is not null, and put `instead` in its place."""
    for x in range(row.size):
        if row[x] != row[x]:
            row[x] = instead
            nan[x] |= 1 - null[x]


@kernel
def median(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    least: int, nulls: Array, watch_nan: bool, network: Array, places: Array, ends: Array, out: Array,
) -> None:  # fmt: skip
    """Median over T into `out` (P,), float32 or float64; NaN with fewer than `least` values or with a NaN among them.

    Nulls are taken in turn for the largest and the smallest value, so that the median stands at fixed places.

    Takes network and places of `middle_network` and `middle_places`, and the smallest and largest value of the type.
    """
    length, pixels = values.shape
    width = min(chunk_width(length), pixels)
    runs = null_runs(table)
    rows = np.empty((length, width), values.dtype)
    null, nan = np.empty(width, np.uint8), np.zeros(width, np.uint8)
    low, high = ends[0], ends[1]
    half = out.dtype.type(0.5)
    single = places[0] if length % 2 == 0 else places[1]
    for start in range(0, pixels, width):
        size = min(width, pixels - start)
        nulls[:] = 0
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            into = rows[t, :size]
            for x in range(size):
                into[x] = (low if nulls[x] & 1 else high) if null[x] else row[x]
                nulls[x] += null[x]
            if watch_nan:
                set_nan_aside(into, null, high, nan)
        exchange(rows, network, size)
        first, second, middle = rows[places[0]], rows[places[1]], rows[single]
        result = out[start : start + size]
        for x in range(size):
            count = length - np.int32(nulls[x])
            pair = half * first[x] + half * second[x]
            value = out.dtype.type(middle[x]) if count & 1 else out.dtype.type(pair)
            result[x] = value if count >= least else np.nan
        if watch_nan:
            for x in range(size):
                if nan[x] and length - np.int32(nulls[x]) >= least:
                    result[x] = np.nan
                nan[x] = 0


@kernel
def quantiles(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    least: int, nulls: Array, watch_nan: bool, network: Array, high: Any, probabilities: Array, out: Array,
) -> None:  # fmt: skip
    """Quantiles over T into `out` (Q, P), by linear interpolation between order statistics (type 7).

    NaN with fewer than `least` values or with a NaN among them.

    Takes a network of `sorting_network`, the largest value of the type, and probabilities in 0..1 as float64 (Q,).
    """
    length, pixels = values.shape
    width = min(chunk_width(length), pixels)
    runs = null_runs(table)
    rows = np.empty((length, width), values.dtype)
    null, nan = np.empty(width, np.uint8), np.zeros(width, np.uint8)
    for start in range(0, pixels, width):
        size = min(width, pixels - start)
        nulls[:] = 0
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            into = rows[t, :size]
            for x in range(size):
                into[x] = high if null[x] else row[x]
                nulls[x] += null[x]
            if watch_nan:
                set_nan_aside(into, null, high, nan)
        exchange(rows, network, size)
        for q in range(probabilities.size):
            result = out[q, start : start + size]
            for x in range(size):
                count = length - np.int32(nulls[x])
                if count < least or nan[x]:
                    result[x] = np.nan
                    continue
                place = probabilities[q] * (count - 1)
                below = np.int64(place)
                part = place - below
                lower = np.float64(rows[below, x])
                if part == 0.0:
                    result[x] = lower
                else:
                    result[x] = (1.0 - part) * lower + part * np.float64(rows[below + 1, x])
        nan[:] = 0
