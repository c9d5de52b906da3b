"""Kernels that fold the pixels of zones: each reads only the spans of a window, in native type, and makes no mask.

All take `KernelArguments` in front, with P = rows * columns of a window, then `width` (its columns) and `spans`:
int32 (n, 4) of (slot, row, first column, end column) counted in the window. Results are (slots, T), zeroed by the
caller unless it says else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import BY_CODE, BY_TABLE, kernel


@kernel
def is_null(value: Any, nodata: Any, has_nodata: bool, code: Any, table: Array, mode: int) -> bool:
    """Whether a value is null by its code or by the sentinel."""
    if mode == BY_TABLE:
        if table[code]:
            return True
    elif mode == BY_CODE and code != 0:
        return True
    return has_nodata and (value == nodata or (nodata != nodata and value != value))


@kernel
def totals(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    width: int, spans: Array, real: bool, sums: Array, counts: Array, finite: Array,
) -> None:  # fmt: skip
    """Add up values that are not null (int64 or float64), count them, and count those that are finite.

    `real`: whether the values are floating point; else `finite` is left alone, being equal to `counts`.
    """
    zero = sums.dtype.type(0)
    for t in range(values.shape[0]):
        row = values[t]
        given = codes[t if codes.shape[0] > 1 else 0]
        for s in range(spans.shape[0]):
            start = spans[s, 1] * width
            total, count, good = zero, 0, 0
            if mode == BY_TABLE:
                for p in range(start + spans[s, 2], start + spans[s, 3]):
                    null = is_null(row[p], nodata, has_nodata, given[p], table, BY_TABLE)
                    total += zero if null else sums.dtype.type(row[p])
                    count += 0 if null else 1
                    good += 1 if real and not null and row[p] - row[p] == 0 else 0
            elif mode == BY_CODE:
                for p in range(start + spans[s, 2], start + spans[s, 3]):
                    null = is_null(row[p], nodata, has_nodata, given[p], table, BY_CODE)
                    total += zero if null else sums.dtype.type(row[p])
                    count += 0 if null else 1
                    good += 1 if real and not null and row[p] - row[p] == 0 else 0
            else:
                for p in range(start + spans[s, 2], start + spans[s, 3]):
                    null = is_null(row[p], nodata, has_nodata, 0, table, 0)
                    total += zero if null else sums.dtype.type(row[p])
                    count += 0 if null else 1
                    good += 1 if real and not null and row[p] - row[p] == 0 else 0
            sums[spans[s, 0], t] += total
            counts[spans[s, 0], t] += count
            finite[spans[s, 0], t] += good


@kernel
def squares(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    width: int, spans: Array, out: Array,
) -> None:  # fmt: skip
    """Add up the squares of values that are not null, as int64: exact for integers of up to 16 bits."""
    for t in range(values.shape[0]):
        row = values[t]
        given = codes[t if codes.shape[0] > 1 else 0]
        for s in range(spans.shape[0]):
            start = spans[s, 1] * width
            total = np.int64(0)
            for p in range(start + spans[s, 2], start + spans[s, 3]):
                code = given[p] if mode else np.uint8(0)
                if not is_null(row[p], nodata, has_nodata, code, table, mode):
                    value = np.int64(row[p])
                    total += value * value
            out[spans[s, 0], t] += total


@kernel
def deviations(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    width: int, spans: Array, means: Array, out: Array,
) -> None:  # fmt: skip
    """Add up the squared deviations from `means` (slots, T) of values that are not null, as float64."""
    for t in range(values.shape[0]):
        row = values[t]
        given = codes[t if codes.shape[0] > 1 else 0]
        for s in range(spans.shape[0]):
            start = spans[s, 1] * width
            centre = means[spans[s, 0], t]
            total = 0.0
            for p in range(start + spans[s, 2], start + spans[s, 3]):
                code = given[p] if mode else np.uint8(0)
                if not is_null(row[p], nodata, has_nodata, code, table, mode):
                    apart = np.float64(row[p]) - centre
                    total += apart * apart
            out[spans[s, 0], t] += total


@kernel
def extremes(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    width: int, spans: Array, largest: bool, out: Array, nan: Array,
) -> None:  # fmt: skip
    """Smallest (or `largest`) value that is not null, in the values' type; `nan`: whether one of them is NaN.

    `out` comes filled with what loses against every value.
    """
    for t in range(values.shape[0]):
        row = values[t]
        given = codes[t if codes.shape[0] > 1 else 0]
        for s in range(spans.shape[0]):
            start = spans[s, 1] * width
            best = out[spans[s, 0], t]
            for p in range(start + spans[s, 2], start + spans[s, 3]):
                value = row[p]
                code = given[p] if mode else np.uint8(0)
                if is_null(value, nodata, has_nodata, code, table, mode):
                    continue
                if value != value:
                    nan[spans[s, 0], t] = True
                elif (value > best) == largest and value != best:
                    best = value
            out[spans[s, 0], t] = best


@kernel
def trues(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, mode: int,
    width: int, spans: Array, out: Array,
) -> None:  # fmt: skip
    """Count values that are neither null nor zero."""
    for t in range(values.shape[0]):
        row = values[t]
        given = codes[t if codes.shape[0] > 1 else 0]
        for s in range(spans.shape[0]):
            start = spans[s, 1] * width
            count = 0
            for p in range(start + spans[s, 2], start + spans[s, 3]):
                code = given[p] if mode else np.uint8(0)
                if row[p] != 0 and not is_null(row[p], nodata, has_nodata, code, table, mode):
                    count += 1
            out[spans[s, 0], t] += count


@kernel
def places(spans: Array, width: int) -> Array:
    """Flat indices of the pixels of spans in a window, span by span."""
    size = 0
    for s in range(spans.shape[0]):
        size += spans[s, 3] - spans[s, 2]
    out = np.empty(size, np.int64)
    n = 0
    for s in range(spans.shape[0]):
        start = np.int64(spans[s, 1]) * width
        for column in range(spans[s, 2], spans[s, 3]):
            out[n] = start + column
            n += 1
    return out
