"""Arrays along a dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, along, call, chain, cube, graph, series, values

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator, Request
from openeo_plugin.errors import OpenEOError

CUMSUM = graph("cumsum", data="$data")
EXTREMA = graph("extrema", data="$data")
SECOND = chain(("array_element", {"data": "$data", "index": 1}), ("array_create", {"data": ["#0", 9]}))


def applied(data: Operator, process: Any, dimension: str = "t", **more: Any) -> Operator:
    made: Operator = call("apply_dimension", data=data, process=process, dimension=dimension, **more)
    return made


def bands_in_time(cells: Any = ((1, 2), (3, 4))) -> Operator:
    """(bands, t) of one pixel."""
    dimensions = [TemporalDimension("t", DAYS[:2]), BandsDimension("bands", ("B1", "B2")), Y, X]
    return cube(dimensions, [[[[v]] for v in row] for row in cells], dtype=np.int16)


def test_labels_stay_if_the_array_is_as_long_as_before() -> None:
    made = applied(series([1, 2, None, 4]), CUMSUM)
    assert made.description.temporal[0].labels == DAYS
    assert along(made) == [1, 3, None, 7]


def test_labels_are_numbers_if_the_array_is_of_another_length() -> None:
    made = applied(series([5, 2, 8, 4]), EXTREMA)
    assert made.description.dimensions[0] == TemporalDimension("t", (0, 1))
    assert along(made) == [2, 8]


def test_one_value_makes_a_dimension_with_one_label() -> None:
    made = applied(series([5, 2, 8, 4]), graph("max", data="$data"))
    assert made.description.dimensions[0] == TemporalDimension("t", (0,))
    assert along(made) == [8]


def test_constants_in_the_array_are_spread() -> None:
    assert along(applied(series([5, 2, 8, 4]), SECOND)) == [2, 9]


def test_the_callback_sees_the_labels() -> None:
    last = graph("array_element", data="$data", label=DAYS[3])
    assert along(applied(series([5, 2, 8, 4]), last)) == [4]


def test_only_the_labels_that_the_callback_reads_are_asked_for() -> None:
    made = applied(series([5, 2, 8, 4]), SECOND)
    grid = made.description.grid
    from openeo_plugin.cube.grid import whole

    (asked,) = made.request(Request(whole(grid), (0,), ((0, 1),)))
    assert asked is not None
    assert asked.labels == ((1,),)


def test_a_new_target_stands_in_place_of_the_source() -> None:
    made = applied(bands_in_time(), EXTREMA, target_dimension="range")
    assert made.description.dimensions[0] == OtherDimension("range", (0, 1))
    assert made.description.names == ("range", "bands", "y", "x")
    assert values(made) == [[[[1]], [[2]]], [[[3]], [[4]]]]


def test_bands_keep_their_names_and_get_types_of_their_own() -> None:
    callback = chain(
        ("array_element", {"data": "$data", "index": 0}),
        ("gt", {"x": "#0", "y": 1}),
        ("array_create", {"data": ["#0", "#1"]}),
    )
    made = applied(bands_in_time(), callback, "bands")
    assert [b.name for b in made.description.bands] == ["B1", "B2"]
    assert [b.dtype.name for b in made.description.bands] == ["int16", "bool"]
    assert values(made) == [[[[1]], [[2]]], [[[False]], [[True]]]]


def test_other_numbers_of_bands_are_numbered() -> None:
    made = applied(bands_in_time(), graph("array_create", data=[1, 2, 3]), "bands")
    assert made.description.bands_dimension == BandsDimension("bands", (0, 1, 2))
    assert [b.name for b in made.description.bands] == ["0", "1", "2"]


def test_bands_go_into_a_dimension_with_a_single_label() -> None:
    data = cube([TemporalDimension("t", DAYS[:1]), BandsDimension("bands", ("B1", "B2")), Y, X], [[[[1]]], [[[2]]]])
    made = applied(data, graph("sort", data="$data", asc=False), "bands", target_dimension="t")
    assert made.description.dimensions == (TemporalDimension("t", (0, 1)), Y, X)
    assert values(made) == [[[2]], [[1]]]


def test_time_goes_into_a_bands_dimension_with_a_single_label() -> None:
    data = cube([TemporalDimension("t", DAYS[:3]), BandsDimension("b", ("B1",)), Y, X], [[[[1]], [[5]], [[3]]]])
    made = applied(data, EXTREMA, target_dimension="b")
    assert made.description.dimensions == (BandsDimension("b", (0, 1)), Y, X)
    assert values(made) == [[[1]], [[5]]]


def test_time_goes_into_another_dimension_with_a_single_label() -> None:
    for order in ((0, 1), (1, 0)):
        both = [TemporalDimension("t", DAYS[:2]), OtherDimension("run", ("r",))]
        cells = np.array([[[[7]]], [[[8]]]], object).transpose(*order, 2, 3)
        made = applied(cube([*(both[i] for i in order), Y, X], cells), CUMSUM, target_dimension="run")
        assert made.description.dimensions == (OtherDimension("run", (0, 1)), Y, X)
        assert values(made) == [[[7]], [[15]]]


def test_arrays_of_a_target_with_several_labels_are_joined_label_after_label() -> None:
    into_bands = applied(bands_in_time(((1, 2), (3, 4))), CUMSUM, target_dimension="bands")
    assert into_bands.description.dimensions == (BandsDimension("bands", (0, 1, 2, 3)), Y, X)
    assert values(into_bands) == [[[1]], [[3]], [[6]], [[10]]]  # of 1 and 2 in B1, then 3 and 4 in B2

    into_time = applied(bands_in_time(((1, 2), (3, 4))), CUMSUM, "bands", target_dimension="t")
    assert into_time.description.dimensions == (TemporalDimension("t", (0, 1, 2, 3)), Y, X)
    assert values(into_time) == [[[1]], [[4]], [[6]], [[10]]]  # of 1 and 3 on the first day, then 2 and 4


def test_quantiles_over_time_into_two_bands_are_those_of_both() -> None:
    data = cube(
        [TemporalDimension("t", DAYS[:2]), BandsDimension("bands", ("B1", "B2")), Y, X],
        [[[[1, None]], [[5, 2]]], [[[3, None]], [[7, None]]]],
        dtype=np.int16,
    )
    quantiles = graph("quantiles", data="$data", probabilities=[0, 0.5, 1])
    made = applied(data, quantiles, target_dimension="bands")
    assert made.description.dimensions == (BandsDimension("bands", (0, 1, 2)), Y, X)
    assert [band.name for band in made.description.bands] == ["0", "1", "2"]
    assert values(made) == [[[1, 2]], [[4, 2]], [[7, 2]]]


def test_joined_arrays_leave_the_other_dimensions_alone() -> None:
    data = cube(
        [OtherDimension("run", ("a", "b")), TemporalDimension("t", DAYS[:2]), OtherDimension("z", ("m", "n")), Y, X],
        np.arange(8).reshape(2, 2, 2, 1, 1).astype(object),
    )
    made = applied(data, EXTREMA, target_dimension="run")
    assert made.description.dimensions == (OtherDimension("run", (0, 1)), OtherDimension("z", ("m", "n")), Y, X)
    assert values(made) == [[[[0]], [[1]]], [[[6]], [[7]]]]


def test_an_array_without_values_is_refused() -> None:
    with pytest.raises(OpenEOError, match="at least one value"):
        applied(series([1, 2, 3, 4]), graph("array_create", data=[]))


def test_an_unknown_dimension_is_refused() -> None:
    with pytest.raises(OpenEOError) as caught:
        applied(series([1, 2, 3, 4]), CUMSUM, "bands")
    assert caught.value.code == "DimensionNotAvailable"


def test_an_emptied_dimension_gives_an_empty_array_to_the_callback() -> None:
    empty = call("filter_temporal", data=series([1, 2, 3, 4]), extent=["1990-01-01", "1991-01-01"])
    made = applied(empty, graph("mean", data="$data"))
    assert along(made) == [None]
    assert values(call("reduce_dimension", data=empty, dimension="t", reducer=graph("count", data="$data"))) == [[0]]


@pytest.mark.parametrize(
    "process", [graph("array_concat", array1="$data", array2=[1, 2]), graph("array_create", data=[1, 2])]
)
def test_constants_take_the_place_of_an_emptied_dimension(process: Any) -> None:
    empty = call("filter_temporal", data=series([1, 2, 3, 4]), extent=["1990-01-01", "1991-01-01"])
    assert along(applied(empty, process)) == [1, 2]
    none = call("filter_bands", data=bands_in_time(), bands=["none"])
    assert values(applied(none, process, "bands")) == [[[[1]], [[1]]], [[[2]], [[2]]]]


def test_an_emptied_bands_dimension_gives_an_empty_array_to_the_reducer() -> None:
    empty = call("filter_bands", data=bands_in_time(), bands=["none"])
    made = call("reduce_dimension", data=empty, dimension="bands", reducer=graph("max", data="$data"))
    assert values(made) == [[[None]], [[None]]]


def test_reducing_reads_one_label_if_the_reducer_does() -> None:
    from openeo_plugin.cube.grid import whole

    made = call(
        "reduce_dimension",
        data=series([5, 2, 8, 4]),
        dimension="t",
        reducer=graph("array_element", data="$data", index=2),
    )
    (asked,) = made.request(Request(whole(made.description.grid), (0,), ()))
    assert asked.labels == ((2,),)
    assert values(made) == [[8]]
