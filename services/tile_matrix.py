"""Where tiles lie: tile matrix sets whose tiles halve from level to level, rows counted from the north."""

from __future__ import annotations

import math
from dataclasses import dataclass

from affine import Affine
from odc.geo.geobox import GeoBox

WEB_MERCATOR = "EPSG:3857"
GEOGRAPHIC = "EPSG:4326"
NATIVE = "Native"
EDGE_M = math.pi * 6378137.0  # half the width of the world

Bounds = tuple[float, float, float, float]
Tile = tuple[int, int, int]


def tile_bounds(tile: Tile) -> Bounds:
    """West, south, east, north of a tile (z, x, y) in metres."""
    z, x, y = tile
    size_m = 2 * EDGE_M / 2**z
    west, north = x * size_m - EDGE_M, EDGE_M - y * size_m
    return west, north - size_m, west + size_m, north


def zoom_of(pixel_m: float, tile_px: int) -> int:
    """The first zoom level whose pixels are no larger than `pixel_m`."""
    return max(0, math.ceil(math.log2(2 * EDGE_M / tile_px / pixel_m) - 1e-6))


@dataclass(frozen=True)
class TileMatrixSet:
    """Tiles of a CRS: `columns` x `rows` of them at level 0, twice as many each way at every further level.

    Args:
        id: as addresses name it, for tiles of 256 pixels.
        crs: `EPSG:n`, x before y.
        west, north: the upper left corner of the first tile.
        edge: width and height of a tile at level 0, in units of the CRS.
        levels: how many there are; None for as many as one likes.
    """

    id: str
    crs: str
    west: float
    north: float
    edge: float
    columns: int = 1
    rows: int = 1
    levels: int | None = None

    def bounds(self, tile: Tile) -> Bounds:
        """West, south, east, north of a tile (z, x, y)."""
        z, x, y = tile
        size = self.edge / 2**z
        west, north = self.west + x * size, self.north - y * size
        return west, north - size, west + size, north

    def grid(self, tile: Tile, tile_px: int) -> GeoBox:
        """The pixels of a tile."""
        return grid_of(self.bounds(tile), tile_px, tile_px, self.crs)

    def tile_at(self, bounds: Bounds) -> Tile | None:
        """The tile (z, x, y) that has these bounds, if there is one."""
        west, _, east, north = bounds
        if not 0 < east - west <= self.edge * 1.001:
            return None
        z = round(math.log2(self.edge / (east - west)))
        size = self.edge / 2**z
        tile = z, round((west - self.west) / size), round((self.north - north) / size)
        fits = all(abs(a - b) < size * 1e-6 for a, b in zip(self.bounds(tile), bounds, strict=True))
        return tile if fits else None

    def within(self, bounds: Bounds, z: int) -> tuple[range, range]:
        """Columns and rows of the tiles of a level that lie at least in part within bounds."""
        size = self.edge / 2**z
        west, south, east, north = bounds
        spans = (
            (west - self.west, east - self.west, self.columns),
            (self.north - north, self.north - south, self.rows),
        )
        columns, rows = (
            range(max(0, math.floor(low / size + 1e-9)), min(count * 2**z, math.ceil(high / size - 1e-9)))
            for low, high, count in spans
        )
        return columns, rows


WEB_MERCATOR_QUAD = TileMatrixSet("WebMercatorQuad", WEB_MERCATOR, -EDGE_M, EDGE_M, 2 * EDGE_M)
WORLD_CRS84_QUAD = TileMatrixSet("WorldCRS84Quad", GEOGRAPHIC, -180.0, 90.0, 180.0, columns=2)


def native_set(grid: GeoBox, crs: str | None, tile_px: int) -> TileMatrixSet | None:
    """The tiles whose finest level has the data's own pixels; none for data in Web Mercator or degrees.

    Args:
        crs: `EPSG:n` of the grid, None if it has no such code.
    """
    affine = grid.affine
    if crs in (None, WEB_MERCATOR, GEOGRAPHIC) or affine.b or affine.d or abs(affine.a + affine.e) > 1e-9 * affine.a:
        return None
    assert crs is not None
    coarsest = max(1, math.ceil(math.log2(math.ceil(max(grid.shape) / tile_px))))  # MapProxy wants two levels
    return TileMatrixSet(NATIVE, crs, affine.c, affine.f, affine.a * tile_px * 2**coarsest, levels=coarsest + 1)


def tile_at(bounds: Bounds, crs: str) -> Tile | None:
    """The tile (z, x, y) of WebMercatorQuad that has these bounds, if there is one."""
    return WEB_MERCATOR_QUAD.tile_at(bounds) if crs == WEB_MERCATOR else None


def grid_of(bounds: Bounds, width: int, height: int, crs: str) -> GeoBox:
    """The grid of `width` x `height` pixels, north up, that fills bounds (west, south, east, north)."""
    west, south, east, north = bounds
    return GeoBox((height, width), Affine((east - west) / width, 0, west, 0, (south - north) / height, north), crs)
