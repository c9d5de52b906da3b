from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.importing import ImportedCollection, import_folder
from openeo_plugin.sources.layers import Layer, layers_of

from .rasters import UTM, collection, item, write_collection, write_json, write_tif


def only(folder: Path, **options: Any) -> ImportedCollection:
    (imported,) = import_folder(folder, **options)
    return imported


def layers(folder: Path) -> dict[str, Layer]:
    return layers_of(only(folder).items[0])


def test_an_item_is_stored_with_all_that_the_engine_must_know(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "scene" / "B04.tif")
    write_collection(tmp_path, {"red": {"href": "./B04.tif", "eo:bands": [{"name": "B04", "common_name": "red"}]}})
    imported = only(tmp_path)
    assert imported.warnings == ()
    (stored,) = imported.items
    assert (stored["type"], stored["stac_version"], stored["id"], stored["collection"]) == (
        "Feature",
        "1.1.0",
        "scene",
        "c",
    )
    assert stored["properties"] == {"datetime": "2022-06-12T10:00:31Z"}
    assert stored["assets"] == {
        "red": {
            "href": str(path),
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "proj:code": "EPSG:32632",
            "proj:shape": [4, 5],
            "proj:transform": [10, 0, 600_000, 0, -10, 5_100_000],
            "bands": [{"name": "B04", "data_type": "uint16", "nodata": 0, "eo:common_name": "red"}],
            "openeo:block": [4, 5],
        }
    }
    json.dumps(imported.items, allow_nan=False)


def test_geometry_and_bbox_come_from_the_files_grid(tmp_path: Path) -> None:
    place = {"crs": "EPSG:4326", "transform": Affine(0.5, 0, 10, 0, -0.25, 47)}
    write_tif(tmp_path / "scene" / "a.tif", **place)
    write_collection(tmp_path, {"a": {"href": "a.tif"}})
    (stored,) = only(tmp_path).items
    assert stored["bbox"] == [10, 46, 12.5, 47]
    assert stored["geometry"]["type"] == "Polygon"


def test_stac_speaks_before_the_file_on_nodata_and_scale_and_the_file_on_its_type(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", nodata=0, scales=(0.5,), dtype="int16")
    band = {"name": "a", "nodata": -1, "raster:scale": 0.1, "data_type": "uint8"}
    band_of_file = layers(write_collection(tmp_path, {"a": {"href": "a.tif", "bands": [band]}}))["a"].band
    assert (band_of_file.nodata, band_of_file.scale, band_of_file.dtype) == (-1, 0.1, np.dtype("int16"))


def test_what_stac_does_not_say_is_taken_from_the_file(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", nodata=9, scales=(0.5,), overviews=(2,))
    layer = layers(write_collection(tmp_path, {"a": {"href": "a.tif"}}))["a"]
    assert (layer.band.name, layer.band.nodata, layer.band.scale, layer.overviews) == ("a", 9, 0.5, (2,))


def test_nodata_nan_is_stored_as_stac_spells_it(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", dtype="float32", nodata=float("nan"))
    write_collection(tmp_path, {"a": {"href": "a.tif"}})
    (stored,) = only(tmp_path).items
    assert stored["assets"]["a"]["bands"][0]["nodata"] == "nan"
    nodata = layers_of(stored)["a"].band.nodata
    assert nodata is not None
    assert np.isnan(nodata)


def test_a_file_of_several_bands_gives_several_layers(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", count=3, descriptions=("red", "green", "blue"))
    found = layers(write_collection(tmp_path, {"rgb": {"href": "a.tif"}}))
    assert [(name, layer.index) for name, layer in found.items()] == [("red", 1), ("green", 2), ("blue", 3)]


def test_bands_without_any_name_are_numbered(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", count=2)
    write_tif(tmp_path / "scene" / "b.tif", count=2)
    assert list(layers(write_collection(tmp_path, {"a": {"href": "a.tif"}}))) == ["B1", "B2"]
    assert list(layers(write_collection(tmp_path, {"a": {"href": "a.tif"}, "b": {"href": "b.tif"}}))) == [
        "a_1",
        "a_2",
        "b_1",
        "b_2",
    ]


def test_a_band_name_that_is_taken_gives_way_to_the_assets_name(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    asset = {"href": "a.tif", "bands": [{"name": "red"}]}
    assert list(layers(write_collection(tmp_path, {"B04": asset, "visual_red": asset}))) == ["red", "visual_red"]


def test_pictures_for_people_and_other_files_are_no_bands(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    assets = {
        "thumbnail": {"href": "a.tif", "roles": ["thumbnail"]},
        "metadata": {"href": "a.xml", "type": "application/xml"},
        "a": {"href": "a.tif"},
    }
    assert list(layers(write_collection(tmp_path, assets))) == ["a"]
    assert only(tmp_path).warnings == ()


def test_place_and_crs_come_from_stac_where_the_file_has_none(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", crs=None, transform=Affine.identity())
    said = {"proj:epsg": 32632, "proj:transform": list(UTM)[:6]}
    grid = layers(write_collection(tmp_path, {"a": {"href": "a.tif"}}, **said))["a"].grid
    assert grid.affine == UTM
    assert grid.crs == "EPSG:32632"


def test_a_file_that_lies_nowhere_is_left_out(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", crs=None, transform=Affine.identity())
    write_collection(tmp_path, {"a": {"href": "a.tif"}})
    with pytest.raises(OpenEOError, match="where on Earth"):
        import_folder(tmp_path)


def test_a_crs_without_code_is_stored_as_wkt2(tmp_path: Path) -> None:
    crs = "+proj=laea +lat_0=47 +lon_0=11 +ellps=GRS80"
    write_tif(tmp_path / "scene" / "a.tif", crs=crs, transform=Affine(10, 0, 0, 0, -10, 0))
    write_collection(tmp_path, {"a": {"href": "a.tif"}})
    (stored,) = only(tmp_path).items
    assert stored["assets"]["a"]["proj:wkt2"].startswith("PROJCRS[")
    assert "proj:code" not in stored["assets"]["a"]
    grid = layers_of(stored)["a"].grid
    assert grid.crs is not None
    assert grid.crs.projected


def test_where_file_and_stac_disagree_the_file_counts_and_a_warning_says_so(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    said = {"proj:code": "EPSG:32633", "proj:shape": [9, 9], "proj:transform": [10, 0, 600_005, 0, -10, 5_100_000]}
    write_collection(tmp_path, {"a": {"href": "a.tif"}}, **said)
    imported = only(tmp_path)
    assert layers_of(imported.items[0])["a"].grid.shape == (4, 5)
    assert len(imported.warnings) == 3
    assert all(text.startswith("scene/scene.json: asset 'a': ") for text in imported.warnings)


def test_a_corrupt_file_is_left_out_with_its_name_and_the_rest_is_imported(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "good.tif")
    (tmp_path / "scene" / "bad.tif").write_bytes(b"II*\0rubbish")
    write_collection(tmp_path, {"good": {"href": "good.tif"}, "bad": {"href": "bad.tif"}})
    imported = only(tmp_path)
    assert list(layers_of(imported.items[0])) == ["good"]
    (warning,) = imported.warnings
    assert "bad.tif" in warning


def test_assets_outside_the_folder_are_left_out(tmp_path: Path) -> None:
    write_tif(tmp_path / "other.tif")
    write_tif(tmp_path / "in" / "scene" / "a.tif")
    (tmp_path / "in" / "scene" / "link.tif").symlink_to(tmp_path / "other.tif")
    hrefs = ["../../other.tif", str(tmp_path / "other.tif"), "link.tif", "/vsicurl/http://127.0.0.1:9/a.tif"]
    assets = {f"a{number}": {"href": href, "type": "image/tiff"} for number, href in enumerate(hrefs)}
    write_collection(tmp_path / "in", assets | {"a": {"href": "a.tif"}})
    imported = only(tmp_path / "in")
    assert list(imported.items[0]["assets"]) == ["a"]
    assert len(imported.warnings) == 4


def test_nothing_readable_is_an_error_one_can_act_on(tmp_path: Path) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "bad.tif").write_bytes(b"rubbish")
    write_collection(tmp_path, {"bad": {"href": "bad.tif"}})
    with pytest.raises(OpenEOError, match=r"bad\.tif.*damaged") as raised:
        import_folder(tmp_path)
    assert raised.value.code == "FileContentInvalid"


def test_an_empty_folder_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(OpenEOError, match=r"collection\.json"):
        import_folder(tmp_path)
    with pytest.raises(OpenEOError) as raised:
        import_folder(tmp_path / "nowhere")
    assert raised.value.code == "FileNotFound"


def test_a_broken_collection_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "collection.json").write_text("{")
    with pytest.raises(OpenEOError, match=r"collection\.json"):
        import_folder(tmp_path)


def test_a_broken_item_is_left_out(tmp_path: Path) -> None:
    write_tif(tmp_path / "a.tif")
    write_json(tmp_path / "collection.json", collection("c", "good.json", "bad.json", "list.json", "gone.json"))
    write_json(tmp_path / "good.json", item("good", {"a": {"href": "a.tif"}}))
    write_json(tmp_path / "list.json", [])
    (tmp_path / "bad.json").write_text('{"type": ')
    imported = only(tmp_path)
    assert [stored["id"] for stored in imported.items] == ["good"]
    assert [text.split(":")[0] for text in imported.warnings] == ["bad.json", "list.json", "collection.json"]


def test_an_item_of_the_wrong_types_is_left_out(tmp_path: Path) -> None:
    write_tif(tmp_path / "a.tif")
    write_json(tmp_path / "collection.json", collection("c", "good.json", "1.json", "2.json", "3.json"))
    write_json(tmp_path / "good.json", item("good", {"a": {"href": "a.tif"}}))
    write_json(tmp_path / "1.json", {"properties": [], "assets": {}})
    write_json(tmp_path / "2.json", {"properties": {"datetime": "2020-01-01"}, "assets": []})
    write_json(tmp_path / "3.json", {"properties": {"datetime": 5}, "assets": {"a": "a.tif"}})
    imported = only(tmp_path)
    assert len(imported.items) == 1
    assert len(imported.warnings) == 3


def test_a_period_is_labelled_by_its_start(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    times = {"datetime": None, "start_datetime": "2022-06-01T00:00:00Z", "end_datetime": "2022-06-10T23:59:59Z"}
    imported = only(write_collection(tmp_path, {"a": {"href": "a.tif"}}, **times))
    assert imported.items[0]["properties"] == times | {"datetime": "2022-06-01T00:00:00Z"}
    assert imported.document["extent"]["temporal"]["interval"] == [["2022-06-01T00:00:00Z", "2022-06-10T23:59:59Z"]]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2022-06-12T12:00:31+02:00", "2022-06-12T10:00:31Z"),
        ("2022-06-12", "2022-06-12T00:00:00Z"),
        ("2022-06-12T10:00:31.024Z", "2022-06-12T10:00:31.024000Z"),
    ],
)
def test_times_are_stored_in_utc(tmp_path: Path, written: str, stored: str) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    write_collection(tmp_path, {"a": {"href": "a.tif"}}, datetime=written)
    assert only(tmp_path).items[0]["properties"]["datetime"] == stored


def test_items_are_sorted_by_time_and_get_distinct_ids(tmp_path: Path) -> None:
    write_tif(tmp_path / "a.tif")
    write_json(tmp_path / "collection.json", collection("c", "1.json", "2.json", "3.json"))
    for number, day in ((1, 3), (2, 1), (3, 2)):
        name = "twice" if number > 1 else "once"
        document = item(name, {"a": {"href": "a.tif"}}, datetime=f"2022-01-0{day}T00:00:00Z")
        write_json(tmp_path / f"{number}.json", document)
    imported = only(tmp_path)
    assert [stored["id"] for stored in imported.items] == ["twice", "twice-2", "once"]
    assert len(imported.warnings) == 1


def test_catalogues_are_followed_down_to_the_items(tmp_path: Path) -> None:
    write_tif(tmp_path / "one" / "2022" / "a.tif")
    catalogue = {"type": "Catalog", "id": "top", "links": [{"rel": "child", "href": "one/collection.json"}]}
    write_json(tmp_path / "catalog.json", catalogue)
    year = {"type": "Catalog", "id": "2022", "links": [{"rel": "item", "href": "i.json"}]}
    links = [{"rel": "child", "href": "./2022/catalog.json"}, {"rel": "root", "href": "../catalog.json"}]
    write_json(tmp_path / "one" / "collection.json", collection("one") | {"links": links})
    write_json(tmp_path / "one" / "2022" / "catalog.json", year)
    write_json(tmp_path / "one" / "2022" / "i.json", item("i", {"a": {"href": "a.tif"}}))
    imported = only(tmp_path)
    assert (imported.document["id"], [stored["id"] for stored in imported.items]) == ("one", ["i"])


def test_a_catalogue_that_links_in_a_circle_ends(tmp_path: Path) -> None:
    write_tif(tmp_path / "a.tif")
    links = [{"rel": "child", "href": "catalog.json"}, {"rel": "child", "href": "b.json"}]
    write_json(tmp_path / "catalog.json", {"type": "Catalog", "id": "a", "links": links})
    more = [{"rel": "child", "href": "catalog.json"}, {"rel": "item", "href": "i.json"}]
    write_json(tmp_path / "b.json", {"type": "Catalog", "id": "b", "links": more})
    write_json(tmp_path / "i.json", item("i", {"a": {"href": "a.tif"}}))
    imported = only(tmp_path)
    assert (imported.document["id"], len(imported.items)) == ("a", 1)


def test_item_files_are_found_where_no_link_names_them(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    write_json(tmp_path / "scene" / "i.json", item("i", {"a": {"href": "a.tif"}}))
    write_json(tmp_path / "scene" / "notes.json", {"type": "Feature", "properties": {}})
    assert only(tmp_path).document["id"] == tmp_path.name
    write_json(tmp_path / "collection.json", collection("c"))
    imported = only(tmp_path)
    assert (imported.document["id"], len(imported.items), imported.warnings) == ("c", 1, ())


def test_a_folder_of_collections_gives_each_of_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_tif(tmp_path / name / "a.tif")
        write_json(tmp_path / name / "collection.json", collection(name, "i.json"))
        write_json(tmp_path / name / "i.json", item("i", {"a": {"href": "a.tif"}}))
    assert [imported.document["id"] for imported in import_folder(tmp_path)] == ["one", "two"]
    with pytest.raises(OpenEOError, match="holds 2: one, two"):
        import_folder(tmp_path, collection_id="mine")


def test_one_unreadable_collection_does_not_keep_the_others_out(tmp_path: Path) -> None:
    write_tif(tmp_path / "two" / "a.tif")
    write_json(tmp_path / "one" / "collection.json", collection("one", "missing.json"))
    write_json(tmp_path / "two" / "collection.json", collection("two", "i.json"))
    write_json(tmp_path / "two" / "i.json", item("i", {"a": {"href": "a.tif"}}))
    imported = only(tmp_path)
    assert imported.document["id"] == "two"
    assert "missing.json" in imported.warnings[0]


def test_plain_geotiffs_become_a_collection(tmp_path: Path) -> None:
    for date in ("20220612", "20220617"):
        write_tif(tmp_path / f"S2A_{date}_B04.tif")
        write_tif(tmp_path / f"S2A_{date}_B08.tif")
    write_tif(tmp_path / "notes.tif")
    imported = only(tmp_path, collection_id="mine")
    assert imported.document["id"] == "mine"
    assert [stored["id"] for stored in imported.items] == ["S2A_20220612", "S2A_20220617"]
    assert list(layers_of(imported.items[0])) == ["B04", "B08"]
    (warning,) = imported.warnings
    assert "notes.tif" in warning


def test_ids_become_fit_for_urls(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif")
    write_collection(tmp_path, {"a": {"href": "a.tif"}})
    write_json(tmp_path / "collection.json", collection("my data/Übung", "scene/scene.json"))
    assert only(tmp_path).document["id"] == "my-data-bung"
    with pytest.raises(OpenEOError, match="letters"):
        import_folder(tmp_path, collection_id="../x")


def test_progress_counts_items(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        write_tif(tmp_path / f"B04_2022-01-0{day}.tif")
    seen: list[tuple[int, int]] = []
    import_folder(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def _beside_a_good_one(folder: Path, asset: dict[str, Any], **properties: Any) -> ImportedCollection:
    """What is imported of a strange item, `scene`, and of a plain one."""
    write_collection(folder, {"B04": asset}, **properties)
    write_json(folder / "collection.json", collection("c", "./scene/scene.json", "./good.json"))
    write_json(folder / "good.json", item("good", {"B04": {"href": "./good.tif"}}))
    write_tif(folder / "good.tif")
    return only(folder)


@pytest.mark.parametrize(
    "transform",
    [
        [0, 0, 0, 0, 0, 0],
        [10, 0, 600_000, 0, 0, 5_100_000],
        [10**400, 0, 600_000, 0, -10, 5_100_000],
        [10, 0, float("inf"), 0, -10, 5_100_000],
        [1e308] * 6,
        [10, 0, 600_000, -(10**20), -10, 5_100_000],
    ],
)
def test_a_transform_that_is_no_place_on_earth_spoils_one_item_only(transform: list[float], tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", crs=None, transform=Affine.identity())
    asset = {"href": "./a.tif", "proj:code": "EPSG:32632", "proj:transform": transform}
    imported = _beside_a_good_one(tmp_path, asset)
    assert [stored["id"] for stored in imported.items] == ["good"]
    assert "asset 'B04' (./a.tif) is left out" in imported.warnings[0]


def test_numbers_and_texts_that_are_no_json_do_not_reach_the_catalogue(tmp_path: Path) -> None:
    write_tif(tmp_path / "scene" / "a.tif", dtype="float32")
    bands = [{"nodata": float("nan"), "scale": 10**400, "offset": float("inf"), "unit": "\ud800"}]
    strange = {"gsd": float("inf"), "cover": float("nan"), "big": 10**400, "title": "a\0b\ud800"}
    imported = _beside_a_good_one(tmp_path, {"href": "./a.tif", "raster:bands": bands}, **strange)
    assert len(imported.items) == 2
    json.dumps([imported.document, imported.items], ensure_ascii=False, allow_nan=False).encode()
    scene = next(stored for stored in imported.items if stored["id"] == "scene")
    (band,) = scene["assets"]["B04"]["bands"]
    assert (band["nodata"], "raster:scale" in band, "raster:offset" in band) == ("nan", False, False)
    assert scene["properties"] == {"datetime": "2022-06-12T10:00:31Z", "title": "a\ufffdb\ufffd"}


def test_an_item_that_fails_for_an_unknown_reason_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(key: str, *more: Any) -> Any:
        raise KeyError(key)

    write_tif(tmp_path / "a_20220612_B04.tif")
    monkeypatch.setattr("openeo_plugin.sources.stored_item.declared_of", fails)
    with pytest.raises(OpenEOError, match="left out: it is beyond what is known"):
        import_folder(tmp_path)


def test_names_that_look_like_addresses_are_names(tmp_path: Path) -> None:
    names = ("S2A:20220612.tif", "x?20220613.tif", "x#20220614.tif", "50%20_20220615.tif", "ü 20220616.tif")
    for name in names:
        write_tif(tmp_path / name)
    imported = only(tmp_path, collection_id="c")
    assert imported.warnings == ()
    assert [Path(a["href"]).name for i in imported.items for a in i["assets"].values()] == list(names)


def test_a_name_that_is_no_utf_8_spoils_one_file_only(tmp_path: Path) -> None:
    write_tif(tmp_path / "a_20220612_B04.tif")
    try:
        os.rename(os.fsencode(write_tif(tmp_path / "b.tif")), os.fsencode(tmp_path) + b"/\xff_20220613_B04.tif")  # noqa: PTH104 - bytes
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    imported = only(tmp_path)
    assert len(imported.items) == 1
    assert any("no text in UTF-8" in warning for warning in imported.warnings)
    "".join(imported.warnings).encode()


def test_hidden_files_are_no_data(tmp_path: Path) -> None:
    write_tif(tmp_path / "a_20220612_B04.tif")
    write_tif(tmp_path / ".snapshot" / "a_20220612_B04.tif")
    (tmp_path / "._a_20220612_B04.tif").write_bytes(b"\0\5\x16\7")
    imported = only(tmp_path)
    assert [list(stored["assets"]) for stored in imported.items] == [["B04"]]
    assert imported.warnings == ()


def test_symbolic_links_are_named_not_followed(tmp_path: Path) -> None:
    real = write_tif(tmp_path / "elsewhere" / "a_20220612_B04.tif")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b_20220613_B04.tif").symlink_to(real)
    with pytest.raises(OpenEOError, match=r"b_20220613_B04\.tif: left out: symbolic links are not followed"):
        import_folder(tmp_path / "data")


def test_catalogues_that_lie_too_deep_are_named(tmp_path: Path) -> None:
    for depth in range(40):
        links = [{"rel": "child", "href": f"./{depth + 1}.json"}, {"rel": "item", "href": "./a.json"}]
        name = "catalog.json" if depth == 0 else f"{depth}.json"
        write_json(tmp_path / name, {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "links": links})
    write_json(tmp_path / "a.json", item("a", {"B04": {"href": "./a.tif"}}))
    write_tif(tmp_path / "a.tif")
    assert any("33.json: left out: it lies more than 32 catalogues deep" in w for w in only(tmp_path).warnings)


def test_an_item_of_other_formats_says_which(tmp_path: Path) -> None:
    imported = _beside_a_good_one(tmp_path, {"href": "./a.nc", "type": "application/x-netcdf"})
    assert "none of its files is a GeoTIFF with data: 'B04' (application/x-netcdf)" in imported.warnings[0]


def test_json_that_may_not_be_read_is_no_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "a.json", item("a", {"B04": {"href": "./a.tif"}}))
    write_json(tmp_path / "b.json", item("b", {"B04": {"href": "./a.tif"}}))
    write_tif(tmp_path / "a.tif")
    read = Path.read_bytes

    def guarded(path: Path) -> bytes:
        if path.name == "b.json":
            raise PermissionError
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    assert [stored["id"] for stored in only(tmp_path).items] == ["a"]
