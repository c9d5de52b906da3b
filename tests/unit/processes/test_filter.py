"""Labels that stay, along every kind of dimension."""

from __future__ import annotations

from typing import Any

import pytest
from affine import Affine
from cubes import DAYS, X, Y, along, call, cube, graph, grid, series, values

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

PLANE = [[1, 2, 3], [4, 5, 6]]


def kept(data: Operator, dimension: str, process: str, **arguments: Any) -> Operator:
    made: Operator = call("filter_labels", data=data, dimension=dimension, condition=graph(process, **arguments))
    return made


def test_labels_of_x_are_the_coordinates_of_pixel_centres() -> None:
    made = kept(cube([Y, X], PLANE), "x", "gt", x="$value", y=500_010)
    assert values(made) == [[2, 3], [5, 6]]
    assert made.description.grid.affine == Affine(10, 0, 500_010, 0, -10, 5_000_000)


def test_labels_of_y_may_ascend() -> None:
    made = kept(cube([Y, X], PLANE, where=grid(2, 3, ascending=True)), "y", "lt", x="$value", y=4_999_990)
    assert values(made) == [[1, 2, 3]]
    assert call("dimension_labels", data=made, dimension="y") == [4_999_985]


def test_labels_of_x_that_do_not_lie_side_by_side_are_refused() -> None:
    with pytest.raises(OpenEOError) as raised:
        kept(cube([Y, X], PLANE), "x", "neq", x="$value", y=500_015)
    assert raised.value.code == "ProcessGraphInvalid"


def test_a_cube_without_columns_is_empty() -> None:
    assert kept(cube([Y, X], PLANE), "x", "lt", x="$value", y=0).description.shape == (0, 0)


def test_numbers_and_texts_are_different_labels() -> None:
    data = cube([OtherDimension("z", (1, "1", 2.5)), Y, X], [[[1]], [[2]], [[3]]])
    assert kept(data, "z", "eq", x="$value", y=1).description.labelled[0].labels == (1,)
    assert kept(data, "z", "eq", x="$value", y="1").description.labelled[0].labels == ("1",)


def test_descending_labels_stay_in_their_order() -> None:
    data = series([1, 2, 3], DAYS[2::-1])
    assert along(kept(data, "t", "constant", x=True)) == [1, 2, 3]
    assert along(kept(data, "t", "neq", x="$value", y=DAYS[1])) == [1, 3]


def test_a_condition_that_is_not_true_drops_the_label() -> None:
    data = cube([BandsDimension("bands", ("a", "b")), Y, X], [[[1]], [[2]]])
    for answer in (None, "yes", 1, False):
        assert kept(data, "bands", "constant", x=answer).description.bands == ()


def test_an_unknown_dimension_is_refused() -> None:
    with pytest.raises(OpenEOError) as raised:
        kept(cube([Y, X], PLANE), "t", "constant", x=True)
    assert raised.value.code == "DimensionNotAvailable"


def test_every_temporal_dimension_is_filtered_unless_one_is_named() -> None:
    times = TemporalDimension("t", ("2020-01-01", "2020-02-01")), TemporalDimension("t2", ("2020-01-01", "2021-01-01"))
    data = cube([*times, Y, X], [[[[1]], [[2]]], [[[3]], [[4]]]])
    january = ["2020-01-01", "2020-02-01"]
    assert values(call("filter_temporal", data=data, extent=january)) == [[[[1]]]]
    assert values(call("filter_temporal", data=data, extent=january, dimension="t2")) == [[[[1]]], [[[3]]]]
