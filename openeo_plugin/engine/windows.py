"""From the window of one grid to another grid: by whole pixels where the grids share a lattice, else by a mesh.

The mesh of coordinates has a node every 16 pixels, anchored at the index of the target *grid*, not of the window:
so a pixel's source coordinate never depends on how the extent was cut. Between the nodes it is a cubic, whose error
stays below 1e-8 pixels for transformations between the usual CRSs at the scale of a scene.
"""

from __future__ import annotations

import functools
import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS

from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array
from openeo_plugin.cube.transforms import transformer
from openeo_plugin.engine.kernels.mesh import interpolate

MESH_PX = 16
_MOST_EXACT_PX = 1 << 25
_SAMPLES = 257
_JUMP_DEGREES = 90  # of longitude between two nodes
_PHASE_TOLERANCE_PX = 1e-6
_SCALE_TOLERANCE = 1e-9
_OFFSETS: OrderedDict[tuple[int, int], tuple[Grid, Grid, tuple[int, int] | None]] = OrderedDict()
_OFFSETS_LOCK = threading.Lock()
_LOCAL = threading.local()


def offset(target: Grid, source: Grid) -> tuple[int, int] | None:
    """(rows, columns) from the origin of `source` to that of `target` in whole pixels; None if lattices differ."""
    if target is source:
        return 0, 0
    key = (id(target), id(source))
    with _OFFSETS_LOCK:
        found = _OFFSETS.get(key)
        if found is not None:
            return found[2]
    value = _offset(target, source)
    with _OFFSETS_LOCK:
        _OFFSETS[key] = (target, source, value)  # holding the grids keeps their ids from being reused
        if len(_OFFSETS) > 4096:
            _OFFSETS.popitem(last=False)
    return value


def _offset(target: Grid, source: Grid) -> tuple[int, int] | None:
    if target.crs != source.crs:
        return None
    a, b = target.affine, source.affine
    if max(abs(a.b), abs(a.d), abs(b.b), abs(b.d)) > 0:  # turned: by 90 degrees, a and e are 0
        return None
    rows, columns = source.shape
    drift = max(abs(a.a / b.a - 1) * columns, abs(a.e / b.e - 1) * rows)
    if drift > _PHASE_TOLERANCE_PX:
        return None
    x, y = (a.c - b.c) / b.a, (a.f - b.f) / b.e
    if abs(x - round(x)) > _PHASE_TOLERANCE_PX or abs(y - round(y)) > _PHASE_TOLERANCE_PX:
        return None
    return None if _meets_after_a_turn(target, source, round(x)) else (round(y), round(x))


def on_grid(window: Window, grid: Grid) -> Window:
    """The same pixels counted on `grid`, if the grids share a lattice; else the window itself."""
    shift = offset(window.grid, grid)
    if shift is None or window.grid is grid:
        return window
    return Window(grid, window.y + shift[0], window.x + shift[1], window.height, window.width)


def coordinates(window: Window, source: Grid) -> tuple[Array, Array]:
    """(x, y) of every pixel centre of the window in pixels of `source`: float64, (rows, columns).

    The centre of the source's first pixel is (0.5, 0.5). Shared by all reads of a window in this thread.
    """
    cache: OrderedDict[Any, Any] = _LOCAL.__dict__.setdefault("meshes", OrderedDict())
    key = (window, id(source))
    found = cache.get(key)
    if found is not None:
        return found[1]
    value = _coordinates(window, source)
    cache[key] = (source, value)
    if len(cache) > 8:
        cache.popitem(last=False)
    return value


def _coordinates(window: Window, source: Grid) -> tuple[Array, Array]:
    turn = _turn_px(source)
    first_row, last_row = window.y // MESH_PX - 1, (window.y + window.height - 1) // MESH_PX + 2
    first_column, last_column = window.x // MESH_PX - 1, (window.x + window.width - 1) // MESH_PX + 2
    columns, rows = np.meshgrid(
        np.arange(first_column, last_column + 1) * float(MESH_PX), np.arange(first_row, last_row + 1) * float(MESH_PX)
    )
    x, y = _placed(window.grid, source, columns, rows)
    if turn and window.grid.crs != source.crs and _jumps(x):
        return _exact_coordinates(window, source, turn)
    mesh_x, mesh_y = _in_pixels(x, y, source)
    out_x = empty(window.shape, np.float64)
    out_y = empty(window.shape, np.float64)
    interpolate(mesh_x, mesh_y, first_row, first_column, MESH_PX, window.y, window.x, out_x, out_y)
    if turn:
        _turn_to_grid(out_x, source.shape[1] / 2, turn)
    return out_x, out_y


def _jumps(degrees: Array) -> bool:
    """Whether longitudes of a mesh, all of them finite, jump between two nodes."""
    return bool(
        np.isfinite(degrees).all() and max(np.abs(np.diff(degrees, axis=axis)).max() for axis in (0, 1)) > _JUMP_DEGREES
    )


def _placed(grid: Grid, source: Grid, columns: Array, rows: Array) -> tuple[Array, Array]:
    """Places of a grid, in its pixels, in the reference system of another one."""
    affine = grid.affine
    x = affine.c + affine.a * columns + affine.b * rows
    y = affine.f + affine.d * columns + affine.e * rows
    return (x, y) if grid.crs == source.crs else transformer(grid.crs, source.crs).transform(x, y)


def _in_pixels(x: Array, y: Array, grid: Grid) -> tuple[Array, Array]:
    inverse = ~grid.affine
    with np.errstate(invalid="ignore"):  # what can't be transformed is infinite, and no number once multiplied by 0
        return inverse.c + inverse.a * x + inverse.b * y, inverse.f + inverse.d * x + inverse.e * y


def _exact_coordinates(window: Window, source: Grid, turn: float) -> tuple[Array, Array]:
    """Without a mesh: for a window over a pole or the antimeridian, where longitudes jump, or with huge pixels."""
    columns, rows = np.meshgrid(np.arange(window.width) + window.x + 0.5, np.arange(window.height) + window.y + 0.5)
    at_x, at_y = _in_pixels(*_placed(window.grid, source, columns, rows), source)
    _turn_to_grid(at_x, source.shape[1] / 2, turn)
    return at_x, at_y


def _turn_to_grid(x: Array, middle: float, turn: float) -> None:
    """Move columns by whole turns to within half a turn of the middle, in place; infinity becomes NaN."""
    if np.abs(x - middle).max() > turn / 2:
        with np.errstate(invalid="ignore"):
            x -= turn * np.round((x - middle) / turn)


def _turn_px(grid: Grid) -> float:
    """Columns of a whole turn of the earth; 0 for a grid that is not in degrees, or not upright.

    A longitude may be told as any of 190 and -170: of all, the one next to the grid's middle is meant.
    """
    affine = grid.affine
    if affine.b or affine.d or grid.crs is None or not _is_in_degrees(str(grid.crs)):
        return 0.0
    return 360 / abs(affine.a)


@functools.lru_cache(maxsize=512)
def _is_in_degrees(crs: str) -> bool:
    system = CRS.from_user_input(crs)
    return system.is_geographic and abs(math.degrees(system.axis_info[0].unit_conversion_factor) - 1) < 1e-9


def _meets_after_a_turn(target: Grid, source: Grid, first_column: int) -> bool:
    """Whether grids on one lattice, `target` reaching beyond `source`, meet (again) if one is turned by 360 degrees."""
    turn, columns = _turn_px(source), source.shape[1]
    last_column = first_column + target.shape[1]
    if not turn or (first_column >= 0 and last_column <= columns):
        return False
    return any(first_column + way < columns - 0.5 and last_column + way > 0.5 for way in (-turn, turn))


def reach(window: Window, source: Grid) -> tuple[Array, Array]:
    """(x, y) as `coordinates` gives them, to tell which part of `source` a window needs.

    Of a window that is larger than any that is computed, such as the whole of a cube whose cost is estimated, some
    pixels stand for all, with what lies around them.
    """
    if window.height * window.width <= _MOST_EXACT_PX:
        return coordinates(window, source)
    rows = np.linspace(window.y + 0.5, window.y + window.height - 0.5, _SAMPLES)
    columns = np.linspace(window.x + 0.5, window.x + window.width - 0.5, _SAMPLES)
    x, y = _in_pixels(*_placed(window.grid, source, *np.meshgrid(columns, rows)), source)
    if turn := _turn_px(source):
        _turn_to_grid(x, source.shape[1] / 2, turn)
    with np.errstate(invalid="ignore"):  # what can't be transformed is infinite
        gaps = [np.abs(np.diff(at, axis=axis)) for at in (x, y) for axis in (0, 1)]
    across, down = (max(gap[np.isfinite(gap)].max(initial=0.0) for gap in own) for own in (gaps[:2], gaps[2:]))
    return np.stack([x - across, x, x + across]), np.stack([y - down, y, y + down])


def pixel_index(at: Array) -> Array:
    """Index of the pixel that a coordinate lies in, int64; -1 for what is nowhere (NaN, infinity)."""
    return np.floor(np.where(np.isfinite(at), at, -1.0)).astype(np.int64)


def inside(window: Window, grid: Grid) -> Array | None:
    """Bool (rows, columns): whether a pixel's centre lies on `grid`; None if all do."""
    rows, columns = grid.shape
    local = on_grid(window, grid)
    if local.grid is grid:
        if local.y >= 0 and local.x >= 0 and local.y + local.height <= rows and local.x + local.width <= columns:
            return None
        y = np.arange(local.y, local.y + local.height)
        x = np.arange(local.x, local.x + local.width)
        return ((y >= 0) & (y < rows))[:, None] & ((x >= 0) & (x < columns))[None, :]
    at_x, at_y = coordinates(window, grid)
    found = (at_x >= 0) & (at_x < columns) & (at_y >= 0) & (at_y < rows)
    return None if found.all() else found


def pixels_per_pixel(target: Grid, source: Grid) -> float:
    """How many source pixels one target pixel spans, along its shorter side, in the middle of the source.

    One number for a pair of grids, so that what follows from it (an overview level) is the same in every window.
    """
    rows, columns = source.shape
    row, column = np.array([0.0, 0.0, 1.0, 0.0]) + rows // 2, np.array([0.0, 1.0, 0.0, -1.0]) + columns // 2
    affine = source.affine
    x = affine.c + affine.a * column + affine.b * row
    y = affine.f + affine.d * column + affine.e * row
    if target.crs != source.crs:
        x, y = transformer(source.crs, target.crs).transform(x, y)
    inverse = ~target.affine
    at_x = inverse.c + inverse.a * x + inverse.b * y
    at_y = inverse.f + inverse.d * x + inverse.e * y
    # to the east and to the west: one of them may lie beyond the antimeridian
    across = min(math.hypot(at_x[side] - at_x[0], at_y[side] - at_y[0]) for side in (1, 3))
    down = math.hypot(at_x[2] - at_x[0], at_y[2] - at_y[0])
    longest = max(across, down)
    return 1 / longest if math.isfinite(longest) and longest > 0 else 1.0


def union(first: Grid, second: Grid) -> Grid:
    """The smallest grid on the lattice of `first` that covers both; they must share it."""
    shift = offset(second, first)
    assert shift is not None
    top, left = min(0, shift[0]), min(0, shift[1])
    bottom = max(first.shape[0], shift[0] + second.shape[0])
    right = max(first.shape[1], shift[1] + second.shape[1])
    if (top, left, bottom, right) == (0, 0, *first.shape):
        return first
    return GeoBox((bottom - top, right - left), first.affine @ Affine.translation(left, top), first.crs)
