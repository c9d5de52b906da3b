"""What comes out when two cubes are merged: dimensions, labels, grid, types; and what makes it impossible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, Label, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.merge import Merge, Sources
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels
from openeo_plugin.engine.windows import offset, union
from openeo_plugin.errors import OpenEOError


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
    a.require_comparable(b)
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
