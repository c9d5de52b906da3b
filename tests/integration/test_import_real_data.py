"""The import of real samples, and what GDAL and pystac think of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from pystac.validation import validate_dict

from openeo_plugin.sources.common_grid import common_grid, lattice_offset
from openeo_plugin.sources.importing import ImportedCollection, import_folder
from openeo_plugin.sources.layers import Layer, layers_of
from openeo_plugin.sources.synthetic import make_collection

Imported = dict[str, ImportedCollection]


@pytest.fixture(scope="module")
def imported() -> Imported:
    shared = os.environ.get("OPENEO_SHARED")
    folder = (Path(shared) if shared else Path(__file__).parents[2] / ".." / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"MISSING REAL DATA: {folder} does not exist; set OPENEO_SHARED to the folder that holds data/")
    return {collection.document["id"]: collection for collection in import_folder(folder)}


def layers(collection: ImportedCollection) -> list[Layer]:
    return [layer for item in collection.items for layer in layers_of(item).values()]


def dates(collection: ImportedCollection) -> Sequence[str]:
    return [item["properties"]["datetime"] for item in collection.items]


def test_all_four_collections_are_imported_without_a_warning(imported: Imported) -> None:
    assert {name: len(collection.items) for name, collection in imported.items()} == {
        "landsat-8-newyork": 11,
        "ndvi-slovenia": 68,
        "sentinel-2-l1c-slovenia": 5,
        "sentinel-2-l2a-bolzano": 1,
    }
    assert all(collection.warnings == () for collection in imported.values())


def test_two_acquisitions_of_one_day_stay_two(imported: Imported) -> None:
    ndvi = imported["ndvi-slovenia"]
    assert len(set(dates(ndvi))) == 68
    assert [date for date in dates(ndvi) if date.startswith("2015-12-08")] == [
        "2015-12-08T10:04:09Z",
        "2015-12-08T10:11:25Z",
    ]
    assert len(ndvi.document["cube:dimensions"]["t"]["values"]) == 68


def test_scale_offset_and_nodata_of_bands_are_kept(imported: Imported) -> None:
    ndvi = layers_of(imported["ndvi-slovenia"].items[0])
    assert [(name, layer.band.dtype, layer.band.nodata) for name, layer in ndvi.items()] == [
        ("NDVI", np.dtype("int16"), -32768),
        ("CLM", np.dtype("uint8"), 255),
    ]
    assert (ndvi["NDVI"].band.scale, ndvi["NDVI"].band.offset) == (0.0001, 0)
    assert (ndvi["CLM"].band.scale, ndvi["CLM"].band.offset) == (1, 0)
    red = layers_of(imported["sentinel-2-l1c-slovenia"].items[0])["B04"].band
    assert (red.dtype, red.nodata, red.scale, red.common_name) == (np.dtype("uint16"), 0, 0.0001, "red")


def test_bands_keep_their_order(imported: Imported) -> None:
    bands = imported["sentinel-2-l1c-slovenia"].document["cube:dimensions"]["bands"]["values"]
    assert bands == [*(f"B{n:02}" for n in range(1, 9)), "B8A", "B09", "B10", "B11", "B12", "CLM"]
    assert imported["sentinel-2-l2a-bolzano"].document["cube:dimensions"]["bands"]["values"] == [
        "B04",
        "B03",
        "B02",
        "B08",
        "SCL",
    ]


@pytest.mark.parametrize("name", ["ndvi-slovenia", "sentinel-2-l1c-slovenia", "sentinel-2-l2a-bolzano"])
def test_collections_on_one_grid_are_read_on_it(imported: Imported, name: str) -> None:
    all_layers = layers(imported[name])
    assert {id(layer.grid) for layer in all_layers} == {id(common_grid(all_layers))}
    assert imported[name].document["openeo:grids"] == 1


def test_landsat_scenes_on_eleven_grids_get_one(imported: Imported) -> None:
    landsat = imported["landsat-8-newyork"]
    all_layers = layers(landsat)
    grids = list({id(layer.grid): layer.grid for layer in all_layers}.values())
    assert landsat.document["openeo:grids"] == len(grids) == 11
    grid = common_grid(all_layers)
    finest = min(grids, key=lambda one: abs(one.affine.determinant))
    assert grid.crs == "EPSG:32618"
    assert (grid.affine.a, grid.affine.e) == (finest.affine.a, finest.affine.e)
    assert lattice_offset(finest, grid) is not None
    box = grid.boundingbox
    for other in (one.boundingbox for one in grids):
        assert box.left - 1e-3 <= other.left
        assert other.right <= box.right + 1e-3
        assert box.bottom - 1e-3 <= other.bottom
        assert other.top <= box.top + 1e-3
    # no more than a pixel wider than the scenes
    width = max(one.boundingbox.right for one in grids) - min(one.boundingbox.left for one in grids)
    assert grid.shape[1] * grid.affine.a < width + 2 * grid.affine.a
    assert "step" not in landsat.document["cube:dimensions"]["x"]


def test_layers_tell_what_gdal_tells(imported: Imported) -> None:
    for collection in imported.values():
        for layer in layers_of(collection.items[-1]).values():
            with rasterio.open(layer.path) as dataset:
                assert dataset.shape == layer.grid.shape
                assert dataset.transform == layer.grid.affine
                assert dataset.dtypes[layer.index - 1] == layer.band.dtype
                assert dataset.block_shapes[layer.index - 1] == layer.block
                assert tuple(dataset.overviews(layer.index)) == layer.overviews


def _check_core(document: dict[str, Any], kind: pystac.STACObjectType) -> None:
    """Against the schemas of STAC 1.1 itself; those of extensions lie on the internet."""
    validate_dict({**document, "stac_extensions": []}, kind, stac_version="1.1.0", extensions=[])


def test_documents_and_items_are_valid_stac(imported: Imported, tmp_path: Path) -> None:
    (synthetic,) = import_folder(make_collection(tmp_path, size=256, dates=1).parent)
    for collection in [*imported.values(), synthetic]:
        _check_core(collection.document, pystac.STACObjectType.COLLECTION)
        _check_core(collection.items[0], pystac.STACObjectType.ITEM)
        pystac.Collection.from_dict(collection.document)
