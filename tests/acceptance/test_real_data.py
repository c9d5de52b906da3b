"""Real scenes through the running server, held against numpy on the same files."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from acceptance.graphs import slovenia_ndvi

# Acquisitions of ndvi-slovenia in each month, counted in the names of its files.
MONTHS = {
    2015: {7: 2, 8: 2, 9: 3, 10: 0, 11: 0, 12: 4},
    2016: {1: 2, 2: 1, 3: 2, 4: 1, 5: 3, 6: 3, 7: 1, 8: 3, 9: 2, 10: 1, 11: 0, 12: 2},
    2017: {1: 2, 2: 1, 3: 2, 4: 3, 5: 3, 6: 2, 7: 6, 8: 4, 9: 4, 10: 3, 11: 3, 12: 3},
}


def stack(files):
    arrays = []
    for file in sorted(files):
        with rasterio.open(file) as source:
            arrays.append(source.read(1))
    return np.stack(arrays)


def read(file):
    with rasterio.open(file) as source:
        return source.read(masked=True).filled(np.nan)


def test_ndvi_of_the_masked_median_equals_numpy_on_the_same_grid(connection, real_data, tmp_path):
    slovenia_ndvi(connection).download(tmp_path / "ndvi.tif", format="GTiff")

    folder = real_data / "sentinel-2-l1c-slovenia"
    cloudy = stack(folder.glob("*/CLM.tif")) == 1
    bands = [stack(folder.glob(f"*/{band}.tif")).astype(float) for band in ("B04", "B08")]
    red, nir = (np.nanmedian(np.where(cloudy | (band == 0), np.nan, band), axis=0) for band in bands)
    np.testing.assert_allclose(read(tmp_path / "ndvi.tif")[0], (nir - red) / (nir + red), rtol=0, atol=1e-6)
    with (
        rasterio.open(tmp_path / "ndvi.tif") as result,
        rasterio.open(next(folder.glob("*20150711*/B04.tif"))) as source,
    ):
        assert (result.crs, result.transform, result.shape) == (source.crs, source.transform, source.shape)


def test_pixels_that_are_cloudy_on_every_date_are_nodata(connection, real_data, tmp_path):
    """On 2015-07-31 and 2015-08-20 the whole scene is under cloud."""
    cube = slovenia_ndvi(connection, temporal_extent=["2015-07-31", "2015-08-21"])
    cube.download(tmp_path / "cloudy.tif", format="GTiff")

    with rasterio.open(tmp_path / "cloudy.tif") as file:
        assert np.isnan(file.nodata)
        assert not file.read_masks(1).any()


def test_a_batch_job_on_real_scenes_gives_the_same_array_as_the_synchronous_one(connection, real_data, tmp_path):
    cube = slovenia_ndvi(connection)
    cube.download(tmp_path / "synchronous.tif", format="GTiff")
    job = cube.save_result(format="GTiff").create_job()
    job.start_and_wait(print=lambda _: None, max_poll_interval=0.2)
    job.get_results().download_files(tmp_path / "batch")

    np.testing.assert_array_equal(read(next(tmp_path.glob("batch/*.tif"))), read(tmp_path / "synchronous.tif"))


def test_the_months_of_three_years_have_their_labels_and_counts(connection, real_data):
    """68 acquisitions, two of them on 2015-12-08; three months without any stay in the cube."""
    cube = connection.load_collection("ndvi-slovenia", bands=["NDVI"])
    counted = cube.aggregate_temporal_period(period="month", reducer=lambda data: data.count(condition=True))
    document = connection.execute(counted.save_result(format="JSON"))

    assert document["dims"] == ["t", "bands", "y", "x"]
    assert document["coords"]["t"]["data"] == [f"{year}-{month:02}" for year, of in MONTHS.items() for month in of]
    expected = [count for of in MONTHS.values() for count in of.values()]
    assert sum(expected) == 68
    values = np.array(document["data"])
    np.testing.assert_array_equal(values, np.broadcast_to(np.reshape(expected, (30, 1, 1, 1)), values.shape))


def test_the_median_of_a_month_equals_numpy_and_a_month_without_data_is_null(connection, real_data):
    cube = connection.load_collection("ndvi-slovenia", bands=["NDVI"], temporal_extent=["2015-10-01", "2016-01-01"])
    document = connection.execute(cube.aggregate_temporal_period("month", "median").save_result(format="JSON"))

    files = stack(real_data.glob("ndvi-slovenia/NDVI_201512*/NDVI.tif")).astype(float)
    december = np.nanmedian(np.where(files == -32768, np.nan, files), axis=0)
    values = np.array(document["data"], float)
    assert document["coords"]["t"]["data"][-1] == "2015-12"
    np.testing.assert_array_equal(values[-1, 0], december)
    assert np.isnan(values[:-1]).all()


def test_scenes_on_different_grids_are_mosaicked_onto_one(connection, real_data, tmp_path):
    """The lattice is that of the finest pixels (2018-05-30); pixel centres pick; the scene of row 31 lies on top."""
    cube = connection.load_collection("landsat-8-newyork", bands=["B4"])
    cube.filter_temporal("2018-04-28", "2018-04-29").download(tmp_path / "mosaic.tif", format="GTiff")

    with rasterio.open(next(real_data.glob("landsat-8-newyork/*_20180530_*/B4.tif"))) as finest:
        lattice = finest.transform
    with rasterio.open(tmp_path / "mosaic.tif") as mosaic:
        values, transform = mosaic.read(1), mosaic.transform
        assert mosaic.crs.to_epsg() == 32618
        assert (transform.a, transform.e) == pytest.approx((lattice.a, lattice.e))
        shift = ((transform.c - lattice.c) / lattice.a, (transform.f - lattice.f) / lattice.e)
        assert shift == pytest.approx(np.round(shift), abs=1e-6)
    expected = np.zeros_like(values)
    for row in ("032", "031"):  # the last one painted lies on top
        scene = sampled(
            next(real_data.glob(f"landsat-8-newyork/*_014{row}_20180428_*/B4.tif")), transform, values.shape
        )
        expected = np.where(scene != 0, scene, expected)
    assert (expected != 0).sum() > 7000
    np.testing.assert_array_equal(values, expected)


def sampled(file, transform, shape):
    """The pixel of a file under each pixel centre of a grid, 0 outside."""
    rows, columns = np.indices(shape) + 0.5
    x, y = transform.a * columns + transform.c, transform.e * rows + transform.f
    with rasterio.open(file) as source:
        inverse, values = ~source.transform, source.read(1)
    column = np.floor(inverse.a * x + inverse.c).astype(int)
    row = np.floor(inverse.e * y + inverse.f).astype(int)
    inside = (row >= 0) & (row < values.shape[0]) & (column >= 0) & (column < values.shape[1])
    return np.where(inside, values[row.clip(0, values.shape[0] - 1), column.clip(0, values.shape[1] - 1)], 0)


def test_all_dates_of_scenes_on_eleven_grids_are_reduced_to_one_map(connection, real_data, tmp_path):
    cube = connection.load_collection("landsat-8-newyork", bands=["B4"])
    cube.reduce_dimension(dimension="t", reducer="max").download(tmp_path / "max.tif", format="GTiff")

    with rasterio.open(tmp_path / "max.tif") as result:
        values, transform = result.read(1), result.transform
    files = list(real_data.glob("landsat-8-newyork/*/B4.tif"))
    labels = sorted({file.parent.name.split("_")[3] for file in files})
    dates = []
    for label in labels:
        date = np.zeros_like(values)
        for file in sorted((f for f in files if f.parent.name.split("_")[3] == label), reverse=True):
            scene = sampled(file, transform, values.shape)
            date = np.where(scene != 0, scene, date)
        dates.append(date)
    np.testing.assert_array_equal(values, np.max(dates, axis=0))


def test_digital_numbers_are_loaded_as_they_are_without_scale(connection, real_data, tmp_path):
    cube = connection.load_collection("sentinel-2-l2a-bolzano", bands=["B08"])
    cube.download(tmp_path / "b08.tif", format="GTiff")

    with (
        rasterio.open(tmp_path / "b08.tif") as result,
        rasterio.open(next(real_data.glob("*bolzano/*/B08.tif"))) as source,
    ):
        assert result.dtypes == source.dtypes
        np.testing.assert_array_equal(result.read(), source.read())
