"""netCDF as xarray, GDAL and people who look inside see it."""

import netCDF4
import numpy as np
import pytest
import xarray
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block, Mask, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.registry import format_named

UTM = Affine(10, 0, 600000, 0, -10, 5100000)
GRID = GeoBox((3, 4), UTM, "EPSG:32633")
Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")
DATES = TemporalDimension("t", ("2022-06-12T10:00:31Z", "2022-07-01T00:00:00Z"))


def write(folder, description, pixels, **options):
    """pixels: one (*labelled, rows, columns) per band."""
    writer = format_named("netcdf").writer(description, folder, "result", options)
    for window in tiled(description.grid, *writer.align):
        writer.write(window, Block(tuple(pixels)))
    (asset,) = writer.finish()
    return asset


def test_every_band_is_a_variable_with_its_own_type_and_nodata(tmp_path):
    bands = (Band("B04", np.dtype("uint16"), 0), Band("ndvi", np.dtype("float32"), -1.0), Band("n", np.dtype("int8")))
    description = CubeDescription((DATES, BandsDimension("bands", ("B04", "ndvi", "n")), Y, X), GRID, bands)
    b04 = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    ndvi = np.full((2, 3, 4), 0.5, np.float32)
    ndvi[0, 0, :2] = [-1, np.nan]
    asset = write(tmp_path, description, [Pixels(b04, 0), Pixels(ndvi, -1.0), Pixels(b04.astype(np.int8))])
    with netCDF4.Dataset(asset.path) as raw:
        raw.set_auto_mask(False)
        assert [raw[name].dtype.name for name in ("B04", "ndvi", "n")] == ["uint16", "float32", "int8"]
        assert raw["B04"]._FillValue == 0
        assert np.isnan(raw["ndvi"]._FillValue)
        assert not hasattr(raw["n"], "_FillValue")
        np.testing.assert_array_equal(raw["B04"][:], b04)
        assert np.isnan(raw["ndvi"][0, 0, :2]).all()
        assert raw.Conventions == "CF-1.8"


def test_xarray_finds_times_and_pixel_centres(tmp_path):
    description = CubeDescription((DATES, Y, X), GRID, (Band("", np.dtype("float32"), np.nan),))
    asset = write(tmp_path, description, [Pixels(np.zeros((2, 3, 4), np.float32), np.nan)])
    with xarray.open_dataset(asset.path) as dataset:
        assert dataset["var"].dims == ("t", "y", "x")
        expected = np.array(["2022-06-12T10:00:31", "2022-07-01"], "datetime64[ns]")
        np.testing.assert_array_equal(dataset.t.values.astype("datetime64[ns]"), expected)
        assert dataset.x.values.tolist() == [600005, 600015, 600025, 600035]
        assert dataset.y.values.tolist() == [5099995, 5099985, 5099975]
        assert dataset.x.attrs["standard_name"] == "projection_x_coordinate"
        assert dataset.x.attrs["units"] == "m"
        assert dataset["var"].attrs["grid_mapping"] == "crs"
        assert dataset.crs.attrs["GeoTransform"] == "600000.0 10.0 0.0 5100000.0 0.0 -10.0"
        assert 'ID["EPSG",32633]' in dataset.crs.attrs["spatial_ref"]
        assert dataset.crs.attrs["grid_mapping_name"] == "transverse_mercator"


def test_dimensions_keep_the_order_of_the_cube_and_any_labels(tmp_path):
    months = TemporalDimension("t", ("2022-06", "2022-07"))
    angles = OtherDimension("angle", (1.5, 2.5, 3.5))
    bands = BandsDimension("bands", ("v",))
    description = CubeDescription((X, bands, angles, Y, months), GRID, (Band("v", np.dtype("int16"), -1),))
    values = np.arange(72, dtype=np.int16).reshape(3, 2, 3, 4)  # (angle, t, y, x)
    asset = write(tmp_path, description, [Pixels(values, -1)])
    with xarray.open_dataset(asset.path) as dataset:
        assert dataset.v.dims == ("x", "angle", "y", "t")
        assert dataset.t.values.tolist() == ["2022-06", "2022-07"]
        assert dataset.angle.values.tolist() == [1.5, 2.5, 3.5]
        assert dataset.v.values[1, 2, 0, 1] == values[2, 1, 0, 1]
        np.testing.assert_array_equal(dataset.v.values, values.transpose(3, 0, 2, 1))
    assert (asset.start, asset.end) == ("2022-06-01T00:00:00Z", "2022-08-01T00:00:00Z")


def test_scale_and_offset_are_told_but_not_applied_by_readers(tmp_path):
    band = Band("B04", np.dtype("uint16"), 0, scale=0.0001, offset=-0.1, unit="1")
    description = CubeDescription((BandsDimension("bands", ("B04",)), Y, X), GRID, (band,))
    asset = write(tmp_path, description, [Pixels(np.full((3, 4), 1234, np.uint16), 0)])
    with xarray.open_dataset(asset.path) as dataset:
        assert (dataset.B04.values == 1234).all()
        assert dataset.B04.attrs["openeo_scale"] == 0.0001
        assert dataset.B04.attrs["openeo_offset"] == -0.1
        assert dataset.B04.attrs["openeo_unit"] == "1"
        assert "units" not in dataset.B04.attrs


def test_bool_keeps_its_meaning_and_null(tmp_path):
    description = CubeDescription((Y, X), GRID, (Band("", np.dtype(bool)),))
    null = np.zeros((3, 4), bool)
    null[0, 0] = True
    asset = write(tmp_path, description, [Pixels(np.ones((3, 4), bool), mask=Mask(null))])
    with netCDF4.Dataset(asset.path) as raw:
        raw.set_auto_mask(False)
        assert raw["var"][0].tolist() == [255, 1, 1, 1]
        assert raw["var"].flag_meanings == "false true"


def test_a_cube_without_spatial_dimensions_is_a_series(tmp_path):
    description = CubeDescription((DATES,), GeoBox((1, 1), UTM, "EPSG:32633"), (Band("", np.dtype("float64")),))
    asset = write(tmp_path, description, [Pixels(np.array([1.5, 2.5]).reshape(2, 1, 1))])
    with xarray.open_dataset(asset.path) as dataset:
        assert dataset["var"].dims == ("t",)
        assert dataset["var"].values.tolist() == [1.5, 2.5]
    assert asset.grid is None


def test_a_cube_without_any_dimension_is_one_number(tmp_path):
    description = CubeDescription((), GeoBox((1, 1), UTM, "EPSG:32633"), (Band("", np.dtype("float64")),))
    asset = write(tmp_path, description, [Pixels(np.array([[7.5]]))])
    with xarray.open_dataset(asset.path) as dataset:
        assert float(dataset["var"]) == 7.5


def test_bands_called_like_a_dimension_get_another_name(tmp_path):
    bands = (Band("x", np.dtype("uint8")), Band("crs", np.dtype("uint8")), Band("a/b", np.dtype("uint8")))
    description = CubeDescription((BandsDimension("bands", ("x", "crs", "a/b")), Y, X), GRID, bands)
    asset = write(tmp_path, description, [Pixels(np.full((3, 4), n, np.uint8)) for n in range(3)], compress="none")
    with xarray.open_dataset(asset.path) as dataset:
        assert [int(dataset[name][0, 0]) for name in ("band_x", "band_crs", "a_b")] == [0, 1, 2]


def test_any_name_of_a_dimension_or_a_band_can_be_stored(tmp_path):
    labels = ("..", "é" * 500, "e\u0301", "é")
    bands = tuple(Band(name, np.dtype("uint8")) for name in labels)
    dimensions = (OtherDimension("a/b", (1, 2)), BandsDimension("bands", labels), OtherDimension("a_b", (3,)), Y, X)
    description = CubeDescription(dimensions, GRID, bands)
    asset = write(tmp_path, description, [Pixels(np.full((2, 1, 3, 4), n, np.uint8)) for n in range(4)])
    with xarray.open_dataset(asset.path) as dataset:
        assert dict(dataset.sizes) == {"a_b": 2, "a_b_2": 1, "y": 3, "x": 4}
        assert [int(dataset[name][0, 0, 0, 0]) for name in ("_..", "é" * 100, "é", "band_é")] == [0, 1, 2, 3]


def test_a_dimension_may_be_called_like_an_axis(tmp_path):
    """x is no axis here: the axes are called east and x2."""
    east, north = SpatialDimension("east", "x"), SpatialDimension("x2", "y")
    description = CubeDescription(
        (OtherDimension("x", ("a", "b")), north, east), GRID, (Band("", np.dtype("uint8"), nullable=False),)
    )
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    asset = write(tmp_path, description, [Pixels(values)])
    with xarray.open_dataset(asset.path) as dataset:
        assert dataset["var"].dims == ("x", "x2", "east")
        assert np.array_equal(dataset["var"].values, values)


def test_degrees_are_longitudes_and_latitudes(tmp_path):
    grid = GeoBox((3, 4), Affine(0.1, 0, 13, 0, -0.1, 47), "EPSG:4326")
    description = CubeDescription((Y, X), grid, (Band("", np.dtype("uint8")),))
    asset = write(tmp_path, description, [Pixels(np.zeros((3, 4), np.uint8))])
    with xarray.open_dataset(asset.path) as dataset:
        assert (dataset.x.attrs["standard_name"], dataset.x.attrs["units"]) == ("longitude", "degrees_east")
        assert (dataset.y.attrs["standard_name"], dataset.y.attrs["units"]) == ("latitude", "degrees_north")


def test_a_rotated_grid_is_refused(tmp_path):
    grid = GeoBox((3, 4), Affine(10, 1, 0, 1, -10, 0), "EPSG:32633")
    with pytest.raises(OpenEOError) as caught:
        format_named("netCDF").writer(
            CubeDescription((Y, X), grid, (Band("", np.dtype("u1")),)), tmp_path, "result", {}
        )
    assert caught.value.code == "FormatUnsuitable"
    assert list(tmp_path.iterdir()) == []
