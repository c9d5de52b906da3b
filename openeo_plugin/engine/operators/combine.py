"""Operators with two cubes of which the first one gives the shape: mask, and functions of pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import whole
from openeo_plugin.cube.pixels import Array, Block, DeferredNull, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels
from openeo_plugin.engine.windows import offset, on_grid
from openeo_plugin.errors import OpenEOError


def same_labels(first: LabelledDimension, second: LabelledDimension) -> bool:
    """Whether two dimensions have the same labels in the same order."""
    return tuple(first.labels) == tuple(second.labels)


@dataclass(frozen=True, eq=False)
class MaskCube:
    """The first cube, null (or another value) where the second is true or not zero.

    Args:
        axes: for every labelled dimension of the mask its axis in the data.
        bands: whether the mask has the bands of the data; else its only band masks all of them.
        replacement: None for null.
        point: whether the mask has neither x nor y, so that its only pixel counts everywhere.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axes: tuple[int, ...]
    bands: bool
    replacement: float | bool | None
    point: bool = False

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same of both; of the mask only what it has."""
        grid = self.inputs[1].description.grid
        mask = Request(
            whole(grid) if self.point else on_grid(request.window, grid),
            request.bands if self.bands else (0,),
            tuple(request.labels[axis] for axis in self.axes),
            exact=True,
        )
        data = replace(request, window=on_grid(request.window, self.inputs[0].description.grid))
        return data, mask

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Masks are handed on as they are; no pixel is copied unless there is a replacement."""
        data, mask = inputs
        assert data is not None
        assert mask is not None
        masks = [self._flags(p, len(request.labels)) for p in mask.bands]
        if not self.bands:
            masks = masks * len(data.bands)
        return Block(tuple(self._masked(p, m) for p, m in zip(data.bands, masks, strict=True)))

    def _flags(self, pixels: Pixels, rank: int) -> Mask:
        def aligned(array: Array) -> Array:
            moved = np.transpose(array, (*np.argsort(self.axes), array.ndim - 2, array.ndim - 1))
            missing = tuple(axis for axis in range(rank) if axis not in self.axes)
            return np.expand_dims(moved, missing) if missing else moved

        if pixels.palette is not None and pixels.mask is None:
            table = pixels.palette.values.astype(bool) & ~pixels.palette.null
            return Mask(aligned(pixels.values), table)
        plain = pixels.plain()
        flags = plain.values if plain.values.dtype == bool else plain.values != 0
        null = plain.null()
        return Mask(aligned(flags if null is None else flags & ~null))

    def _masked(self, pixels: Pixels, mask: Mask) -> Pixels:
        if self.replacement is not None:
            plain = pixels.plain()
            flags = np.broadcast_to(mask.flags(), plain.shape)
            dtype = _holding(plain.values.dtype, self.replacement)
            values = np.where(flags, dtype.type(self.replacement), plain.values)
            null = plain.null()
            return Pixels(values) if null is None else Pixels(values, mask=Mask(null & ~flags))
        if pixels.mask is None:
            return replace(pixels, mask=mask, nan_marks=False)
        before = pixels.mask
        return replace(pixels, mask=DeferredNull(lambda: before.flags() | mask.flags()), nan_marks=False).settled(
            exact=True
        )


def mask_cube(node: str, data: Operator, mask: Operator, replacement: float | bool | None) -> MaskCube:
    """Describe `mask`.

    Raises: IncompatibleDataCubes if the mask has dimensions or labels that the data lacks.
    """
    d, m = data.description, mask.description
    d.require_comparable(m)
    axes = []
    for dimension in m.labelled:
        found = next((i for i, own in enumerate(d.labelled) if own.name == dimension.name), None)
        if found is None:
            raise OpenEOError("IncompatibleDataCubes", reason=f"the mask has a dimension '{dimension.name}' more.")
        if d.labelled[found].type != dimension.type:
            raise OpenEOError(
                "IncompatibleDataCubes", reason=f"the dimension '{dimension.name}' is of different types."
            )
        if not same_labels(d.labelled[found], dimension):
            reason = f"the labels of the dimension '{dimension.name}' differ between data and mask."
            raise OpenEOError("IncompatibleDataCubes", reason=reason)
        axes.append(found)
    own, other = d.bands_dimension, m.bands_dimension
    if other is not None and len(m.bands) > 1 and (own is None or not same_labels(own, other)):
        raise OpenEOError("IncompatibleDataCubes", reason="the bands of data and mask differ.")
    if replacement is None:
        bands = tuple(replace(band, nullable=True) for band in d.bands)
    else:
        bands = tuple(_replaced(band, replacement) for band in d.bands)
    point = not any(isinstance(dimension, SpatialDimension) for dimension in m.dimensions)
    if not point and not m.free and offset(m.grid, d.grid) is None:
        mask = pin(mask)
    described = replace(d, bands=bands, free=d.free and (m.free or point))
    return MaskCube(node, (data, mask), described, tuple(axes), len(m.bands) > 1, replacement, point)


def _holding(dtype: np.dtype[Any], replacement: float | bool) -> np.dtype[Any]:
    """The type of a band that holds the replacement, too; real numbers have 32 bits at least."""
    own = np.min_scalar_type(replacement)
    return (
        np.result_type(dtype, own, np.float32) if own.kind == "f" and dtype.kind != "f" else np.result_type(dtype, own)
    )


def _replaced(band: Band, replacement: float | bool) -> Band:
    """A band that may hold the replacement. If that was its sentinel, null stands in a mask from now on."""
    dtype = _holding(band.dtype, replacement)
    if band.nodata is None or (dtype == band.dtype and replacement != band.nodata):
        return replace(band, dtype=dtype)
    return replace(band, dtype=dtype, nodata=np.nan if dtype.kind == "f" else None, nullable=True)


@dataclass(frozen=True, eq=False)
class Pairwise:
    """A function of each value of the first cube and the one of the second that belongs to it.

    Args:
        axes: for every labelled dimension of the second cube its axis in the first.
        labels: for the same dimensions the index of the label that belongs to each label of the first cube.
        bands: whether the second cube has the bands of the first; else its only band counts for each of them.
        function: called with x= and y=.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axes: tuple[int, ...]
    labels: tuple[tuple[int, ...], ...]
    bands: bool
    function: Compute

    def _wanted(self, request: Request) -> list[list[int]]:
        return [[own[i] for i in request.labels[axis]] for axis, own in zip(self.axes, self.labels, strict=True)]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same of the first cube; of the second each label once."""
        second = Request(
            on_grid(request.window, self.inputs[1].description.grid),
            request.bands if self.bands else (0,),
            tuple(tuple(dict.fromkeys(own)) for own in self._wanted(request)),
            exact=request.exact,
        )
        return replace(request, window=on_grid(request.window, self.inputs[0].description.grid)), second

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the function for each band."""
        first, second = inputs
        assert first is not None
        assert second is not None
        others = [self._aligned(p, request) for p in second.bands]
        others = others if self.bands else others * len(first.bands)
        made = []
        for x, y in zip(first.bands, others, strict=True):
            value = as_pixels(self.function(x=x, y=y), first.shape)
            made.append(value.settled(exact=request.exact))
        return Block(tuple(made))

    def _aligned(self, pixels: Pixels, request: Request) -> Pixels:
        places = []
        for own in self._wanted(request):
            given = list(dict.fromkeys(own))
            places.append([given.index(i) for i in own])
        missing = tuple(axis for axis in range(len(request.labels)) if axis not in self.axes)

        def change(array: Array) -> Array:
            taken = array[np.ix_(*places)] if places else array
            moved = np.transpose(taken, (*np.argsort(self.axes), taken.ndim - 2, taken.ndim - 1))
            return np.expand_dims(moved, missing) if missing else moved

        return pixels.with_values(change)


def pairwise(
    node: str,
    first: Operator,
    second: Operator,
    function: Compute,
    matched: dict[str, tuple[str, tuple[int, ...]]],
) -> Pairwise:
    """Describe a function of each value of the first cube and the one of the second that belongs to it.

    Args:
        matched: for dimensions of the second cube the dimension of the first cube that they belong to, and for each of
            its labels the index of the label in the second. Other dimensions must be those of the first cube, with the
            same labels, or missing.
    Raises: IncompatibleDataCubes.
    """
    d, other = first.description, second.description
    d.require_comparable(other)
    axes, labels = [], []
    for dimension in other.labelled:
        name, places = matched.get(dimension.name, (dimension.name, tuple(range(len(dimension.labels)))))
        axis = next((i for i, own in enumerate(d.labelled) if own.name == name), None)
        if axis is None or (dimension.name not in matched and not same_labels(d.labelled[axis], dimension)):
            reason = f"the dimension '{dimension.name}' of the second cube is not the one of the first."
            raise OpenEOError("IncompatibleDataCubes", reason=reason)
        axes.append(axis)
        labels.append(places)
    own_bands, bands = d.bands_dimension, other.bands_dimension
    if bands is not None and (own_bands is None or not same_labels(own_bands, bands)):
        raise OpenEOError("IncompatibleDataCubes", reason="the bands of the cubes differ.")
    if not other.free and offset(other.grid, d.grid) is None:
        second = pin(second)
    made = []
    for index, band in enumerate(d.bands):
        partner = other.bands[index if bands is not None else 0]
        x, y = (empty_pixels(b, replace(d, dimensions=())) for b in (band, partner))
        made.append(band_of(as_pixels(function(x=x, y=y), x.shape), band.name, band))
    described = replace(d, bands=tuple(made), free=d.free and other.free)
    return Pairwise(node, (first, second), described, tuple(axes), tuple(labels), bands is not None, function)
