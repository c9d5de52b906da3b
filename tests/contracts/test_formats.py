"""What every output format and its writer must do."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.grid import Window, tiled
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.format import Format, Writer
from openeo_plugin.formats.registry import FORMATS

DATES = ("2022-06-12T10:00:31Z", "2022-06-12T10:00:45Z", "2022-07-01T00:00:00Z")
Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")


def cube(dtype, nodata, shape=(157, 1203)):
    grid = GeoBox(shape, Affine(10, 0, 600000, 0, -10, 5100000), "EPSG:32633")
    dimensions = (TemporalDimension("t", DATES), BandsDimension("bands", ("v",)), Y, X)
    return CubeDescription(dimensions, grid, (Band("v", np.dtype(dtype), nodata),))


def values_of(description):
    """Whole numbers from 0 to 199, (t, y, x); 250 marks null."""
    values = np.arange(np.prod([3, *description.grid.shape])).reshape(3, *description.grid.shape) % 200
    values = values.astype(description.bands[0].dtype)
    values[0, 5, 7:20] = 250
    values[2, -1, -1] = 250
    return values


def window_block(values, window, nodata):
    part = values[:, window.y : window.y + window.height, window.x : window.x + window.width]
    return Block((Pixels(part, nodata),))


def odd_windows(writer: Writer, grid: GeoBox) -> list[Window]:
    windows = list(tiled(grid, 3 * writer.align[0], writer.align[1]))
    if writer.align == (1, 1):
        windows = list(tiled(grid, 17, 23))
    random.Random(7).shuffle(windows)
    return windows


def write_all(writer, description, values, threads=3):
    nodata = description.bands[0].nodata
    with ThreadPoolExecutor(threads) as pool:
        tasks = [
            pool.submit(writer.write, w, window_block(values, w, nodata)) for w in odd_windows(writer, description.grid)
        ]
        for task in tasks:
            task.result()


def read_back(assets) -> np.ndarray:
    """(t, y, x), float, NaN where there is no data, by a reader that is not ours."""
    readers = {".tif": read_tif, ".png": read_png}
    suffix = assets[0].path.suffix
    if suffix in readers:
        return np.stack([readers[suffix](asset.path) for asset in assets])
    return (read_nc if suffix == ".nc" else read_json)(assets[0].path)


def read_tif(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1, masked=True).astype(float).filled(np.nan)


def read_png(path):
    picture = np.asarray(Image.open(path)).astype(float)
    if picture.ndim == 2:
        return picture
    return np.where(picture[..., 1] == 255, picture[..., 0], np.nan)


def read_nc(path):
    with xarray.open_dataset(path) as dataset:
        assert dataset["v"].dims == ("t", "y", "x")
        return dataset["v"].values.astype(float)


def read_json(path):
    array = xarray.DataArray.from_dict(json.loads(path.read_text()))
    assert array.dims == ("t", "bands", "y", "x")
    return array.sel(bands="v").values.astype(float)


@pytest.fixture(params=list(FORMATS))
def form(request) -> Format:
    return FORMATS[request.param]


def test_a_format_and_its_writer_keep_the_protocols(form, tmp_path):
    writer = form.writer(cube("uint8", 250), tmp_path, "result", {})
    assert isinstance(form, Format)
    assert isinstance(writer, Writer)
    writer.abort()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_windows_in_any_order_from_many_threads_give_the_whole_array(form, dtype, tmp_path):
    description = cube(dtype, 250)
    values = values_of(description)
    writer = form.writer(description, tmp_path, "result", {})
    write_all(writer, description, values)
    assets = writer.finish()
    expected = np.where(values == 250, np.nan, values.astype(float))
    np.testing.assert_array_equal(read_back(assets), expected)


def test_null_and_nan_are_both_missing_in_a_file_of_real_numbers(form, tmp_path):
    description = cube("float32", -1.0)
    values = np.full((3, *description.grid.shape), 7, np.float32)
    values[0, 0, 0], values[1, 2, 3] = -1.0, np.nan
    writer = form.writer(description, tmp_path, "result", {})
    write_all(writer, description, values)
    expected = np.full(values.shape, 7.0)
    expected[0, 0, 0] = expected[1, 2, 3] = np.nan
    np.testing.assert_array_equal(read_back(writer.finish()), expected)


def test_a_file_appears_under_its_name_only_at_finish(form, tmp_path):
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    write_all(writer, description, values_of(description))
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    assets = writer.finish()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(writer.names)
    assert [a.path for a in assets] == [tmp_path / name for name in writer.names]
    assert [a.size_bytes for a in assets] == [a.path.stat().st_size for a in assets]


def test_a_writer_that_is_aborted_leaves_nothing(form, tmp_path):
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    window = odd_windows(writer, description.grid)[0]
    writer.write(window, window_block(values_of(description), window, 250))
    writer.abort()
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_finish_refuses_while_windows_are_missing_and_leaves_nothing(form, tmp_path):
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    for window in odd_windows(writer, description.grid)[1:]:
        writer.write(window, window_block(values_of(description), window, 250))
    with pytest.raises(ValueError, match="missing"):
        writer.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_touches_no_disk_before_the_first_window(form, tmp_path):
    form.writer(cube("uint8", 250), tmp_path / "gone", "result", {}).abort()
    writer = form.writer(cube("uint8", 250), tmp_path, "result", {})
    assert list(tmp_path.iterdir()) == []
    writer.abort()


def test_a_writer_that_is_closed_takes_no_more(form, tmp_path):
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    writer.abort()
    window = odd_windows(writer, description.grid)[0]
    with pytest.raises(ValueError, match="closed"):
        writer.write(window, window_block(values_of(description), window, 250))
    assert list(tmp_path.iterdir()) == []


def test_a_window_outside_of_the_grid_is_refused(form, tmp_path):
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    window = Window(description.grid, 0, 0, 1024, 2048)
    with pytest.raises(ValueError, match="does not fit"):
        writer.write(window, Block((Pixels(np.zeros((3, 1024, 2048), np.uint8), 250),)))
    writer.abort()


def test_files_have_distinct_names_even_for_two_dates_of_one_day(form, tmp_path):
    writer = form.writer(cube("uint8", 250), tmp_path, "result", {})
    writer.abort()
    if len(writer.names) == 1:
        assert writer.names == (f"result{form.extension}",)
    else:
        dates = ("2022-06-12T100031Z", "2022-06-12T100045Z", "2022-07-01T000000Z")
        assert writer.names == tuple(f"result_{date}{form.extension}" for date in dates)


def test_assets_say_which_time_and_grid_they_hold(form, tmp_path):
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    write_all(writer, description, values_of(description))
    assets = writer.finish()
    assert all(asset.grid is description.grid for asset in assets)
    if len(assets) == 3:
        assert [a.datetime for a in assets] == list(DATES)
        assert [dict(a.labels) for a in assets] == [{"t": (date,)} for date in DATES]
    else:
        assert (assets[0].datetime, assets[0].start, assets[0].end) == (None, DATES[0], DATES[2])
        assert dict(assets[0].labels) == {"t": DATES}


def test_a_cube_without_pixels_is_refused_before_any_is_read(form, tmp_path):
    with pytest.raises(OpenEOError) as caught:
        form.writer(cube("uint8", 250, shape=(0, 4)), tmp_path, "result", {})
    assert caught.value.code == "DataCubeEmpty"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [{"colour": "red"}, {"filename_prefix": 3}, {"filename_prefix": "../up"}, {"filename_prefix": "a/b"}],
)
def test_options_that_a_format_does_not_know_are_refused(form, options, tmp_path):
    with pytest.raises(OpenEOError) as caught:
        form.writer(cube("uint8", 250), tmp_path, "result", options)
    assert caught.value.code == "ProcessParameterInvalid"
    assert caught.value.details["parameter"] == "options"
    assert list(tmp_path.iterdir()) == []


def test_a_format_describes_itself_in_full(form):
    assert form.title
    assert "file" in form.description or "document" in form.description or "picture" in form.description
    assert "raster" in form.gis_data_types
    assert all({"type", "description"} <= set(schema) for schema in form.parameters.values())
    json.dumps(dict(form.parameters))


def run_in(form, folder):
    description = cube("uint8", 250)
    writer = form.writer(description, folder, "result", {})
    write_all(writer, description, values_of(description))
    return writer.finish()


def test_a_folder_that_is_gone_is_a_storage_failure_without_its_path(form, tmp_path):
    with pytest.raises(OpenEOError) as caught:
        run_in(form, tmp_path / "gone")
    assert caught.value.code == "StorageFailure"
    assert str(tmp_path) not in str(caught.value)


def test_no_thread_of_a_writer_outlives_it(form, tmp_path):
    before = threading.active_count()
    description = cube("uint8", 250)
    writer = form.writer(description, tmp_path, "result", {})
    write_all(writer, description, values_of(description))
    writer.finish()
    assert threading.active_count() == before
    assert isinstance(writer.names[0], str)
    assert not Path(writer.names[0]).is_absolute()
