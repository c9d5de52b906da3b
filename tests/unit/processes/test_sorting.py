"""Sorting: instants, NaN, ties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.arrays import array_labels
from openeo_plugin.processes.sorting import order, rearrange, sort


def test_instants_are_sorted_by_time_not_by_their_text() -> None:
    # 10:00+02:00 is 08:00Z.
    texts = ["2020-01-01T09:00:00Z", "2020-01-01T10:00:00+02:00", "2020-01-01"]
    assert order(texts) == [2, 1, 0]
    assert sort(texts, asc=False)[0] == "2020-01-01T09:00:00Z"


def test_a_text_that_is_no_date_is_refused() -> None:
    with pytest.raises(OpenEOError) as error:
        sort(["apple", "pear"])
    assert error.value.code == "ProcessParameterInvalid"


def test_nan_stands_behind_the_numbers_and_before_nulls() -> None:
    for asc in (True, False):
        assert order([math.nan, None, 1.0], asc, True) == [2, 0, 1]


def test_ties_keep_their_order_both_ways() -> None:
    assert order([5, 1, 5], True) == [1, 0, 2]
    assert order([5, 1, 5], False) == [0, 2, 1]


def test_rearranged_labels_go_with_their_elements() -> None:
    assert array_labels(rearrange(LabelledArray([5, 4, 3], ["a", "b", "c"]), [2, 0])) == ["c", "a"]
    with pytest.raises(OpenEOError) as error:
        rearrange([1, 2], [2])
    assert error.value.code == "ArrayElementNotAvailable"


def test_the_largest_unsigned_value_is_sorted_without_overflow() -> None:
    lanes = Lanes(None, stacked=Pixels(np.array([[[0]], [[65535]], [[3]]], np.uint16)))
    assert sort(lanes, False).stack().values.ravel().tolist() == [65535, 3, 0]  # type: ignore[arg-type, attr-defined]


def test_sorting_pixels_keeps_their_type_and_sentinel() -> None:
    lanes = Lanes(None, stacked=Pixels(np.array([[[4]], [[0]], [[3]]], np.uint16), 0))
    result = sort(lanes).stack()  # type: ignore[arg-type, attr-defined]
    assert (result.dtype, result.nodata) == (np.uint16, 0)
    assert result.values.ravel().tolist() == [3, 4, 0]
