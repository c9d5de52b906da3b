"""The one grid of a collection whose scenes lie on many. The rule stands in docs/decisions/common-grid.md."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.layers import Layer, shared_grid

TOLERANCE_PX = 1e-6

Bounds = tuple[float, float, float, float]


def common_grid(layers: Sequence[Layer], lattice: GeoBox | None = None) -> GeoBox:
    """One grid that holds every layer.

    CRS: that of most layers (of two as frequent the one seen first). Pixels: the lattice of the layer with the finest
    pixel in this CRS, north up. Extent: the union of all footprints, snapped outward to this lattice.

    Args:
        layers: one at least.
        lattice: any grid on the lattice to be taken instead, such as that of a whole collection.

    Returns: the layers' own grid object if they share one; so data on one grid is read as it is.
    Raises: NoDataAvailable, if there are no layers.
    """
    counts = Counter(id(layer.grid) for layer in layers)
    grids = list({id(layer.grid): layer.grid for layer in layers}.values())
    if not grids:
        raise OpenEOError("NoDataAvailable")
    wanted = lattice or finest(grids, counts)
    if len(grids) == 1 and is_north_up(grids[0]) and lattice_offset(grids[0], wanted) is not None:
        return grids[0]
    crs = wanted.crs
    if crs is None:
        raise OpenEOError("Internal")  # import never stores a layer without CRS
    pixels = _north_up_lattice(wanted)
    left, top, right, bottom = _snapped(pixels, (bounds_in(grid, crs) for grid in grids))
    transform = pixels @ Affine.translation(left, top)
    for grid in grids:
        if grid.crs == crs and grid.shape == (bottom - top, right - left) and grid.affine == transform:
            return grid
    return shared_grid((bottom - top, right - left), tuple(transform)[:6], str(crs))


def finest(grids: Sequence[GeoBox], counts: Mapping[int, int]) -> GeoBox:
    """The grid with the smallest pixel in the most frequent CRS.

    counts: how many layers lie on each grid, by the grid's id.
    """
    crs = _most_frequent_crs(grids, counts)
    return min((grid for grid in grids if grid.crs == crs), key=_pixel_area)


def band_lattices(bands: Mapping[str, Sequence[Layer]]) -> dict[str, dict[str, Any]]:
    """For each band of a collection the lattice of all its layers, to be kept in the collection's document."""
    found = {}
    for name, layers in bands.items():
        counts = Counter(id(layer.grid) for layer in layers)
        grid = finest(list({id(layer.grid): layer.grid for layer in layers}.values()), counts)
        found[name] = {"crs": str(grid.crs), "transform": list(grid.affine)[:6], "layers": len(layers)}
    return found


def lattice_of(kept: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> GeoBox | None:
    """The lattice of some bands of a collection, from what `band_lattices` gave; None if it is not known.

    It does not depend on the extent or the dates that are asked for, so neighbouring cubes fit together.
    """
    if not all(name in kept for name in names):
        return None
    grids = [shared_grid((1, 1), tuple(kept[name]["transform"]), kept[name]["crs"]) for name in names]
    counts: Counter[int] = Counter()
    for name, grid in zip(names, grids, strict=True):
        counts[id(grid)] += kept[name]["layers"]
    return finest(list({id(grid): grid for grid in grids}.values()), counts)


def lattice_offset(grid: GeoBox, target: GeoBox) -> tuple[int, int] | None:
    """(row, column) on `target` of the first pixel of `grid`, if both lie on one lattice to 1e-6 pixel.

    Returns: None if CRS, resolution, orientation or phase differ. The offset may be negative.
    """
    if grid.crs != target.crs:
        return None
    relative = ~target.affine * grid.affine
    rows, columns = grid.shape
    column, row = round(relative.c), round(relative.f)
    for x, y in ((0, 0), (columns, 0), (0, rows), (columns, rows)):
        seen_x, seen_y = relative * (x, y)
        if abs(seen_x - column - x) > TOLERANCE_PX or abs(seen_y - row - y) > TOLERANCE_PX:
            return None
    return row, column


def is_north_up(grid: GeoBox) -> bool:
    """Whether columns run east and rows run south, without rotation."""
    a, b, _, d, e, *_ = grid.affine
    return b == 0 and d == 0 and a > 0 > e


def _most_frequent_crs(grids: Sequence[GeoBox], counts: Mapping[int, int]) -> CRS:
    layers_in: dict[CRS, int] = {}
    for grid in grids:
        if grid.crs is None:
            raise OpenEOError("Internal")  # import never stores a layer without CRS
        layers_in[grid.crs] = layers_in.get(grid.crs, 0) + counts[id(grid)]
    return max(layers_in, key=lambda crs: layers_in[crs])


def _pixel_area(grid: GeoBox) -> float:
    return abs(grid.affine.determinant)


def _north_up_lattice(grid: GeoBox) -> Affine:
    """Pixel sizes and first corner of a grid, without its rotation or flip."""
    a, b, c, d, e, f, *_ = grid.affine
    return Affine(math.hypot(a, d), 0.0, c, 0.0, -math.hypot(b, e), f)


def _snapped(lattice: Affine, footprints: Iterable[Bounds]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in pixels of the lattice that hold all (west, south, east, north)."""
    inverse = ~lattice
    lefts, tops, rights, bottoms = [], [], [], []
    for west, south, east, north in footprints:
        if not all(map(math.isfinite, (west, south, east, north))):
            continue  # a footprint that the CRS can't express adds nothing
        left, top = inverse * (west, north)
        right, bottom = inverse * (east, south)
        lefts.append(math.floor(left + TOLERANCE_PX))
        tops.append(math.floor(top + TOLERANCE_PX))
        rights.append(math.ceil(right - TOLERANCE_PX))
        bottoms.append(math.ceil(bottom - TOLERANCE_PX))
    return min(lefts), min(tops), max(rights), max(bottoms)


def bounds_in(grid: GeoBox, crs: CRS) -> Bounds:
    """(west, south, east, north) of a grid's footprint in another CRS."""
    box = grid.boundingbox
    bounds = (box.left, box.bottom, box.right, box.top)
    if grid.crs is None or grid.crs == crs:
        return bounds
    west, south, east, north = _transformer(str(grid.crs), str(crs)).transform_bounds(*bounds, densify_pts=21)
    return (west, south, east, north) if west <= east else (-180.0, south, 180.0, north)


@lru_cache(maxsize=256)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)
