"""Cubes whose x and y have no reference system: what can be told of them, and what can't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import X, Y, call, cube, graph, values

from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

PLANE = [[1, 2, 3], [4, 5, 6]]
ADD = graph("add", x="$x", y="$y")


def nowhere() -> Operator:
    """Three rows: the last is 9; y counts from 0."""
    process = graph("array_concat", array1="$data", array2=[9])
    made: Operator = call("apply_dimension", data=cube([Y, X], PLANE, dtype=np.int16), dimension="y", process=process)
    assert made.description.grid.crs is None
    return made


def somewhere() -> Operator:
    return cube([Y, X], PLANE, dtype=np.int16)


CALLS: dict[str, dict[str, Any]] = {
    "mask": {"mask": somewhere()},
    "resample_cube_spatial": {"target": somewhere()},
    "resample_spatial": {"projection": 3857},
}


@pytest.mark.parametrize("process_id", sorted(CALLS))
def test_it_can_not_be_put_beside_a_cube_that_lies_somewhere(process_id: str) -> None:
    with pytest.raises(OpenEOError) as raised:
        call(process_id, data=nowhere(), **CALLS[process_id])
    assert raised.value.code in ("IncompatibleDataCubes", "ProcessParameterInvalid")


def test_it_can_not_be_merged_with_a_cube_that_lies_somewhere() -> None:
    for pair in ((nowhere(), somewhere()), (somewhere(), nowhere())):
        with pytest.raises(OpenEOError) as raised:
            call("merge_cubes", cube1=pair[0], cube2=pair[1], overlap_resolver=ADD)
        assert raised.value.code == "IncompatibleDataCubes"


def test_two_of_them_are_compared_by_their_coordinates() -> None:
    assert values(call("merge_cubes", cube1=nowhere(), cube2=nowhere(), overlap_resolver=ADD))[2] == [18, 18, 18]


def test_extents_are_taken_in_its_own_coordinates() -> None:
    extent = {"west": 500_000, "south": 1.5, "east": 500_010, "north": 2.5}
    assert values(call("filter_bbox", data=nowhere(), extent=extent)) == [[9]]


def test_a_cube_without_x_and_y_goes_with_any() -> None:
    total = call("reduce_spatial", data=nowhere(), reducer=graph("max", data="$data"))
    made = call("merge_cubes", cube1=somewhere(), cube2=total, overlap_resolver=ADD)
    assert values(made) == [[10, 11, 12], [13, 14, 15]]
