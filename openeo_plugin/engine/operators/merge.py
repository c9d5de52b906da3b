"""The operator of merge_cubes: two cubes joined along whatever labels differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, Label, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid, whole
from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels
from openeo_plugin.engine.windows import inside, offset, on_grid, union
from openeo_plugin.errors import OpenEOError

Sources = tuple[tuple[int | None, int | None], ...]
"""For every label its index in the first and in the second cube; None in a cube that lacks it."""


@dataclass(frozen=True)
class _Side:
    """One cube's pixels in the shape of the result, and where the cube has any.

    labels: bool over the labelled dimensions, None for all of them; within: bool (rows, columns), None for all.
    """

    pixels: Pixels
    labels: Array | None
    within: Array | None

    @property
    def complete(self) -> bool:
        return self.labels is None and self.within is None

    def has(self, shape: tuple[int, ...]) -> Array:
        """Bool of the result's shape."""
        found = np.ones(shape, bool)
        if self.labels is not None:
            found &= self.labels[..., np.newaxis, np.newaxis]
        if self.within is not None:
            found &= self.within
        return found


@dataclass(frozen=True, eq=False)
class Merge:
    """Two cubes joined along whatever labels differ; where both have a value the resolver decides.

    A cube has a value within its grid and for its own labels, be it null.

    Args:
        band_sources: for every band of the result where it comes from.
        label_sources: the same for every label of every labelled dimension; a cube that lacks the dimension has
            its values for each label (index 0).
        axes: for every labelled dimension of the result its axis in the first and second cube, None if it lacks it.
        points: whether a cube has neither x nor y, so that its only pixel counts everywhere.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    band_sources: Sources
    label_sources: tuple[Sources, ...]
    axes: tuple[tuple[int | None, int | None], ...]
    points: tuple[bool, bool]
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
        window = whole(source.grid) if self.points[side] else on_grid(request.window, source.grid)
        return Request(window, bands, tuple(labels), exact=request.exact or self.resolver is not None)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Bands that one cube alone has pass through untouched."""
        parts = [self._part(request, side) for side in (0, 1)]
        within = [self._within(request, side) for side in (0, 1)]
        made = []
        for band in request.bands:
            sides: list[_Side | None] = []
            for side in (0, 1):
                block, part, index = inputs[side], parts[side], self.band_sources[band][side]
                if block is None or part is None or index is None:
                    sides.append(None)
                    continue
                pixels = block.bands[part.bands.index(index)]
                sides.append(self._spread(request, side, pixels, part, within[side]))
            made.append(self._band(request, band, *sides))
        return Block(tuple(made))

    def _within(self, request: Request, side: int) -> Array | None:
        return None if self.points[side] else inside(request.window, self.inputs[side].description.grid)

    def _spread(self, request: Request, side: int, pixels: Pixels, part: Request, within: Array | None) -> _Side:
        order = [axis for axis in (axes[side] for axes in self.axes) if axis is not None]
        missing = tuple(axis for axis in range(len(self.axes)) if self.axes[axis][side] is None)

        def arranged(array: Array) -> Array:
            moved = np.transpose(array, (*order, array.ndim - 2, array.ndim - 1))
            return np.expand_dims(moved, missing) if missing else moved

        pixels = pixels.with_values(arranged)
        shape = tuple(len(asked) for asked in request.labels)
        has = np.ones(shape, bool)
        indices = []
        for axis, (asked, sources) in enumerate(zip(request.labels, self.label_sources, strict=True)):
            own = self.axes[axis][side]
            if own is None:
                indices.append(np.zeros(len(asked), int))
                continue
            wanted = [sources[i][side] for i in asked]
            indices.append(np.array([0 if w is None else part.labels[own].index(w) for w in wanted], int))
            present = np.array([w is not None for w in wanted], bool)
            has &= present.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        moved = any(len(i) != pixels.shape[axis] or (i != np.arange(len(i))).any() for axis, i in enumerate(indices))
        if moved:
            pixels = pixels.with_values(lambda a: a[np.ix_(*indices)])
        if self.points[side]:
            pixels = pixels.with_values(lambda a: np.broadcast_to(a, (*a.shape[:-2], *request.window.shape)))
        return _Side(pixels, None if has.all() else has, within)

    def _band(self, request: Request, band: int, first: _Side | None, second: _Side | None) -> Pixels:
        dtype = self.description.bands[band].dtype
        alone = first or second
        if alone is not None and (first is None or second is None) and alone.complete:
            return _typed(alone.pixels, dtype)
        shape = (*(len(asked) for asked in request.labels), *request.window.shape)
        both = first is not None and second is not None
        if both and self.resolver is not None and first.complete and second.complete:  # type: ignore[union-attr]
            return _typed(self._resolved(first, second, shape), dtype).settled(exact=request.exact)  # type: ignore[arg-type]
        values, null = np.zeros(shape, dtype), np.ones(shape, bool)
        for side in (first, second):
            if side is not None:
                _put(values, null, side.pixels, side.has(shape))
        if both and self.resolver is not None:
            cells = first.has(shape) & second.has(shape)  # type: ignore[union-attr]
            if cells.any():
                _put(values, null, self._resolved(first, second, shape), cells)  # type: ignore[arg-type]
        if dtype.kind == "f":
            values[null] = np.nan
            return Pixels(values, mask=Mask(null), nan_marks=True)
        return Pixels(values, mask=Mask(null))

    def _resolved(self, first: _Side, second: _Side, shape: tuple[int, ...]) -> Pixels:
        assert self.resolver is not None
        x, y = (s.pixels.with_values(lambda a: np.broadcast_to(a, shape)) for s in (first, second))
        return as_pixels(self.resolver(x=x, y=y, context=self.context), shape)


def _typed(pixels: Pixels, dtype: np.dtype[Any]) -> Pixels:
    if pixels.dtype == dtype:
        return pixels
    plain = pixels.plain()
    null = plain.null()
    with np.errstate(invalid="ignore"):
        values = plain.values.astype(dtype)
    return Pixels(values) if null is None else Pixels(values, mask=Mask(null))


def _put(values: Array, null: Array, pixels: Pixels, cells: Array) -> None:
    """Write pixels into some cells."""
    plain = pixels.plain()
    own = plain.null()
    with np.errstate(invalid="ignore"):
        np.copyto(values, plain.values, casting="unsafe", where=cells)
    np.copyto(null, False if own is None else own, where=cells)


def _present(indices: list[int | None]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(i for i in indices if i is not None))


def _key(dimension: LabelledDimension) -> Callable[[Label], Any]:
    """What labels are compared and sorted by: instants where they are some."""
    if dimension.type != "temporal":
        return lambda label: (isinstance(label, str), label)

    def instant(label: Label) -> Any:
        try:
            return 0, parse_instant(str(label)).astype("datetime64[us]").astype(int).item()
        except ValueError:
            return 1, str(label)

    return instant


def _joined_labels(first: LabelledDimension, second: LabelledDimension) -> tuple[Label, ...]:
    """Labels of both: of time in order, others as they come."""
    key = _key(first)
    known = {key(label) for label in first.labels}
    joined = (*first.labels, *(label for label in second.labels if key(label) not in known))
    return tuple(sorted(joined, key=key)) if first.type == "temporal" else joined


def _sources(labels: tuple[Label, ...], first: LabelledDimension | None, second: LabelledDimension | None) -> Sources:
    def index(own: LabelledDimension | None) -> Callable[[Label], int | None]:
        if own is None:
            return lambda label: 0
        key = _key(own)
        places = {key(label): place for place, label in enumerate(own.labels)}
        return lambda label: places.get(key(label))

    one, two = index(first), index(second)
    return tuple((one(label), two(label)) for label in labels)


def merge_cubes(node: str, first: Operator, second: Operator, resolver: Compute | None, context: Any) -> Merge:
    """Describe `merge_cubes`.

    The first cube's order of dimensions comes first, dimensions that only the second has follow before x and y.

    Raises: OverlapResolverMissing, IncompatibleDataCubes.
    """
    a, b = first.description, second.description
    _check_dimensions(a, b)
    points = (_is_point(a) and not _is_point(b), _is_point(b) and not _is_point(a))
    if not any(points) and not b.free and offset(b.grid, a.grid) is None:
        second = pin(second)
    dimensions, label_sources, axes = {}, [], []
    for name in dict.fromkeys(d.name for d in (*a.labelled, *b.labelled)):
        one = next((d for d in a.labelled if d.name == name), None)
        two = next((d for d in b.labelled if d.name == name), None)
        present = one or two
        assert present is not None
        labels = _joined_labels(one, two) if one is not None and two is not None else present.labels
        dimensions[name] = replace(present, labels=labels)
        label_sources.append(_sources(labels, one, two))
        axes.append((a.axis(name) if one else None, b.axis(name) if two else None))
    bands_dimension, bands, band_sources = _merged_bands(a, b)
    overlap = all(any(None not in s for s in sources) for sources in (band_sources, *label_sources))
    resolves = overlap and (any(points) or _touch(a.grid, b.grid))
    if resolves and resolver is None:
        raise OpenEOError("OverlapResolverMissing")
    grid = b.grid if points[0] else a.grid if points[1] else _merged_grid(a.grid, b.grid)
    described = CubeDescription(
        _ordered(a, b, dimensions, bands_dimension), grid, bands, a.free and b.free, b.block if points[0] else a.block
    )
    merged = Merge(
        node, (first, second), described, band_sources, tuple(label_sources), tuple(axes), points, resolver, context
    )
    return replace(merged, description=replace(described, bands=_merged_types(merged, resolves)))


def _is_point(description: CubeDescription) -> bool:
    return not any(isinstance(d, SpatialDimension) for d in description.dimensions)


def _check_dimensions(a: CubeDescription, b: CubeDescription) -> None:
    """Raises: IncompatibleDataCubes if a dimension is called alike and is another, or is another and called alike."""
    for one in a.dimensions:
        for two in b.dimensions:
            if one.name == two.name and one.type != two.type:
                raise OpenEOError("IncompatibleDataCubes", reason=f"the dimension '{one.name}' is of different types.")
            alike = isinstance(one, SpatialDimension) and isinstance(two, SpatialDimension) and one.axis == two.axis
            alike = alike or (isinstance(one, BandsDimension) and isinstance(two, BandsDimension))
            if alike and one.name != two.name:
                reason = f"the dimension '{one.name}' is called '{two.name}' in the second cube."
                raise OpenEOError("IncompatibleDataCubes", reason=reason)
    axes = [{d.axis for d in c.dimensions if isinstance(d, SpatialDimension)} for c in (a, b)]
    if axes[0] != axes[1] and axes[0] and axes[1]:
        raise OpenEOError("IncompatibleDataCubes", reason="one of the cubes lacks one of x and y.")


def _touch(a: Grid, b: Grid) -> bool:
    """Whether two grids share pixels; taken for granted where they have different lattices."""
    shift = offset(b, a)
    if shift is None:
        return True
    return all(-b.shape[i] < shift[i] < a.shape[i] for i in (0, 1))


def _merged_types(merged: Merge, resolves: bool) -> tuple[Band, ...]:
    a, b = (operator.description for operator in merged.inputs)
    everywhere = all(None not in s for sources in merged.label_sources for s in sources)
    everywhere = everywhere and (
        any(merged.points) or (offset(a.grid, b.grid) == (0, 0) and a.grid.shape == b.grid.shape)
    )
    bands = []
    for band, (one, two) in zip(merged.description.bands, merged.band_sources, strict=True):
        if one is None or two is None:
            bands.append(replace(band, nullable=True))
            continue
        x, y = a.bands[one], b.bands[two]
        dtype = np.result_type(x.dtype, y.dtype)
        if resolves and merged.resolver is not None:
            made = _resolved_type(merged.resolver, merged.context, (x, a), (y, b))
            dtype = made if everywhere else np.result_type(dtype, made)
        nodata = x.nodata if repr(x.nodata) == repr(y.nodata) and dtype == x.dtype else None
        bands.append(replace(band, dtype=dtype, nodata=np.nan if dtype.kind == "f" else nodata, nullable=True))
    return tuple(bands)


def _resolved_type(resolver: Compute, context: Any, *sides: tuple[Band, CubeDescription]) -> np.dtype[Any]:
    x, y = (empty_pixels(band, replace(d, dimensions=())) for band, d in sides)
    return band_of(as_pixels(resolver(x=x, y=y, context=context), (0, 0)), "").dtype


def _merged_bands(a: CubeDescription, b: CubeDescription) -> tuple[BandsDimension | None, tuple[Band, ...], Sources]:
    one, two = a.bands_dimension, b.bands_dimension
    if one is None and two is None:
        return None, a.bands, ((0, 0),)
    if one is None or two is None:
        own = one or two
        assert own is not None
        return own, a.bands if one else b.bands, _sources(own.labels, one, two)
    labels = _joined_labels(one, two)
    sources = _sources(labels, one, two)
    bands = tuple(a.bands[i] if i is not None else b.bands[j] for i, j in sources)  # type: ignore[index]
    return replace(one, labels=labels), bands, sources


def _ordered(
    a: CubeDescription, b: CubeDescription, labelled: dict[str, LabelledDimension], bands: BandsDimension | None
) -> tuple[Dimension, ...]:
    """Dimensions of the result: the first cube's order; what only the second has comes before y and x."""

    def of(dimension: Dimension) -> Dimension:
        if isinstance(dimension, BandsDimension) and bands is not None:
            return bands
        return labelled.get(dimension.name, dimension)

    own = [of(d) for d in a.dimensions]
    more = [of(d) for d in b.dimensions if d.name not in a.names]
    place = next((i for i, d in enumerate(own) if isinstance(d, SpatialDimension)), len(own))
    return (*own[:place], *more, *own[place:])


def _merged_grid(a: Grid, b: Grid) -> Grid:
    """One lattice: both extents. Different lattices: the first cube's grid, on which the second is read."""
    return a if offset(b, a) is None else union(a, b)
