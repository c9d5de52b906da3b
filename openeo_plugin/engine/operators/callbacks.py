"""Operators that run a callback over pixels: apply, reduce a dimension, aggregate groups of labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Label, LabelledDimension
from openeo_plugin.cube.pixels import Block, Lanes, Pixels, stack
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.probe import Compute, as_pixels, band_of, empty_pixels, tells_null


@dataclass(frozen=True, eq=False)
class MapPixels:
    """A callback on every value: `x` is one band's pixels."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same pixels; nulls must be told from NaN, since the callback may ask."""
        return (replace(request, exact=request.exact or tells_null(self.callback)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each band."""
        assert inputs[0] is not None
        return Block(tuple(self._one(p, exact=request.exact) for p in inputs[0].bands))

    def _one(self, pixels: Pixels, *, exact: bool) -> Pixels:
        value = self.callback(x=pixels, context=self.context)
        return as_pixels(value, pixels.shape).settled(exact=exact)


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

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The bands that the callback reads."""
        return (replace(request, bands=self.read, exact=request.exact or tells_null(self.callback)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback."""
        block = inputs[0]
        assert block is not None
        source = self.inputs[0].description
        by_index = dict(zip(self.read, block.bands, strict=True))
        unread = Pixels(np.broadcast_to(np.float32(np.nan), block.shape), np.nan)
        elements = [by_index.get(i, unread) for i in range(len(source.bands))]
        labels = source.bands_dimension.labels if source.bands_dimension else None
        value = self.callback(data=Lanes(labels, elements=elements), context=self.context)
        return Block((as_pixels(value, block.shape).settled(exact=request.exact),))


@dataclass(frozen=True, eq=False)
class ReduceLabels:
    """A callback that makes one value of groups of labels of a dimension.

    Args:
        axis: of the dimension among the labelled dimensions of the input.
        groups: the labels (indices in the input) of every group.
        keeps_dimension: whether the groups become labels (aggregate) or the dimension goes away (one group, reduce).
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    axis: int
    groups: tuple[tuple[int, ...], ...]
    keeps_dimension: bool

    def _wanted(self, request: Request) -> tuple[int, ...]:
        return request.labels[self.axis] if self.keeps_dimension else (0,)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Every label of the groups asked for, each once, in order."""
        needed = tuple(sorted({i for g in self._wanted(request) for i in self.groups[g]}))
        after = self.axis + 1 if self.keeps_dimension else self.axis
        if not needed:
            needed = (0,)
        labels = (*request.labels[: self.axis], needed, *request.labels[after:])
        return (replace(request, labels=labels, exact=request.exact or tells_null(self.callback)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each group and band."""
        block = inputs[0]
        assert block is not None
        wanted = self._wanted(request)
        needed = sorted({i for g in wanted for i in self.groups[g]})
        position = {index: place for place, index in enumerate(needed)}
        places = [[position[i] for i in self.groups[g]] for g in wanted]
        labels = self._labels()
        bands = []
        for pixels in block.bands:
            first = pixels.with_values(lambda a: np.moveaxis(a, self.axis, 0))
            made = [
                self._group(first, place, tuple(labels[i] for i in self.groups[g]))
                for g, place in zip(wanted, places, strict=True)
            ]
            made = [m.settled(exact=request.exact) for m in made]
            bands.append(joined(made, self.axis) if self.keeps_dimension else made[0])
        return Block(tuple(bands))

    def _labels(self) -> tuple[Label, ...]:
        return self.inputs[0].description.labelled[self.axis].labels

    def _group(self, first: Pixels, place: list[int], labels: tuple[Label, ...]) -> Pixels:
        lanes = Lanes(labels, stacked=_taken(first, place))
        value = self.callback(data=lanes, context=self.context)
        return as_pixels(value, first.shape[1:])


def _taken(first: Pixels, place: list[int]) -> Pixels:
    """Some entries of the first axis: a view where they follow one another."""
    if len(place) == first.shape[0]:
        return first
    consecutive = place == list(range(place[0], place[0] + len(place))) if place else False
    if consecutive:
        return first.with_values(lambda a: a[place[0] : place[0] + len(place)])
    return first.with_values(lambda a: a[place])


def joined(pixels: list[Pixels], axis: int) -> Pixels:
    """Pixels of equal shape along a new axis."""
    if len(pixels) == 1:
        return pixels[0].with_values(lambda a: np.expand_dims(a, axis))
    sentinels = {repr(p.nodata) for p in pixels}
    if all(p.mask is None and p.palette is None for p in pixels) and len(sentinels) == 1:
        return Pixels(np.stack([p.values for p in pixels], axis), pixels[0].nodata)
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
    bands = tuple(_probe_group(description, band, axis, group, callback, context) for band in description.bands)
    return ReduceLabels(node, (cube,), replace(rest, bands=bands), callback, context, axis, (group,), False)


def _reduce_bands(
    node: str, cube: Operator, rest: CubeDescription, dimension: BandsDimension, callback: Compute, context: Any
) -> ReduceBands:
    description = cube.description
    empty = [empty_pixels(b, description) for b in description.bands]
    touched: set[int | None] = set()
    lanes = Lanes(dimension.labels, elements=empty, read=touched.add)
    made = as_pixels(callback(data=lanes, context=context), empty[0].shape)
    every = None in touched
    read = tuple(range(len(empty))) if every else tuple(sorted(i for i in touched if i is not None)) or (0,)
    return ReduceBands(node, (cube,), replace(rest, bands=(band_of(made, ""),)), callback, context, read)


def _probe_group(
    description: CubeDescription, band: Band, axis: int, group: tuple[int, ...], callback: Compute, context: Any
) -> Band:
    empty = empty_pixels(band, description).with_values(lambda a: np.moveaxis(a, axis, 0)[list(group)])
    labels = tuple(description.labelled[axis].labels[i] for i in group)
    value = callback(data=Lanes(labels, stacked=empty), context=context)
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
