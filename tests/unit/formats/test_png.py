"""Pictures: modes, opacity, rounding."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block, Mask, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.registry import format_named

Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")


def cube(dtypes, shape):
    bands = tuple(Band(str(n), np.dtype(dtype)) for n, dtype in enumerate(dtypes))
    grid = GeoBox(shape, Affine(10, 0, 0, 0, -10, 0), "EPSG:32633")
    return CubeDescription((BandsDimension("bands", tuple(b.name for b in bands)), Y, X), grid, bands)


def picture(folder, *pixels):
    description = cube([p.dtype for p in pixels], pixels[0].shape)
    writer = format_named("png").writer(description, folder, "result", {})
    for window in tiled(description.grid, *writer.align):
        writer.write(window, Block(pixels))
    (asset,) = writer.finish()
    return Image.open(asset.path)


def test_real_numbers_are_rounded_and_cut(tmp_path):
    found = picture(tmp_path, Pixels(np.array([[-5, 0.4, 0.6, 254.6, 1e9]])))
    assert found.mode == "L"
    assert np.asarray(found).tolist() == [[0, 0, 1, 255, 255]]


def test_null_and_nan_are_transparent(tmp_path):
    mask = Mask(np.array([[False, False, True]]))
    found = picture(tmp_path, Pixels(np.array([[7, np.nan, 9]]), mask=mask))
    assert found.mode == "LA"
    assert np.asarray(found)[0, :, 1].tolist() == [255, 0, 0]
    assert np.asarray(found)[0, 0, 0] == 7


def test_three_bands_are_red_green_and_blue(tmp_path):
    bands = [Pixels(np.array([[n, 10 * n]], np.uint8)) for n in (1, 2, 3)]
    found = picture(tmp_path, *bands)
    assert (found.mode, np.asarray(found).tolist()) == ("RGB", [[[1, 2, 3], [10, 20, 30]]])


def test_a_pixel_is_transparent_if_one_of_three_bands_is_null(tmp_path):
    bands = [Pixels(np.array([[n, 10 * n]], np.int16), 20) for n in (1, 2, 3)]
    found = picture(tmp_path, *bands)
    assert (found.mode, np.asarray(found)[0, :, 3].tolist()) == ("RGBA", [255, 0])


def test_a_fourth_band_is_opacity(tmp_path):
    bands = [Pixels(np.array([[n, n]], np.uint8)) for n in (1, 2, 3)]
    found = picture(tmp_path, *bands, Pixels(np.array([[100, 7]], np.uint8), 7))
    assert (found.mode, np.asarray(found).tolist()) == ("RGBA", [[[1, 2, 3, 100], [1, 2, 3, 0]]])


def test_true_is_white(tmp_path):
    found = picture(tmp_path, Pixels(np.array([[True, False]])))
    assert np.asarray(found).tolist() == [[255, 0]]


@pytest.mark.parametrize(("dtypes", "shape"), [(["uint8"] * 5, (2, 2)), (["uint8"], (10_000, 10_000))])
def test_what_makes_no_picture_is_refused(tmp_path, dtypes, shape):
    with pytest.raises(OpenEOError) as caught:
        format_named("PNG").writer(cube(dtypes, shape), tmp_path, "result", {})
    assert caught.value.code == "FormatUnsuitable"
    assert list(tmp_path.iterdir()) == []
