from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from openeo_plugin.sources.importing import import_folder
from openeo_plugin.sources.layers import layers_of
from openeo_plugin.sources.synthetic import make_collection, make_soil_moisture


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("s2"), size=300, dates=3).parent


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_the_collection_says_that_it_is_synthetic(sentinel: Path) -> None:
    document = json.loads((sentinel / "collection.json").read_text())
    assert "synthetic" in document["title"].lower()
    assert "synthetic" in document["description"].lower()
    assert "synthetic" in document["providers"][0]["name"]
    assert document["license"] == "CC0-1.0"


def test_it_is_imported_with_all_dates_and_bands(sentinel: Path) -> None:
    (imported,) = import_folder(sentinel)
    assert imported.warnings == ()
    assert [item["properties"]["datetime"][:10] for item in imported.items] == [
        "2022-06-02",
        "2022-06-12",
        "2022-06-22",
    ]
    layers = layers_of(imported.items[0])
    assert list(layers) == ["B02", "B03", "B04", "B08", "SCL"]
    assert (layers["B04"].band.dtype, layers["B04"].band.nodata, layers["B04"].band.scale) == (np.uint16, 0, 1e-4)
    assert (layers["SCL"].band.dtype, layers["SCL"].band.nodata) == (np.uint8, 0)
    assert (layers["B04"].grid.affine.c, layers["B04"].grid.affine.f) == (677_000, 5_155_000)
    assert layers["B04"].overviews == (2,)


def test_files_are_cloud_optimised(sentinel: Path) -> None:
    for path in sentinel.glob("*/*.tif"):
        with rasterio.open(path) as dataset:
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_it_has_clouds_shadows_fields_and_a_corner_without_data(sentinel: Path) -> None:
    classes = [read(path) for path in sorted(sentinel.glob("*/SCL.tif"))]
    assert {3, 4, 5, 6, 8, 9, 10} <= set(np.unique(np.stack(classes)))
    assert [bool((scene == 0).any()) for scene in classes] == [False, False, True]


def test_no_data_is_the_same_in_all_bands(sentinel: Path) -> None:
    (folder,) = sentinel.glob("S2_SYNTHETIC_20220622")
    gap = read(folder / "SCL.tif") == 0
    for band in ("B02", "B03", "B04", "B08"):
        assert ((read(folder / f"{band}.tif") == 0) == gap).all()


def test_clouds_are_bright_and_vegetation_is_green(sentinel: Path) -> None:
    folder = next(iter(sorted(sentinel.glob("S2_*"))))
    classes, red, nir = (read(folder / f"{band}.tif").astype(float) for band in ("SCL", "B04", "B08"))
    ndvi = (nir - red) / (nir + red)
    assert red[classes == 9].mean() > 3 * red[classes == 4].mean()
    assert ndvi[classes == 4].mean() > 0.5 > ndvi[classes == 5].mean()


def test_the_seed_decides_on_the_pixels(tmp_path: Path, sentinel: Path) -> None:
    name = "S2_SYNTHETIC_20220602/B04.tif"
    again, other = tmp_path / "again", tmp_path / "other"
    make_collection(again, size=300, dates=1, seed=1)
    make_collection(other, size=300, dates=1, seed=2)
    assert (read(again / name) == read(sentinel / name)).all()
    assert (read(again / name) != read(other / name)).any()


def test_the_demo_collection_is_small(tmp_path: Path) -> None:
    make_collection(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.*")) < 30_000_000


def test_soil_moisture_covers_austria_day_by_day(tmp_path: Path) -> None:
    make_soil_moisture(tmp_path, days=3)
    (imported,) = import_folder(tmp_path)
    assert imported.document["id"] == "CGLS_SSM_1KM"
    assert "synthetic" in imported.document["title"].lower()
    assert imported.document["cube:dimensions"]["t"]["extent"] == ["2020-01-01T00:00:00Z", "2020-01-03T00:00:00Z"]
    layer = layers_of(imported.items[0])["B01"]
    assert (layer.band.dtype, layer.band.nodata, layer.band.scale) == (np.uint8, 255, 0.5)
    box = layer.grid.boundingbox
    assert (box.left, round(box.bottom, 9), round(box.right, 9), box.top) == (9.5, 46.3, 17.22, 49.1)
    values = read(Path(layer.path))
    assert (values == 255).any()
    assert values[values != 255].max() <= 200
