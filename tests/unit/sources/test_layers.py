from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from openeo_plugin.sources.layers import grid_of, layers_of, nodata_value


def stored_asset(**fields: Any) -> dict[str, Any]:
    return {
        "href": "/data/B04.tif",
        "proj:code": "EPSG:32632",
        "proj:shape": [4, 5],
        "proj:transform": [10, 0, 600000, 0, -10, 5100000],
        "bands": [{"name": "B04", "data_type": "uint16", "nodata": 0}],
        "openeo:block": [2, 5],
    } | fields


def test_a_layer_tells_file_band_grid_block_and_overviews() -> None:
    band = {
        "name": "B04",
        "data_type": "uint16",
        "nodata": 0,
        "raster:scale": 0.0001,
        "raster:offset": -0.1,
        "unit": "1",
        "eo:common_name": "red",
        "eo:center_wavelength": 0.665,
        "description": "red light",
    }
    layer = layers_of({"assets": {"red": stored_asset(bands=[band], **{"openeo:overviews": [2, 4]})}})["B04"]
    assert (layer.path, layer.index, layer.block, layer.overviews) == ("/data/B04.tif", 1, (2, 5), (2, 4))
    assert layer.grid.shape == (4, 5)
    assert tuple(layer.grid.affine)[:6] == (10, 0, 600000, 0, -10, 5100000)
    assert layer.grid.crs is not None
    assert layer.grid.crs.epsg == 32632
    assert (layer.band.dtype, layer.band.nodata) == (np.dtype("uint16"), 0)
    assert (layer.band.scale, layer.band.offset, layer.band.unit) == (0.0001, -0.1, "1")
    assert (layer.band.common_name, layer.band.center_wavelength_um) == ("red", 0.665)
    assert layer.band.description == "red light"
    assert layer.band.aliases == ("red",)


def test_the_bands_of_one_file_are_layers_with_their_places_in_it() -> None:
    bands = [{"name": name, "data_type": "uint8"} for name in ("r", "g", "b")]
    layers = layers_of({"assets": {"rgb": stored_asset(bands=bands)}})
    assert [(name, layer.index) for name, layer in layers.items()] == [("r", 1), ("g", 2), ("b", 3)]
    assert layers["r"].band.aliases == ()


def test_a_band_may_name_its_place_in_the_file() -> None:
    bands = [{"name": "nir", "data_type": "uint8", "openeo:index": 4}]
    assert layers_of({"assets": {"a": stored_asset(bands=bands)}})["nir"].index == 4


def test_layers_on_equal_grids_share_one_grid() -> None:
    one, two = {"assets": {"a": stored_asset()}}, {"assets": {"a": stored_asset(href="/data/other.tif")}}
    first, second = layers_of(one)["B04"], layers_of(two)["B04"]
    assert first.grid is second.grid
    assert first.band is second.band
    assert isinstance(first.grid, GeoBox)


def test_layers_on_other_grids_do_not_share_them() -> None:
    moved = stored_asset(**{"proj:transform": [10, 0, 600010, 0, -10, 5100000]})
    assert grid_of(stored_asset()) is not grid_of(moved)


def test_assets_that_are_no_rasters_are_no_layers() -> None:
    assert layers_of({"assets": {"thumbnail": {"href": "/data/a.png"}}}) == {}


def test_nodata_is_read_in_the_type_of_the_values() -> None:
    assert nodata_value(-32768, np.dtype("int16")) == -32768
    assert nodata_value(0.0, np.dtype("uint16")) == 0
    assert isinstance(nodata_value(0.0, np.dtype("uint16")), int)
    not_a_number = nodata_value("nan", np.dtype("float32"))
    assert not_a_number is not None
    assert math.isnan(not_a_number)


def test_nodata_that_no_value_can_have_is_none() -> None:
    assert nodata_value(-9999, np.dtype("uint8")) is None
    assert nodata_value("nan", np.dtype("uint8")) is None
    assert nodata_value(0.5, np.dtype("int16")) is None
    assert nodata_value(None, np.dtype("int16")) is None


def test_float_nodata_is_the_nearest_value_of_the_type() -> None:
    assert nodata_value(-3.4e38, np.dtype("float32")) == float(np.float32(-3.4e38))


def test_ten_thousand_items_are_read_in_seconds() -> None:
    item = {"assets": {f"B{i}": stored_asset(bands=[{"name": f"B{i}", "data_type": "int16"}]) for i in range(5)}}
    start = time.perf_counter()
    for _ in range(10_000):
        layers_of(item)
    assert time.perf_counter() - start < 5
