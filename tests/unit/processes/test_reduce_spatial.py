"""Reductions over x, y, or both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, call, cube, graph, values

from openeo_plugin.cube.dimensions import BandsDimension, TemporalDimension
from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.barrier import barriers_below
from openeo_plugin.engine.operator import Operator, everything
from openeo_plugin.engine.operators.zonal_folds import FOLDED
from openeo_plugin.errors import OpenEOError

PLANE = [[1, 2, 3], [4, None, 6]]


def reduced(data: Operator, process_id: str, **arguments: Any) -> Operator:
    made: Operator = call("reduce_spatial", data=data, reducer=graph(process_id, data="$data", **arguments))
    return made


def test_x_and_y_go_away() -> None:
    made = reduced(cube([Y, X], PLANE, dtype=np.int16), "sum")
    assert made.description.dimensions == ()
    assert values(made) == [[16]]


def test_bands_and_dates_stay_in_their_order() -> None:
    dimensions = [X, TemporalDimension("t", DAYS[:2]), Y, BandsDimension("bands", ("B1", "B2"))]
    made = reduced(cube(dimensions, [[PLANE, [[0] * 3] * 2], [[[None] * 3] * 2, PLANE]]), "max")
    assert made.description.names == ("t", "bands")
    assert values(made) == [[[[6]], [[0]]], [[[None]], [[6]]]]


def test_null_is_left_out_unless_it_counts() -> None:
    data = cube([Y, X], PLANE, dtype=np.int16)
    assert values(reduced(data, "mean")) == [[pytest.approx(3.2)]]
    assert values(reduced(data, "mean", ignore_nodata=False)) == [[None]]
    assert values(reduced(data, "count")) == [[5]]
    assert values(reduced(data, "count", condition=True)) == [[6]]


def test_nan_is_no_null() -> None:
    data = cube([Y, X], [[1, math.nan], [None, 2]])
    assert math.isnan(values(reduced(data, "sum"))[0][0])
    assert values(reduced(data, "count")) == [[2]]


@pytest.mark.parametrize("process_id", FOLDED)
def test_what_can_be_folded_never_holds_the_whole_extent(process_id: str) -> None:
    made = reduced(cube([Y, X], PLANE, dtype=np.int16), process_id)
    (fold,) = barriers_below([made])
    assert fold.node == made.node
    assert made.inputs[0].request(everything(made.description, Window(made.description.grid, 0, 0, 1, 1))) == (None,)


def test_medians_have_no_fold() -> None:
    assert barriers_below([reduced(cube([Y, X], PLANE, dtype=np.int16), "median")]) == []


def test_values_come_row_by_row() -> None:
    data = cube([Y, X], [[None, 2, 3], [4, 5, 6]], dtype=np.int16)
    assert values(reduced(data, "first")) == [[2]]
    assert values(reduced(data, "last")) == [[6]]
    assert values(reduced(data, "array_element", index=3)) == [[4]]


def test_medians_see_every_pixel() -> None:
    assert values(reduced(cube([Y, X], PLANE, dtype=np.int16), "median")) == [[3]]
    quantile = graph("quantiles", data="$data", probabilities=[0.25])
    made = call("reduce_dimension", data=cube([Y, X], PLANE), dimension="x", reducer=graph("median", data="$data"))
    assert values(made) == [[2], [5]]
    with pytest.raises(OpenEOError) as raised:
        call("reduce_spatial", data=cube([Y, X], PLANE), reducer=quantile)
    assert raised.value.code == "ProcessGraphInvalid"


def test_arrays_over_both_axes_have_no_labels() -> None:
    with pytest.raises(OpenEOError) as raised:
        reduced(cube([Y, X], PLANE), "array_element", label="x")
    assert raised.value.code == "ArrayNotLabeled"


def test_a_cube_without_x_and_y_is_refused() -> None:
    flat = reduced(cube([TemporalDimension("t", DAYS[:1]), Y, X], [PLANE]), "mean")
    narrow = call("reduce_dimension", data=cube([Y, X], PLANE), dimension="x", reducer=graph("sum", data="$data"))
    for data in (flat, narrow):
        with pytest.raises(OpenEOError) as raised:
            reduced(data, "mean")
        assert raised.value.code == "DimensionNotAvailable"
