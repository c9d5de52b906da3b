"""The operator of merge_cubes: two cubes joined along whatever labels differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import whole
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.probe import Compute, as_pixels
from openeo_plugin.engine.windows import inside, on_grid

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
