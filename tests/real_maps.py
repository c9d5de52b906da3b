"""Maps of the real data that desktop and web clients are asked to show, and what a direct render shows of them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from map_server import graph
from PIL import Image

from services.served import MapRequest, ServedService
from services.tile_matrix import EDGE_M, WEB_MERCATOR, grid_of, tile_bounds

DATA = Path(os.environ.get("OPENEO_SHARED") or Path(__file__).parents[2] / "shared") / "data"
FOLDERS = [DATA / name for name in ("sentinel-2-l2a-bolzano", "ndvi-slovenia", "sentinel-2-l1c-slovenia")]
NO_DATA = f"Maps of real data are not tested: there is no {DATA}; OPENEO_SHARED"
SIZE = 512  # pixels, 2 x 2 tiles
MAX_DIFFERENCE = 2  # grey levels
BOTH_SEASONS = ["2015-07-11", "2015-09-09"]

Extent = tuple[float, float, float, float]


def _node(process: str, **arguments: Any) -> dict[str, Any]:
    return {"process_id": process, "arguments": arguments}


def ndvi(collection: str, median: bool) -> dict[str, Any]:
    """The NDVI of each date, or of the median of all dates."""
    load = _node("load_collection", id=collection, spatial_extent=None, temporal_extent=None)
    nodes, last = {"load": load}, "load"
    if median:
        callback = {"m": {**_node("median", data={"from_parameter": "data"}), "result": True}}
        reducer = {"process_graph": callback}
        nodes["median"] = _node("reduce_dimension", data={"from_node": "load"}, dimension="t", reducer=reducer)
        last = "median"
    nodes["ndvi"] = {**_node("ndvi", data={"from_node": last}, nir="B08", red="B04"), "result": True}
    return {"process_graph": nodes}


# name: process, configuration, zoom level, dates
LAYERS: dict[str, tuple[dict[str, Any], dict[str, Any], int, list[str | None]]] = {
    "bolzano": (
        graph("sentinel-2-l2a-bolzano"),
        {"bands": ["B04", "B03", "B02"], "rescale": [0, 3000]},
        14,
        [None],
    ),
    "slovenia": (
        graph("ndvi-slovenia"),
        {"bands": [0], "rescale": [-1000, 9000], "colormap": "rdylgn"},
        16,
        ["2015-07-11", "2016-07-01"],
    ),
    "on-demand": (
        ndvi("sentinel-2-l2a-bolzano", median=True),
        {"rescale": [-1, 1], "colormap": "rdylgn"},
        14,
        [None],
    ),
    "on-demand dates": (
        ndvi("sentinel-2-l1c-slovenia", median=False),
        {"rescale": [-1, 1], "colormap": "rdylgn"},
        16,
        BOTH_SEASONS,
    ),
}


def dates_of(served: ServedService, wanted: list[str | None]) -> list[str | None]:
    """The real dates nearest to those wanted, so that a test does not hang on one acquisition."""
    labels = served.dates.distinct
    return [
        None if day is None else min(labels, key=lambda label: abs(np.datetime64(label[:10]) - np.datetime64(day)))
        for day in wanted
    ]


def extent_at(served: ServedService, zoom: int) -> Extent:
    """2 x 2 tiles around the middle of the data, so that nothing has to be resampled by a client."""
    west, south, east, north = served.bounds(WEB_MERCATOR)
    size = 2 * EDGE_M / 2**zoom
    column, row = round(((west + east) / 2 + EDGE_M) / size), round((EDGE_M - (south + north) / 2) / size)
    left, _, _, top = tile_bounds((zoom, column - 1, row - 1))
    _, bottom, right, _ = tile_bounds((zoom, column, row))
    return left, bottom, right, top


def direct(served: ServedService, extent: Extent, date: str | None, size: tuple[int, int] = (SIZE, SIZE)) -> np.ndarray:
    """What there is to see in Web Mercator: (rows, columns, RGBA)."""
    picture = served.picture(MapRequest(grid_of(extent, *size, WEB_MERCATOR), date))
    return np.array(Image.open(io.BytesIO(picture)).convert("RGBA")).astype(int)
