"""Vector cubes as files: what another program reads is what the cube holds."""

import csv
import io
import json

import geopandas
import numpy as np
import pytest
import shapely

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.format import VectorFormat
from openeo_plugin.formats.geoparquet import read_geometries
from openeo_plugin.formats.registry import ALL_FORMATS, VECTOR_FORMATS, format_named, vector_format_named

DATES = ("2020-06-01T00:00:00Z", "2020-06-11T00:00:00Z")
VECTOR = [name for name, format_ in ALL_FORMATS.items() if isinstance(format_, VectorFormat)]


def cube():
    """Two fields, two dates, two bands; null at the first field's second date, NaN beside it."""
    shapes = [shapely.box(500000, 5000000, 500100, 5000100), None]
    geometries = geometries_of(shapes, "EPSG:32632", [{"crop": "rye", "n": 1}, {"crop": "oats"}], ["a", "b"])
    values = np.arange(8.0).reshape(2, 2, 2)
    null = np.zeros((2, 2, 2), bool)
    null[0, 1, 0], values[0, 1, 1] = True, np.nan
    return VectorCube(geometries, (TemporalDimension("t", DATES), BandsDimension("bands", ("B4", "B8"))), values, null)


def written(folder, name, made=None, **options):
    (asset,) = vector_format_named(name).write_vector(made or cube(), folder, "result", options)
    assert asset.size_bytes == asset.path.stat().st_size
    assert asset.path.suffix == ALL_FORMATS[name].extension
    return asset


def test_geojson_is_read_by_others(tmp_path):
    asset = written(tmp_path, "GeoJSON")
    frame = geopandas.read_file(asset.path)
    assert frame.crs.to_epsg() == 4326
    assert frame["id"].tolist() == ["a", "b"]
    assert frame["crop"].tolist() == ["rye", "oats"]
    assert frame[f"B8_{DATES[0]}"].tolist() == [1, 5]
    assert np.isnan(frame[f"B4_{DATES[1]}"][0])
    assert frame.geometry[0].centroid.x == pytest.approx(9.0006, abs=1e-4)
    assert (asset.start, asset.end) == DATES
    assert asset.labels == {"t": DATES, "bands": ("B4", "B8")}


def test_geoparquet_is_read_by_others_in_the_cubes_reference_system(tmp_path):
    frame = geopandas.read_parquet(written(tmp_path, "Parquet").path)
    assert frame.crs.to_epsg() == 32632
    assert frame["id"].tolist() == ["a", "b"]
    assert frame[f"B4_{DATES[0]}"].tolist() == [0, 4]
    assert frame[f"B4_{DATES[1]}"].isna().tolist() == [True, False]
    assert frame.geometry[0].equals(cube().geometries.shapes[0])


def test_geometries_of_geoparquet_come_back(tmp_path):
    made = VectorCube(cube().geometries)
    found = read_geometries(written(tmp_path, "Parquet", made).path)
    assert (found.crs, found.ids) == ("EPSG:32632", ("a", "b"))
    assert found.properties == ({"crop": "rye", "n": 1}, {"crop": "oats", "n": None})
    assert found.shapes[1].is_empty


def test_what_is_no_geoparquet_is_refused(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(ValueError, match="GeoParquet"):
        read_geometries(tmp_path / "x.parquet")


def test_csv_has_a_row_for_each_geometry_and_date(tmp_path):
    rows = list(csv.reader(io.StringIO(written(tmp_path, "CSV").path.read_text())))
    assert rows == [
        ["feature_index", "id", "t", "B4", "B8", "crop", "n"],
        ["0", "a", DATES[0], "0.0", "1.0", "rye", "1"],
        ["0", "a", DATES[1], "", "", "rye", "1"],
        ["1", "b", DATES[0], "4.0", "5.0", "oats", ""],
        ["1", "b", DATES[1], "6.0", "7.0", "oats", ""],
    ]


def test_csv_holds_geometries_if_asked(tmp_path):
    made = VectorCube(geometries_of([shapely.Point(1, 2)]), (), np.array([True]))
    rows = list(csv.reader(io.StringIO(written(tmp_path, "CSV", made, geometry=True).path.read_text())))
    assert rows == [["feature_index", "value", "geometry"], ["0", "True", "POINT (1 2)"]]


def test_json_of_a_time_series_has_a_key_for_each_date(tmp_path):
    document = json.loads(written(tmp_path, "JSON").path.read_text())
    assert document == {DATES[0]: [[0, 1], [4, 5]], DATES[1]: [[None, None], [6, 7]]}


def test_json_of_a_time_series_without_bands_has_lists_of_one(tmp_path):
    geometries = cube().geometries
    made = VectorCube(geometries, (TemporalDimension("t", DATES),), np.array([[1, 2], [3, 4]]))
    assert json.loads(written(tmp_path, "JSON", made).path.read_text()) == {DATES[0]: [[1], [3]], DATES[1]: [[2], [4]]}


def test_json_puts_dates_outside_whatever_the_order_of_dimensions(tmp_path):
    dimensions = (BandsDimension("bands", ("B4", "B8")), TemporalDimension("t", DATES))
    made = VectorCube(cube().geometries.taken([0]), dimensions, np.array([[[1, 2], [3, 4]]]))
    assert json.loads(written(tmp_path, "JSON", made).path.read_text()) == {DATES[0]: [[1, 3]], DATES[1]: [[2, 4]]}


def test_json_of_other_cubes_names_dimensions_and_labels(tmp_path):
    made = VectorCube(cube().geometries, (OtherDimension("k", ("u", "v")),), np.array([[1, 2], [3, 4]]))
    document = json.loads(written(tmp_path, "JSON", made).path.read_text())
    assert document["dims"] == ["geometry", "k"]
    assert document["coords"]["geometry"]["data"] == ["a", "b"]
    assert document["data"] == [[1, 2], [3, 4]]


@pytest.mark.parametrize("name", VECTOR)
def test_geometries_without_values_and_cubes_without_geometries_are_stored(tmp_path, name):
    written(tmp_path, name, VectorCube(cube().geometries))
    nothing = VectorCube(geometries_of([]), (BandsDimension("bands", ("B4",)),), np.zeros((0, 1)))
    written(tmp_path, name, nothing)


@pytest.mark.parametrize("name", VECTOR)
def test_the_name_of_the_file_can_be_chosen_and_unknown_options_are_refused(tmp_path, name):
    assert written(tmp_path, name, filename_prefix="mine").path.stem == "mine"
    with pytest.raises(OpenEOError) as error:
        vector_format_named(name).check_vector(cube(), {"nonsense": 1})
    assert error.value.code == "ProcessParameterInvalid"
    assert [path.name for path in tmp_path.iterdir()] == [f"mine{ALL_FORMATS[name].extension}"]


def test_a_missing_folder_is_a_failure_of_storage(tmp_path):
    with pytest.raises(OpenEOError) as error:
        written(tmp_path / "gone", "GeoJSON")
    assert error.value.code == "StorageFailure"


def test_formats_are_found_by_any_name_and_tell_what_they_take(tmp_path):
    assert format_named("geojson").name == "GeoJSON"
    assert format_named("GeoParquet").name == "Parquet"
    with pytest.raises(OpenEOError) as error:
        vector_format_named("GTiff")
    assert error.value.code == "FormatUnsuitable"
    for format_ in VECTOR_FORMATS.values():
        with pytest.raises(OpenEOError) as error:
            format_.writer(None, tmp_path, "result", {})
        assert error.value.code == "FormatUnsuitable"
