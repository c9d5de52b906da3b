"""Which pixels of a chunk are null: told from sentinel, mask codes and a table, so that no whole mask is ever made.

Every reduction kernel takes the six fields of `KernelArguments` in front. numba's cache does not notice, in the files
that call them, that the functions of this file have changed: after a change delete `__pycache__`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from openeo_plugin.cube.pixels import Array, Mask, Pixels

NO_MASK, BY_TABLE, BY_CODE = 0, 1, 2

CHUNK = 2048
"""Pixels that a kernel works on at a time: what it needs of them stays in the first caches."""

kernel = numba.njit(nogil=True, cache=True, error_model="numpy")
"""Compiles at the first call, releases the GIL; division by zero gives NaN or infinity."""

_MANY_RUNS = 8
"""Beyond so many runs of null codes a look-up beats comparing."""


class KernelArguments(NamedTuple):
    """What a kernel reads: values (T, P) and how to tell which of them are null.

    nodata: of the values' type. codes: uint8 (T or 1, P). table: 256 bool.
    mode: NO_MASK, BY_TABLE (null where `table[codes]`) or BY_CODE (null where codes are not 0).
    """

    values: Array
    nodata: Any
    has_nodata: bool
    codes: Array
    table: Array
    mode: int

    @property
    def length(self) -> int:
        """T, how many values each pixel has."""
        return int(self.values.shape[0])

    @property
    def pixels(self) -> int:
        """P."""
        return int(self.values.shape[1])

    @property
    def may_be_null(self) -> bool:
        """Whether any value can be null."""
        return self.has_nodata or self.mode != NO_MASK

    @property
    def watch_nan(self) -> bool:
        """Whether NaN may stand among the values as a value."""
        return self.values.dtype.kind == "f" and not (self.has_nodata and bool(np.isnan(self.nodata)))


def kernel_arguments(pixels: Pixels) -> KernelArguments:
    """The arguments of the kernels for pixels of shape (T, *rest); P is the product of `rest`.

    Masks of codes with a table go on as they are; other ones are worked out. Palettes are applied.
    """
    plain = pixels.plain()
    values = native(plain.values)
    codes, table, mode = np.zeros((1, 0), np.uint8), np.zeros(256, np.bool_), NO_MASK
    if isinstance(plain.mask, Mask) and plain.mask.table is not None:
        codes, mode = _rows(plain.mask.codes, values.shape), BY_TABLE
        table = np.ascontiguousarray(plain.mask.table, np.bool_)
    elif plain.mask is not None:
        codes, mode = _rows(plain.mask.flags().view(np.uint8), values.shape), BY_CODE
    nodata, has_nodata = _sentinel(plain.nodata, values.dtype)
    return KernelArguments(_rows(values, values.shape), nodata, has_nodata, codes, table, mode)


def native(values: Array) -> Array:
    """The values in a type that the kernels are made for: bool as uint8, half floats as float32, native bytes."""
    if values.dtype == np.bool_:
        return values.view(np.uint8)
    if values.dtype == np.float16:
        return values.astype(np.float32)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _rows(array: Array, shape: tuple[int, ...]) -> Array:
    """An array that broadcasts against `shape` as contiguous (T, P), or (1, P) if it is the same for all T."""
    if array.shape != shape:
        padded = array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
        array = np.broadcast_to(padded, padded.shape[:1] + shape[1:])
    size = int(np.prod(shape[1:], dtype=np.int64))
    return np.ascontiguousarray(array).reshape(array.shape[0], size)


def _sentinel(nodata: float | int | None, dtype: np.dtype[Any]) -> tuple[Any, bool]:
    """The sentinel in the values' type, and whether any value can equal it."""
    if nodata is None:
        return dtype.type(0), False
    if dtype.kind == "f":
        return dtype.type(nodata), True
    limits = np.iinfo(dtype)
    if not math.isfinite(nodata) or int(nodata) != nodata or not limits.min <= nodata <= limits.max:
        return dtype.type(0), False
    return dtype.type(int(nodata)), True


@kernel
def null_runs(table: Array) -> Array:
    """The runs of null codes in a table: uint8 (n, 2) of first code and length - 1."""
    runs = np.empty((128, 2), np.uint8)
    count = 0
    for code in range(256):
        if table[code]:
            if code > 0 and table[code - 1]:
                runs[count - 1, 1] += 1
            else:
                runs[count, 0] = code
                runs[count, 1] = 0
                count += 1
    return runs[:count]


@kernel
def mark_nulls(
    values: Array, nodata: Any, has_nodata: bool, codes: Array, table: Array, runs: Array, mode: int, null: Array
) -> None:
    """Write 1 into `null` where a value of this row is null, else 0. Vectorises: no look-up for tables of few runs."""
    size = values.size
    if mode == BY_TABLE and runs.shape[0] <= _MANY_RUNS:
        for x in range(size):
            null[x] = 0
        for r in range(runs.shape[0]):
            first, length = runs[r, 0], runs[r, 1]
            for x in range(size):
                null[x] |= np.uint8(codes[x] - first) <= length
    elif mode == BY_TABLE:
        for x in range(size):
            null[x] = table[codes[x]]
    elif mode == BY_CODE:
        for x in range(size):
            null[x] = codes[x] != 0
    else:
        for x in range(size):
            null[x] = 0
    if has_nodata and np.isnan(nodata):
        for x in range(size):
            null[x] |= np.isnan(values[x])
    elif has_nodata:
        for x in range(size):
            null[x] |= values[x] == nodata
