"""Finished files as STAC assets, in the shape of a stored item (see `openeo_plugin.sources.layers`).

A GeoTIFF says everything that is needed to load it again. Other files carry no `bands`, so that no reader of layers
takes them for one; they still say where they lie.
"""

from __future__ import annotations

from typing import Any

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.grid import Grid
from openeo_plugin.formats.asset import Asset

NAMELESS_BAND = "data"


def is_layer(asset: Asset) -> bool:
    """Whether the asset can be loaded again as a layer."""
    return asset.media_type.startswith("image/tiff") and asset.grid is not None and asset.grid.crs is not None


def stac_asset(asset: Asset) -> dict[str, Any]:
    """The asset as JSON; `href` is the absolute path."""
    found: dict[str, Any] = {
        "href": str(asset.path.absolute()),
        "type": asset.media_type,
        "title": asset.title,
        "roles": list(asset.roles),
        "file:size": asset.size_bytes,
    }
    if asset.grid is not None:
        found |= _projection(asset.grid)
    if is_layer(asset):
        found["bands"] = [_band(band) for band in asset.bands]
    if asset.block is not None:
        found["openeo:block"] = list(asset.block)
    if asset.overviews:
        found["openeo:overviews"] = list(asset.overviews)
    return found


def _projection(grid: Grid) -> dict[str, Any]:
    box = grid.boundingbox
    found: dict[str, Any] = {
        "proj:shape": [int(size) for size in grid.shape],
        "proj:transform": [float(value) for value in tuple(grid.affine)[:6]],
        "proj:bbox": [float(value) for value in box.bbox],
    }
    if grid.crs is not None:
        key, value = ("proj:code", f"EPSG:{grid.crs.epsg}") if grid.crs.epsg else ("proj:wkt2", grid.crs.to_wkt())
        found[key] = value
    return found


def _band(band: Band) -> dict[str, Any]:
    found: dict[str, Any] = {"name": band.name or NAMELESS_BAND, "data_type": band.dtype.name}
    known = {
        "description": band.description,
        "nodata": "nan" if band.nodata is not None and band.nodata != band.nodata else band.nodata,
        "unit": band.unit,
        "raster:scale": None if band.scale == 1.0 else band.scale,
        "raster:offset": None if band.offset == 0.0 else band.offset,
        "eo:common_name": band.common_name,
        "eo:center_wavelength": band.center_wavelength_um,
    }
    return found | {name: value for name, value in known.items() if value is not None}
