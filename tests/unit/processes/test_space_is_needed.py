"""Processes that work on x and y refuse cubes that lack one of them, before any pixel."""

from __future__ import annotations

from typing import Any

import pytest
from cubes import DAYS, X, Y, call, cube, graph

from openeo_plugin.cube.dimensions import TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

MEAN = graph("mean", data="$data")
SAME = graph("apply", data="$data", process=graph("add", x="$x", y=0))
TRIANGLE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
CALLS: dict[str, dict[str, Any]] = {
    "aggregate_spatial": {"geometries": TRIANGLE, "reducer": MEAN},
    "aggregate_spatial_window": {"size": [2, 2], "reducer": MEAN},
    "apply_kernel": {"kernel": [[1]]},
    "apply_neighborhood": {"size": [], "process": SAME},
    "apply_polygon": {"geometries": TRIANGLE, "process": SAME},
    "filter_bbox": {"extent": {"west": 0, "south": 0, "east": 1, "north": 1}},
    "filter_spatial": {"geometries": TRIANGLE},
    "mask_polygon": {"mask": TRIANGLE},
    "reduce_spatial": {"reducer": MEAN},
    "resample_spatial": {"resolution": 20},
}


def without_space() -> Operator:
    return cube([TemporalDimension("t", DAYS[:2])], [[[1]], [[2]]])


def one_row() -> Operator:
    made: Operator = call("reduce_dimension", data=cube([Y, X], [[1, 2]]), dimension="y", reducer=MEAN)
    return made


@pytest.mark.parametrize("make", [without_space, one_row])
@pytest.mark.parametrize("process_id", sorted(CALLS))
def test_a_cube_without_x_or_y_is_refused(process_id: str, make: Any) -> None:
    with pytest.raises(OpenEOError) as raised:
        call(process_id, data=make(), **CALLS[process_id])
    assert raised.value.code == "DimensionNotAvailable"


def test_both_cubes_of_a_resampling_need_x_and_y() -> None:
    plane = cube([Y, X], [[1, 2]])
    for data, target in ((without_space(), plane), (plane, without_space())):
        with pytest.raises(OpenEOError) as raised:
            call("resample_cube_spatial", data=data, target=target)
        assert raised.value.code == "DimensionNotAvailable"
