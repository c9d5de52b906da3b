from __future__ import annotations

from pathlib import Path

import pytest

from openeo_plugin.sources.geotiff_folder import collection_of_geotiffs


def found(folder: Path, *names: str) -> dict[str, tuple[str, list[str]]]:
    """Item id -> (datetime, band names) of a folder with empty files of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    items = [item.document for item in collection_of_geotiffs(folder).items]
    return {item["id"]: (item["properties"]["datetime"][:19], list(item["assets"])) for item in items}


def test_one_acquisition_is_one_item_with_a_band_per_file(tmp_path: Path) -> None:
    assert found(tmp_path, "S2A_20220612T100031_B04.tif", "S2A_20220612T100031_B08.tif") == {
        "S2A_20220612T100031": ("2022-06-12T10:00:31", ["B04", "B08"])
    }


def test_the_band_may_stand_before_the_date(tmp_path: Path) -> None:
    assert found(tmp_path, "B04_2022-06-12.tif", "B08_2022-06-12.tif", "B04_2022-06-17.TIFF") == {
        "20220612": ("2022-06-12T00:00:00", ["B04", "B08"]),
        "20220617": ("2022-06-17T00:00:00", ["B04"]),
    }


def test_a_folder_may_give_the_date(tmp_path: Path) -> None:
    assert found(tmp_path, "2022-06-12/B04.tif", "2022-06-12/SCL.tif", "2022-06-17/B04.tif") == {
        "20220612": ("2022-06-12T00:00:00", ["B04", "SCL"]),
        "20220617": ("2022-06-17T00:00:00", ["B04"]),
    }


def test_a_folder_may_give_the_band(tmp_path: Path) -> None:
    assert found(tmp_path, "B04/20220612.tif", "B08/20220612.tif") == {
        "20220612": ("2022-06-12T00:00:00", ["B04", "B08"])
    }


def test_tiles_of_one_date_are_items_of_their_own(tmp_path: Path) -> None:
    names = [f"{tile}_20220612T101559_{band}_10m.tif" for tile in ("T32TPS", "T32TQS") for band in ("B04", "B08")]
    assert found(tmp_path, *names) == {
        "T32TPS_20220612T101559": ("2022-06-12T10:15:59", ["B04", "B08"]),
        "T32TQS_20220612T101559": ("2022-06-12T10:15:59", ["B04", "B08"]),
    }


def test_bands_of_several_resolutions_are_one_item(tmp_path: Path) -> None:
    assert found(tmp_path, "T32TPS_20220612_B04_10m.tif", "T32TPS_20220612_SCL_20m.tif") == {
        "T32TPS_20220612": ("2022-06-12T00:00:00", ["B04", "SCL"])
    }


def test_landsat_names_give_the_acquisition_and_not_the_processing(tmp_path: Path) -> None:
    scene = "LC08_L1TP_014031_20180106_20180119_01_T1"
    assert list(found(tmp_path, f"{scene}_B4.TIF", f"{scene}_BQA.TIF").values()) == [
        ("2018-01-06T00:00:00", ["B4", "BQA"])
    ]


def test_collection_2_names_keep_sr_and_qa(tmp_path: Path) -> None:
    scene = "LC09_L2SP_193027_20220612_20230411_02_T1"
    assert [bands for _, bands in found(tmp_path, f"{scene}_SR_B4.TIF", f"{scene}_QA_PIXEL.TIF").values()] == [
        ["QA_PIXEL", "SR_B4"]
    ]


def test_names_of_no_known_band_are_told_by_what_differs(tmp_path: Path) -> None:
    assert found(tmp_path, "farm_2020-05-01_yield.tif", "farm_2020-05-01_moisture.tif") == {
        "farm_20200501": ("2020-05-01T00:00:00", ["moisture", "yield"])
    }


def test_one_file_per_date_is_one_band(tmp_path: Path) -> None:
    assert found(tmp_path, "snow_20200501.tif", "snow_20200502.tif") == {
        "20200501": ("2020-05-01T00:00:00", ["snow"]),
        "20200502": ("2020-05-02T00:00:00", ["snow"]),
    }


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("20220612.tif", "2022-06-12T00:00:00"),
        ("a_2022_06_12.tif", "2022-06-12T00:00:00"),
        ("a_2022-06-12T10-00-31Z.tif", "2022-06-12T10:00:31"),
        ("a_20220612T1000.tif", "2022-06-12T10:00:00"),
        ("a_2022163.tif", "2022-06-12T00:00:00"),
        ("a_2022-06.tif", "2022-06-01T00:00:00"),
        ("a_202206.tif", "2022-06-01T00:00:00"),
        ("a_2022.tif", "2022-01-01T00:00:00"),
        ("a_20220231_2022-03-01.tif", "2022-03-01T00:00:00"),
    ],
)
def test_dates_are_read_in_many_spellings(tmp_path: Path, name: str, moment: str) -> None:
    assert [when for when, _ in found(tmp_path, name).values()] == [moment]


@pytest.mark.parametrize("name", ["dem.tif", "a_20221312.tif", "tile_014031.tif", "a_123456789.tif"])
def test_a_file_without_a_date_is_left_out_with_a_warning(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    collection = collection_of_geotiffs(tmp_path)
    assert collection.items == ()
    assert len(collection.warnings) == 1
    assert collection.warnings[0].startswith(f"{name}: left out")


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "20220612.tif").touch()
    (tmp_path / "in" / "20220613.tif").symlink_to(tmp_path / "20220612.tif")
    assert found(tmp_path / "in", "20220614.tif") == {"20220614": ("2022-06-14T00:00:00", ["B1"])}


def test_a_year_has_day_366_only_if_it_is_a_leap_year(tmp_path: Path) -> None:
    assert list(found(tmp_path, "MOD.A2020366.b01.tif", "MOD.A2021366.b01.tif", "MOD.A2020000.b01.tif").values()) == [
        ("2020-12-31T00:00:00", ["b01"])
    ]
