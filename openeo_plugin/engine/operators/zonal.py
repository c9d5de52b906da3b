"""Zonal statistics: the values of a vector cube, folded from the windows of a raster cube.

Only windows that hold pixels of a geometry are read, cut to these pixels. A reducer that has a fold (`zonal_folds`)
keeps a few numbers of each window. Any other is called with all pixels of a geometry at once: at once for geometries
that lie in one window, at the end for those that lie in several, whose pixels are kept until then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import OtherDimension, SpatialDimension
from openeo_plugin.cube.grid import Window, tiled
from openeo_plugin.cube.pixels import Array, Block, Lanes, Mask, Pixels
from openeo_plugin.engine.barrier import Once, folded
from openeo_plugin.engine.kernels import zonal
from openeo_plugin.engine.memory import window_of
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.operators.vector import LazyVectorCube, values_description
from openeo_plugin.engine.operators.zonal_folds import Fold, Parts
from openeo_plugin.engine.operators.zonal_windows import label_groups, window_shape
from openeo_plugin.engine.operators.zones import Spans, Zones, whole_extent
from openeo_plugin.engine.probe import Compute, as_pixels, band_of
from openeo_plugin.errors import OpenEOError

COUNTS = ("value", "total_count", "valid_count")
"""Labels of the target dimension."""

WINDOW_BYTES = 2 << 20
"""Labels are folded in groups of about so many bytes: buffers that small are found in the caches again."""

CALL_BYTES = 32 << 20
"""The same where the reducer is called for each geometry: fewer calls weigh more."""

KEPT_BYTES = 1 << 30
"""Pixels of geometries that lie in several windows, kept for a reducer without a fold, take at most this."""


@dataclass(frozen=True, eq=False)
class AggregateSpatial:
    """One value for each geometry, band and label: an operator on the grid of a vector cube, and a barrier.

    Args:
        cube: whose pixels are reduced, on its own grid.
        spans: of the geometries on that grid. count: how many geometries there are.
        fold: None if the callback must see all pixels at once.
        counts: whether there is a last dimension with total and valid counts beside the value.
    """

    node: str
    cube: Operator
    spans: Spans
    count: int
    description: CubeDescription
    fold: Fold | None
    callback: Compute
    context: Any
    counts: bool
    state: Once = field(default_factory=Once)

    @property
    def inputs(self) -> tuple[Operator, ...]:
        """The cube; but no window of the result needs a window of it."""
        return (self.cube,)

    @property
    def partial_types(self) -> tuple[type, ...]:
        """What partials are made of."""
        return _Partial, _Cells

    @property
    def fold_input(self) -> Operator:
        """The cube."""
        return self.cube

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Nothing: the fold has it all."""
        return (None,)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Columns of the result."""
        bands: tuple[Pixels, ...] = folded(self, context)
        return Block(tuple(window_of(bands[b], request, self.description.grid) for b in request.bands))

    def fold_requests(self) -> Sequence[Request]:
        """Windows of the source's blocks, cut to the pixels of geometries, for groups of labels."""
        return self._requests

    @cached_property
    def _requests(self) -> tuple[Request, ...]:
        description = self.cube.description
        bands = tuple(range(len(description.bands)))
        shape = window_shape(self.cube)
        windows = [w for w in map(self._cut, tiled(description.grid, *shape)) if w is not None]
        if not windows:
            return ()
        limit = WINDOW_BYTES if self.fold is not None else CALL_BYTES
        groups = label_groups(self.cube, max(windows, key=lambda w: w.height * w.width), limit)
        return tuple(Request(window, bands, labels, exact=True) for window in windows for labels in groups)

    def _cut(self, window: Window) -> Window | None:
        """The part of a window that has pixels of geometries."""
        own = self.spans.within(window.y, window.height, window.x, window.width)
        if not len(own):
            return None
        top, left = int(own[0, 1]), int(own[:, 2].min())
        return Window(window.grid, top, left, int(own[-1, 1]) + 1 - top, int(own[:, 3].max()) - left)

    def partial(self, request: Request, block: Block) -> _Partial:
        """What is kept of one window for one group of labels."""
        window = request.window
        own = self.spans.within(window.y, window.height, window.x, window.width)
        zones, slots = np.unique(own[:, 0], return_inverse=True)
        local = np.column_stack([slots, own[:, 1] - window.y, own[:, 2:] - window.x]).astype(np.int32)
        if self.fold is not None:
            parts = tuple(self.fold.partial(p, window.width, local, len(zones)) for p in block.bands)
            return _Partial(request, zones, parts, ())
        return self._reduced(request, block, zones, local)

    def _reduced(self, request: Request, block: Block, zones: Array, local: Array) -> _Partial:
        """Geometries that lie in this window are reduced; of others the pixels are kept."""
        window = request.window
        local = local[np.argsort(local[:, 0], kind="stable")]
        places = zonal.places(local, window.width)
        ends = np.cumsum(np.bincount(local[:, 0], local[:, 3] - local[:, 2], len(zones)).astype(np.int64))
        rows, columns = np.divmod(places, window.width)
        columns_of_grid = self.cube.description.grid.shape[1]
        order = (rows + window.y) * columns_of_grid + columns + window.x
        bands = [p.with_values(lambda a: _flat(a)[..., places]) for p in block.bands]
        parts: list[tuple[int, tuple[Any, ...]]] = []
        for zone, start, end in zip(zones.tolist(), [0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            own = [_copied(p, start, end) for p in bands]
            whole = end - start == self._pixels[zone]
            kept = tuple(self._result(p) for p in own) if whole else (order[start:end], *own)
            parts.append((zone, kept))
        return _Partial(request, zones, (), tuple(parts))

    @cached_property
    def _pixels(self) -> Array:
        """How many pixels each geometry has."""
        sizes = np.zeros(self.count, np.int64)
        present, found = self.spans.sizes
        sizes[present] = found
        return sizes

    def _result(self, pixels: Pixels) -> _Cells:
        """The reducer's value for the pixels of one geometry, (*labels, pixels); counts beside it."""
        lanes = pixels.with_values(lambda a: np.moveaxis(a, -1, 0)[..., np.newaxis, np.newaxis])
        made = as_pixels(self.callback(data=Lanes(None, stacked=lanes), context=self.context), lanes.shape[1:])
        plain = made.plain()
        null, missing = plain.null(), pixels.null()
        valid = np.ones(pixels.shape, bool) if missing is None else ~missing
        if self.counts and pixels.dtype.kind == "f":
            valid &= np.isfinite(pixels.plain().values)
        shape = lanes.shape[1:-2]
        return _Cells(
            plain.values.reshape(shape),
            np.zeros(shape, bool) if null is None else np.broadcast_to(null, lanes.shape[1:]).reshape(shape),
            valid.sum(-1),
        )

    def finish(self, partials: Sequence[_Partial]) -> tuple[Pixels, ...]:
        """The pixels of the result, band by band."""
        description = self.cube.description
        labels = tuple(len(d.labels) for d in description.labelled)
        found = []
        for band in range(len(description.bands)):
            dtype = _value_dtype(self.description.bands[band], self.counts)
            values = np.zeros((self.count, *labels), self.description.bands[band].dtype if self.counts else dtype)
            null = np.ones(values.shape, bool)
            valid = np.zeros(values.shape, np.int64)
            if self.fold is not None:
                self._finish_fold(partials, band, dtype, values, null, valid)
            else:
                self._finish_calls(partials, band, values, null, valid)
            found.append(self._as_row(values, null, valid))
        return tuple(found)

    def _finish_fold(
        self, partials: Sequence[_Partial], band: int, dtype: Any, values: Array, null: Array, valid: Array
    ) -> None:
        assert self.fold is not None
        groups: dict[tuple[tuple[int, ...], ...], Parts] = {}
        for part in partials:
            key = part.request.labels
            size = (self.count, math.prod(len(own) for own in key))
            groups[key] = self.fold.combined(groups.get(key), part.zones, part.bands[band], size)
        for key, parts in groups.items():
            cells = self.fold.result(parts, self._pixels, dtype)
            where = np.ix_(range(self.count), *key)
            shape = (self.count, *(len(own) for own in key))
            values[where], null[where] = (a.reshape(shape) for a in cells)
            valid[where] = parts["finite"].reshape(shape)

    def _finish_calls(self, partials: Sequence[_Partial], band: int, values: Array, null: Array, valid: Array) -> None:
        kept: dict[tuple[int, Any], list[tuple[Any, ...]]] = {}
        for part in partials:
            for zone, pieces in part.zoned:
                if isinstance(pieces[0], _Cells):
                    _put(zone, part.request.labels, pieces[band], values, null, valid)
                else:
                    kept.setdefault((zone, part.request.labels), []).append((pieces[0], pieces[1 + band]))
        for (zone, labels), several in kept.items():
            order = np.argsort(np.concatenate([p[0] for p in several]), kind="stable")
            _put(zone, labels, self._result(_one(several, order)), values, null, valid)

    def _as_row(self, values: Array, null: Array, valid: Array) -> Pixels:
        """From (geometry, *labels) to (*labels, [counts], 1, geometry)."""
        if self.counts:
            total = np.broadcast_to(self._pixels.reshape(-1, *(1,) * (values.ndim - 1)), values.shape)
            values = np.stack([values, total.astype(values.dtype), valid.astype(values.dtype)], -1)
            null = np.stack([null, np.zeros_like(null), np.zeros_like(null)], -1)
        row, flags = (np.ascontiguousarray(np.moveaxis(a, 0, -1))[..., np.newaxis, :] for a in (values, null))
        if row.dtype.kind == "f":
            row[flags] = np.nan
        return Pixels(row, mask=Mask(flags), nan_marks=row.dtype.kind == "f")


@dataclass(frozen=True, eq=False)
class _Partial:
    """Of one window and group of labels: parts of the fold band by band, or what each zone has."""

    request: Request
    zones: Array
    bands: tuple[Parts, ...]
    zoned: tuple[tuple[int, tuple[Any, ...]], ...]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Values, nulls and valid counts of one geometry and band, (*labels)."""

    values: Array
    null: Array
    valid: Array


def _put(zone: int, labels: Any, cells: _Cells, values: Array, null: Array, valid: Array) -> None:
    where = np.ix_([zone], *labels)
    for target, source in ((values, cells.values), (null, cells.null), (valid, cells.valid)):
        target[where] = source[np.newaxis]


def _flat(array: Array) -> Array:
    return array.reshape(*array.shape[:-2], array.shape[-2] * array.shape[-1])


def _copied(pixels: Pixels, start: int, end: int) -> Pixels:
    """Some pixels of the last axis, no longer holding on to the window; null as sentinel or settled mask."""
    part = replace(pixels.plain(), nan_marks=False)
    null = None if part.mask is None else np.broadcast_to(part.mask.flags(), part.shape)[..., start:end]
    return Pixels(part.values[..., start:end].copy(), part.nodata, None if null is None else Mask(null.copy()))


def _one(pieces: Sequence[tuple[Any, ...]], order: Array) -> Pixels:
    """The pixels of one geometry from several windows, in the order of the grid."""
    values = np.concatenate([p.values for _, p in pieces], -1)[..., order]
    masks = [np.zeros(p.shape, bool) if p.mask is None else p.mask.flags() for _, p in pieces]
    null = np.concatenate(masks, -1)[..., order]
    return Pixels(values, pieces[0][1].nodata, Mask(null) if null.any() else None)


def _value_dtype(band: Band, counts: bool) -> np.dtype[Any]:
    return np.dtype(np.float64) if counts else band.dtype


def aggregate_spatial(
    node: str,
    cube: Operator,
    zones: Zones,
    callback: Compute,
    context: Any,
    *,
    fold: Fold | None,
    target_dimension: str | None,
) -> LazyVectorCube:
    """Describe `aggregate_spatial`.

    fold: the fold that the callback is, if it is one.
    Raises: TargetDimensionExists, DimensionNotAvailable, ProcessGraphComplexity, ProcessParameterInvalid.
    """
    description = cube.description
    axes = {d.axis for d in description.dimensions if isinstance(d, SpatialDimension)}
    if axes != {"x", "y"}:
        raise OpenEOError("DimensionNotAvailable", dimension="x, y", available=", ".join(description.names))
    geometries = zones.geometries
    if target_dimension in (*description.names, geometries.dimension):
        raise OpenEOError("TargetDimensionExists", dimension=target_dimension)
    spans = zones.on(description.grid)
    bands = tuple(_described(description, b, callback, context, fold) for b in description.bands)
    dimensions: Any = tuple(d for d in description.dimensions if not isinstance(d, SpatialDimension))
    if target_dimension is not None:
        dimensions = (*dimensions, OtherDimension(target_dimension, COUNTS))
        bands = tuple(replace(b, dtype=np.result_type(b.dtype, np.float64)) for b in bands)
    made = AggregateSpatial(
        node,
        cube,
        spans,
        len(geometries),
        values_description(dimensions, bands, len(geometries)),
        fold,
        callback,
        context,
        target_dimension is not None,
    )
    if fold is None:
        _refuse_large(made)
    return LazyVectorCube(node, geometries, made)


def aggregate_extent(
    node: str, cube: Operator, description: CubeDescription, callback: Compute, context: Any, fold: Fold
) -> Operator:
    """One value for all pixels of the extent: zonal statistics with a single zone, on a grid of one pixel.

    description: of the result but for its bands.
    """
    bands = tuple(_described(cube.description, b, callback, context, fold) for b in cube.description.bands)
    spans = whole_extent(cube.description.grid)
    return AggregateSpatial(
        node, cube, spans, 1, replace(description, bands=bands), fold, callback, context, counts=False
    )


def _described(description: CubeDescription, band: Band, callback: Compute, context: Any, fold: Fold | None) -> Band:
    if fold is not None:
        return Band(band.name, fold.dtype(band.dtype), nullable=True, unit=None, common_name=band.common_name)
    shape = (2, *(len(d.labels) for d in description.labelled), 0, 0)
    probe = Pixels(np.empty(shape, band.dtype), band.nodata)
    made = as_pixels(callback(data=Lanes(None, stacked=probe), context=context), shape[1:])
    return replace(band_of(made, band.name, band), nodata=None, nullable=True)


def _refuse_large(made: AggregateSpatial) -> None:
    """Refuse before any pixel is read what would have to keep too many of them."""
    description = made.cube.description
    shape = window_shape(made.cube)
    rows = made.spans.rows
    tiles = (rows[:, 1] // shape[0]) * 65536 + rows[:, 2] // shape[1]
    split = (rows[:, 2] // shape[1] != (rows[:, 3] - 1) // shape[1]) | (
        tiles != _first_of(rows[:, 0], tiles, made.count)
    )
    large = np.zeros(made.count, bool)
    large[rows[split, 0]] = True
    layers = math.prod(len(d.labels) for d in description.labelled)
    size = int(made._pixels[large].sum()) * layers * sum(b.dtype.itemsize + 1 for b in description.bands)
    if size > KEPT_BYTES:
        reason = (
            f"this reducer needs all pixels of a geometry at once: {size >> 20} MB, {KEPT_BYTES >> 20} MB are allowed. "
            "Use smaller geometries, fewer dates or bands, a coarser resolution, or a reducer such as mean, sum, sd, "
            "min, max or count."
        )
        raise OpenEOError("ProcessGraphComplexity", node=made.node, reason=reason)


def _first_of(zones: Array, tiles: Array, count: int) -> Array:
    """For every span the tile of its geometry's first span."""
    first = np.zeros(count, tiles.dtype)
    first[zones[::-1]] = tiles[::-1]
    return first[zones]
