"""Which type and which nodata value pixels have in a file, and pixels as that type.

The rule, for the bands of one file:
- the type is the smallest that holds the values of every band (bool counts as uint8);
- real numbers: null and NaN both become NaN, which is the nodata value;
- whole numbers: nodata is a value that stands for a valid pixel in no band. A value that a band declares is taken if
  the others can't hold it otherwise; failing that, the type grows by one step and its smallest value is nodata. So
  uint16 with nodata 0 beside uint16 without becomes int32 with nodata -2147483648;
- a band that may be null without a nodata value of its own uses all values of its type, so the type grows: uint8
  becomes int16. Bool has room for its 255;
- no nodata value if no band can be null, but for bool.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.pixels import Array, Pixels

Nodata = float | int | None

_NEXT = {
    "int8": "int16",
    "uint8": "int16",
    "int16": "int32",
    "uint16": "int32",
    "int32": "int64",
    "uint32": "int64",
    "int64": "float64",
    "uint64": "float64",
}
_BOOL_NODATA = 255


@dataclass(frozen=True)
class StoredType:
    """dtype and nodata of the values in a file."""

    dtype: np.dtype[Any]
    nodata: Nodata

    @property
    def fill(self) -> float | int:
        """What stands where a tile sticks out of the grid."""
        return 0 if self.nodata is None else self.nodata


def stored_type(bands: Sequence[Band]) -> StoredType:
    """The common type of some bands, by the rule above."""
    dtype = np.result_type(*(_plain_dtype(band.dtype) for band in bands))
    if dtype.kind == "f":
        return StoredType(dtype, math.nan)
    if all(band.nodata is None and not band.nullable and band.dtype.kind != "b" for band in bands):
        return StoredType(dtype, None)
    for candidate in _candidates(bands, dtype):
        if all(_is_free(candidate, band) for band in bands):
            return StoredType(dtype, candidate)
    wider = np.dtype(_NEXT[dtype.name])
    return StoredType(wider, math.nan if wider.kind == "f" else int(np.iinfo(wider).min))


def as_stored(bands: Sequence[Band], stored: StoredType) -> tuple[Band, ...]:
    """The bands as they will stand in a file."""
    return tuple(replace(band, dtype=stored.dtype, nodata=stored.nodata, nullable=False) for band in bands)


def stored_values(pixels: Pixels, stored: StoredType) -> Array:
    """Values in the file's type, null as its nodata. Shares memory with the pixels where nothing has to change.

    Raises: ValueError for null in a band that was said to have none.
    """
    if stored.dtype.kind == "f":
        return pixels.real(stored.dtype)
    plain = pixels.plain()
    if plain.mask is None and (plain.nodata is None or plain.nodata == stored.nodata):
        return plain.values.astype(stored.dtype, copy=False)
    if stored.nodata is None:
        null = plain.null()
        if null is not None and null.any():
            raise ValueError("A band that is described without nodata holds null.")
        return plain.values.astype(stored.dtype, copy=False)
    return plain.filled(stored.nodata, stored.dtype)


def _may_be_null(band: Band) -> bool:
    return band.nodata is not None or band.nullable or band.dtype.kind == "b"


def _plain_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f":
        return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)
    return dtype.newbyteorder("=")


def _candidates(bands: Sequence[Band], dtype: np.dtype[Any]) -> list[int]:
    declared = [int(band.nodata) for band in bands if band.nodata is not None and band.nodata == band.nodata]
    limits = np.iinfo(dtype)
    found = [*declared, _BOOL_NODATA, int(limits.min), int(limits.max)]
    return [value for value in found if limits.min <= value <= limits.max]


def _is_free(value: int, band: Band) -> bool:
    if band.dtype.kind == "b":
        return value not in (0, 1)
    limits = np.iinfo(band.dtype)
    return value == band.nodata or not limits.min <= value <= limits.max
