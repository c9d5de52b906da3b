"""Pixels whose arrays became shorter than those of others: what is no longer there is no null."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, call, chain, cube, graph, values

from openeo_plugin.cube.dimensions import TemporalDimension

DATA = [[5, 1, None], [7, 2, 1], [6, 9, 8], [1, 3, None]]
"""Along t; of the first pixel 5, 7 and 6 are larger than 4, of the second 9, of the third 8."""
LARGE = ("array_filter", {"data": "$data", "condition": graph("gt", x="$x", y=4)})
VALID = ("sort", {"data": "$data", "nodata": None})


def reduced(*steps: tuple[str, dict[str, Any]]) -> Any:
    data = cube([TemporalDimension("t", DAYS), Y, X], [[row] for row in DATA], dtype=np.float64)
    return values(call("reduce_dimension", data=data, dimension="t", reducer=chain(*steps)))[0]


@pytest.mark.parametrize(
    ("process_id", "expected"),
    [
        ("max", [7, 9, 8]),
        ("min", [5, 9, 8]),
        ("mean", [6, 9, 8]),
        ("median", [6, 9, 8]),
        ("sum", [18, 9, 8]),
        ("first", [5, 9, 8]),
        ("last", [6, 9, 8]),
        ("sd", [1, None, None]),
    ],
)
def test_a_filtered_array_has_no_nulls(process_id: str, expected: list[float]) -> None:
    assert reduced(LARGE, (process_id, {"data": "#0", "ignore_nodata": False})) == expected


def test_what_was_filtered_out_is_not_counted() -> None:
    assert reduced(LARGE, ("count", {"data": "#0", "condition": True})) == [3, 1, 1]
    assert reduced(LARGE, ("count", {"data": "#0", "condition": graph("is_nodata", x="$x")})) == [0, 0, 0]


def test_a_null_that_was_kept_counts_as_one() -> None:
    kept = ("array_filter", {"data": "$data", "condition": graph("neq", x="$x", y=7)})
    null = ("array_filter", {"data": "$data", "condition": graph("is_nodata", x="$x")})
    assert reduced(kept, ("max", {"data": "#0", "ignore_nodata": False})) == [6, 9, 8]
    assert reduced(null, ("count", {"data": "#0", "condition": True})) == [0, 0, 2]
    longer = ("array_append", {"data": "#0", "value": 3})
    assert reduced(null, longer, ("mean", {"data": "#1", "ignore_nodata": False})) == [3, 3, None]


def test_quantiles_and_judgements_leave_out_what_is_not_there() -> None:
    upper = ("quantiles", {"data": "#0", "probabilities": [0.5], "ignore_nodata": False})
    assert reduced(LARGE, upper, ("array_element", {"data": "#1", "index": 0})) == [6, 9, 8]
    flags = ("array_apply", {"data": "#0", "process": graph("gt", x="$x", y=5)})
    assert reduced(LARGE, flags, ("all", {"data": "#1", "ignore_nodata": False})) == [False, True, True]
    assert reduced(LARGE, flags, ("any", {"data": "#1", "ignore_nodata": False})) == [True, True, True]


def test_nulls_removed_by_sort_are_gone() -> None:
    assert reduced(VALID, ("count", {"data": "#0", "condition": True})) == [4, 4, 2]
    assert reduced(VALID, ("last", {"data": "#0", "ignore_nodata": False})) == [7, 9, 8]


def test_what_is_appended_follows_the_last_element() -> None:
    appended = ("array_append", {"data": "#0", "value": -1})
    assert reduced(LARGE, appended, ("array_element", {"data": "#1", "index": 1})) == [7, -1, -1]
    joined = ("array_concat", {"array1": "#0", "array2": [-1, -2]})
    assert reduced(LARGE, joined, ("last", {"data": "#1", "ignore_nodata": False})) == [-2, -2, -2]


def test_positions_of_every_pixel_rearrange_the_same_constants() -> None:
    order = ("order", {"data": "$data", "nodata": True})
    constants = ("rearrange", {"data": [10, 20, 30, 40], "order": "#0"})
    assert reduced(order, constants, ("first", {"data": "#1"})) == [40, 10, 20]
