import io

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from openeo_plugin.cube.pixels import Mask, Palette, Pixels
from openeo_plugin.errors import OpenEOError
from services import render
from services.style import Category, Style

RAMP = Style((0,), ((0.0, 254.0),))


def rgba(content):
    return np.array(Image.open(io.BytesIO(content)).convert("RGBA"))


def shown(pixels, style):
    return rgba(render.encode(render.picture(pixels, style), "png"))


def test_a_single_band_becomes_a_palette_picture():
    image = render.picture([Pixels(np.zeros((2, 3), np.float32))], RAMP)
    assert image.mode == "P"
    assert image.size == (3, 2)


def test_values_become_the_colours_of_the_ramp():
    # 254 steps over 255 grey levels: value v is shown as round(v * 255 / 254)
    found = shown([Pixels(np.array([[0.0, 127.0, 254.0]], np.float32))], RAMP)
    assert found[0].tolist() == [[0, 0, 0, 255], [128, 128, 128, 255], [255, 255, 255, 255]]


def test_values_beyond_the_range_take_its_ends():
    found = shown([Pixels(np.array([[-5.0, 300.0, np.inf, -np.inf]]))], RAMP)
    assert found[0, :, 0].tolist() == [0, 255, 255, 0]
    assert found[..., 3].all()


@pytest.mark.parametrize(
    "pixels",
    [
        Pixels(np.array([[1.0, np.nan]], np.float32)),
        Pixels(np.array([[1.0, np.nan]], np.float32), nodata=np.nan),
        Pixels(np.array([[1, -9999]], np.int16), nodata=-9999),
        Pixels(np.array([[1, 7]], np.uint16), mask=Mask(np.array([[False, True]]))),
        Pixels(np.array([[1, 2]], np.int8), nodata=2),
        Pixels(np.array([[0, 1]], np.uint8), palette=Palette(np.arange(256) + 1.0, np.arange(256) == 1)),
    ],
)
def test_null_and_nan_are_transparent_and_values_are_not(pixels):
    found = shown([pixels], RAMP)
    assert found[0, 0].tolist() == [1, 1, 1, 255]
    assert found[0, 1, 3] == 0


def test_bytes_without_a_range_keep_every_level():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = shown([Pixels(values, nodata=255)], Style((0,), (None,)))
    assert (found[..., 0].ravel()[:255] == np.arange(255)).all()
    assert (found[..., 3].ravel() == [255] * 255 + [0]).all()


def test_three_bands_become_red_green_and_blue():
    bands = [Pixels(np.array([[value, value]], np.uint16), nodata=9) for value in (0, 50, 100)]
    bands[2] = Pixels(np.array([[100, 9]], np.uint16), nodata=9)
    found = shown(bands, Style((0, 1, 2), ((0.0, 100.0),) * 3))
    # 50 of 100 is 127.5 of 255, rounded to even
    assert found[0, 0].tolist() == [0, 128, 255, 255]
    assert found[0, 1, 3] == 0, "one band without a value leaves nothing to show"


def test_only_categories_are_shown():
    style = Style((0,), None, None, (Category(7, (255, 0, 0, 255), "a"), Category(3, (0, 0, 255, 128), "b")))
    found = shown([Pixels(np.array([[3, 7, 5, 0]], np.int32))], style)
    assert found[0].tolist() == [[0, 0, 255, 128], [255, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_jpeg_is_on_white_and_webp_keeps_transparency():
    image = render.picture([Pixels(np.full((8, 8), np.nan))], RAMP)
    assert (rgba(render.encode(image, "jpeg"))[..., :3] > 250).all()
    assert (rgba(render.encode(image, "webp"))[..., 3] == 0).all()


def test_an_unknown_format_is_refused():
    with pytest.raises(OpenEOError):
        render.encode(render.blank(2, 2), "bmp")


def test_nothing_is_a_transparent_picture():
    assert rgba(render.encode(render.blank(2, 3), "png")).tolist() == [[[0, 0, 0, 0]] * 3] * 2


def test_a_plan_is_read_on_the_grid_and_for_the_label_asked_for(fakes):
    plan = fakes.PositionPlan()
    grid = GeoBox((4, 5), Affine(100, 0, 501_000, 0, -100, 4_999_000), "EPSG:32633")
    found = rgba(render.render(plan, grid, RAMP, {"t": (1,)}))
    # the grid starts 10 rows below the cube's upper edge
    assert found[:, 0, 0].tolist() == [10, 11, 12, 13]
    assert plan.reads == [(grid, (0,), {"t": (1,)})]


def test_npy_gives_values_with_null_as_nan(fakes):
    grid = GeoBox((1, 2), Affine(100, 0, 499_900, 0, -100, 4_999_000), "EPSG:32633")
    content = render.render(fakes.PositionPlan(), grid, Style((0, 1, 2), RAMP.ranges * 3), {"t": (2,)}, "npy")
    found = np.load(io.BytesIO(content))
    assert found.shape == (3, 1, 2)
    assert np.isnan(found[:, 0, 0]).all()
    assert found[:, 0, 1].tolist() == [10, 0, 2]


def test_ranges_are_the_percentiles_of_one_preview(fakes):
    plan = fakes.PositionPlan()
    style = render.with_ranges(plan, Style((0,)), [{"t": (0,)}, {"t": (1,)}])
    # rows 0..39, each equally often: the 2nd percentile lies in row 0, the 98th in row 39
    assert style.ranges == ((0.0, 39.0),)
    assert len(plan.reads) == 1


def test_a_preview_is_coarse():
    grid = render.preview_grid(GeoBox((10_000, 20_000), Affine(10, 0, 0, 0, -10, 0), "EPSG:32633"), 256)
    assert max(grid.shape) == 256
    assert grid.boundingbox.bbox == pytest.approx((0, -100_000, 200_000, 0), abs=800)


def test_a_preview_without_values_looks_at_the_next_date(fakes):
    plan = fakes.PositionPlan(fakes.cube(nodata=0.0))
    style = render.with_ranges(plan, Style((2,)), [{"t": (0,)}, {"t": (2,)}])
    # band 2 is 0 (null) at the first date and 2 everywhere at the last
    assert style.ranges == ((1.5, 2.5),)
