from __future__ import annotations

from typing import Any

import pytest

from openeo_plugin.sources.declared import Declared, declared_of


def declared(
    asset: dict[str, Any], properties: dict[str, Any] | None = None, collection: dict[str, Any] | None = None
) -> Declared:
    return declared_of("red", asset, properties or {}, collection or {})


@pytest.mark.parametrize(
    ("fields", "crs"),
    [
        ({"proj:code": "EPSG:32633"}, "EPSG:32633"),
        ({"proj:epsg": 32633}, "EPSG:32633"),
        ({"proj:wkt2": "PROJCRS[]"}, "PROJCRS[]"),
        ({"proj:epsg": None, "proj:projjson": {"type": "ProjectedCRS"}}, '{"type": "ProjectedCRS"}'),
        ({"proj:code": None}, None),
        ({}, None),
    ],
)
def test_the_crs_is_read_in_every_spelling_on_asset_and_item(fields: dict[str, Any], crs: str | None) -> None:
    assert declared(fields).crs == crs
    assert declared({}, fields).crs == crs


def test_the_asset_speaks_before_the_item() -> None:
    said = declared(
        {"proj:epsg": 1, "proj:shape": [1, 2], "proj:transform": [1, 2, 3, 4, 5, 6]},
        {"proj:code": "EPSG:2", "proj:shape": [3, 4], "proj:transform": [0, 0, 0, 0, 0, 0]},
    )
    assert (said.crs, said.shape, said.transform) == ("EPSG:1", (1, 2), (1, 2, 3, 4, 5, 6))


def test_a_transform_may_have_nine_numbers() -> None:
    assert declared({"proj:transform": [10, 0, 5, 0, -10, 7, 0, 0, 1]}).transform == (10, 0, 5, 0, -10, 7)


@pytest.mark.parametrize("value", [[1, 2], "10", [1, 2, 3, 4, 5, "6"], None, [-1, 5]])
def test_what_is_no_shape_or_transform_is_not_taken(value: object) -> None:
    said = declared({"proj:shape": value if value != [1, 2] else [1.5, 2], "proj:transform": value})
    assert (said.shape, said.transform) == (None, None)


def test_eo_bands_and_raster_bands_become_bands_of_stac_1_1() -> None:
    asset = {
        "eo:bands": [{"name": "B04", "common_name": "red", "center_wavelength": 0.665}],
        "raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1, "unit": "1"}],
    }
    assert declared(asset).bands == (
        {
            "name": "B04",
            "eo:common_name": "red",
            "eo:center_wavelength": 0.665,
            "nodata": 0,
            "raster:scale": 0.0001,
            "raster:offset": -0.1,
            "unit": "1",
        },
    )


def test_fields_on_the_asset_hold_for_each_of_its_bands() -> None:
    bands = declared({"nodata": 255, "bands": [{"name": "a"}, {"name": "b", "nodata": 0}]}).bands
    assert bands == ({"name": "a", "nodata": 255}, {"name": "b", "nodata": 0})


def test_bands_of_the_item_are_found_by_the_name_of_the_asset() -> None:
    properties = {"eo:bands": [{"name": "nir"}, {"name": "red", "common_name": "red"}]}
    assert declared({}, properties).bands == ({"name": "red", "eo:common_name": "red"},)


def test_item_assets_and_summaries_of_the_collection_complete_a_band() -> None:
    collection = {
        "item_assets": {"red": {"eo:bands": [{"name": "B04"}]}},
        "summaries": {"eo:bands": [{"name": "B04", "common_name": "red"}]},
    }
    assert declared({}, None, collection).bands == ({"name": "B04", "eo:common_name": "red"},)


def test_null_and_values_of_the_wrong_type_are_not_taken() -> None:
    asset = {"bands": [{"name": 4, "nodata": None, "raster:scale": "big", "unit": "", "description": "d"}]}
    assert declared(asset).bands == ({"description": "d"},)


def test_an_asset_that_says_nothing_declares_nothing() -> None:
    assert declared({"href": "a.tif", "bands": "none", "eo:bands": None}) == Declared(None, None, None, ())
