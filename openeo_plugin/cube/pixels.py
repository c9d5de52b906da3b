"""Pixels of a window in memory: what operators give to one another.

Null ("no data") and NaN are different things. Null stands as a sentinel in the values, as a deferred mask, or both;
NaN is a value unless the sentinel itself is NaN. Values stay in their native type until an operator needs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Deferred: a pixel is null where `table[codes]`, or where `codes` itself if there is no table.

    codes: uint8 (with a table of 256 bool) or bool (without); broadcasts against the values.
    """

    codes: Array
    table: Array | None = None

    def flags(self) -> Array:
        """Bool, True where null."""
        return self.codes if self.table is None else self.table[self.codes]


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """What the 256 codes of an 8-bit band stand for: `values[code]`, null where `null[code]`."""

    values: Array
    null: Array


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """One band in a window.

    values: (*labelled dimensions, rows, columns). nodata: the sentinel for null in `values`, may be NaN.
    palette: if given, `values` are uint8 codes into it, and `nodata` is None.
    """

    values: Array
    nodata: float | int | None = None
    mask: Mask | None = None
    palette: Palette | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values as they are meant (palette applied)."""
        return self.values.dtype if self.palette is None else self.palette.values.dtype

    def plain(self) -> Pixels:
        """Without palette: values as they are meant, null as mask."""
        if self.palette is None:
            return self
        table = self.palette.null if self.palette.null.any() else None
        values = self.palette.values[self.values]
        if table is None:
            return Pixels(values, mask=self.mask)
        if self.mask is None:
            return Pixels(values, mask=Mask(self.values, table))
        return Pixels(values, mask=Mask(table[self.values] | self.mask.flags()))

    def null(self) -> Array | None:
        """Bool array of the values' shape, True where null; None if no pixel can be."""
        if self.palette is not None:
            found = self.palette.null[self.values] if self.palette.null.any() else None
        elif self.nodata is None:
            found = None
        elif self.nodata != self.nodata:
            found = np.isnan(self.values)
        else:
            found = self.values == self.nodata
        if self.mask is not None:
            flags = np.broadcast_to(self.mask.flags(), self.values.shape)
            found = flags if found is None else found | flags
        return found

    def real(self, dtype: np.dtype[Any] | type | None = None) -> Array:
        """Floating-point values, null as NaN.

        dtype: by default float32 where that holds every value of the native type, else float64.
        """
        pixels = self.plain()
        target = np.dtype(dtype) if dtype is not None else np.result_type(pixels.values.dtype, np.float32)
        null = pixels.null() if not (pixels.mask is None and pixels.nodata != pixels.nodata) else None
        if null is None:
            return pixels.values.astype(target, copy=False)
        out = pixels.values.astype(target)
        out[null] = np.nan
        return out

    def filled(self, nodata: float | int, dtype: np.dtype[Any] | type) -> Array:
        """Values as `dtype`, null as `nodata`."""
        pixels = self.plain()
        null = pixels.null()
        if null is None:
            return pixels.values.astype(dtype, copy=False)
        out = pixels.values.astype(dtype)
        out[null] = nodata
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A cube in a window: one `Pixels` per requested band, all of one shape (*labelled, rows, columns)."""

    bands: tuple[Pixels, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every band."""
        return self.bands[0].shape
