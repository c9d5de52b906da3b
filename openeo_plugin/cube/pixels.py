"""Pixels of a window in memory: what operators give to one another, and what callbacks are evaluated on.

Null ("no data") and NaN are different things. Null stands as a sentinel in the values, as a deferred mask, or both;
NaN is a value unless the sentinel itself is NaN. Values stay in their native type until an operator needs more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from openeo_plugin.cube.dimensions import Label

Array = np.ndarray[Any, Any]


class NullFlags(Protocol):
    """Knows which pixels are null."""

    def flags(self) -> Array:
        """Bool, True where null; broadcasts against the values."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A pixel is null where `table[codes]`, or where `codes` itself if there is no table.

    codes: uint8 (with a table of 256 bool) or bool (without); broadcasts against the values.
    """

    codes: Array
    table: Array | None = None

    def flags(self) -> Array:
        """Bool, True where null."""
        return self.codes if self.table is None else self.table[self.codes]


class DeferredNull:
    """Null flags that are worked out only if somebody asks. Not shared between threads."""

    __slots__ = ("_compute", "_flags")

    def __init__(self, compute: Callable[[], Array]) -> None:
        self._compute: Callable[[], Array] | None = compute
        self._flags: Array | None = None

    def flags(self) -> Array:
        """Bool, True where null."""
        if self._flags is None:
            assert self._compute is not None
            self._flags, self._compute = self._compute(), None
        return self._flags


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """What the 256 codes of an 8-bit band stand for: `values[code]`, null where `null[code]`."""

    values: Array
    null: Array


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """One band in a window.

    values: (*labelled dimensions, rows, columns). nodata: the sentinel for null in `values`, may be NaN.
    mask: further nulls. palette: if given, `values` are uint8 codes into it, and `nodata` is None.
    nan_marks: every null is NaN in `values` already (there may be NaN that are not null).
    """

    values: Array
    nodata: float | int | None = None
    mask: NullFlags | None = None
    palette: Palette | None = None
    nan_marks: bool = False

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
        values = self.palette.values[self.values]
        if not self.palette.null.any():
            return Pixels(values, mask=self.mask)
        if self.mask is None:
            return Pixels(values, mask=Mask(self.values, self.palette.null))
        return Pixels(values, mask=Mask(self.palette.null[self.values] | self.mask.flags()))

    def null(self) -> Array | None:
        """Bool array of the values' shape, True where null; None if no pixel can be."""
        found: Array | None = None
        if self.palette is not None:
            found = self.palette.null[self.values] if self.palette.null.any() else None
        elif self.nodata is not None:
            found = np.isnan(self.values) if self.nodata != self.nodata else self.values == self.nodata
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
        marked = pixels.nan_marks or (pixels.mask is None and pixels.nodata is not None and np.isnan(pixels.nodata))
        null = None if marked else pixels.null()
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
        with np.errstate(invalid="ignore"):
            out = pixels.values.astype(dtype)
        out[null] = nodata
        return out

    def with_values(self, change: Callable[[Array], Array]) -> Pixels:
        """The same pixels with `change` done to values and null flags alike (a transpose, a slice)."""
        if self.mask is None:
            return replace(self, values=change(self.values))
        if isinstance(self.mask, Mask) and self.mask.codes.shape == self.values.shape:
            mask: NullFlags = Mask(change(self.mask.codes), self.mask.table)
        else:
            mask = Mask(change(np.broadcast_to(self.mask.flags(), self.values.shape)))
        return replace(self, values=change(self.values), mask=mask)

    def settled(self, *, exact: bool) -> Pixels:
        """Ready to leave the operator: null worked out if it must be exact, else NaN stands for null where it may.

        Frees whatever the deferred flags hold on to.
        """
        if not isinstance(self.mask, DeferredNull):
            return self
        if not exact and self.nan_marks:
            return Pixels(self.values, nodata=np.nan)
        return replace(self, mask=Mask(self.mask.flags()))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A cube in a window: one `Pixels` per requested band, all of one shape (*labelled, rows, columns)."""

    bands: tuple[Pixels, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of every band."""
        return self.bands[0].shape


def null_pixels(shape: tuple[int, ...], dtype: np.dtype[Any], nodata: float | int | None) -> Pixels:
    """Pixels that are all null, without touching memory for each."""
    if nodata is not None:
        return Pixels(np.full(shape, nodata, dtype), nodata)
    return Pixels(np.zeros(shape, dtype), mask=Mask(np.broadcast_to(np.array(True), shape)))


def stack(pixels: Sequence[Pixels]) -> Pixels:
    """Pixels along a new first axis, in the smallest type that holds them all; null as mask where sentinels differ.

    Shapes broadcast against one another.
    """
    plain = [p.plain() for p in pixels]
    dtype = np.result_type(*[p.values.dtype for p in plain])
    arrays = np.broadcast_arrays(*[p.values for p in plain])
    values = np.stack([a.astype(dtype, copy=False) for a in arrays])
    same = {repr(p.nodata) for p in plain}
    if all(p.mask is None for p in plain) and len(same) == 1:
        return Pixels(values, plain[0].nodata)
    if all(p.mask is None and p.nodata is None for p in plain):
        return Pixels(values)
    marks = all(p.nan_marks or p.null() is None for p in plain) and dtype.kind == "f"

    def flags() -> Array:
        return np.stack(
            [
                np.zeros(values.shape[1:], bool) if (n := p.null()) is None else np.broadcast_to(n, values.shape[1:])
                for p in plain
            ]
        )

    return Pixels(values, mask=DeferredNull(flags), nan_marks=marks)


class Lanes:
    """The array that a callback sees: for every pixel the values along one dimension.

    Args:
        labels: of the dimension; None for an array without labels.
        elements: one `Pixels` per label, or
        stacked: all of them with the dimension as first axis. One of the two is given.
        read: called with the index of an element that a callback reads, and with None when it reads them all.
        lengths: (*rest), how many elements the array of each pixel has; what is behind them is null and counts as not
            there. None if all are there.
    """

    __slots__ = ("_elements", "_stacked", "labels", "lengths", "read")

    def __init__(
        self,
        labels: tuple[Label, ...] | None,
        elements: Sequence[Pixels] | None = None,
        stacked: Pixels | None = None,
        read: Callable[[int | None], None] | None = None,
        lengths: Array | None = None,
    ) -> None:
        self.labels = labels
        self.lengths = lengths
        self._elements = elements
        self._stacked = stacked
        self.read = read

    def __len__(self) -> int:
        if self._elements is not None:
            return len(self._elements)
        assert self._stacked is not None
        return int(self._stacked.values.shape[0])

    def element(self, index: int) -> Pixels:
        """The pixels at one index."""
        if self.read is not None:
            self.read(index)
        if self._elements is not None:
            return self._elements[index]
        assert self._stacked is not None
        return self._stacked.with_values(lambda a: a[index])

    def elements(self) -> list[Pixels]:
        """The pixels of every label."""
        return [self.element(i) for i in range(len(self))]

    def stack(self) -> Pixels:
        """All values, the dimension as first axis: (n, *rest)."""
        if self.read is not None:
            self.read(None)
        if self._stacked is None:
            assert self._elements is not None
            self._stacked = stack(self._elements)
        return self._stacked
