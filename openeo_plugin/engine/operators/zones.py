"""The pixels that geometries cover on a grid, as spans of rows: sorted, so that a window finds its own by bisection.

A polygon covers the pixels whose centre lies in it or on its edge, a point the pixel that it lies in (whose centre is
the closest), a line the pixels that it runs through. The vertices of polygons are transformed to the grid's reference
system; long edges get more vertices first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from db.validity import TangledGeometryError
from openeo_plugin.cube.geometries import Geometries, transformed
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels import spans as kernels
from openeo_plugin.engine.windows import on_grid
from openeo_plugin.errors import OpenEOError

_SNAP = 2.0**20
"""Coordinates are rounded to 2^-20 pixels, so that an edge through pixel centres stays there in spite of rounding."""

_POINT, _LINES, _POLYGON, _COLLECTIONS = 0, (1, 2), 3, (4, 5, 6, 7)
_OTHER_GRIDS = 8


@dataclass(frozen=True, eq=False)
class Spans:
    """Pixels of geometries on a grid.

    rows: int32 (n, 4) of (geometry, row, first column, end column), sorted by row, column and geometry.
    """

    rows: Array

    def within(self, y: int, height: int, x: int, width: int) -> Array:
        """The spans in a rectangle, clipped to it: (geometry, row, first, end) counted on the grid."""
        own = self.rows[np.searchsorted(self.rows[:, 1], y) : np.searchsorted(self.rows[:, 1], y + height)]
        own = own[(own[:, 2] < x + width) & (own[:, 3] > x)]
        clipped = own.copy()
        np.clip(own[:, 2], x, None, out=clipped[:, 2])
        np.clip(own[:, 3], None, x + width, out=clipped[:, 3])
        return clipped

    @cached_property
    def sizes(self) -> tuple[Array, Array]:
        """(geometries that have pixels, their number of pixels)."""
        found = np.bincount(self.rows[:, 0], self.rows[:, 3] - self.rows[:, 2]).astype(np.int64)
        present = np.flatnonzero(found)
        return present, found[present]

    def bounds(self) -> tuple[int, int, int, int] | None:
        """(top, left, bottom, right) of all pixels, ends not included; None if there are none."""
        if not len(self.rows):
            return None
        rows = self.rows
        return int(rows[0, 1]), int(rows[:, 2].min()), int(rows[-1, 1]) + 1, int(rows[:, 3].max())

    def overlap(self) -> bool:
        """Whether a pixel belongs to two geometries."""
        rows = self.rows
        return bool(((rows[1:, 1] == rows[:-1, 1]) & (rows[1:, 2] < rows[:-1, 3])).any())


def whole_extent(grid: Grid) -> Spans:
    """One zone: every pixel of a grid."""
    rows = np.zeros((grid.shape[0], 4), np.int32)
    rows[:, 1], rows[:, 3] = np.arange(grid.shape[0]), grid.shape[1]
    return Spans(rows)


class Zones:
    """Geometries and the pixels that they cover on any grid. Safe to use from many threads."""

    def __init__(self, geometries: Geometries) -> None:
        self.geometries = geometries
        self._grids: OrderedDict[int, tuple[Grid, Spans]] = OrderedDict()
        self._shapes: dict[str, Array] = {}
        self._lock = threading.Lock()

    def on(self, grid: Grid) -> Spans:
        """The spans on a grid.

        Raises: ValueError if the geometries can't be expressed in its reference system.
        """
        with self._lock:
            if id(grid) not in self._grids:
                found = spans_of(self._in_crs(grid), grid, 0, *grid.shape)
                self._grids[id(grid)] = (grid, found)  # holding the grid keeps its id from being reused
                if len(self._grids) > _OTHER_GRIDS:
                    self._grids.popitem(last=False)
            return self._grids[id(grid)][1]

    def flags(self, window: Window, grid: Grid) -> Array:
        """Bool (rows, columns): the pixels of a window that belong to a geometry; `grid`: on which windows lie."""
        window = on_grid(window, grid)
        rows, columns = grid.shape
        inside = (
            0 <= window.y <= window.y + window.height <= rows and 0 <= window.x <= window.x + window.width <= columns
        )
        flags = np.zeros(window.shape, np.bool_)
        if window.grid is grid and inside:
            kernels.paint(self.on(grid).within(window.y, *_three(window)), window.y, window.x, flags)
            return flags
        geobox = window.geobox()
        with self._lock:
            shapes = self._in_crs(geobox)
        shapes = _touching(shapes, geobox)
        kernels.paint(spans_of(shapes, geobox, 0, *geobox.shape).rows, 0, 0, flags)
        return flags

    def _in_crs(self, grid: Grid) -> Array:
        key = "" if grid.crs is None else str(grid.crs)
        if key not in self._shapes:
            self._shapes[key] = self._moved(grid)
        return self._shapes[key]

    def _moved(self, grid: Grid) -> Array:
        if grid.crs is None:
            return self.geometries.shapes
        crs = str(grid.crs)
        try:
            return self.geometries.in_crs(crs, follow_edges=True).shapes
        except TangledGeometryError as error:
            raise OpenEOError("ProcessGraphInvalid", reason=f"{error}.") from None
        except ValueError:
            return _clipped(self.geometries, grid).in_crs(crs, follow_edges=True).shapes


def _three(window: Window) -> tuple[int, int, int]:
    return window.height, window.x, window.width


def _clipped(geometries: Geometries, grid: Grid) -> Geometries:
    """What of the geometries lies around a grid: far away there may be no coordinates in its reference system."""
    outline = shapely.segmentize(shapely.box(*grid.boundingbox), max(grid.boundingbox.span_x, 1e-9) / 16)
    own = transformed(np.array([outline], object), str(grid.crs), geometries.crs)[0]
    west, south, east, north = own.bounds
    margin = max(east - west, north - south, 1e-9)
    shapes = shapely.clip_by_rect(geometries.shapes, west - margin, south - margin, east + margin, north + margin)
    return geometries.with_shapes(shapes)


def _touching(shapes: Array, grid: Grid) -> Array:
    """The shapes whose bounds touch a small grid, others empty."""
    box = grid.boundingbox
    west, south, east, north = shapely.bounds(shapes).T
    near = (west <= box.right) & (east >= box.left) & (south <= box.top) & (north >= box.bottom)
    return shapes[near]


def spans_of(shapes: Array, grid: Grid, top: int, rows: int, columns: int) -> Spans:
    """The spans of shapes given in a grid's reference system, on some rows of it."""
    parts, owners = _single_parts(shapes)
    kinds = shapely.get_type_id(parts)
    limits = (top, rows, columns)
    found = [
        _polygons(parts[kinds == _POLYGON], owners[kinds == _POLYGON], grid, limits),
        _lines(parts[np.isin(kinds, _LINES)], owners[np.isin(kinds, _LINES)], grid, limits),
        _points(parts[kinds == _POINT], owners[kinds == _POINT], grid, limits),
    ]
    every = np.concatenate(found)
    one = kernels.merged(every[np.lexsort((every[:, 2], every[:, 1], every[:, 0]))])
    return Spans(np.ascontiguousarray(one[np.lexsort((one[:, 0], one[:, 2], one[:, 1]))]))


def _single_parts(shapes: Array) -> tuple[Array, Array]:
    """Points, lines and polygons without emptiness, and the place of the shape that each is part of."""
    parts, owners = shapely.get_parts(shapes, return_index=True)
    while len(parts) and np.isin(shapely.get_type_id(parts), _COLLECTIONS).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        owners = owners[inner]
    kept = ~shapely.is_empty(parts)
    return parts[kept], owners[kept].astype(np.int64)


def _pixel_coordinates(coordinates: Array, grid: Grid) -> tuple[Array, Array]:
    """(x, y) in pixels of the grid."""
    affine = grid.affine
    if affine.b == affine.d == 0:
        x, y = (coordinates[:, 0] - affine.c) / affine.a, (coordinates[:, 1] - affine.f) / affine.e
    else:
        x, y = ~affine * (coordinates[:, 0], coordinates[:, 1])
    limit = 2.0**31  # beyond, rounding would lose the fraction; far outside of every grid
    x, y = np.clip(x, -limit, limit), np.clip(y, -limit, limit)
    return np.round(x * _SNAP) / _SNAP, np.round(y * _SNAP) / _SNAP


def _polygons(parts: Array, owners: Array, grid: Grid, limits: tuple[int, int, int]) -> Array:
    if not len(parts):
        return np.empty((0, 4), np.int32)
    _, coordinates, offsets = shapely.to_ragged_array(parts)
    x, y = _pixel_coordinates(coordinates, grid)
    rings, polygons = (o.astype(np.int64) for o in offsets)
    return kernels.polygon_spans(x, y, rings, polygons, owners, *limits)


def _lines(parts: Array, owners: Array, grid: Grid, limits: tuple[int, int, int]) -> Array:
    if not len(parts):
        return np.empty((0, 4), np.int32)
    coordinates, place = shapely.get_coordinates(parts, return_index=True)
    x, y = _pixel_coordinates(coordinates, grid)
    lines = np.concatenate([np.searchsorted(place, np.arange(len(parts))), [len(place)]]).astype(np.int64)
    return kernels.line_spans(x, y, lines, owners, *limits)


def _points(parts: Array, owners: Array, grid: Grid, limits: tuple[int, int, int]) -> Array:
    if not len(parts):
        return np.empty((0, 4), np.int32)
    x, y = _pixel_coordinates(shapely.get_coordinates(parts), grid)
    top, rows, columns = limits
    # on the lower or right border of the grid the closest centre is the one of the last pixel
    row = np.where(y == rows, rows - 1, np.floor(y)).astype(np.int64)
    column = np.where(x == columns, columns - 1, np.floor(x)).astype(np.int64)
    spans = np.column_stack([owners, row, column, column + 1])
    on_grid_ = (row >= top) & (row < rows) & (column >= 0) & (column < columns)
    return spans[on_grid_].astype(np.int32)
