"""The operator of apply_dimension: a callback makes an array of the values along a dimension."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, LabelledDimension, OtherDimension, SpatialDimension
from openeo_plugin.cube.pixels import Block, Lanes, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.callbacks import lanes_with_gaps, read_indices
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels, tells_null
from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True)
class Route:
    """Where the values along a dimension come from and go to.

    Args:
        source: axis among the input's labelled dimensions; None for bands.
        target: axis among the result's labelled dimensions; None for bands.
        single: axis among the input's labelled dimensions that the target replaces; None if there is none.
        kept: for every other labelled dimension of the input, in order, its axis in the result.
    """

    source: int | None
    target: int | None
    single: int | None
    kept: dict[int, int]


@dataclass(frozen=True, eq=False)
class ApplyAlong:
    """A callback on the values along a dimension, which gives one value or an array of them.

    Args:
        read: indices of the labels that the callback reads; None for all.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    route: Route
    read: tuple[int, ...] | None

    def _source_indices(self) -> tuple[int, ...]:
        source = self.inputs[0].description
        axis = self.route.source
        every = range(len(source.bands) if axis is None else len(source.labelled[axis].labels))
        return tuple(every) if self.read is None else self.read or tuple(every[:1])

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The labels that the callback reads, whichever of its values are wanted."""
        route, source = self.route, self.inputs[0].description
        needed = self._source_indices()
        labels: list[tuple[int, ...]] = [(0,)] * len(source.labelled)
        for axis, place in route.kept.items():
            labels[axis] = request.labels[place]
        bands = request.bands
        if route.source is None:
            bands = needed
        else:
            labels[route.source] = needed
            bands = (0,) if route.target is None else request.bands
        if not needed:
            return (None,)
        exact = request.exact or tells_null(self.callback)
        return (replace(request, bands=bands, labels=tuple(labels), exact=exact),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each band, or for all bands."""
        shape = self._shape(request)
        made = [self._values(lanes, shape) for lanes in self._lanes(request, inputs[0], shape)]
        route = self.route
        if route.target is None:
            chosen = [self._settled(made[0].element(b), b, request) for b in request.bands]
            return Block(tuple(chosen))
        wanted = list(request.labels[route.target])
        bands = []
        for band, values in zip(request.bands, made, strict=True):
            stacked = values.stack()
            whole = wanted == list(range(stacked.shape[0]))
            picked = stacked if whole else stacked.with_values(lambda a: a[wanted])
            moved = picked.with_values(lambda a: np.moveaxis(a, 0, route.target))  # type: ignore[arg-type]
            bands.append(self._settled(moved, band, request))
        return Block(tuple(bands))

    def _shape(self, request: Request) -> tuple[int, ...]:
        """Of one value along the dimension: the result's labelled dimensions but the target, rows, columns."""
        rest = [len(own) for axis, own in enumerate(request.labels) if axis != self.route.target]
        return (*rest, *request.window.shape)

    def _lanes(self, request: Request, block: Block | None, shape: tuple[int, ...]) -> list[Lanes]:
        source, route = self.inputs[0].description, self.route
        needed = self._source_indices()
        if route.source is None:
            labels = source.bands_dimension.labels if source.bands_dimension else None
            elements = [_squeezed(p, route.single) for p in block.bands] if block is not None else []
            return [lanes_with_gaps(labels, elements, needed, len(source.bands), shape)]
        labels = source.labelled[route.source].labels
        if block is None:
            dtypes = [source.bands[b].dtype for b in (request.bands if route.target is not None else (0,))]
            return [Lanes(labels, stacked=Pixels(np.empty((0, *shape), dtype))) for dtype in dtypes]
        found = []
        for pixels in block.bands:
            first = pixels.with_values(lambda a: np.moveaxis(a, route.source, 0))  # type: ignore[arg-type]
            first = _squeezed(first, None if route.single is None else _behind(route.single, route.source))
            if self.read is None:
                found.append(Lanes(labels, stacked=first))
                continue
            elements = [first.with_values(lambda a, i=i: a[i]) for i in range(len(needed))]  # type: ignore[misc]
            found.append(lanes_with_gaps(labels, elements, needed, len(labels), shape))
        return found

    def _values(self, lanes: Lanes, shape: tuple[int, ...]) -> Lanes:
        return as_lanes(self.callback(data=lanes, context=self.context), shape)

    def _settled(self, pixels: Pixels, band: int, request: Request) -> Pixels:
        dtype = self.description.bands[band].dtype
        if pixels.dtype != dtype:
            plain = pixels.plain()
            pixels = replace(plain, values=plain.values.astype(dtype))
        return pixels.settled(exact=request.exact)


def _behind(single: int, source: int) -> int:
    """The axis `single` once the axis `source` was moved to the front."""
    return single + 1 if single < source else single


def _squeezed(pixels: Pixels, axis: int | None) -> Pixels:
    return pixels if axis is None else pixels.with_values(lambda a: a.squeeze(axis))


def as_lanes(value: Any, shape: tuple[int, ...]) -> Lanes:
    """What a callback gave as an array; every element is spread to the shape.

    Raises: ProcessGraphInvalid for anything that is no array with at least one value.
    """
    if isinstance(value, Lanes):
        stacked = value._stacked
        if stacked is not None and stacked.shape[1:] == shape and len(value) > 0:
            return value
        elements = value.elements()
    else:
        elements = list(value) if isinstance(value, list) else [value]
    if not elements:
        raise OpenEOError("ProcessGraphInvalid", reason="the callback must give at least one value, but gives none.")
    return Lanes(None, elements=[as_pixels(element, shape) for element in elements])


def apply_along(
    node: str, cube: Operator, name: str, target: str | None, callback: Compute, context: Any
) -> ApplyAlong:
    """Describe `apply_dimension` along a dimension with labels, into one with labels.

    Raises: DimensionNotAvailable; DimensionLabelCountMismatch if the target has several labels; what the callback
        raises when probed.
    """
    description = cube.description
    dimension = description.dimension(name)
    found = None if target in (None, name) else next((d for d in description.dimensions if d.name == target), None)
    assert not isinstance(dimension, SpatialDimension)
    assert not isinstance(found, SpatialDimension)
    if found is not None and len(found.labels) != 1:
        raise OpenEOError("DimensionLabelCountMismatch", dimension=target)
    made, read = _probed(description, dimension, found, callback, context)
    counts = {len(values) for values in made}
    if len(counts) > 1:
        raise OpenEOError("ProcessGraphInvalid", reason="the callback gives arrays of different length for the bands.")
    count = counts.pop() if counts else 0
    changed = _dimensions(description, dimension, found, target, count)
    bands = _bands(changed, description, dimension, made)
    described = replace(changed, bands=bands)
    return ApplyAlong(
        node, (cube,), described, callback, context, _route(description, described, dimension, found), read
    )


def _probed(
    description: CubeDescription,
    dimension: LabelledDimension,
    single: LabelledDimension | None,
    callback: Compute,
    context: Any,
) -> tuple[list[Lanes], tuple[int, ...] | None]:
    """What the callback gives for pixels of no extent: one array for each band (one for all, along bands)."""
    touched: set[int | None] = set()
    empties = [empty_pixels(band, description) for band in description.bands]
    if isinstance(dimension, BandsDimension):
        drop = description.axis(single.name) if single is not None else None
        elements = [_squeezed(p, drop) for p in empties]
        rest = _rest_shape(description, {single.name} if single else set())
        lanes = lanes_with_gaps(dimension.labels, elements, tuple(range(len(elements))), len(elements), rest)
        lanes.read = touched.add
        return [as_lanes(callback(data=lanes, context=context), rest)], read_indices(touched)
    axis = description.axis(dimension.name)
    bands_single = single is None or isinstance(single, BandsDimension)
    drop = None if bands_single else _behind(description.axis(single.name), axis)  # type: ignore[union-attr]
    rest = _rest_shape(description, {dimension.name} | ({single.name} if single else set()))
    made = []
    for empty in empties:
        first = _squeezed(empty.with_values(lambda a: np.moveaxis(a, axis, 0)), drop)
        lanes = Lanes(dimension.labels, stacked=first, read=touched.add)
        made.append(as_lanes(callback(data=lanes, context=context), rest))
    return made, read_indices(touched)


def _rest_shape(description: CubeDescription, without: set[str]) -> tuple[int, ...]:
    return (*(len(d.labels) for d in description.labelled if d.name not in without), 0, 0)


def _dimensions(
    description: CubeDescription,
    source: LabelledDimension,
    found: LabelledDimension | None,
    target: str | None,
    count: int,
) -> CubeDescription:
    """The description with its new dimensions; bands are still the old ones."""
    numbers = tuple(range(count))
    if found is not None:
        return description.with_dimension(source.name, None).with_dimension(found.name, replace(found, labels=numbers))
    if target in (None, source.name):
        labels = source.labels if count == len(source.labels) else numbers
        return description.with_dimension(source.name, replace(source, labels=labels))
    new: Dimension = OtherDimension(str(target), numbers)
    return description.with_dimension(source.name, new)


def _bands(
    changed: CubeDescription, description: CubeDescription, source: LabelledDimension, made: list[Lanes]
) -> tuple[Band, ...]:
    along = changed.bands_dimension
    into_bands = along is not None and (isinstance(source, BandsDimension) or along != description.bands_dimension)
    if into_bands:
        assert along is not None
        kept = along.labels == source.labels
        likes = description.bands if kept else (None,) * len(along.labels)
        return tuple(
            band_of(made[0].element(i), str(label), like)
            for i, (label, like) in enumerate(zip(along.labels, likes, strict=True))
        )
    if isinstance(source, BandsDimension):
        return (band_of(made[0].stack(), ""),)
    return tuple(band_of(m.stack(), band.name, band) for m, band in zip(made, description.bands, strict=True))


def _route(
    before: CubeDescription, after: CubeDescription, source: LabelledDimension, found: LabelledDimension | None
) -> Route:
    names = {d.name: axis for axis, d in enumerate(after.labelled)}
    source_axis = None if isinstance(source, BandsDimension) else before.axis(source.name)
    single = None if found is None or isinstance(found, BandsDimension) else before.axis(found.name)
    kept = {axis: names[d.name] for axis, d in enumerate(before.labelled) if axis not in (source_axis, single)}
    target = next((axis for axis in range(len(after.labelled)) if axis not in kept.values()), None)
    return Route(source_axis, target, single, kept)
