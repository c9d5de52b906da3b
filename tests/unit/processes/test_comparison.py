"""Comparisons beyond the official cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.processes.comparison import (
    between,
    eq,
    gt,
    gte,
    is_infinite,
    is_nan,
    is_nodata,
    is_valid,
    lt,
    lte,
    neq,
)

FLOATS = Pixels(np.array([1.0, math.nan, math.inf, -1.0]), -1.0)


def test_values_of_one_type_that_are_equal_are_also_at_least_and_at_most_each_other() -> None:
    for value in ("a", True, False):
        assert gte(value, value) is True
        assert lte(value, value) is True
        assert gt(value, value) is False
        assert lt(value, value) is False


def test_arrays_and_objects_equal_nothing() -> None:
    assert eq([1], [1]) is False
    assert neq({"a": 1}, {"a": 1}) is True


def test_case_is_folded_in_all_alphabets() -> None:
    assert eq("ΣΑΣ", "σας", case_sensitive=False) is True
    assert eq("ΣΑΣ", "σας") is False


def test_integers_beyond_double_precision_are_told_apart() -> None:
    assert eq(2**53, 2**53 + 1) is False


def test_a_difference_of_exactly_delta_counts_as_equal() -> None:
    assert eq(10, 12, delta=2) is True
    assert neq(10, 12, delta=2) is False
    assert eq(math.nan, 1, delta=2) is False
    assert neq(math.nan, 1, delta=2) is True


def test_boolean_pixels_equal_no_number() -> None:
    truth = Pixels(np.array([True, False]))
    assert list(eq(truth, 1).values) == [False, False]
    assert list(neq(truth, 1).values) == [True, True]
    assert list(eq(truth, True).values) == [True, False]
    assert list(gt(truth, 0).values) == [False, False]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (is_nan, [False, True, False, False]),
        (is_nodata, [False, False, False, True]),
        (is_valid, [True, False, False, False]),
        (is_infinite, [False, False, True, False]),
    ],
)
def test_null_nan_and_infinity_are_three_things(question: Any, expected: list[bool]) -> None:
    found = question(FLOATS)
    assert list(found.values) == expected
    assert found.null() is None


def test_nan_is_null_where_it_is_the_sentinel() -> None:
    only_null = Pixels(np.array([math.nan]), math.nan)
    assert list(is_nan(only_null).values) == [False]
    assert list(is_nodata(only_null).values) == [True]
    assert list(eq(only_null, 1).null()) == [True]


def test_between_is_settled_by_one_bound_though_the_other_is_null() -> None:
    bounds = Pixels(np.array([-1.0, 2.0]), -1.0)
    found = between(Pixels(np.array([5.0, 5.0])), bounds, 4)
    assert found.null() is None or not found.null().any()
    assert list(found.values) == [False, False]
    assert list(between(Pixels(np.array([3.0, 3.0])), bounds, 4).null()) == [True, False]
