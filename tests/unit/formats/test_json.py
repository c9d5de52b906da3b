"""JSON documents of cubes and plain values."""

import json

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block, Mask, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.json import write_value
from openeo_plugin.formats.registry import format_named

UTM = Affine(10, 0, 600000, 0, -10, 5100000)
Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")


def document(folder, description, *pixels):
    writer = format_named("json").writer(description, folder, "result", {})
    for window in tiled(description.grid, *description.grid.shape):
        writer.write(window, Block(pixels))
    (asset,) = writer.finish()
    return json.loads(asset.path.read_text())


def test_a_cube_is_nested_in_the_order_of_its_dimensions(tmp_path):
    bands = (Band("a", np.dtype("int16"), -1), Band("ok", np.dtype(bool)))
    dimensions = (X, BandsDimension("bands", ("a", "ok")), TemporalDimension("t", ("2020-06", "2020-07")), Y)
    description = CubeDescription(dimensions, GeoBox((1, 2), UTM, "EPSG:32633"), bands)
    a = np.array([[[1, 2]], [[3, -1]]], np.int16)  # (t, y, x)
    found = document(tmp_path, description, Pixels(a, -1), Pixels(a > 1, mask=Mask(a == 3)))
    assert found["dims"] == ["x", "bands", "t", "y"]
    assert found["data"] == [
        [[[1], [3]], [[False], [None]]],
        [[[2], [None]], [[True], [False]]],
    ]
    assert found["coords"]["t"] == {"dims": ["t"], "data": ["2020-06", "2020-07"]}
    assert found["coords"]["x"]["data"] == [600005.0, 600015.0]
    assert found["attrs"]["crs"] == "EPSG:32633"
    assert found["attrs"]["transform"] == [10, 0, 600000, 0, -10, 5100000]


def test_dimensions_may_be_called_like_bands_and_axes(tmp_path):
    dimensions = (SpatialDimension("east", "x"), OtherDimension("bands", ("a", "b")), OtherDimension("x", ("c",)))
    description = CubeDescription(dimensions, GeoBox((1, 3), UTM, "EPSG:32633"), (Band("", np.dtype("int16")),))
    values = np.arange(6, dtype=np.int16).reshape(2, 1, 1, 3)  # (bands, x, axis y, axis x)
    found = document(tmp_path, description, Pixels(values))
    assert found["dims"] == ["east", "bands", "x"]
    assert found["data"] == [[[0], [3]], [[1], [4]], [[2], [5]]]


def test_null_nan_and_infinity_are_null(tmp_path):
    description = CubeDescription((Y, X), GeoBox((1, 4), UTM, "EPSG:32633"), (Band("", np.dtype("float32"), -1.0),))
    values = np.array([[0.5, -1, np.nan, np.inf]], np.float32)
    assert document(tmp_path, description, Pixels(values, -1.0))["data"] == [[0.5, None, None, None]]


def test_a_cube_without_dimensions_is_one_value(tmp_path):
    description = CubeDescription((), GeoBox((1, 1), UTM, "EPSG:32633"), (Band("", np.dtype("float64")),))
    found = document(tmp_path, description, Pixels(np.array([[7.5]])))
    assert (found["dims"], found["data"]) == ([], 7.5)


def test_a_large_cube_is_refused(tmp_path):
    grid = GeoBox((2000, 2000), UTM, "EPSG:32633")
    with pytest.raises(OpenEOError) as caught:
        format_named("JSON").writer(CubeDescription((Y, X), grid, (Band("", np.dtype("u1")),)), tmp_path, "result", {})
    assert caught.value.code == "FormatUnsuitable"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (True, "true"),
        ([1, float("nan"), None], "[1, null, null]"),
        ({"a": (float("inf"), "é")}, '{"a": [null, "\\u00e9"]}'),
        (np.float64(1.5), "1.5"),
        ([np.array([1, 2])], "[[1, 2]]"),
    ],
)
def test_plain_values_are_bare_json(tmp_path, value, text):
    asset = write_value(value, tmp_path, "result")
    assert asset.path == tmp_path / "result.json"
    assert asset.path.read_text() == text
    assert (asset.size_bytes, asset.grid, asset.media_type) == (len(text), None, "application/json")
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
