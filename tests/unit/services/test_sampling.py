import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.errors import OpenEOError
from services import render
from services.sampling import layers
from services.style import bind

DATE = {"t": (0,)}


def finer(fakes, times, row=10, column=10, size=(8, 8)):
    """A grid `times` finer than the cube's, from the upper left corner of a pixel of the cube."""
    affine = fakes.GRID.affine @ Affine.translation(column, row) @ Affine.scale(1 / times)
    return GeoBox(size, affine, fakes.GRID.crs)


def test_measurements_are_blended_between_the_centres_of_pixels(fakes):
    (found,) = layers(
        fakes.PositionPlan(), finer(fakes, 4), bind({"bands": ["row"], "rescale": [0, 1]}, fakes.cube()), DATE
    )
    # centres lie at 1/8, 3/8, 5/8, 7/8 of the pixel of row 10; its value 10 belongs to 1/2
    assert found.values[:4, 0] == pytest.approx([9.625, 9.875, 10.125, 10.375])


def test_classes_are_not_blended(fakes):
    description = fakes.cube(dtype="int16")
    style = bind({"bands": ["row"], "rescale": [0, 1]}, description)
    (found,) = layers(fakes.PositionPlan(description), finer(fakes, 4), style, DATE)
    assert found.values[:, 0].tolist() == [10] * 4 + [11] * 4


@pytest.mark.parametrize(
    ("dtype", "resampling", "blended"), [("float32", "nearest", False), ("int16", "bilinear", True)]
)
def test_the_configuration_has_the_last_word_on_resampling(fakes, dtype, resampling, blended):
    description = fakes.cube(dtype=dtype)
    style = bind({"bands": ["row"], "rescale": [0, 1], "resampling": resampling}, description)
    (found,) = layers(fakes.PositionPlan(description), finer(fakes, 4), style, DATE)
    assert (found.values[0, 0] != 10) == blended


def test_blending_neither_widens_nor_narrows_the_data(fakes):
    grid = finer(fakes, 4, row=-1, column=-1)
    (found,) = layers(fakes.PositionPlan(), grid, bind({"bands": ["row"], "rescale": [0, 1]}, fakes.cube()), DATE)
    null = np.isnan(found.values)
    assert null[:4].all()
    assert null[:, :4].all()
    assert not null[4:, 4:].any()


def test_blending_reads_no_more_than_is_seen(fakes):
    plan = fakes.PositionPlan()
    layers(plan, finer(fakes, 64, size=(64, 64)), bind({"bands": ["row"], "rescale": [0, 1]}, fakes.cube()), DATE)
    assert max(plan.reads[0][0].shape) <= 5


def test_an_expression_is_shown_in_place_of_bands(fakes):
    plan = fakes.PositionPlan()
    style = bind({"expression": "row * 100 + column", "rescale": [0, 5000]}, fakes.cube())
    (found,) = layers(plan, fakes.GRID[3:5, 7:9], style, DATE)
    assert found.values.tolist() == [[307, 308], [407, 408]]
    assert plan.reads[0][1] == (0, 1)


def test_three_expressions_are_red_green_and_blue(fakes):
    style = bind({"expression": ["row", "row + 1", "column"], "rescale": [0, 255]}, fakes.cube())
    found = layers(fakes.PositionPlan(), fakes.GRID[3:4, 7:8], style, DATE)
    assert [layer.values[0, 0] for layer in found] == [3, 4, 7]


def test_percentiles_of_an_expression_are_estimated(fakes):
    style = bind({"expression": "row * 10", "percentiles": [0, 100]}, fakes.cube())
    assert render.with_ranges(fakes.PositionPlan(), style, [DATE]).ranges == ((0.0, 390.0),)


def test_a_slope_is_that_of_the_heights(fakes):
    # a metre per row of 100 m: arctan(1/100) = 0.5729 degrees, on every pixel whatever the edge of the picture
    style = bind({"bands": ["row"], "algorithm": {"name": "slope"}}, fakes.cube())
    (found,) = layers(fakes.PositionPlan(), fakes.GRID[10:14, 10:15], style, DATE)
    assert found.values.shape == (4, 5)
    assert found.values == pytest.approx(np.full((4, 5), 0.5729), abs=1e-3)
    assert style.ranges == ((0.0, 90.0),)


def test_a_hillshade_is_a_picture_without_a_look_at_the_values(fakes):
    style = bind({"bands": ["row"], "algorithm": {"name": "hillshade", "azimuth": 90}}, fakes.cube())
    assert not style.needs_ranges
    content = render.render(fakes.PositionPlan(), fakes.GRID[10:14, 10:15], style, DATE)
    assert content.startswith(b"\x89PNG")


def test_relief_is_null_where_the_heights_are(fakes):
    style = bind({"bands": ["row"], "algorithm": {"name": "hillshade"}}, fakes.cube())
    grid = GeoBox((4, 4), fakes.GRID.affine @ Affine.translation(-2, 10), fakes.GRID.crs)
    (found,) = layers(fakes.PositionPlan(), grid, style, DATE)
    assert found.null().tolist() == [[True, True, False, False]] * 4


def test_contrast_changes_red_green_and_blue(fakes):
    plain = {"bands": [0, 1, 2], "rescale": [0, 100]}
    shown = [
        render.picture(layers(fakes.PositionPlan(), fakes.GRID[20:21, 20:21], style, DATE), style).getpixel((0, 0))
        for style in (bind(plain, fakes.cube()), bind({**plain, "contrast": "gamma RGB 2"}, fakes.cube()))
    ]
    # 20 of 100 is 51 of 255; the square root of 0.2 is 0.447, 114 of 255
    assert shown[0][:2] == (51, 51)
    assert shown[1][:2] == (114, 114)


@pytest.mark.parametrize(
    "configuration",
    [
        {"expression": "nothing + 1"},
        {"expression": "row", "bands": ["row"]},
        {"expression": ["row", "column"]},
        {"algorithm": {"name": "cast"}},
        {"algorithm": {"name": "hillshade", "buffer": 5000}},
        {"algorithm": {"name": "hillshade", "path": "/etc/passwd"}},
        {"algorithm": "hillshade"},
        {"bands": [0, 1, 2], "algorithm": {"name": "slope"}},
        {"contrast": "gamma RGB 2"},
        {"bands": [0, 1, 2], "contrast": "import os"},
        {"bands": [0, 1, 2], "contrast": "gamma RGB"},
        {"percentiles": [98, 2]},
        {"percentiles": [-1, 50]},
        {"resampling": "cubic"},
    ],
)
def test_what_can_not_be_shown_is_refused(fakes, configuration):
    with pytest.raises(OpenEOError) as caught:
        bind(configuration, fakes.cube())
    assert caught.value.code == "ServiceConfigInvalid"
