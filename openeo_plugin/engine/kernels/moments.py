"""Kernels that add up: sum, mean, product, variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import CHUNK, kernel, mark_nulls, null_runs


@kernel
def total(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    least: int, nulls: Array, divide: bool, accumulator: Array, out: Array,
) -> None:  # fmt: skip
    """Sum, or mean if `divide`, over T into `out` (P,), float32 or float64; NaN with fewer than `least` values.

    The accumulator is scratch (CHUNK,) of a type that holds every sum: integers add up exactly.
    """
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    zero = accumulator.dtype.type(0)
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        nulls[:] = 0
        accumulator[:] = 0
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            for x in range(size):
                accumulator[x] += zero if null[x] else accumulator.dtype.type(row[x])
                nulls[x] += null[x]
        result = out[start : start + size]
        for x in range(size):
            count = length - np.int32(nulls[x])
            by = np.float64(count) if divide else 1.0
            result[x] = np.float64(accumulator[x]) / by if count >= least else np.nan


@kernel
def product(
    values: Array,
    nodata: Any,
    has_nodata: bool,
    codes: Array,
    table: Array,
    mode: int,
    least: int,
    nulls: Array,
    out: Array,
) -> None:
    """Product over T into `out` (P,), float32 or float64; NaN with fewer than `least` values."""
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    accumulator = np.empty(CHUNK, np.float64)
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        nulls[:] = 0
        accumulator[:] = 1.0
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            for x in range(size):
                accumulator[x] *= 1.0 if null[x] else np.float64(row[x])
                nulls[x] += null[x]
        result = out[start : start + size]
        for x in range(size):
            result[x] = accumulator[x] if length - np.int32(nulls[x]) >= least else np.nan


@kernel
def variance(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    least: int, nulls: Array, root: bool, out: Array,
) -> None:  # fmt: skip
    """Sample variance (n - 1), or its `root`, over T into `out` (P,); NaN with fewer than `least` values, least >= 2.

    Two passes over each chunk - the mean, then the squared deviations from it - so that nothing cancels out.
    """
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    mean, squares = np.empty(CHUNK, np.float64), np.empty(CHUNK, np.float64)
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        nulls[:] = 0
        mean[:] = 0.0
        squares[:] = 0.0
        for again in range(2):
            for t in range(length):
                row = values[t, start : start + size]
                given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
                mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
                if again:
                    for x in range(size):
                        apart = 0.0 if null[x] else np.float64(row[x]) - mean[x]
                        squares[x] += apart * apart
                else:
                    for x in range(size):
                        mean[x] += 0.0 if null[x] else np.float64(row[x])
                        nulls[x] += null[x]
            if not again:
                for x in range(size):
                    mean[x] /= np.float64(length - np.int32(nulls[x]))
        result = out[start : start + size]
        for x in range(size):
            count = length - np.int32(nulls[x])
            found = squares[x] / np.float64(count - 1)
            result[x] = (np.sqrt(found) if root else found) if count >= least else np.nan
