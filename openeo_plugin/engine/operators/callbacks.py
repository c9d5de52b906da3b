"""Operators that run a callback over pixels: apply, reduce a dimension, aggregate groups of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Label, LabelledDimension
from openeo_plugin.cube.pixels import Block, Lanes, Pixels, stack
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels, tells_null
from openeo_plugin.engine.slabs import PaletteTables, in_slabs


@dataclass(frozen=True, eq=False)
class MapPixels:
    """A callback on every value: `x` is one band's pixels."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    tables: PaletteTables = field(default_factory=PaletteTables)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same pixels; nulls must be told from NaN, since the callback may ask."""
        return (replace(request, exact=request.exact or tells_null(self.callback)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each band."""
        assert inputs[0] is not None
        return Block(tuple(self._one(p, exact=request.exact) for p in inputs[0].bands))

    def _one(self, pixels: Pixels, *, exact: bool) -> Pixels:
        def compute(parts: Sequence[Pixels]) -> Pixels:
            value = self.callback(x=parts[0], context=self.context)
            return as_pixels(value, parts[0].shape).settled(exact=exact)

        return self.tables.evaluate(pixels, compute, exact=exact)


def map_pixels(node: str, cube: Operator, callback: Compute, context: Any) -> MapPixels:
    """Describe `apply`: the callback is probed for each band."""
    description = cube.description
    bands = []
    for band in description.bands:
        empty = empty_pixels(band, description)
        made = as_pixels(callback(x=empty, context=context), empty.shape)
        bands.append(band_of(made, band.name, band))
    return MapPixels(node, (cube,), replace(description, bands=tuple(bands)), callback, context)


@dataclass(frozen=True, eq=False)
class ReduceBands:
    """A callback that makes one value of all bands of a pixel; only the bands it reads are asked for."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    read: tuple[int, ...]
    tables: PaletteTables = field(default_factory=PaletteTables)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The bands that the callback reads."""
        if not self.inputs[0].description.bands:
            return (None,)
        return (replace(request, bands=self.read or (0,), exact=request.exact or tells_null(self.callback)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback."""
        source = self.inputs[0].description
        shape = (*(len(own) for own in request.labels), *request.window.shape)
        elements = [] if inputs[0] is None else list(inputs[0].bands)
        labels = source.bands_dimension.labels if source.bands_dimension else None

        def compute(parts: Sequence[Pixels]) -> Pixels:
            own = parts[0].shape if parts else shape
            lanes = lanes_with_gaps(labels, parts, self.read or (0,), len(source.bands), own)
            value = self.callback(data=lanes, context=self.context)
            return as_pixels(value, own).settled(exact=request.exact)

        if len(elements) == 1:
            return Block((self.tables.evaluate(elements[0], compute, exact=request.exact),))
        return Block((in_slabs(elements, compute) if elements else compute([]),))


def lanes_with_gaps(
    labels: tuple[Label, ...] | None,
    elements: Sequence[Pixels],
    indices: Sequence[int],
    count: int,
    shape: tuple[int, ...],
) -> Lanes:
    """An array of `count` elements of which only those at `indices` are there; nobody reads the others."""
    if count == 0:
        return Lanes(labels, stacked=Pixels(np.empty((0, *shape), np.float32), np.nan))
    by_index = dict(zip(indices, elements, strict=True))
    unread = Pixels(np.broadcast_to(np.float32(np.nan), shape), np.nan)
    return Lanes(labels, elements=[by_index.get(i, unread) for i in range(count)])


def read_indices(touched: set[int | None]) -> tuple[int, ...] | None:
    """The elements that a callback read when it was probed; None for all of them."""
    return None if None in touched else tuple(sorted(i for i in touched if i is not None))


@dataclass(frozen=True, eq=False)
class ReduceLabels:
    """A callback that makes one value of groups of labels of a dimension.

    Args:
        axis: of the dimension among the labelled dimensions of the input.
        groups: the labels (indices in the input) of every group.
        keeps_dimension: whether the groups become labels (aggregate) or the dimension goes away (one group, reduce).
        read: of a single group the places that the callback reads; None for all.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    axis: int
    groups: tuple[tuple[int, ...], ...]
    keeps_dimension: bool
    read: tuple[int, ...] | None = None

    def _wanted(self, request: Request) -> tuple[int, ...]:
        return request.labels[self.axis] if self.keeps_dimension else (0,)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Every label of the groups asked for, each once, in order."""
        needed = self._needed(request)
        after = self.axis + 1 if self.keeps_dimension else self.axis
        if not needed:
            return (None,)
        labels = (*request.labels[: self.axis], needed, *request.labels[after:])
        return (replace(request, labels=labels, exact=request.exact or tells_null(self.callback)),)

    def _needed(self, request: Request) -> tuple[int, ...]:
        """Labels of the input. Where no group has one there is nothing to ask for."""
        if self.read is not None:
            return tuple(sorted({self.groups[0][place] for place in self.read or (0,)}))
        return tuple(sorted({i for g in self._wanted(request) for i in self.groups[g]}))

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each group and band."""
        block = inputs[0]
        needed = self._needed(request)
        position = {index: place for place, index in enumerate(needed)}
        wanted = self._wanted(request)
        bands = []
        for place, band in enumerate(request.bands):
            first = self._first(request, band, None if block is None else block.bands[place])
            made = [self._group(first, g, position).settled(exact=request.exact) for g in wanted]
            bands.append(joined(made, self.axis) if self.keeps_dimension else made[0])
        return Block(tuple(bands))

    def _first(self, request: Request, band: int, pixels: Pixels | None) -> Pixels:
        """The input with the dimension as first axis; without labels if none was asked for."""
        if pixels is not None:
            return pixels.with_values(lambda a: np.moveaxis(a, self.axis, 0))
        after = self.axis + 1 if self.keeps_dimension else self.axis
        rest = (*request.labels[: self.axis], *request.labels[after:])
        own = self.inputs[0].description.bands[band]
        shape = (0, *(len(labels) for labels in rest), *request.window.shape)
        return Pixels(np.empty(shape, own.dtype), own.nodata)

    def _group(self, first: Pixels, group: int, position: dict[int, int]) -> Pixels:
        members = self.groups[group]
        known = self.inputs[0].description.labelled[self.axis].labels
        labels = tuple(known[i] for i in members)
        if self.read is None:
            lanes = Lanes(labels, stacked=_taken(first, [position[i] for i in members]))
        else:
            read = self.read or (0,)
            elements = [_element(first, position[members[place]]) for place in read]
            lanes = lanes_with_gaps(labels, elements, read, len(members), first.shape[1:])
        return as_pixels(self.callback(data=lanes, context=self.context), first.shape[1:])


def _element(first: Pixels, place: int) -> Pixels:
    return first.with_values(lambda a: a[place])


def _taken(first: Pixels, place: list[int]) -> Pixels:
    """Some entries of the first axis: a view where they follow one another."""
    if len(place) == first.shape[0]:
        return first
    consecutive = place == list(range(place[0], place[0] + len(place))) if place else False
    if consecutive:
        return first.with_values(lambda a: a[place[0] : place[0] + len(place)])
    return first.with_values(lambda a: a[place])


def joined(pixels: list[Pixels], axis: int) -> Pixels:
    """Pixels of equal shape along a new axis; at least one."""
    if len(pixels) == 1:
        return pixels[0].with_values(lambda a: np.expand_dims(a, axis))
    sentinels = {repr(p.nodata) for p in pixels}
    if all(p.mask is None and p.palette is None for p in pixels) and len(sentinels) == 1:
        dtype = np.result_type(*{p.values.dtype for p in pixels})
        shape = (*pixels[0].shape[:axis], len(pixels), *pixels[0].shape[axis:])
        return Pixels(np.stack([p.values for p in pixels], axis, out=empty(shape, dtype)), pixels[0].nodata)
    return stack(pixels).with_values(lambda a: np.moveaxis(a, 0, axis)).settled(exact=True)


def reduce_dimension(node: str, cube: Operator, name: str, callback: Compute, context: Any) -> Operator:
    """Describe `reduce_dimension` over a labelled dimension.

    Raises: DimensionNotAvailable, and what the callback raises when probed.
    """
    description = cube.description
    dimension = description.dimension(name)
    rest = description.with_dimension(name, None)
    if isinstance(dimension, BandsDimension):
        return _reduce_bands(node, cube, rest, dimension, callback, context)
    axis = description.axis(name)
    group = tuple(range(len(description.labelled[axis].labels)))
    touched: set[int | None] = set()
    bands = tuple(
        _probe_group(description, band, axis, group, callback, context, touched) for band in description.bands
    )
    read = read_indices(touched) if group else None
    return ReduceLabels(node, (cube,), replace(rest, bands=bands), callback, context, axis, (group,), False, read)


def _reduce_bands(
    node: str, cube: Operator, rest: CubeDescription, dimension: BandsDimension, callback: Compute, context: Any
) -> ReduceBands:
    description = cube.description
    empty = [empty_pixels(b, description) for b in description.bands]
    shape = (*(len(d.labels) for d in description.labelled), 0, 0)
    touched: set[int | None] = set()
    lanes = lanes_with_gaps(dimension.labels, empty, range(len(empty)), len(empty), shape)
    lanes.read = touched.add
    made = as_pixels(callback(data=lanes, context=context), shape)
    found = read_indices(touched)
    read = tuple(range(len(empty))) if found is None else found
    return ReduceBands(node, (cube,), replace(rest, bands=(band_of(made, ""),)), callback, context, read)


def _probe_group(
    description: CubeDescription,
    band: Band,
    axis: int,
    group: tuple[int, ...],
    callback: Compute,
    context: Any,
    touched: set[int | None] | None = None,
) -> Band:
    empty = empty_pixels(band, description).with_values(lambda a: np.moveaxis(a, axis, 0)[list(group)])
    labels = tuple(description.labelled[axis].labels[i] for i in group)
    read = None if touched is None else touched.add
    value = callback(data=Lanes(labels, stacked=empty, read=read), context=context)
    return band_of(as_pixels(value, empty.shape[1:]), band.name, band)


def aggregate_labels(
    node: str,
    cube: Operator,
    name: str,
    groups: tuple[tuple[int, ...], ...],
    made: LabelledDimension,
    callback: Compute,
    context: Any,
) -> ReduceLabels:
    """Describe an aggregation: groups of labels of one dimension become the labels of `made`."""
    description = cube.description
    axis = description.axis(name)
    example = max(groups, key=len, default=())
    bands = tuple(_probe_group(description, b, axis, example, callback, context) for b in description.bands)
    changed = replace(description.with_dimension(name, made), bands=bands)
    return ReduceLabels(node, (cube,), changed, callback, context, axis, groups, True)
