"""The operators of apply_dimension where x or y is the source or the target of the arrays.

An array along x needs whole rows, one along y whole columns: the request asks for them, and the run makes windows
narrow enough for that to fit the memory budget. In between, arrays lie along a labelled dimension of a temporary name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Label, LabelledDimension, OtherDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Block, Lanes, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.along import apply_along, as_lanes
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.operators.regroup import Cell, Regroup
from openeo_plugin.engine.operators.spatial import coordinates_along, empty_lanes, folded_first, folded_grid
from openeo_plugin.engine.probe import Compute, band_of
from openeo_plugin.errors import OpenEOError

_BETWEEN = "\0array"
"""Name of the dimension of the arrays while it is neither the source nor the target."""


@dataclass(frozen=True, eq=False)
class SpatialArrays:
    """A callback on the values along x or y; what it gives lies along a labelled dimension, x or y is one pixel.

    axis: "x" or "y". place: of the new dimension among the labelled dimensions of the result. labels: of the values,
    where they are no coordinates.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    callback: Compute
    context: Any
    axis: str
    place: int
    labels: tuple[Label, ...] | None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The whole extent along the axis."""
        grid, window = self.inputs[0].description.grid, request.window
        labels = (*request.labels[: self.place], *request.labels[self.place + 1 :])
        if self.axis == "x":
            needed = Window(grid, window.y, 0, window.height, grid.shape[1])
        else:
            needed = Window(grid, 0, window.x, grid.shape[0], window.width)
        return (replace(request, window=needed, labels=labels, exact=True),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One call of the callback for each band."""
        assert inputs[0] is not None
        labels = self.labels or coordinates_along(self.inputs[0].description.grid, (self.axis,))
        wanted = request.labels[self.place]
        made = []
        for band, pixels in zip(request.bands, inputs[0].bands, strict=True):
            first = pixels.with_values(lambda a: folded_first(a, (self.axis,)))
            value = self.callback(data=Lanes(labels, stacked=first), context=self.context)
            array = as_lanes(value, first.shape[1:]).stack()
            made.append(self._placed(array, wanted, self.description.bands[band]).settled(exact=request.exact))
        return Block(tuple(made))

    def _placed(self, array: Pixels, wanted: tuple[int, ...], band: Band) -> Pixels:
        """The elements wanted at the place of the new dimension, with one pixel along the axis."""
        spatial = -1 if self.axis == "x" else -2
        every = wanted == tuple(range(array.shape[0]))
        part = array if every else array.with_values(lambda a: a[list(wanted)])
        if part.dtype != band.dtype:
            plain = part.plain()
            part = replace(plain, values=plain.values.astype(band.dtype))
        return part.with_values(lambda a: np.expand_dims(np.moveaxis(a, 0, self.place), spatial))


@dataclass(frozen=True, eq=False)
class LabelsToPixels:
    """The labels of a dimension become the pixels of an axis that had one pixel.

    axis: "x" or "y". place: of the dimension among the labelled dimensions of the input.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axis: str
    place: int

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The labels that the window covers."""
        grid, window = self.inputs[0].description.grid, request.window
        if self.axis == "x":
            own, needed = range(window.x, window.x + window.width), Window(grid, window.y, 0, window.height, 1)
        else:
            own, needed = range(window.y, window.y + window.height), Window(grid, 0, window.x, 1, window.width)
        labels = (*request.labels[: self.place], tuple(own), *request.labels[self.place :])
        return (replace(request, window=needed, labels=labels),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Views."""
        assert inputs[0] is not None
        spatial = -1 if self.axis == "x" else -2
        return Block(
            tuple(
                p.with_values(lambda a: np.moveaxis(a.squeeze(spatial), self.place, spatial)) for p in inputs[0].bands
            )
        )


def apply_along_space(
    node: str,
    cube: Operator,
    name: str,
    target: str | None,
    callback: Compute,
    context: Any,
    labels: tuple[Label, ...] | None = None,
) -> Operator:
    """Describe `apply_dimension` where the source or an existing target is x or y.

    labels: of the values along x or y, where they are no coordinates.
    Raises: DimensionNotAvailable, DimensionLabelCountMismatch; ProcessGraphInvalid if the callback gives no array, or
        arrays of different length for the bands.
    """
    description = cube.description
    source = description.dimension(name)
    stays = target in (None, name)
    found = source if stays else next((d for d in description.dimensions if d.name == target), None)
    if not stays and found is not None and description.shape[description.names.index(found.name)] != 1:
        raise OpenEOError("DimensionLabelCountMismatch", dimension=target)
    between = _BETWEEN if found is not None else str(target)
    if isinstance(source, SpatialDimension):
        made: Operator = _spatial_arrays(node, cube, source, between, callback, context, labels)
    else:
        made = apply_along(node, cube, name, between, callback, context)
    if found is None:
        return made
    if not isinstance(found, SpatialDimension):
        return _relabelled(node, made, found)
    return _spread(node, made, found, description.grid if stays else None)


def _spatial_arrays(
    node: str,
    cube: Operator,
    source: SpatialDimension,
    between: str,
    callback: Compute,
    context: Any,
    labels: tuple[Label, ...] | None,
) -> Operator:
    description = cube.description
    made = []
    for band in description.bands:
        lanes = empty_lanes(description, band, (source.axis,), labels)
        made.append(as_lanes(callback(data=lanes, context=context), lanes.stack().shape[1:]))
    counts = {len(values) for values in made}
    if len(counts) > 1:
        raise OpenEOError("ProcessGraphInvalid", reason="the callback gives arrays of different length for the bands.")
    numbers = tuple(range(counts.pop() if counts else 0))
    changed = description.with_dimension(source.name, OtherDimension(between, numbers))
    bands = tuple(band_of(m.stack(), b.name, b) for m, b in zip(made, description.bands, strict=True))
    described = replace(changed, grid=folded_grid(description.grid, (source.axis,)), bands=bands, free=False)
    place = described.axis(between)
    return pin(SpatialArrays(node, (cube,), described, callback, context, source.axis, place, labels))


def _relabelled(node: str, made: Operator, single: LabelledDimension) -> Operator:
    """The temporary dimension in the place of one with a single label."""
    before = made.description
    count = len(before.labelled[before.axis(_BETWEEN)].labels)
    new = replace(single, labels=tuple(range(count)))
    after = before.with_dimension(_BETWEEN, None).with_dimension(single.name, new)
    of_bands = isinstance(single, BandsDimension)
    if of_bands:
        after = replace(after, bands=tuple(replace(before.bands[0], name=str(i)) for i in range(count)))
    place = {d.name: axis for axis, d in enumerate(after.labelled)}

    def source(cell: Cell) -> Cell:
        band, own = cell
        element = band if of_bands else own[place[single.name]]
        special = {_BETWEEN: element, single.name: 0}
        inner = tuple(special[d.name] if d.name in special else own[place[d.name]] for d in before.labelled)
        return (0 if of_bands else band), inner

    return Regroup(node, (made,), after, source)


def _spread(node: str, made: Operator, target: SpatialDimension, grid: Grid | None) -> Operator:
    """The temporary dimension along x or y: on the grid that was there if it still fits, else counted from 0."""
    before = made.description
    place = before.axis(_BETWEEN)
    count = len(before.labelled[place].labels)
    names = before.names
    after = before.with_dimension(_BETWEEN, None if target.name in names else target)
    along = 0 if target.axis == "y" else 1
    if grid is None or grid.shape[along] != count:
        grid = _numbered(before.grid, target.axis, count)
    described = replace(after, grid=grid, free=False, block=_strips(before, target.axis, count))
    return pin(LabelsToPixels(node, (made,), described, target.axis, place))


def _numbered(grid: Grid, axis: str, count: int) -> Grid:
    """A grid without reference system, with pixel centres at 0, 1, 2, ... along an axis."""
    affine, (rows, columns) = grid.affine, grid.shape
    if axis == "x":
        return GeoBox((rows, count), Affine(1, 0, -0.5, 0, affine.e, affine.f), None)
    return GeoBox((count, columns), Affine(affine.a, 0, affine.c, 0, 1, -0.5), None)


def _strips(description: CubeDescription, axis: str, count: int) -> tuple[int, int]:
    """Windows as long as can be along the axis, since every window needs all of it, and narrow across."""
    rows, columns = (max(1, size // 4) for size in description.block)
    return (rows, count) if axis == "x" else (count, columns)
