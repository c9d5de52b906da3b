from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from affine import Affine

from openeo_plugin.sources.importing import import_folder

from .rasters import collection, item, write_json, write_tif


def has_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list) else value is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two dates of a red (10 m) and a mask band; the second lies three columns east of the first."""
    write_tif(tmp_path / "a" / "red.tif", scales=(0.0001,))
    write_tif(tmp_path / "a" / "mask.tif", dtype="uint8", nodata=255)
    write_tif(tmp_path / "b" / "red.tif", transform=Affine(10, 0, 600_030, 0, -10, 5_100_000))
    red = {"href": "red.tif", "title": "Red", "bands": [{"name": "B04", "eo:common_name": "red", "nodata": None}]}
    one = item("a", {"red": red, "mask": {"href": "mask.tif"}}, **{"eo:cloud_cover": 20, "platform": "one"})
    two = item("b", {"red": red}, **{"eo:cloud_cover": 3.5, "platform": "two", "datetime": "2022-06-17T10:00:31Z"})
    write_json(tmp_path / "a" / "item.json", one)
    write_json(tmp_path / "b" / "item.json", two)
    texts = {
        "title": "T",
        "description": "D",
        "license": "CC-BY-4.0",
        "keywords": ["k", None],
        "providers": [{"name": "P", "roles": ["producer"], "url": None, "x": 1}, "nobody"],
    }
    write_json(tmp_path / "collection.json", collection("c", "a/item.json", "b/item.json", **texts))
    return tmp_path


@pytest.fixture
def document(folder: Path) -> dict[str, Any]:
    (imported,) = import_folder(folder)
    return imported.document


def test_what_people_wrote_is_kept_and_null_is_not(document: dict[str, Any]) -> None:
    assert (document["title"], document["description"], document["license"]) == ("T", "D", "CC-BY-4.0")
    assert document["keywords"] == ["k"]
    assert document["providers"] == [{"name": "P", "roles": ["producer"]}]
    assert not has_null(document)


def test_spatial_dimensions_cover_all_items(document: dict[str, Any]) -> None:
    assert document["cube:dimensions"]["x"] == {
        "type": "spatial",
        "axis": "x",
        "extent": [600_000, 600_080],
        "reference_system": 32632,
        "step": 10,
    }
    assert document["cube:dimensions"]["y"]["extent"] == [5_099_960, 5_100_000]
    assert document["openeo:grids"] == 2


def test_the_temporal_dimension_lists_its_labels(document: dict[str, Any]) -> None:
    labels = ["2022-06-12T10:00:31Z", "2022-06-17T10:00:31Z"]
    assert document["cube:dimensions"]["t"] == {"type": "temporal", "extent": labels, "values": labels}
    assert document["extent"]["temporal"]["interval"] == [labels]


def test_bands_stand_in_the_order_of_the_items(document: dict[str, Any]) -> None:
    assert document["cube:dimensions"]["bands"] == {"type": "bands", "values": ["B04", "mask"]}
    red, mask = document["summaries"]["bands"]
    assert red == {
        "name": "B04",
        "data_type": "uint16",
        "nodata": 0,
        "raster:scale": 0.0001,
        "raster:offset": 0,
        "eo:common_name": "red",
    }
    assert mask == {"name": "mask", "data_type": "uint8", "nodata": 255}
    assert document["summaries"]["eo:bands"] == [{"name": "B04", "common_name": "red"}, {"name": "mask"}]


def test_summaries_tell_ranges_and_distinct_values(document: dict[str, Any]) -> None:
    summaries = document["summaries"]
    assert summaries["eo:cloud_cover"] == {"minimum": 3.5, "maximum": 20}
    assert summaries["platform"] == ["one", "two"]
    assert summaries["proj:code"] == ["EPSG:32632"]
    assert summaries["gsd"] == [10]


def test_item_assets_describe_the_files_without_their_paths(document: dict[str, Any], folder: Path) -> None:
    assert list(document["item_assets"]) == ["red", "mask"]
    assert document["item_assets"]["red"]["title"] == "Red"
    assert str(folder) not in str(document)


def test_a_collection_of_several_lattices_has_no_step(tmp_path: Path) -> None:
    write_tif(tmp_path / "B04_20220101.tif")
    write_tif(tmp_path / "B04_20220102.tif", transform=Affine(10, 0, 600_005, 0, -10, 5_100_000))
    (imported,) = import_folder(tmp_path)
    assert "step" not in imported.document["cube:dimensions"]["x"]
    assert "step" not in imported.document["cube:dimensions"]["y"]


def test_the_most_frequent_crs_is_that_of_the_dimensions(tmp_path: Path) -> None:
    for day in (1, 2):
        write_tif(tmp_path / f"B04_2022010{day}.tif")
    write_tif(tmp_path / "B04_20220103.tif", crs="EPSG:32633")
    (imported,) = import_folder(tmp_path)
    assert imported.document["cube:dimensions"]["x"]["reference_system"] == 32632
    assert imported.document["summaries"]["proj:code"] == ["EPSG:32632", "EPSG:32633"]


def test_a_collection_without_texts_gets_a_description_and_a_licence(tmp_path: Path) -> None:
    write_tif(tmp_path / "B04_20220101.tif")
    (imported,) = import_folder(tmp_path, collection_id="mine")
    assert imported.document["license"] == "other"
    assert "mine" in imported.document["description"]
    assert "title" not in imported.document


def test_more_than_a_thousand_labels_are_not_listed(tmp_path: Path) -> None:
    write_tif(tmp_path / "a.tif")
    features = [
        item(f"i{number}", {"a": {"href": "a.tif"}}, datetime=f"2022-01-01T{number // 60:02}:{number % 60:02}:00Z")
        for number in range(1000)
    ]
    write_json(tmp_path / "items.json", {"type": "FeatureCollection", "features": features})
    write_json(tmp_path / "collection.json", collection("c", "items.json"))
    (imported,) = import_folder(tmp_path)
    assert len(imported.items) == 1000
    assert imported.document["cube:dimensions"]["t"] == {
        "type": "temporal",
        "extent": ["2022-01-01T00:00:00Z", "2022-01-01T16:39:00Z"],
    }
