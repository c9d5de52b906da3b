"""Kernels that pick or count values: extremes, first and last, count, truth. Values keep their type."""

from __future__ import annotations

from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import CHUNK, kernel, mark_nulls, null_runs


@kernel
def extreme(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    least: int, nulls: Array, watch_nan: bool, largest: bool, worst: Any, missing: Any, out: Array,
) -> None:  # fmt: skip
    """Smallest (or `largest`) value over T into `out` (P,), of the values' type; a NaN among them gives NaN.

    `worst` loses against every value of the type; `missing` stands where there are fewer than `least` values.
    """
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    nan = np.zeros(CHUNK, np.uint8)
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        nulls[:] = 0
        best = out[start : start + size]
        best[:] = worst
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            if largest:
                for x in range(size):
                    value = worst if null[x] else row[x]
                    best[x] = value if value > best[x] else best[x]
                    nulls[x] += null[x]
            else:
                for x in range(size):
                    value = worst if null[x] else row[x]
                    best[x] = value if value < best[x] else best[x]
                    nulls[x] += null[x]
            if watch_nan:
                for x in range(size):
                    nan[x] |= (row[x] != row[x]) & (null[x] == 0)
        for x in range(size):
            best[x] = best[x] if length - np.int32(nulls[x]) >= least else missing
        if watch_nan:
            for x in range(size):
                if nan[x] and length - np.int32(nulls[x]) >= least:
                    best[x] = np.nan
                nan[x] = 0


@kernel
def outermost(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    last: bool, missing: Any, out: Array,
) -> None:  # fmt: skip
    """First (or `last`) value over T that is not null into `out` (P,), of the values' type; else `missing`."""
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    turns = np.empty((2, CHUNK), values.dtype)  # two buffers: a store that may change nothing would not vectorise
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        turns[0, :] = missing
        for step in range(length):
            t = step if last else length - 1 - step
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            before, after = turns[step & 1], turns[1 - (step & 1)]
            for x in range(size):
                kept, value = before[x], row[x]
                after[x] = kept if null[x] else value
        out[start : start + size] = turns[length & 1, :size]


@kernel
def count(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int, finite: bool, out: Array
) -> None:
    """How many values over T are not null - and, if asked for, `finite` - into `out` (P,), uint16."""
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        result = out[start : start + size]
        result[:] = 0
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            if finite:
                for x in range(size):
                    null[x] |= row[x] - row[x] != 0
            for x in range(size):
                result[x] += np.uint8(1) - null[x]


@kernel
def truth(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int, wanted: bool, out: Array
) -> None:
    """Into `out` (P,), uint8: 1 if a value over T is `wanted` (false or true), plus 2 if one is null."""
    length, pixels = values.shape
    runs = null_runs(table)
    null = np.empty(CHUNK, np.uint8)
    for start in range(0, pixels, CHUNK):
        size = min(CHUNK, pixels - start)
        result = out[start : start + size]
        result[:] = 0
        for t in range(length):
            row = values[t, start : start + size]
            given = codes[t if codes.shape[0] > 1 else 0, start : start + size]
            mark_nulls(row, nodata, has_nodata, given, table, runs, mode, null)
            for x in range(size):
                result[x] |= np.uint8(2) if null[x] else np.uint8((row[x] != 0) == wanted)
