"""Arrays along x and y, and arrays of other dimensions that go to x and y."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from affine import Affine
from cubes import DAYS, X, Y, call, chain, cube, graph, grid, values

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.run import window_sizes
from openeo_plugin.errors import OpenEOError

CUMSUM = graph("cumsum", data="$data")
EXTREMA = graph("extrema", data="$data")
PLANE = [[1, 2, 3], [4, None, 6]]


def applied(data: Operator, process: Any, dimension: str, **more: Any) -> Operator:
    made: Operator = call("apply_dimension", data=data, process=process, dimension=dimension, **more)
    return made


def plane(cells: Any = PLANE, **more: Any) -> Operator:
    return cube([Y, X], cells, dtype=np.int16, **more)


def test_an_array_along_x_runs_from_the_first_column_to_the_last() -> None:
    made = applied(plane(), CUMSUM, "x")
    assert values(made) == [[1, 3, 6], [4, None, 10]]
    assert made.description.grid.affine == plane().description.grid.affine


def test_an_array_along_y_runs_from_the_first_row_to_the_last() -> None:
    made = applied(plane(), CUMSUM, "y")
    assert values(made) == [[1, 2, 3], [5, None, 9]]
    assert made.description.names == ("y", "x")


def test_the_callback_sees_the_coordinates_of_pixel_centres() -> None:
    second = graph("array_element", data="$data", label=500_015.0)
    made = applied(plane(), second, "x")
    assert values(made) == [[2], [None]]


def test_along_an_ascending_y_the_first_value_is_the_southernmost() -> None:
    data = plane([[1], [2]], where=grid(2, 1, ascending=True))
    first = chain(("first", {"data": "$data"}), ("array_create", {"data": ["#0"], "repeat": 2}))
    assert values(applied(data, first, "y")) == [[1], [1]]


def test_an_array_of_another_length_counts_the_columns_from_zero_without_reference_system() -> None:
    made = applied(plane(), EXTREMA, "x")
    assert values(made) == [[1, 3], [4, 6]]
    assert made.description.shape == (2, 2)
    assert made.description.grid.crs is None
    assert made.description.grid.affine == Affine(1, 0, -0.5, 0, -10, 5_000_000)
    assert call("dimension_labels", data=made, dimension="x") == [0, 1]


def test_an_array_of_another_length_counts_the_rows_from_zero() -> None:
    made = applied(plane(), graph("array_concat", array1="$data", array2=[7]), "y")
    assert values(made) == [[1, 2, 3], [4, None, 6], [7, 7, 7]]
    assert call("dimension_labels", data=made, dimension="y") == [0, 1, 2]


def test_a_new_target_stands_in_place_of_y() -> None:
    made = applied(plane(), EXTREMA, "y", target_dimension="range")
    assert made.description.dimensions == (OtherDimension("range", (0, 1)), X)
    assert values(made) == [[[1, 2, 3]], [[4, 2, 6]]]


def test_a_temporal_target_with_one_label_takes_the_values_of_x() -> None:
    t = TemporalDimension("t", DAYS[:1])
    made = applied(cube([t, Y, X], [PLANE], dtype=np.int16), CUMSUM, "x", target_dimension="t")
    assert made.description.dimensions == (TemporalDimension("t", (0, 1, 2)), Y)
    assert values(made) == [[[1], [4]], [[3], [None]], [[6], [10]]]


def test_a_bands_dimension_with_one_label_takes_the_values_of_y() -> None:
    bands = BandsDimension("bands", ("B1",))
    made = applied(cube([X, Y, bands], [PLANE], dtype=np.int16), CUMSUM, "y", target_dimension="bands")
    assert made.description.names == ("x", "bands")
    assert made.description.bands_dimension == BandsDimension("bands", (0, 1))
    assert values(made) == [[[1, 2, 3]], [[5, None, 9]]]
    assert values(call("filter_bands", data=made, bands=["1"])) == [[[5, None, 9]]]


def test_x_with_a_single_pixel_takes_the_values_of_time() -> None:
    t = TemporalDimension("t", DAYS[:2])
    data = cube([t, Y, X], [[[1], [2]], [[3], [None]]], dtype=np.int16)
    made = applied(data, CUMSUM, "t", target_dimension="x")
    assert made.description.dimensions == (Y, X)
    assert values(made) == [[1, 4], [2, None]]
    assert call("dimension_labels", data=made, dimension="x") == [0, 1]


def test_y_with_a_single_pixel_takes_the_values_of_bands() -> None:
    bands = BandsDimension("bands", ("B1", "B2"))
    data = cube([bands, Y, X], [[[1, 2]], [[3, 4]]], dtype=np.int16)
    made = applied(data, CUMSUM, "bands", target_dimension="y")
    assert made.description.dimensions == (Y, X)
    assert values(made) == [[1, 2], [4, 6]]


def test_y_with_a_single_pixel_takes_the_values_of_x() -> None:
    made = applied(plane([[1, 2, 3]]), CUMSUM, "x", target_dimension="y")
    assert made.description.dimensions == (Y,)
    assert values(made) == [[1], [3], [6]]


@pytest.mark.parametrize(("source", "target"), [("x", "y"), ("y", "x"), ("x", "t"), ("t", "x")])
def test_a_target_with_several_labels_is_refused(source: str, target: str) -> None:
    data = cube([TemporalDimension("t", DAYS[:2]), Y, X], [PLANE, PLANE], dtype=np.int16)
    with pytest.raises(OpenEOError) as raised:
        applied(data, CUMSUM, source, target_dimension=target)
    assert raised.value.code == "DimensionLabelCountMismatch"


def test_x_may_be_its_own_target() -> None:
    assert values(applied(plane(), CUMSUM, "x", target_dimension="x")) == [[1, 3, 6], [4, None, 10]]


def test_a_callback_that_gives_no_array_is_refused_before_any_pixel() -> None:
    with pytest.raises(OpenEOError) as raised:
        applied(plane(), graph("array_filter", data="$data", condition=graph("lt", x="$index", y=0)), "x")
    assert raised.value.code == "ProcessGraphInvalid"


def test_what_follows_is_the_same_whether_it_goes_along_x_or_along_the_new_dimension() -> None:
    spread = applied(plane(), CUMSUM, "y", target_dimension="steps")
    summed = call("reduce_dimension", data=spread, dimension="steps", reducer=graph("sum", data="$data"))
    direct = call(
        "reduce_dimension", data=applied(plane(), CUMSUM, "y"), dimension="y", reducer=graph("sum", data="$data")
    )
    assert values(summed) == values(direct) == [[6, 2, 12]]


def test_a_window_asks_for_whole_rows() -> None:
    made = applied(cube([Y, X], [[1] * 40] * 30, dtype=np.int16), CUMSUM, "x")
    grid_ = made.description.grid
    from openeo_plugin.engine.operator import Request
    from openeo_plugin.engine.schedule import schedule

    tasks, _ = schedule([(made, Request(Window(grid_, 5, 7, 2, 3), (0,), ()))])
    asked = tasks[0].request.window
    assert (asked.y, asked.x, asked.height, asked.width) == (5, 0, 2, 40)


def test_rows_that_do_not_fit_into_memory_are_refused() -> None:
    made = applied(cube([Y, X], [[1] * 400] * 30, dtype=np.int16), CUMSUM, "x")
    with pytest.raises(OpenEOError) as raised:
        window_sizes([made], (16, 16), 20_000)
    assert raised.value.code == "ProcessGraphComplexity"
    assert window_sizes([made], (16, 16), 1 << 20)


def test_arrays_along_x_of_a_cube_without_labels_left_stay_empty() -> None:
    t = TemporalDimension("t", ())
    data = cube([t, Y, X], np.empty((0, 2, 3)), dtype=np.int16)
    assert applied(data, CUMSUM, "x").description.shape == (0, 2, 3)
