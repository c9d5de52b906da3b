"""Linear interpolation of gaps: where the values stand on the axis."""

from __future__ import annotations

import math

import numpy as np

from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.processes.interpolation import array_interpolate_linear, positions


def test_instants_as_labels_weigh_by_time() -> None:
    # The gap stands one day after 10, three days before 14.
    days = ["2020-01-01", "2020-01-02T00:00:00Z", "2020-01-05"]
    assert list(array_interpolate_linear(LabelledArray([10.0, None, 14.0], days))) == [10, 11, 14]


def test_other_texts_as_labels_count_as_indices() -> None:
    assert positions(("B04", "B08"), 2).tolist() == [0, 1]


def test_a_lonely_number_fills_nothing() -> None:
    filled = array_interpolate_linear([None, 3, math.nan])
    assert filled[:2] == [None, 3]
    assert math.isnan(filled[2])


def test_pixels_are_filled_each_by_itself() -> None:
    # Pixel 0: 2, null, 4 -> 3 between. Pixel 1: null, 5, null stays.
    lanes = Lanes(
        ("2020-01-01", "2020-01-02", "2020-01-03"), stacked=Pixels(np.array([[2, 0], [0, 5], [4, 0]], "u2"), 0)
    )
    filled = array_interpolate_linear(lanes)  # type: ignore[arg-type]
    assert isinstance(filled, Lanes)
    assert np.array_equal(filled.stack().real(), [[2, np.nan], [3, 5], [4, np.nan]], equal_nan=True)
    assert filled.labels == lanes.labels


def test_the_pixels_that_came_in_are_left_as_they_are() -> None:
    values = np.array([[1.0], [np.nan], [3.0]], np.float32)
    array_interpolate_linear(Lanes(None, stacked=Pixels(values, np.nan)))  # type: ignore[arg-type]
    assert np.isnan(values[1, 0])
