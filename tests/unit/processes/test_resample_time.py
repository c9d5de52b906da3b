"""resample_cube_temporal: the nearest label, or the nearest valid value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import X, Y, along, call, cube, series, values

from openeo_plugin.cube.dimensions import OtherDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

LABELS = ["2020-01-01", "2020-01-11", "2020-01-21"]


def resampled(data: Operator, target: list[str], **more: Any) -> Operator:
    made: Operator = call("resample_cube_temporal", data=data, target=series([0] * len(target), target), **more)
    return made


def test_the_nearest_label_counts_whatever_its_value() -> None:
    made = resampled(series([1, None, 3], LABELS), ["2019-01-01", "2020-01-12", "2020-01-17", "2021-01-01"])
    assert made.description.temporal[0].labels == ("2019-01-01", "2020-01-12", "2020-01-17", "2021-01-01")
    assert along(made) == [1, None, 3, 3]


def test_of_two_labels_equally_near_the_earlier_one_counts() -> None:
    assert along(resampled(series([1, 2, 3], LABELS), ["2020-01-06", "2020-01-16"])) == [1, 2]


def test_the_earlier_one_counts_in_descending_labels_too() -> None:
    assert along(resampled(series([3, 2, 1], LABELS[::-1]), ["2020-01-06"])) == [1]


def test_valid_values_are_searched_within_the_days_given() -> None:
    data = series([1, None, 3], LABELS)
    assert along(resampled(data, ["2020-01-12"], valid_within=9)) == [None]
    assert along(resampled(data, ["2020-01-12"], valid_within=9.5)) == [3]
    assert along(resampled(data, ["2020-01-12"], valid_within=12)) == [3]
    assert along(resampled(data, ["2020-01-11"], valid_within=11)) == [1]


def test_the_limit_itself_is_not_within() -> None:
    assert along(resampled(series([1], ["2020-01-08T12:00:00Z"]), ["2020-01-15T12:00:00Z"], valid_within=7)) == [None]


def test_nan_and_infinity_are_not_valid() -> None:
    data = series([1, float("nan"), float("inf")], LABELS)
    assert along(resampled(data, ["2020-01-12"], valid_within=30)) == [1]
    assert np.isnan(along(resampled(data, ["2020-01-12"]))[0])


def test_every_pixel_finds_its_own_value() -> None:
    data = cube([TemporalDimension("t", tuple(LABELS)), Y, X], [[[1, 10]], [[None, 20]], [[3, None]]], nodata=-1)
    assert values(resampled(data, ["2020-01-13"], valid_within=20)) == [[[3, 20]]]


def test_all_dimensions_of_the_same_name_are_resampled() -> None:
    dimensions = [TemporalDimension("t", ("2020-01-01", "2021-01-01")), TemporalDimension("run", ("2020-01-01",)), Y, X]
    data = cube(dimensions, [[[[1]]], [[[2]]]])
    goal = [TemporalDimension("run", ("2020-02-02",)), TemporalDimension("t", ("2020-12-01",)), Y, X]
    made = call("resample_cube_temporal", data=data, target=cube(goal, [[[[0]]]]))
    assert [d.labels for d in made.description.temporal] == [("2020-12-01",), ("2020-02-02",)]
    assert values(made) == [[[[2]]]]


def test_the_one_dimension_named_is_resampled() -> None:
    made = resampled(series([1, 2, 3], LABELS), ["2020-01-30"], dimension="t")
    assert along(made) == [3]


def test_dimensions_that_do_not_match_are_refused() -> None:
    data, still = series([1, 2, 3], LABELS), cube([OtherDimension("t", (1,)), Y, X], [[[1]]])
    renamed = call("rename_dimension", data=data, source="t", target="time")
    cases = (
        ({"target": renamed}, "DimensionMismatch"),
        ({"target": renamed, "dimension": "t"}, "DimensionNotAvailable"),
        ({"target": still, "dimension": "t"}, "DimensionMismatch"),
        ({"target": data, "dimension": "x"}, "DimensionMismatch"),
        ({"target": data, "dimension": "none"}, "DimensionNotAvailable"),
    )
    for arguments, code in cases:
        with pytest.raises(OpenEOError) as caught:
            call("resample_cube_temporal", data=data, **arguments)
        assert caught.value.code == code
