"""Makes small, made-up collections for the demo and for tests: never to be taken for observations.

The same seed gives the same pixels. Each collection is a static STAC 1.1 catalogue of GeoTIFFs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter, shift, zoom

from openeo_plugin.cube.pixels import Array

SENTINEL_2 = "sentinel-2-l2a-synthetic"
SOIL_MOISTURE = "CGLS_SSM_1KM"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
PROVIDERS = [{"name": "pygeoapi-openeo (synthetic data, no observations)", "roles": ["producer"]}]

# Reflectance x 10000 of bare soil, dense vegetation, water and cloud; digital numbers like those of Sentinel-2 L2A.
_SPECTRA = {
    "B02": ("blue", 0.49, 900, 300, 500, 6500),
    "B03": ("green", 0.56, 1200, 600, 450, 6400),
    "B04": ("red", 0.665, 1700, 350, 300, 6300),
    "B08": ("nir", 0.842, 2600, 4400, 150, 6200),
}
_FIELD_PX = 32
_SHADOW, _VEGETATION, _BARE, _WATER, _CLOUD, _THICK_CLOUD, _CIRRUS = 3, 4, 5, 6, 8, 9, 10


@dataclass(frozen=True)
class _Land:
    """What does not change from date to date, each (rows, columns): a day of the year, a fraction, a flag."""

    peak_day: Array
    greenness: Array
    water: Array


def make_collection(folder: Path, *, size: int = 512, dates: int = 6, seed: int = 1) -> Path:
    """A Sentinel-2-like collection near Bolzano: B02, B03, B04, B08 (uint16, nodata 0, scale 1e-4) and SCL.

    Fields that green and fade, a river, clouds with their shadows (SCL 3, 8, 9, 10), and a corner without data on
    every third date. Every ten days from 2 June 2022; 10 m pixels in EPSG:32632.

    Args:
        folder: created; gets collection.json and a folder for each date.
        size: rows and columns.
        dates: number of dates.
        seed: of the random numbers.
    Returns: path of collection.json.
    """
    rng = np.random.default_rng(seed)
    grid = GeoBox((size, size), Affine(10, 0, 677_000, 0, -10, 5_155_000), "EPSG:32632")
    land = _land(rng, size)
    items = []
    for number in range(dates):
        moment = datetime(2022, 6, 2, 10, 5, 59, tzinfo=UTC) + timedelta(days=10 * number)
        classes = _classes(rng, land, moment, has_gap=number % 3 == 2)
        name = f"S2_SYNTHETIC_{moment:%Y%m%d}"
        bands = {band: _reflectance(rng, band, land, classes, moment) for band in _SPECTRA} | {"SCL": classes}
        assets = {}
        for band, values in bands.items():
            _write(folder / name / f"{band}.tif", values, grid, nodata=0, pyramid=True)
            assets[band] = _sentinel_asset(band)
        cloudy = float(np.isin(classes, (_CLOUD, _THICK_CLOUD, _CIRRUS)).mean() * 100)
        properties = {"eo:cloud_cover": round(cloudy, 2), "platform": "synthetic", "gsd": 10}
        items.append(_item(SENTINEL_2, name, moment, grid, assets, properties))
    return _write_catalogue(folder, _sentinel_document(), items)


def make_soil_moisture(folder: Path, *, days: int = 366, seed: int = 1) -> Path:
    """Daily soil moisture over Austria in 2020 in the layout of Copernicus Global Land: B01, EPSG:4326, 0.04 degrees.

    Values 0 to 200 stand for 0 to 100 per cent (uint8, scale 0.5); 255 is nodata.

    Args:
        folder: created; gets collection.json and a folder for each date.
        days: number of days from 1 January 2020.
        seed: of the random numbers.
    Returns: path of collection.json.
    """
    rng = np.random.default_rng(seed)
    shape = (70, 193)
    grid = GeoBox(shape, Affine(0.04, 0, 9.5, 0, -0.04, 49.1), "EPSG:4326")
    relief = _smooth_noise(rng, shape, 9)
    items = []
    for day in range(days):
        moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day)
        wet = 55 + 25 * np.cos(2 * np.pi * day / 366) + 40 * (relief - 0.5) + 30 * (_smooth_noise(rng, shape, 5) - 0.5)
        values = np.clip(np.rint(2 * wet), 0, 200).astype(np.uint8)
        values[relief > 0.9] = 255
        name = f"SSM_SYNTHETIC_{moment:%Y%m%d}"
        _write(folder / name / "B01.tif", values, grid, nodata=255, pyramid=False)
        band = {
            "name": "B01",
            "data_type": "uint8",
            "nodata": 255,
            "raster:scale": 0.5,
            "raster:offset": 0,
            "unit": "%",
        }
        items.append(_item(SOIL_MOISTURE, name, moment, grid, {"B01": _asset("B01", band, pyramid=False)}, {}))
    return _write_catalogue(folder, _soil_moisture_document(), items)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], knots: int) -> Array:
    """Values from 0 to 1 that vary over shape / knots pixels."""
    coarse = rng.random((knots, knots))
    smooth = zoom(coarse, (shape[0] / knots, shape[1] / knots), order=3, mode="nearest", grid_mode=True)
    low, high = smooth.min(), smooth.max()
    return (smooth - low) / (high - low)


def _land(rng: np.random.Generator, size: int) -> _Land:
    """Fields of about 320 m with crops of their own, woods, and a river."""
    count = -(-size // _FIELD_PX) + 1
    bend = (_smooth_noise(rng, (size, size), 6) * _FIELD_PX).astype(int)
    rows, columns = np.indices((size, size))
    field_of = ((rows + bend) // _FIELD_PX).clip(0, count) * (count + 1) + ((columns + bend) // _FIELD_PX).clip(
        0, count
    )
    peaks = rng.uniform(150, 230, (count + 1) ** 2)
    green = rng.uniform(0.3, 1.0, (count + 1) ** 2)
    wood = _smooth_noise(rng, (size, size), 4) > 0.7
    course = size * (0.5 + 0.25 * np.sin(rows / size * 5.0))
    return _Land(
        peak_day=np.where(wood, 190, peaks[field_of]),
        greenness=np.where(wood, 0.95, green[field_of]),
        water=np.abs(columns - course) < 6,
    )


def _vegetation(land: _Land, moment: datetime) -> Array:
    """Fraction of green cover, 0 to 1."""
    day = moment.timetuple().tm_yday
    return land.greenness * np.exp(-(((day - land.peak_day) / 45.0) ** 2))


def _classes(rng: np.random.Generator, land: _Land, moment: datetime, *, has_gap: bool) -> Array:
    """Scene classification: uint8, 0 where there is no data."""
    shape = land.water.shape
    classes = np.where(_vegetation(land, moment) > 0.4, _VEGETATION, _BARE).astype(np.uint8)
    classes[land.water] = _WATER
    density = gaussian_filter(_smooth_noise(rng, shape, 7), 2)
    cloudiness = rng.uniform(0.55, 0.85)
    cloud = density > cloudiness
    shadow = shift(cloud.astype(np.uint8), (18, -12), order=0).astype(bool) & ~cloud
    classes[shadow] = _SHADOW
    classes[(density > cloudiness - 0.04) & ~cloud] = _CIRRUS
    classes[cloud] = _CLOUD
    classes[density > cloudiness + 0.06] = _THICK_CLOUD
    if has_gap:
        rows, columns = np.indices(shape)
        classes[rows + columns < shape[0] // 4] = 0
    return classes


def _reflectance(rng: np.random.Generator, band: str, land: _Land, classes: Array, moment: datetime) -> Array:
    """Digital numbers of one band: uint16, 0 where there is no data."""
    _, _, soil, plant, water, cloud = _SPECTRA[band]
    green = _vegetation(land, moment)
    values = np.where(land.water, water, soil + (plant - soil) * green)
    values = values * (1 + rng.normal(0, 0.02, values.shape))
    values[classes == _SHADOW] *= 0.35
    for kind, share in ((_CIRRUS, 0.25), (_CLOUD, 0.7), (_THICK_CLOUD, 0.95)):
        there = classes == kind
        values[there] = (1 - share) * values[there] + share * cloud
    values = np.clip(np.rint(values), 1, 10_000).astype(np.uint16)
    values[classes == 0] = 0
    return values


def _write(path: Path, values: Array, grid: GeoBox, *, nodata: int, pyramid: bool) -> None:
    """One band; with a pyramid as a cloud-optimised GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layout: dict[str, Any] = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256, "predictor": 2}
    if pyramid:
        layout = {"driver": "COG", "blocksize": 256, "predictor": "YES", "overview_resampling": "nearest"}
    rows, columns = values.shape
    profile = {"width": columns, "height": rows, "count": 1, "dtype": values.dtype, "nodata": nodata}
    place = {"crs": str(grid.crs), "transform": grid.affine}
    with rasterio.open(path, "w", compress="deflate", **profile, **place, **layout) as dataset:
        dataset.write(values, 1)


def _sentinel_asset(name: str) -> dict[str, Any]:
    if name == "SCL":
        text = "scene classification: 3 shadow, 4 vegetation, 5 bare, 6 water, 8 and 9 cloud, 10 cirrus"
        return _asset(name, {"name": name, "data_type": "uint8", "nodata": 0, "description": text}, pyramid=True)
    common_name, wavelength_um, *_ = _SPECTRA[name]
    band = {
        "name": name,
        "data_type": "uint16",
        "nodata": 0,
        "raster:scale": 0.0001,
        "raster:offset": 0,
        "eo:common_name": common_name,
        "eo:center_wavelength": wavelength_um,
    }
    return _asset(name, band, pyramid=True)


def _asset(name: str, band: Mapping[str, Any], *, pyramid: bool) -> dict[str, Any]:
    profile = "; profile=cloud-optimized" if pyramid else ""
    media_type = f"image/tiff; application=geotiff{profile}"
    return {"href": f"./{name}.tif", "type": media_type, "title": name, "roles": ["data"], "bands": [dict(band)]}


def _item(
    collection: str, name: str, moment: datetime, grid: GeoBox, assets: dict[str, Any], properties: dict[str, Any]
) -> dict[str, Any]:
    footprint = grid.footprint("EPSG:4326", npoints=8)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [PROJECTION, RASTER, EO],
        "id": name,
        "collection": collection,
        "geometry": footprint.json,
        "bbox": list(footprint.boundingbox.bbox),
        "properties": {
            "datetime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "proj:code": str(grid.crs),
            "proj:shape": list(grid.shape),
            "proj:transform": list(grid.affine)[:6],
            **properties,
        },
        "links": [{"rel": "collection", "href": "../collection.json", "type": "application/json"}],
        "assets": assets,
    }


def _sentinel_document() -> dict[str, Any]:
    return {
        "id": SENTINEL_2,
        "title": "Synthetic Sentinel-2-like reflectance (made up, no observations)",
        "description": "Synthetic: computed from random numbers in the layout of Sentinel-2 L2A, to try things out. "
        "Reflectance x 10000 in four bands and a scene classification. It shows no real place and no real date.",
        "keywords": ["synthetic", "demo", "Sentinel-2-like"],
    }


def _soil_moisture_document() -> dict[str, Any]:
    return {
        "id": SOIL_MOISTURE,
        "title": "Synthetic surface soil moisture over Austria, 2020 (made up, no observations)",
        "description": "Synthetic: computed from random numbers in the layout of a daily soil moisture product, "
        "for test suites. It holds no observations.",
        "keywords": ["synthetic", "test", "soil moisture"],
    }


def _write_catalogue(folder: Path, texts: Mapping[str, Any], items: list[dict[str, Any]]) -> Path:
    """Write collection.json and one JSON file per item."""
    boxes = np.array([item["bbox"] for item in items])
    times = [item["properties"]["datetime"] for item in items]
    hrefs = [f"./{item['id']}/{item['id']}.json" for item in items]
    collection = {
        "type": "Collection",
        "stac_version": "1.1.0",
        **texts,
        "license": "CC0-1.0",
        "providers": PROVIDERS,
        "extent": {
            "spatial": {"bbox": [[*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]]},
            "temporal": {"interval": [[min(times), max(times)]]},
        },
        "links": [{"rel": "item", "href": href, "type": "application/geo+json"} for href in hrefs],
    }
    for href, item in zip(hrefs, items, strict=True):
        _write_json(folder / href, item)
    _write_json(folder / "collection.json", collection)
    return folder / "collection.json"


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
