import numpy as np
import pytest

from openeo_plugin.errors import OpenEOError
from services.style import bind


def refused(configuration, description):
    with pytest.raises(OpenEOError) as caught:
        bind(configuration, description)
    assert caught.value.code == "ServiceConfigInvalid"
    return caught.value.message


def test_bands_are_found_by_name_and_by_index(fakes):
    assert bind({"bands": ["column"]}, fakes.cube()).bands == (1,)
    assert bind({"bands": [2, "row", 1]}, fakes.cube()).bands == (2, 0, 1)


def test_an_unknown_band_names_those_there_are(fakes):
    assert "row, column, date" in refused({"bands": ["B04"]}, fakes.cube())
    refused({"bands": [3]}, fakes.cube())
    refused({"bands": [-1]}, fakes.cube())


def test_red_green_and_blue_are_shown_by_default(fakes):
    assert bind({}, fakes.cube(("blue", "green", "red"))).bands == (2, 1, 0)


def test_the_first_band_is_shown_where_there_are_no_colours(fakes):
    assert bind({}, fakes.cube(("nir", "red"))).bands == (0,)


def test_one_range_serves_all_bands(fakes):
    style = bind({"bands": [0, 1, 2], "rescale": [0, 100]}, fakes.cube())
    assert style.ranges == ((0.0, 100.0),) * 3


def test_as_many_ranges_as_bands_are_needed(fakes):
    refused({"bands": [0], "rescale": [[0, 1], [0, 1], [0, 1]]}, fakes.cube())


def test_bytes_are_shown_as_they_are(fakes):
    assert bind({}, fakes.cube(dtype="uint8")).ranges == (None,)
    assert bind({"colormap": "viridis"}, fakes.cube(dtype="uint8")).ranges == ((0.0, 255.0),)


def test_other_types_need_their_ranges_estimated(fakes):
    assert bind({}, fakes.cube(dtype="int16")).needs_ranges


def test_a_colour_map_needs_a_single_band(fakes):
    refused({"bands": [0, 1, 2], "colormap": "viridis"}, fakes.cube())


def test_the_ramp_runs_from_the_first_to_the_last_colour(fakes):
    palette = bind({"rescale": [0, 1]}, fakes.cube()).palette()
    assert palette.shape == (256, 4)
    assert palette[0].tolist() == [0, 0, 0, 0]
    assert palette[1].tolist() == [0, 0, 0, 255]
    assert palette[255].tolist() == [255, 255, 255, 255]
    assert np.all(np.diff(palette[1:, 0].astype(int)) >= 1)
