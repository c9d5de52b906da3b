"""What type comes out of pixels of which type: nothing overflows, and no constant lifts to double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Mask, Palette, Pixels
from openeo_plugin.processes import arithmetic, comparison, logic, rounding
from openeo_plugin.processes.registry import predefined


def pixels(values: list[Any], dtype: type, nodata: float | int | None = None) -> Pixels:
    return Pixels(np.array(values, dtype), nodata)


def values(result: Pixels) -> list[Any]:
    null = result.null()
    plain = result.plain().values
    return [None if null is not None and null[i] else plain[i].item() for i in range(len(plain))]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("process", "constants"),
    [
        ("add", {"y": 1.5}),
        ("subtract", {"y": 2}),
        ("multiply", {"y": 0.0001}),
        ("divide", {"y": 3}),
        ("mod", {"y": 3}),
        ("mod", {"y": 0}),
        ("power", {"p": 2}),
        ("power", {"p": 0.5}),
        ("absolute", {}),
        ("sqrt", {}),
        ("exp", {}),
        ("ln", {}),
        ("log", {"base": 10}),
        ("log", {"base": 3}),
        ("log", {"base": 0.5}),
        ("sin", {}),
        ("clip", {"min": -0.5, "max": 1e9}),
        ("linear_scale_range", {"inputMin": 0, "inputMax": 3000.5, "outputMax": 255}),
        ("normalized_difference", {"y": 4}),
        ("round", {"p": -1}),
        ("if", {}),
    ],
)
def test_single_precision_is_enough_for_small_types(process: str, constants: dict[str, Any], dtype: type) -> None:
    definition = predefined()[process]
    first = definition.parameters[0].name
    operands = {first: pixels([1, 2, 3], dtype), **constants}
    if process == "if":
        operands = {"value": pixels([1, 0, 1], bool), "accept": pixels([1, 2, 3], dtype), "reject": 0.5}
    assert definition.function is not None
    assert definition.function(**operands).dtype == np.float32


def test_the_type_that_comes_out_of_no_pixels_is_that_of_many() -> None:
    for process in ("add", "gt", "eq", "and"):
        function = predefined()[process].function
        assert function is not None
        empty = function(x=Pixels(np.empty((2, 0, 0), np.uint16), 0), y=3 if process != "and" else True)
        many = function(x=Pixels(np.ones((2, 3, 3), np.uint16), 0), y=3 if process != "and" else True)
        assert empty.dtype == many.dtype
        assert empty.shape == (2, 0, 0)


def test_bytes_do_not_overflow() -> None:
    bytes_ = pixels([250, 255, 0], np.uint8)
    assert values(arithmetic.add(bytes_, 10)) == [260, 265, 10]
    assert values(arithmetic.subtract(bytes_, 251)) == [-1, 4, -251]
    assert values(arithmetic.multiply(bytes_, bytes_)) == [62500, 65025, 0]
    assert values(comparison.eq(bytes_, 0, delta=1)) == [False, False, True]


def test_comparisons_take_constants_that_the_type_can_not_hold() -> None:
    bytes_ = pixels([0, 128, 255], np.uint8)
    assert values(comparison.gt(bytes_, -1)) == [True, True, True]
    assert values(comparison.lt(bytes_, 300)) == [True, True, True]
    assert values(comparison.gte(bytes_, 127.5)) == [False, True, True]
    assert values(comparison.eq(bytes_, 128.5)) == [False, False, False]
    assert values(comparison.between(bytes_, -5, 1000)) == [True, True, True]


def test_a_sentinel_is_null_and_its_number_never_counts() -> None:
    counts = pixels([0, 1, 2], np.uint16, nodata=0)
    assert values(comparison.lt(counts, 2)) == [None, True, False]
    assert values(arithmetic.add(counts, 1)) == [None, 2, 3]
    assert values(comparison.is_nodata(counts)) == [True, False, False]
    assert values(comparison.is_valid(counts)) == [False, True, True]
    assert values(logic.if_(comparison.gt(counts, 0), 5, 9)) == [9, 5, 5]


def test_large_integers_are_compared_exactly() -> None:
    large = pixels([2**53, 2**53 + 1], np.int64)
    assert values(comparison.eq(large, 2**53 + 1)) == [False, True]


def test_comparing_a_palette_gives_a_palette() -> None:
    codes = np.array([3, 8, 4, 0], np.uint8)
    null = np.zeros(256, bool)
    null[0] = True
    classes = Pixels(codes, palette=Palette(np.arange(256, dtype=np.uint8), null))
    cloud = logic.or_(comparison.eq(classes, 3), comparison.eq(classes, 8))
    assert cloud.palette is not None
    assert cloud.values is codes
    assert values(cloud) == [True, True, False, None]
    assert values(logic.not_(cloud)) == [False, False, True, None]


def test_a_mask_beside_a_palette_does_not_make_null_what_is_settled() -> None:
    classes = Pixels(
        np.array([1, 2], np.uint8),
        mask=Mask(np.array([True, False])),
        palette=Palette(np.arange(256, dtype=np.uint8), np.zeros(256, bool)),
    )
    first = comparison.eq(classes, 1)
    assert values(first) == [None, False]
    assert values(logic.and_(first, False)) == [False, False]
    assert values(logic.or_(first, True)) == [True, True]
    assert values(logic.if_(first, 1, 7)) == [7, 7]
    assert values(comparison.is_nodata(classes)) == [True, False]


@pytest.mark.parametrize("process", [rounding.ceil, rounding.floor, rounding.int_, rounding.round_])
def test_rounding_leaves_integer_pixels_as_they_are(process: Any) -> None:
    counts = pixels([1, 2, 3], np.int16, nodata=-1)
    assert process(counts) is counts


@pytest.mark.parametrize(
    ("accept", "reject", "dtype"),
    [
        (1, 0, np.uint8),
        (-1, 200, np.int16),
        (True, False, np.bool_),
        (1.5, 0, np.float32),
        (None, None, np.float32),
        (1, None, np.uint8),
        (pixels([1, 2], np.uint16), 70000, np.uint32),
        (pixels([1, 2], np.float32), 70000, np.float32),
        (pixels([1, 2], np.uint8), pixels([1, 2], np.int16), np.int16),
    ],
)
def test_if_gives_the_smallest_type_that_holds_both_choices(accept: Any, reject: Any, dtype: type) -> None:
    assert logic.if_(pixels([True, False], bool), accept, reject).dtype == dtype
