"""Logic with null, on pixels; the truth tables themselves are official cases."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Mask, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.logic import and_, if_, not_, or_, xor

VALUES = (True, False, None)
PAIRS = list(itertools.product(VALUES, VALUES))


def truth(column: list[Any], under_null: bool) -> Pixels:
    null = np.array([v is None for v in column])
    return Pixels(np.array([under_null if v is None else v for v in column]), mask=Mask(null))


def answers(result: Pixels) -> list[Any]:
    null = result.null()
    return [None if null is not None and null[i] else bool(v) for i, v in enumerate(result.plain().values)]


@pytest.mark.parametrize("under_null", [True, False])
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (and_, [True, False, None, False, False, False, None, False, None]),
        (or_, [True, True, True, True, False, None, True, None, None]),
        (xor, [False, True, None, True, False, None, None, None, None]),
    ],
)
def test_the_truth_table_holds_for_pixels(function: Any, expected: list[Any], under_null: bool) -> None:
    x, y = ([pair[i] for pair in PAIRS] for i in (0, 1))
    assert answers(function(truth(x, under_null), truth(y, under_null))) == expected


@pytest.mark.parametrize("under_null", [True, False])
def test_a_constant_settles_null_pixels(under_null: bool) -> None:
    unknown = truth([True, False, None], under_null)
    assert answers(and_(unknown, False)) == [False, False, False]
    assert answers(or_(True, unknown)) == [True, True, True]
    assert answers(and_(unknown, None)) == [None, False, None]
    assert answers(or_(unknown, None)) == [True, None, None]
    assert answers(xor(unknown, None)) == [None, None, None]
    assert answers(not_(unknown)) == [False, True, None]


def test_null_decides_like_false() -> None:
    decided = if_(truth([True, False, None], under_null=True), 1, 2)
    assert list(decided.values) == [1, 2, 2]
    assert decided.null() is None


def test_a_choice_left_out_is_null() -> None:
    decided = if_(truth([True, False], under_null=True), Pixels(np.array([7, 8], np.uint8)))
    assert list(decided.null()) == [False, True]
    assert decided.values[0] == 7


def test_nulls_of_the_choice_that_is_not_taken_do_not_count() -> None:
    holes = Pixels(np.array([0, 0], np.int16), 0)
    decided = if_(truth([True, False], under_null=True), holes, 5)
    assert list(decided.null()) == [True, False]
    assert decided.values[1] == 5


def test_one_value_may_choose_between_values_of_any_type() -> None:
    assert if_(True, {"a": [1]}, "b") == {"a": [1]}
    assert if_(None, "a", [1, 2]) == [1, 2]
    assert if_(False, "a") is None


def test_pixels_can_not_become_texts() -> None:
    with pytest.raises(OpenEOError, match="numbers, booleans or null"):
        if_(truth([True], under_null=True), "yes", "no")


def test_broadcast_operands_give_their_common_shape() -> None:
    dates = Pixels(np.ones((3, 1, 1), bool))
    window = Pixels(np.zeros((2, 4), bool))
    assert and_(dates, window).shape == (3, 2, 4)
    assert if_(dates, window, 1).shape == (3, 2, 4)
