"""The cloud-optimised GeoTIFF: valid for GDAL and by the rules of the layout, overviews by hand."""

import itertools
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
import tifffile
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block, Mask, Palette, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats import cog
from openeo_plugin.formats.registry import format_named

Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")
UTM = Affine(10, 0, 600000, 0, -10, 5100000)


def cube(bands, shape, *, affine=UTM, crs="EPSG:32633", extra=()):
    names = BandsDimension("bands", tuple(b.name for b in bands))
    return CubeDescription((*extra, names, Y, X), GeoBox(shape, affine, crs), tuple(bands))


def write(folder, description, arrays, name="GTiff", **options):
    """arrays: one (..., y, x) per band."""
    writer = format_named(name).writer(description, folder, "result", options)

    def put(window):
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        pairs = zip(arrays, description.bands, strict=True)
        writer.write(window, Block(tuple(Pixels(a[..., rows, columns], b.nodata) for a, b in pairs)))

    windows = list(tiled(description.grid, *writer.align))[::-1]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(put, windows))
    return writer.finish()


def band(name="v", dtype="float32", nodata=None, **more):
    return Band(name, np.dtype(dtype), nodata, **more)


def assert_valid_cog(path):
    """The rules of a COG: tiled, directories before tiles, overviews at falling size, tiles in order and framed."""
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff:
        pages = list(tiff.pages)
        starts = [page.offset for page in pages]
        assert starts == sorted(starts)
        sizes = [(page.imagelength, page.imagewidth) for page in pages]
        for before, after in itertools.pairwise(sizes):
            assert after == ((before[0] + 1) // 2, (before[1] + 1) // 2)
        assert max(sizes[-1]) <= 512
        assert [page.subfiletype for page in pages] == [0] + [1] * (len(pages) - 1)
        position = max(starts)
        for page in reversed(pages):
            assert page.is_tiled
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                assert offset - 4 >= position
                assert struct.unpack("<I", data[offset - 4 : offset])[0] == count
                assert data[offset + count : offset + count + 4] == data[offset + count - 4 : offset + count]
                position = offset + count + 4
        assert position == len(data)
    start = 16 if data[2] == 43 else 8
    assert data[start:].startswith(b"GDAL_STRUCTURAL_METADATA_SIZE=")
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("compress", ["DEFLATE", "lzw", "ZSTD", "none"])
def test_every_type_and_compression_is_read_by_gdal_as_written(tmp_path, dtype, compress):
    rng = np.random.default_rng(1)
    values = rng.integers(-100 if np.dtype(dtype).kind == "i" else 0, 100, (530, 601)).astype(dtype)
    (asset,) = write(tmp_path, cube([band(dtype=dtype)], (530, 601)), [values], compress=compress)
    assert_valid_cog(asset.path)
    with rasterio.open(asset.path) as dataset:
        assert dataset.dtypes == (dtype,)
        assert (dataset.crs, dataset.transform) == (rasterio.CRS.from_epsg(32633), UTM)
        assert dataset.overviews(1) == [2] == list(asset.overviews)
        assert dataset.block_shapes == [(512, 512)] == [asset.block]
        np.testing.assert_array_equal(dataset.read(1), values)


def test_many_bands_keep_names_units_scales_and_kinds(tmp_path):
    bands = [
        band("B04", "uint16", 0, scale=0.0001, offset=-0.1, unit="1"),
        band("B & <08>", "uint16", 0, unit="µm"),
        band("SCL", "uint8", 0),
    ]
    arrays = [np.full((700, 1100), n + 1, b.dtype) for n, b in enumerate(bands)]
    (asset,) = write(tmp_path, cube(bands, (700, 1100)), arrays)
    assert_valid_cog(asset.path)
    with rasterio.open(asset.path) as dataset:
        assert dataset.descriptions == ("B04", "B & <08>", "SCL")
        assert dataset.scales == (0.0001, 1.0, 1.0)
        assert dataset.offsets == (-0.1, 0.0, 0.0)
        assert dataset.units == ("1", "µm", None)
        assert dataset.dtypes == ("uint16",) * 3
        assert dataset.nodata == 0
        assert dataset.interleaving.value.lower() == "band"
        np.testing.assert_array_equal(dataset.read(), np.stack([a.astype("uint16") for a in arrays]))


def test_a_band_name_with_control_signs_does_not_break_the_file(tmp_path):
    (asset,) = write(tmp_path, cube([band("a\0\x01b")], (8, 9)), [np.zeros((8, 9), np.float32)])
    with rasterio.open(asset.path) as dataset:
        assert dataset.descriptions == ("a??b",)


def test_overviews_of_real_numbers_are_means_of_what_is_not_null(tmp_path):
    values = np.zeros((600, 600), np.float32)
    values[0:2, 0:2] = [[1, 2], [np.nan, 6]]
    values[2:4, 2:4] = np.nan
    (asset,) = write(tmp_path, cube([band(nodata=np.nan)], (600, 600)), [values])
    with rasterio.open(asset.path, overview_level=0) as half:
        small = half.read(1)
    assert small.shape == (300, 300)
    assert small[0, 0] == 3.0  # (1 + 2 + 6) / 3
    assert np.isnan(small[1, 1])
    assert small[2, 2] == 0.0


def test_overviews_of_reflectances_round_their_mean_and_avoid_nodata(tmp_path):
    values = np.full((600, 600), 10, np.int16)
    values[0:2, 0:2] = [[1, 2], [2, 2]]  # 1.75
    values[0:2, 2:4] = [[0, 0], [0, 9]]  # three null
    values[0:2, 4:6] = [[-1, 1], [-1, 1]]  # mean 0 is nodata
    values[0:2, 6:8] = 0
    (asset,) = write(tmp_path, cube([band("B04", "int16", 0, scale=0.0001)], (600, 600)), [values])
    with rasterio.open(asset.path, overview_level=0) as half:
        assert half.read(1)[0, :5].tolist() == [2, 9, 1, 0, 10]


def test_overviews_of_classes_are_pixels_of_the_data(tmp_path):
    values = np.full((600, 600), 3, np.uint8)
    values[0:2, 0:2] = [[8, 3], [3, 3]]
    (asset,) = write(tmp_path, cube([band("SCL", "uint8", 0)], (600, 600)), [values])
    with rasterio.open(asset.path, overview_level=0) as half:
        assert half.read(1)[0, :2].tolist() == [8, 3]


def test_the_last_row_and_column_of_an_odd_grid_count_only_what_is_there(tmp_path):
    values = np.full((1025, 513), 4, np.float32)
    values[1024, 512] = 5
    (asset,) = write(tmp_path, cube([band()], (1025, 513)), [values])
    assert_valid_cog(asset.path)
    assert asset.overviews == (2, 4)
    with rasterio.open(asset.path, overview_level=0) as half:
        small = half.read(1)
    assert small.shape == (513, 257)
    assert small[512, 256] == 5
    assert small[512, 255] == 4
    assert not np.isnan(small).any()


def test_overviews_can_be_left_out_and_forced(tmp_path):
    values = np.zeros((600, 600), np.uint8)
    values[0, 0] = 8
    (without,) = write(tmp_path, cube([band(dtype="uint8")], (600, 600)), [values], overviews=False)
    with rasterio.open(without.path) as dataset:
        assert dataset.overviews(1) == []
    (forced,) = write(
        tmp_path, cube([band(dtype="uint8")], (600, 600)), [values], overview_resampling="average", name="COG"
    )
    with rasterio.open(forced.path, overview_level=0) as half:
        assert half.read(1)[0, 0] == 2


def test_a_small_cube_has_small_tiles_and_no_overviews(tmp_path):
    values = np.arange(100 * 101, dtype=np.float32).reshape(100, 101)
    (asset,) = write(tmp_path, cube([band()], (100, 101)), [values])
    assert_valid_cog(asset.path)
    assert (asset.block, asset.overviews) == ((112, 112), ())
    with rasterio.open(asset.path) as dataset:
        np.testing.assert_array_equal(dataset.read(1), values)


def test_bool_becomes_zero_and_one_with_null_as_255(tmp_path):
    description = cube([band("cloud", "bool")], (20, 20))
    writer = format_named("GTiff").writer(description, tmp_path, "result", {})
    values = np.zeros((20, 20), bool)
    values[0, 1] = True
    null = np.zeros((20, 20), bool)
    null[0, 2] = True
    for window in tiled(description.grid, *writer.align):
        writer.write(window, Block((Pixels(values, mask=Mask(null)),)))
    (asset,) = writer.finish()
    with rasterio.open(asset.path) as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("uint8",), 255)
        assert dataset.read(1)[0, :3].tolist() == [0, 1, 255]


def test_palettes_and_masks_are_written_as_what_they_stand_for(tmp_path):
    description = cube([band("v", "int16", -1)], (2, 2))
    writer = format_named("GTiff").writer(description, tmp_path, "result", {})
    palette = Palette(np.arange(256, dtype=np.int16) * 10, np.arange(256) == 3)
    codes = np.array([[0, 1], [2, 3]], np.uint8)
    mask = Mask(np.array([[True, False], [False, False]]))
    for window in tiled(description.grid, *writer.align):
        writer.write(window, Block((Pixels(codes, mask=mask, palette=palette),)))
    (asset,) = writer.finish()
    with rasterio.open(asset.path) as dataset:
        assert dataset.read(1).tolist() == [[-1, 10], [20, -1]]


def test_null_in_a_band_that_promises_none_is_an_error_and_not_a_zero(tmp_path):
    description = cube([band("v", "int16")], (2, 2))
    writer = format_named("GTiff").writer(description, tmp_path, "result", {})
    window = next(tiled(description.grid, *writer.align))
    with pytest.raises(ValueError, match="without nodata"):
        writer.write(window, Block((Pixels(np.zeros((2, 2), np.int16), mask=Mask(np.ones((2, 2), bool))),)))
    writer.abort()


@pytest.mark.parametrize(
    ("affine", "crs"),
    [
        (Affine(0.1, 0, 13, 0, -0.1, 47), "EPSG:4326"),
        (Affine(10, 2, 0, 1, -10, 0), "EPSG:3035"),
        (Affine(10, 0, 600000, 0, 10, 5000000), "EPSG:32633"),
        (UTM, None),
        (UTM, "+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84 +units=m"),
    ],
)
def test_grids_of_every_kind_are_placed_on_the_earth(tmp_path, affine, crs):
    description = cube([band()], (30, 40), affine=affine, crs=crs)
    (asset,) = write(tmp_path, description, [np.zeros((30, 40), np.float32)])
    with rasterio.open(asset.path) as dataset:
        assert dataset.transform.almost_equals(affine, 1e-9)
        if crs is None:
            assert dataset.crs is None
        else:
            assert dataset.crs == rasterio.CRS.from_user_input(crs)


def test_dates_and_other_labels_make_one_file_each(tmp_path):
    extra = (TemporalDimension("t", ("2020-01", "2020-02")), OtherDimension("angle", (10, "a/b")))
    values = np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1) * np.ones((8, 9), np.float32)
    assets = write(tmp_path, cube([band()], (8, 9), extra=extra), [values])
    assert [a.path.name for a in assets] == [
        "result_2020-01_10.tif",
        "result_2020-01_a-b.tif",
        "result_2020-02_10.tif",
        "result_2020-02_a-b.tif",
    ]
    assert (assets[3].start, assets[3].end) == ("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z")
    for number, asset in enumerate(assets):
        with rasterio.open(asset.path) as dataset:
            assert (dataset.read(1) == number).all()


def test_a_file_above_the_limit_of_classic_tiff_is_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(cog, "_CLASSIC_BYTES", 2000)
    values = np.random.default_rng(3).random((600, 600)).astype(np.float32)
    (asset,) = write(tmp_path, cube([band("a"), band("b")], (600, 600)), [values, values * 2])
    assert asset.path.read_bytes()[2] == 43
    assert_valid_cog(asset.path)
    with rasterio.open(asset.path) as dataset:
        np.testing.assert_array_equal(dataset.read(), np.stack([values, values * 2]))


def test_the_file_is_the_same_whatever_waits_in_memory_or_on_disk(tmp_path, monkeypatch):
    values = np.random.default_rng(3).random((1300, 2100)).astype(np.float32)
    (in_memory,) = write(tmp_path, cube([band()], (1300, 2100)), [values])
    expected = in_memory.path.read_bytes()
    monkeypatch.setattr(cog, "_WAITING_BYTES", 0)
    (on_disk,) = write(tmp_path, cube([band()], (1300, 2100)), [values])
    assert on_disk.path.read_bytes() == expected
    assert_valid_cog(on_disk.path)


def test_the_prefix_of_the_names_can_be_chosen(tmp_path):
    (asset,) = write(tmp_path, cube([band()], (8, 9)), [np.zeros((8, 9), np.float32)], filename_prefix="ndvi_2020")
    assert asset.path.name == "ndvi_2020.tif"


def test_a_cube_without_x_is_no_map(tmp_path):
    description = CubeDescription((Y,), GeoBox((5, 1), UTM, "EPSG:32633"), (band(""),))
    with pytest.raises(OpenEOError) as caught:
        format_named("GTiff").writer(description, tmp_path, "result", {})
    assert caught.value.code == "FormatUnsuitable"
    assert "netCDF" in caught.value.message


def test_a_window_that_is_not_aligned_is_refused(tmp_path):
    description = cube([band()], (600, 600))
    writer = format_named("GTiff").writer(description, tmp_path, "result", {})
    first, *_ = tiled(description.grid, 100, 600)
    with pytest.raises(ValueError, match="does not fit"):
        writer.write(first, Block((Pixels(np.zeros((100, 600), np.float32)),)))
    writer.abort()
