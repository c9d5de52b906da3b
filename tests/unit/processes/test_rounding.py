"""Rounding beyond the official cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.processes.rounding import ceil, floor, int_, round_


@pytest.mark.parametrize(
    ("function", "expected"), [(ceil, [-2, 2, 3]), (floor, [-3, 1, 2]), (int_, [-2, 1, 2]), (round_, [-2, 2, 2])]
)
def test_halves_and_negative_numbers_go_where_each_process_says(function: Any, expected: list[int]) -> None:
    assert [function(x) for x in (-2.5, 1.5, 2.5)] == expected
    assert list(function(Pixels(np.array([-2.5, 1.5, 2.5]))).values) == expected


@pytest.mark.parametrize("function", [ceil, floor, int_])
def test_integers_come_out_as_integers(function: Any) -> None:
    assert isinstance(function(2.7), int)
    assert isinstance(function(-0.4), int)


def test_the_integer_part_of_nan_is_null_in_pixels_too() -> None:
    assert int_(math.nan) is None
    found = int_(Pixels(np.array([1.5, math.nan])))
    assert list(found.null()) == [False, True]


def test_numbers_without_so_many_decimals_are_left_as_they_are() -> None:
    assert round_(0.1, 30) == 0.1
    assert round_(1e300, 20) == 1e300
    assert round_(123456789.123, 400) == 123456789.123
    assert round_(-math.inf, 2) == -math.inf


def test_rounding_to_a_power_of_ten_above_the_number_gives_zero() -> None:
    assert round_(1234, -10) == 0
    assert round_(1234.5, -400) == 0


def test_integer_pixels_are_rounded_to_hundreds() -> None:
    assert list(round_(Pixels(np.array([149, 150, 250], np.uint8)), -2).values) == [100, 200, 200]
