"""Operators with two cubes: mask and merge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Label, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Array, Block, DeferredNull, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels
from openeo_plugin.engine.windows import offset, on_grid, union
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
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axes: tuple[int, ...]
    bands: bool
    replacement: float | bool | None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same of both; of the mask only what it has."""
        mask = Request(
            on_grid(request.window, self.inputs[1].description.grid),
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
            dtype = np.result_type(plain.values.dtype, np.min_scalar_type(self.replacement))
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
    axes = []
    for dimension in m.labelled:
        found = next((i for i, own in enumerate(d.labelled) if own.name == dimension.name), None)
        if found is None:
            raise OpenEOError("IncompatibleDataCubes", reason=f"the mask has a dimension '{dimension.name}' more.")
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
        bands = tuple(
            replace(band, dtype=np.result_type(band.dtype, np.min_scalar_type(replacement))) for band in d.bands
        )
    if not m.free and offset(m.grid, d.grid) is None:
        reason = "the mask lies on another grid; put resample_cube_spatial before mask."
        raise OpenEOError("IncompatibleDataCubes", reason=reason)
    described = replace(d, bands=bands, free=d.free and m.free)
    return MaskCube(node, (data, mask), described, tuple(axes), len(m.bands) > 1, replacement)


@dataclass(frozen=True, eq=False)
class Merge:
    """Two cubes joined along whatever labels differ; where both have a value the resolver decides.

    Args:
        band_sources: for every band of the result its index in the first and in the second cube, None if it lacks it.
        label_sources: the same for every label of every labelled dimension; `axes` tells where the dimension is.
        axes: for every labelled dimension of the result its axis in the first and second cube, None if it lacks it.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    band_sources: tuple[tuple[int | None, int | None], ...]
    label_sources: tuple[tuple[tuple[int | None, int | None], ...], ...]
    axes: tuple[tuple[int | None, int | None], ...]
    resolver: Compute | None
    context: Any

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Of each cube the bands and labels that it has; nothing if it has none of them."""
        return tuple(self._part(request, side) for side in (0, 1))

    def _part(self, request: Request, side: int) -> Request | None:
        bands = _present([self.band_sources[b][side] for b in request.bands])
        source = self.inputs[side].description
        labels: list[tuple[int, ...]] = [()] * len(source.labelled)
        for asked, sources, axes in zip(request.labels, self.label_sources, self.axes, strict=True):
            axis = axes[side]
            if axis is not None:
                labels[axis] = _present([sources[i][side] for i in asked])
        if not bands or any(not own for own in labels):
            return None
        window = on_grid(request.window, source.grid)
        return Request(window, bands, tuple(labels), exact=request.exact or self.resolver is not None)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Bands that one cube alone has pass through untouched."""
        return Block(tuple(self._band(request, b, inputs) for b in request.bands))

    def _band(self, request: Request, band: int, inputs: tuple[Block | None, ...]) -> Pixels:
        sides: list[tuple[Pixels, Array | None] | None] = []
        for side in (0, 1):
            block, part = inputs[side], self._part(request, side)
            index = self.band_sources[band][side]
            if block is None or part is None or index is None:
                sides.append(None)
                continue
            sides.append(self._spread(request, side, block.bands[part.bands.index(index)], part))
        first, second = sides
        if second is None and first is not None and first[1] is None:
            return first[0]
        if first is None and second is not None and second[1] is None:
            return second[0]
        return self._resolved(request, band, first, second)

    def _spread(self, request: Request, side: int, pixels: Pixels, part: Request) -> tuple[Pixels, Array | None]:
        """The side's pixels in the shape of the result, and which of the labels' cells it has (None: all)."""
        order = [axis for axis in (axes[side] for axes in self.axes) if axis is not None]
        rank = len(self.axes)

        def arranged(array: Array) -> Array:
            moved = np.transpose(array, (*order, array.ndim - 2, array.ndim - 1))
            for axis in range(rank):
                if self.axes[axis][side] is None:
                    moved = np.expand_dims(moved, axis)
            return moved

        pixels = pixels.with_values(arranged)
        indices, has = [], np.ones((1,) * rank, bool)
        for axis, (asked, sources) in enumerate(zip(request.labels, self.label_sources, strict=True)):
            own = self.axes[axis][side]
            if own is None:
                indices.append(np.zeros(len(asked), int))
                continue
            wanted = [sources[i][side] for i in asked]
            present = part.labels[own]
            indices.append(np.array([present.index(w) if w is not None else 0 for w in wanted], int))
            shape = [1] * rank
            shape[axis] = len(asked)
            has = has & np.array([w is not None for w in wanted], bool).reshape(shape)
        identity = all(
            len(i) == pixels.shape[axis] and (i == np.arange(len(i))).all() for axis, i in enumerate(indices)
        )
        if not identity:
            pixels = pixels.with_values(lambda a: a[np.ix_(*indices)])
        return pixels, None if has.all() else np.broadcast_to(has, tuple(len(i) for i in indices))

    def _resolved(
        self,
        request: Request,
        band: int,
        first: tuple[Pixels, Array | None] | None,
        second: tuple[Pixels, Array | None] | None,
    ) -> Pixels:
        shape = (*(len(asked) for asked in request.labels), *request.window.shape)
        described = self.description.bands[band]
        values = np.zeros(shape, described.dtype)
        null = np.ones(shape, bool)
        for side in (first, second):
            if side is not None:
                _put(values, null, side[0], side[1])
        if first is not None and second is not None and self.resolver is not None:
            both = _cells(first[1], shape) & _cells(second[1], shape)
            x, y = (s[0].with_values(lambda a: np.broadcast_to(a, shape)) for s in (first, second))
            _put(values, null, as_pixels(self.resolver(x=x, y=y, context=self.context), shape), both)
        if values.dtype.kind == "f":
            values[null] = np.nan
            return Pixels(values, mask=Mask(null), nan_marks=True)
        return Pixels(values, mask=Mask(null))


def _cells(has: Array | None, shape: tuple[int, ...]) -> Array:
    return np.ones(shape[:-2], bool) if has is None else np.broadcast_to(has, shape[:-2])


def _put(values: Array, null: Array, pixels: Pixels, has: Array | None) -> None:
    """Write pixels into the cells of labels that `has` names (all for None)."""
    plain = pixels.plain()
    own = plain.null()
    source = np.broadcast_to(plain.values, values.shape)
    flags = np.zeros(values.shape, bool) if own is None else np.broadcast_to(own, values.shape)
    cells: Any = ... if has is None else np.broadcast_to(has, values.shape[:-2])
    with np.errstate(invalid="ignore"):
        values[cells] = source[cells].astype(values.dtype, copy=False)
    null[cells] = flags[cells]


def _present(indices: list[int | None]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(i for i in indices if i is not None))


def _joined_labels(first: tuple[Label, ...], second: tuple[Label, ...], *, ordered: bool) -> tuple[Label, ...]:
    joined = (*first, *(label for label in second if label not in first))
    return tuple(sorted(joined, key=str)) if ordered else joined


def _sources(
    labels: tuple[Label, ...], first: tuple[Label, ...] | None, second: tuple[Label, ...] | None
) -> tuple[tuple[int | None, int | None], ...]:
    """Where a label is in each cube; a cube without the dimension has it everywhere (index 0)."""

    def index(own: tuple[Label, ...] | None, label: Label) -> int | None:
        if own is None:
            return 0
        return own.index(label) if label in own else None

    return tuple((index(first, label), index(second, label)) for label in labels)


def merge_cubes(node: str, first: Operator, second: Operator, resolver: Compute | None, context: Any) -> Merge:
    """Describe `merge_cubes`.

    The first cube's order of dimensions comes first, dimensions that only the second has follow before x and y.
    Temporal labels are sorted, others keep their order, the first cube's before the second's.

    Raises: OverlapResolverMissing, IncompatibleDataCubes.
    """
    a, b = first.description, second.description
    dimensions, label_sources, axes = [], [], []
    names = [d.name for d in a.labelled] + [d.name for d in b.labelled if d.name not in a.names]
    for name in names:
        one = next((d for d in a.labelled if d.name == name), None)
        two = next((d for d in b.labelled if d.name == name), None)
        present = one or two
        assert present is not None
        if one is not None and two is not None and one.type != two.type:
            raise OpenEOError("IncompatibleDataCubes", reason=f"the dimension '{name}' is of different types.")
        labels = present.labels
        if one is not None and two is not None:
            labels = _joined_labels(one.labels, two.labels, ordered=one.type == "temporal")
        dimensions.append(replace(present, labels=labels))
        label_sources.append(_sources(labels, one.labels if one else None, two.labels if two else None))
        axes.append((a.axis(name) if one else None, b.axis(name) if two else None))
    bands_dimension, bands, band_sources = _merged_bands(a, b)
    resolves = any(None not in s for s in band_sources) and all(
        any(None not in s for s in sources) for sources in label_sources
    )
    if resolves and resolver is None:
        raise OpenEOError("OverlapResolverMissing")
    free = a.free and b.free
    described = CubeDescription(
        _ordered(a, b, {d.name: d for d in dimensions}, bands_dimension),
        _merged_grid(a, b),
        bands,
        free,
        a.block,
    )
    merged = Merge(node, (first, second), described, band_sources, tuple(label_sources), tuple(axes), resolver, context)
    return replace(merged, description=replace(described, bands=_merged_types(merged, resolves)))


def _merged_types(merged: Merge, resolves: bool) -> tuple[Band, ...]:
    a, b = (operator.description for operator in merged.inputs)
    bands = []
    for band, (one, two) in zip(merged.description.bands, merged.band_sources, strict=True):
        if one is None or two is None:
            bands.append(replace(band, nullable=True))
            continue
        x, y = a.bands[one], b.bands[two]
        dtype = np.result_type(x.dtype, y.dtype)
        if resolves and merged.resolver is not None:
            empties = [
                Pixels(empty_pixels(own, d).values.ravel()[:0].reshape(0, 0), own.nodata) for own, d in ((x, a), (y, b))
            ]
            value = as_pixels(merged.resolver(x=empties[0], y=empties[1], context=merged.context), (0, 0))
            made = band_of(value, band.name, band)
            dtype = made.dtype if all(None not in s for s in merged.band_sources) else np.result_type(dtype, made.dtype)
        nodata = x.nodata if repr(x.nodata) == repr(y.nodata) and dtype == x.dtype else None
        bands.append(replace(band, dtype=dtype, nodata=np.nan if dtype.kind == "f" else nodata, nullable=True))
    return tuple(bands)


def _merged_bands(
    a: CubeDescription, b: CubeDescription
) -> tuple[BandsDimension | None, tuple[Band, ...], tuple[tuple[int | None, int | None], ...]]:
    one, two = a.bands_dimension, b.bands_dimension
    if one is None and two is None:
        return None, a.bands, ((0, 0),)
    if one is None or two is None:
        own = one or two
        assert own is not None
        bands = a.bands if one else b.bands
        sources = _sources(own.labels, one.labels if one else None, two.labels if two else None)
        return own, bands, sources
    if one.name != two.name:
        raise OpenEOError("IncompatibleDataCubes", reason="the bands dimensions have different names.")
    labels = _joined_labels(one.labels, two.labels, ordered=False)
    sources = _sources(labels, one.labels, two.labels)
    bands = tuple(a.bands[i] if i is not None else b.bands[j] for i, j in sources)  # type: ignore[index]
    return replace(one, labels=labels), bands, sources


def _ordered(
    a: CubeDescription,
    b: CubeDescription,
    labelled: dict[str, LabelledDimension],
    bands: BandsDimension | None,
) -> tuple[Any, ...]:
    """Dimensions of the result: the first cube's order; what only the second has comes before y and x."""

    def of(dimension: Any) -> Any:
        if isinstance(dimension, BandsDimension):
            return bands
        return labelled.get(dimension.name, dimension)

    own = [of(d) for d in a.dimensions]
    more = [of(d) for d in b.dimensions if d.name not in a.names]
    place = next((i for i, d in enumerate(own) if isinstance(d, SpatialDimension)), len(own))
    return (*own[:place], *more, *own[place:])


def _merged_grid(a: CubeDescription, b: CubeDescription) -> Grid:
    """One lattice: both extents. Different lattices: the first cube's grid, on which the second is read."""
    if offset(b.grid, a.grid) is not None:
        return union(a.grid, b.grid)
    if not b.free:
        reason = "the second cube lies on another grid; put resample_cube_spatial before merge_cubes."
        raise OpenEOError("IncompatibleDataCubes", reason=reason)
    return a.grid
