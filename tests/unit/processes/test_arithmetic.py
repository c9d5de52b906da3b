"""Arithmetic beyond the official cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.arithmetic import (
    add,
    clip,
    divide,
    exp,
    linear_scale_range,
    ln,
    log,
    mod,
    normalized_difference,
    power,
    sqrt,
)


def test_integers_give_integers_where_the_result_is_whole() -> None:
    for found, expected in ((add(1, 2), 3), (divide(4, 2), 2), (power(2, 10), 1024), (sqrt(9), 3)):
        assert found == expected
        assert isinstance(found, int)


def test_a_division_that_is_not_whole_gives_a_fraction() -> None:
    assert divide(1, 4) == 0.25


def test_a_finite_number_is_its_own_remainder_of_infinity() -> None:
    assert mod(2, -math.inf) == 2


def test_the_remainder_of_pixels_by_zero_has_the_sign_of_the_dividend() -> None:
    found = mod(Pixels(np.array([2.0, -2.0, 0.0])), 0).values
    assert found[0] == math.inf
    assert found[1] == -math.inf
    assert math.isnan(found[2])


def test_null_to_the_power_of_zero_is_null_though_nan_is_one() -> None:
    assert power(None, 0) is None
    assert power(math.nan, 0) == 1
    found = power(Pixels(np.array([-1.0, math.nan, 3.0]), -1.0), 0)
    assert list(found.null()) == [True, False, False]
    assert list(found.values[1:]) == [1, 1]


def test_a_root_of_a_negative_number_is_nan() -> None:
    assert math.isnan(power(-8, 1 / 3))
    assert math.isnan(sqrt(-1.5))


def test_the_logarithm_of_zero_is_minus_infinity_to_any_base() -> None:
    for base in (2, 10, 3, 0.5):
        assert log(0, base) == -math.inf
    assert ln(0) == -math.inf


def test_logarithms_need_a_positive_base() -> None:
    assert math.isnan(log(2, -3))
    assert math.isnan(log(2, 0))


def test_powers_of_the_base_have_exact_logarithms() -> None:
    assert log(1000, 10) == 3
    assert log(2**29, 2) == 29


def test_exp_of_minus_infinity_is_zero() -> None:
    assert exp(-math.inf) == 0


def test_clip_refuses_swapped_bounds() -> None:
    with pytest.raises(OpenEOError) as caught:
        clip(Pixels(np.array([1.0])), 3, 2)
    assert caught.value.code == "MinMaxSwapped"


def test_clip_takes_bounds_that_are_pixels() -> None:
    found = clip(Pixels(np.array([5.0, 5.0, 5.0])), Pixels(np.array([0.0, 6.0, 9.0])), 7).values
    assert list(found[:2]) == [5, 6]
    assert math.isnan(found[2])


def test_a_scaled_end_of_the_input_range_is_exactly_the_end_of_the_output_range() -> None:
    ends = Pixels(np.array([0.1, 0.7], np.float32))
    assert list(linear_scale_range(ends, float(np.float32(0.1)), float(np.float32(0.7)), 0, 255).values) == [0, 255]


def test_a_range_without_extent_scales_to_nan() -> None:
    assert math.isnan(linear_scale_range(1, 1, 1))


def test_the_normalized_difference_of_zeros_is_nan() -> None:
    assert math.isnan(normalized_difference(0, 0))


def test_the_normalized_difference_of_bytes_does_not_overflow() -> None:
    found = normalized_difference(Pixels(np.array([200], np.uint8)), Pixels(np.array([250], np.uint8)))
    assert found.values[0] == pytest.approx(-1 / 9)
