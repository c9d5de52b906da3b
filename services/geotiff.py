"""Values of a service as one GeoTIFF, computed window by window."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.registry import format_named
from services.readable import Readable, read

WINDOW_PX = 2048


def geotiff(
    plan: Readable,
    geobox: GeoBox,
    bands: Sequence[int],
    labels: Mapping[str, Sequence[int]],
    context: RunContext | None = None,
) -> bytes:
    """A GeoTIFF of some bands of a plan on a grid.

    Args:
        plan: whose values are wanted.
        geobox: the pixels.
        bands: indices, in the order of the file; at least one.
        labels: one label of every labelled dimension.
        context: where to look whether the client still waits.
    Raises: Canceled; what reading raises.
    """
    if plan.description is None:
        raise OpenEOError("ProcessGraphInvalid", reason="the result is no raster cube")
    description = _flat(geobox, [plan.description.bands[index] for index in bands])
    with tempfile.TemporaryDirectory(prefix="geotiff-") as folder:
        writer = format_named("GTiff").writer(description, Path(folder), "map", {"zlevel": 1, "overviews": False})
        step = [max(n, WINDOW_PX // n * n) for n in writer.align]
        try:
            for window in tiled(geobox, step[0], step[1]):
                writer.write(window, Block(tuple(read(plan, window.geobox(), bands, labels, context))))
            (asset,) = writer.finish()
        except BaseException:
            writer.abort()
            raise
        return asset.path.read_bytes()


def _flat(geobox: GeoBox, bands: Sequence[Band]) -> CubeDescription:
    """A cube of x, y and bands; a cube without a bands dimension has the band `value`."""
    named = tuple(replace(band, name=band.name or "value") for band in bands)
    dimensions = (
        BandsDimension("bands", tuple(band.name for band in named)),
        SpatialDimension("y", "y"),
        SpatialDimension("x", "x"),
    )
    return CubeDescription(dimensions, geobox, named)
