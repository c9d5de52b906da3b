"""Tiny GeoTIFFs and STAC documents for the tests of sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

UTM = Affine(10, 0, 600_000, 0, -10, 5_100_000)


def write_tif(
    path: Path,
    *,
    values: Any = None,
    count: int = 1,
    dtype: str = "uint16",
    nodata: float | None = 0,
    crs: str | None = "EPSG:32632",
    transform: Affine = UTM,
    descriptions: tuple[str, ...] = (),
    scales: tuple[float, ...] = (),
    overviews: tuple[int, ...] = (),
    **options: Any,
) -> Path:
    """(count, 4, 5) pixels of 7, unless `values` says otherwise."""
    data = np.full((count, 4, 5), 7, dtype) if values is None else np.asarray(values, dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {"count": data.shape[0], "height": data.shape[1], "width": data.shape[2], "dtype": dtype}
    with rasterio.open(
        path, "w", driver="GTiff", crs=crs, transform=transform, nodata=nodata, **profile, **options
    ) as dataset:
        dataset.write(data)
        if descriptions:
            dataset.descriptions = descriptions
        if scales:
            dataset.scales = scales
        if overviews:
            dataset.build_overviews(list(overviews))
    return path


def write_json(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def item(name: str, assets: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """A STAC item that says no more than it must."""
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "geometry": None,
        "properties": {"datetime": "2022-06-12T10:00:31Z"} | properties,
        "links": [],
        "assets": assets,
    }


def collection(name: str, *items: str, **fields: Any) -> dict[str, Any]:
    """A STAC collection with links to items."""
    links = [{"rel": "item", "href": href} for href in items]
    return {"type": "Collection", "stac_version": "1.0.0", "id": name, "links": links} | fields


def write_collection(folder: Path, assets: dict[str, Any], /, **properties: Any) -> Path:
    """collection.json and one item `scene` beside it, in scene/scene.json."""
    write_json(folder / "collection.json", collection("c", "./scene/scene.json"))
    write_json(folder / "scene" / "scene.json", item("scene", assets, **properties))
    return folder
