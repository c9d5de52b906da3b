"""Running results: null, NaN and types."""

from __future__ import annotations

import math
import time

import numpy as np

from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.processes.arrays import array_labels
from openeo_plugin.processes.cumulative import cummax, cummin, cumproduct, cumsum
from openeo_plugin.processes.statistics import product


def test_nan_goes_on_to_the_end() -> None:
    assert [math.isnan(v) for v in cummax([1, math.nan, 5])] == [False, True, True]
    assert [math.isnan(v) for v in cumsum([1, math.nan, 5])] == [False, True, True]


def test_labels_stay() -> None:
    assert array_labels(cumsum(LabelledArray([1, 2], ["a", "b"]))) == ["a", "b"]


def test_leading_nulls_stay_null() -> None:
    assert cummin([None, 3, None, 2]) == [None, 3, None, 2]
    assert cummin([None, 3], ignore_nodata=False) == [None, None]
    assert cumproduct([]) == []


def test_extremes_of_pixels_keep_type_and_sentinel() -> None:
    lanes = Lanes(("a", "b", "c"), stacked=Pixels(np.array([[[7]], [[0]], [[3]]], np.uint16), 0))
    result = cummax(lanes)  # type: ignore[arg-type]
    assert isinstance(result, Lanes)
    assert (result.stack().dtype, result.stack().nodata, result.labels) == (np.uint16, 0, ("a", "b", "c"))
    assert result.stack().values.ravel().tolist() == [7, 0, 7]


def test_sums_of_pixels_are_real_numbers_and_null_after_a_null_that_counts() -> None:
    lanes = Lanes(None, stacked=Pixels(np.array([[[7]], [[0]], [[3]]], np.uint16), 0))
    result = cumsum(lanes, False).stack()  # type: ignore[arg-type, attr-defined]
    assert result.dtype == np.float32
    assert np.array_equal(result.real().ravel(), [7, np.nan, np.nan], equal_nan=True)


def test_extremes_of_booleans_stay_booleans() -> None:
    lanes = Lanes(None, stacked=Pixels(np.array([[True], [False], [True]])))
    for process, expected in ((cummin, [True, False, False]), (cummax, [True, True, True])):
        made = process(lanes)
        assert isinstance(made, Lanes)
        assert made.stack().values[:, 0].tolist() == expected
        assert made.stack().dtype == bool


def test_products_beyond_floating_point_are_infinite_at_once() -> None:
    start = time.perf_counter()
    assert product([10**300] * 200_000) == math.inf
    assert product([-(10**300), 10**10]) == -math.inf
    assert product([10**300, 10**10, 0.5]) == math.inf
    assert math.isnan(product([10**300, 10**10, 0]))
    assert cumproduct([10**300, None, 10**8, 10]) == [10**300, None, 10**308, math.inf]
    assert time.perf_counter() - start < 2
