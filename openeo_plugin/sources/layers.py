"""From a stored STAC item to typed layers, without opening a file.

A *stored item* is what `importing` writes and the catalogue keeps: a valid STAC 1.1 item in which every raster asset
says everything that the engine has to know before a pixel is read:

    href                absolute path of a local GeoTIFF
    proj:code           "EPSG:32633"; or `proj:wkt2` for a CRS without a code
    proj:shape          [rows, columns]
    proj:transform      [a, b, c, d, e, f], pixel to world
    bands               one object per band in the order of the file: name, data_type, and where known nodata, unit,
                        description, raster:scale, raster:offset, eo:common_name, eo:center_wavelength (micrometres);
                        openeo:index (from 1) where a band's place in the file is not its place in the list
    openeo:block        [rows, columns] of the blocks in the file
    openeo:overviews    decimation factors of the overviews, ascending; left out if there are none

Assets without `bands`, `proj:shape` and `proj:transform` (thumbnails, metadata) are no layers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band

DEFAULT_BLOCK = (512, 512)

_BAND_FIELDS = (
    "name",
    "data_type",
    "nodata",
    "raster:scale",
    "raster:offset",
    "unit",
    "eo:common_name",
    "eo:center_wavelength",
    "description",
)


class _SharedGeoBox(GeoBox):
    """A GeoBox that a weak reference may point at, so that the table of grids forgets those no longer used."""

    __slots__ = ("__weakref__",)


_GRIDS: WeakValueDictionary[tuple[object, ...], _SharedGeoBox] = WeakValueDictionary()
_BANDS: WeakValueDictionary[tuple[object, ...], Band] = WeakValueDictionary()
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Layer:
    """One band of one file.

    Args:
        path: absolute path of a GeoTIFF.
        index: band in the file, from 1.
        band: as declared; scale and offset are not applied.
        grid: shared: layers on equal grids hold the same object.
        block: (rows, columns) in which the file stores the band.
        overviews: decimation factors, ascending.
    """

    path: str
    index: int
    band: Band
    grid: GeoBox
    block: tuple[int, int]
    overviews: tuple[int, ...]


def layers_of(item: Mapping[str, Any]) -> dict[str, Layer]:
    """The layers of a stored item by band name, in the order of its assets. Opens no file; safe in threads.

    Of two bands with one name the first counts.
    """
    layers: dict[str, Layer] = {}
    for key, asset in item["assets"].items():
        if "bands" not in asset or "proj:shape" not in asset or "proj:transform" not in asset:
            continue
        grid = grid_of(asset)
        block = tuple(asset.get("openeo:block", DEFAULT_BLOCK))
        overviews = tuple(asset.get("openeo:overviews", ()))
        alias = key if len(asset["bands"]) == 1 else None
        for position, fields in enumerate(asset["bands"], start=1):
            if fields["name"] not in layers:
                index = fields.get("openeo:index", position)
                layers[fields["name"]] = Layer(asset["href"], index, band_of(fields, alias), grid, block, overviews)
    return layers


def grid_of(asset: Mapping[str, Any]) -> GeoBox:
    """The grid of a stored asset; equal grids are one object as long as anyone holds it."""
    crs = asset.get("proj:code") or asset.get("proj:wkt2")
    return shared_grid(tuple(asset["proj:shape"]), tuple(asset["proj:transform"][:6]), crs)


def shared_grid(shape: tuple[int, int], transform: tuple[float, ...], crs: str | None) -> GeoBox:
    """The one grid object for (rows, columns), the six numbers of an affine, and a CRS (code or WKT)."""
    key = (crs, shape, transform)
    with _LOCK:
        grid = _GRIDS.get(key)
        if grid is None:
            grid = _GRIDS[key] = _SharedGeoBox(shape, Affine(*transform), crs)
    return grid


def band_of(fields: Mapping[str, Any], alias: str | None = None) -> Band:
    """A band from a STAC 1.1 band object.

    Args:
        fields: name and data_type are needed.
        alias: a further name, such as the key of an asset with this one band.
    """
    key = (alias, *[fields.get(name) for name in _BAND_FIELDS])
    with _LOCK:
        band = _BANDS.get(key)
        if band is None:
            band = _BANDS[key] = _new_band(fields, alias)
    return band


def _new_band(fields: Mapping[str, Any], alias: str | None) -> Band:
    dtype = np.dtype(fields["data_type"])
    return Band(
        name=fields["name"],
        dtype=dtype,
        nodata=nodata_value(fields.get("nodata"), dtype),
        scale=float(fields.get("raster:scale", 1.0)),
        offset=float(fields.get("raster:offset", 0.0)),
        unit=fields.get("unit"),
        common_name=fields.get("eo:common_name"),
        center_wavelength_um=fields.get("eo:center_wavelength"),
        description=fields.get("description"),
        aliases=(alias,) if alias is not None and alias != fields["name"] else (),
    )


def nodata_value(nodata: float | int | str | None, dtype: np.dtype[Any]) -> float | int | None:
    """Nodata as STAC writes it (a number, or "nan", "inf", "-inf") in the type of the values.

    Returns: None where there is none, and where no value of `dtype` can be equal to it.
    """
    if nodata is None:
        return None
    value = float(nodata)
    if dtype.kind == "f":
        return float(dtype.type(value))
    if not value.is_integer():
        return None
    whole = nodata if isinstance(nodata, int) else int(value)
    limits = np.iinfo(dtype)
    return whole if limits.min <= whole <= limits.max else None
