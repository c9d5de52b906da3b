"""The tile matrix sets of a service's WMTS, as MapProxy's grids: Web Mercator, degrees, and the data's own grid."""

from __future__ import annotations

import math
from typing import Any

from services.mapproxy_source import epsg_of
from services.served import GEOGRAPHIC, ServedService
from services.tile_matrix import EDGE_M, WEB_MERCATOR

NATIVE = "Native"


def matrix_sets(served: ServedService, max_zoom: int) -> dict[str, dict[str, Any]]:
    """Grids by name; the first is the one that clients take who look no further."""
    size_px = served.tile_size
    suffix = "" if size_px == 256 else str(size_px)
    levels = served.useful_zoom(max_zoom) + 1
    common = {"origin": "nw", "tile_size": [size_px, size_px]}
    sets: dict[str, dict[str, Any]] = {
        f"WebMercatorQuad{suffix}": {
            **common,
            "srs": WEB_MERCATOR,
            "bbox": [-EDGE_M, -EDGE_M, EDGE_M, EDGE_M],
            "min_res": 2 * EDGE_M / size_px,
            "num_levels": levels,
        },
        f"WorldCRS84Quad{suffix}": {
            **common,
            "srs": GEOGRAPHIC,  # for CRS84 MapProxy writes a URN that there is not
            "bbox": [-180, -90, 180, 90],
            "min_res": 180 / size_px,
            "num_levels": levels,
        },
    }
    native = _native(served)
    return {**sets, NATIVE: {**common, **native}} if native else sets


def _native(served: ServedService) -> dict[str, Any] | None:
    """The grid whose finest level has the data's own pixels; none for data in Web Mercator or degrees."""
    grid, code = served.description.grid, epsg_of(served)
    affine = grid.affine
    if code in (None, WEB_MERCATOR, GEOGRAPHIC) or affine.b or affine.d or abs(affine.a + affine.e) > 1e-9 * affine.a:
        return None
    west, north = affine.c, affine.f
    tiles = math.ceil(max(grid.shape) / served.tile_size)
    coarsest = max(1, math.ceil(math.log2(tiles)))  # MapProxy wants two levels
    edge = affine.a * served.tile_size * 2**coarsest
    return {
        "srs": code,
        "bbox": [west, north - edge, west + edge, north],
        "res": [affine.a * 2**level for level in range(coarsest, -1, -1)],
    }
