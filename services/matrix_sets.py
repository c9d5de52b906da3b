"""The tile matrix sets of a service's WMTS, as MapProxy's grids: Web Mercator, degrees, and the data's own grid."""

from __future__ import annotations

from typing import Any

from services.served import ServedService
from services.tile_matrix import NATIVE, TileMatrixSet


def matrix_sets(served: ServedService, max_zoom: int) -> dict[str, dict[str, Any]]:
    """Grids by name; the first is the one that clients take who look no further."""
    size_px = served.tile_size
    levels = served.useful_zoom(max_zoom) + 1
    return {
        matrix_set_name(one.id, size_px): _grid(one, size_px, one.levels or levels)
        for one in served.tile_matrix_sets.values()
    }


def matrix_set_name(identifier: str, size_px: int) -> str:
    """How WMTS names a tile matrix set: those of the world by the size of their tiles, unless it is 256 pixels."""
    return identifier if size_px == 256 or identifier == NATIVE else f"{identifier}{size_px}"


def _grid(one: TileMatrixSet, size_px: int, levels: int) -> dict[str, Any]:
    west, north = one.west, one.north
    return {
        "origin": "nw",
        "tile_size": [size_px, size_px],
        "srs": one.crs,  # for CRS84, which WorldCRS84Quad should have, MapProxy writes a URN that there is not
        "bbox": [west, north - one.rows * one.edge, west + one.columns * one.edge, north],
        "res": [one.edge / size_px / 2**level for level in range(levels)],
    }
