"""Chunks of pixels, metres, labels and durations, and their overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from affine import Affine
from cubes import X, Y, call, chain, cube, graph, grid, values
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

MINUS_MEAN = chain(
    ("reduce_dimension", {"data": "$data", "dimension": "t", "reducer": graph("sum", data="$data")}),
    ("apply", {"data": "$data", "process": graph("multiply", x="$x", y=0)}),
    ("merge_cubes", {"cube1": "#1", "cube2": "#0", "overlap_resolver": graph("sum", data=["$x", "$y"])}),
)
"""Every value becomes the sum of the chunk along t."""


def in_time(labels: Sequence[str], numbers: Sequence[float] | None = None) -> Operator:
    own = numbers if numbers is not None else [10**i for i in range(len(labels))]
    return cube([TemporalDimension("t", tuple(labels)), Y, X], [[[v]] for v in own], dtype="float64")


def summed(data: Operator, size: Any = None, overlap: Any = None) -> list[Any]:
    def entries(value: Any) -> list[dict[str, Any]]:
        return [] if value is None else [{"dimension": "t", "value": value}]

    made = call(
        "apply_neighborhood", data=data, process=MINUS_MEAN, size=entries(size), overlap=entries(overlap) or None
    )
    assert made.description.dimensions == data.description.dimensions
    return [plane[0][0] for plane in values(made)]


FEBRUARY = ("2020-01-31", "2020-02-28", "2020-02-29", "2020-03-30", "2020-03-31")
WEEK = tuple(f"2020-06-0{day}T00:00:00Z" for day in range(1, 7))


def test_a_month_is_counted_from_the_first_label_and_ends_with_the_month_if_that_is_short() -> None:
    assert summed(in_time(FEBRUARY), "P1M") == [11, 11, 1100, 1100, 10000]


def test_days_are_counted_from_the_first_label() -> None:
    assert summed(in_time(WEEK), "P2D") == [11, 11, 1100, 1100, 110000, 110000]


def test_hours_and_days_add_up() -> None:
    assert summed(in_time(WEEK), "P1DT24H") == summed(in_time(WEEK), "P2D")


def test_an_end_belongs_to_the_next_chunk() -> None:
    labels = ("2020-06-01T00:00:00Z", "2020-06-01T23:59:59.999999Z", "2020-06-02T00:00:00Z")
    assert summed(in_time(labels), "P1D") == [11, 11, 100]


def test_stretches_without_labels_are_left_out_and_do_not_move_those_behind() -> None:
    labels = ("2020-01-01", "2020-05-31", "2020-06-01", "2020-06-30")
    assert summed(in_time(labels), "P1M") == [1, 10, 1100, 1100]


def test_labels_in_any_order_fall_into_the_same_chunks_and_stay_where_they_are() -> None:
    labels = (WEEK[3], WEEK[0], WEEK[2], WEEK[1])
    assert summed(in_time(labels), "P2D") == [101, 1010, 101, 1010]


def test_descending_labels_are_counted_from_the_earliest() -> None:
    assert summed(in_time(WEEK[2::-1]), "P2D") == [1, 110, 110]


def test_an_overlap_in_time_reaches_over_both_ends_of_the_stretch() -> None:
    # stretches [1st, 3rd), [3rd, 5th), [5th, 7th); a day more on both sides
    assert summed(in_time(WEEK), "P2D", "P1D") == [111, 111, 11110, 11110, 111000, 111000]


def test_an_overlap_of_labels_around_a_duration() -> None:
    assert summed(in_time(WEEK), "P4D", 1) == [11111, 11111, 11111, 11111, 111000, 111000]


def test_an_overlap_in_time_around_a_number_of_labels() -> None:
    labels = ("2020-06-01", "2020-06-02", "2020-06-10", "2020-06-11")
    assert summed(in_time(labels), 2, "P8D") == [111, 111, 1110, 1110]


def test_an_overlap_in_time_of_no_length_is_none() -> None:
    assert summed(in_time(WEEK), "P2D", "P0D") == summed(in_time(WEEK), "P2D")


def test_a_duration_longer_than_the_calendar_holds_everything() -> None:
    assert summed(in_time(WEEK[:2]), "P99999Y") == [11, 11]


def test_a_tiny_duration_takes_labels_one_by_one() -> None:
    assert summed(in_time(("1900-01-01", "2100-01-01")), "PT0.000001S") == [1, 10]


def test_without_a_size_the_overlap_in_time_adds_nothing() -> None:
    assert summed(in_time(WEEK[:2]), None, "P1M") == [11, 11]


def test_numbers_of_labels_leave_a_rest() -> None:
    assert summed(in_time(WEEK[:3]), 2) == [11, 11, 100]


def test_a_cube_without_labels_stays_without() -> None:
    assert summed(in_time(()), "P1M") == []


@pytest.mark.parametrize(
    ("entry", "parameter"),
    [
        ({"dimension": "t", "value": "P0D"}, "size"),
        ({"dimension": "t", "value": "-P1D"}, "size"),
        ({"dimension": "t", "value": "-P1D"}, "overlap"),
        ({"dimension": "t", "value": "P"}, "size"),
        ({"dimension": "t", "value": "PT"}, "size"),
        ({"dimension": "t", "value": 0}, "size"),
        ({"dimension": "t", "value": 1.5}, "size"),
        ({"dimension": "t", "value": 2, "unit": "m"}, "size"),
        ({"dimension": "x", "value": "P1D"}, "size"),
        ({"dimension": "y", "value": "P1D"}, "overlap"),
        ({"dimension": "x", "value": 15}, "size"),
        ({"dimension": "x", "value": 1_000_000, "unit": "px"}, "overlap"),
    ],
)
def test_lengths_that_mean_nothing_are_refused(entry: dict[str, Any], parameter: str) -> None:
    arguments = {"size": [], "overlap": None, parameter: [entry]}
    with pytest.raises(OpenEOError) as raised:
        call("apply_neighborhood", data=in_time(WEEK), process=MINUS_MEAN, **arguments)
    assert raised.value.code == "ProcessParameterInvalid"


def test_durations_need_labels_that_are_instants() -> None:
    with pytest.raises(OpenEOError) as raised:
        summed(in_time(("a", "b")), "P1M")
    assert raised.value.code == "ProcessParameterInvalid"


def test_an_unknown_dimension_is_refused() -> None:
    with pytest.raises(OpenEOError) as raised:
        call("apply_neighborhood", data=in_time(WEEK), process=MINUS_MEAN, size=[{"dimension": "z", "value": 1}])
    assert raised.value.code == "DimensionNotAvailable"


COUNTED = chain(
    (
        "reduce_spatial",
        {"data": "$data", "reducer": graph("count", data="$data", condition=True)},
    ),
    ("apply", {"data": "$data", "process": graph("multiply", x="$x", y=0)}),
    ("merge_cubes", {"cube1": "#1", "cube2": "#0", "overlap_resolver": graph("sum", data=["$x", "$y"])}),
)
"""Every value becomes the number of pixels of its chunk, null or not."""


def counted(columns: int, entry: dict[str, Any], where: GeoBox | None = None, overlap: Any = None) -> list[Any]:
    data = cube([Y, X], [[1.0] * columns], where=where or grid(1, columns))
    made = call("apply_neighborhood", data=data, process=COUNTED, size=[entry], overlap=overlap)
    row: list[Any] = values(made)[0]
    return row


def test_metres_pixels_and_units_of_the_reference_system_say_the_same() -> None:
    for value, unit in ((2, "px"), (20, "m"), (20, None)):
        assert counted(5, {"dimension": "x", "value": value, "unit": unit}) == [2, 2, 2, 2, 2]


def test_metres_are_turned_into_feet() -> None:
    feet = GeoBox((1, 4), Affine(1, 0, 0, 0, -1, 0), "EPSG:2263")
    metres = 2 * 1200 / 3937
    assert counted(4, {"dimension": "x", "value": metres, "unit": "m"}, feet) == [2, 2, 2, 2]


def test_degrees_are_the_unit_of_geographic_coordinates_and_metres_are_refused() -> None:
    degrees = GeoBox((1, 4), Affine(0.1, 0, 10, 0, -0.1, 50), "EPSG:4326")
    assert counted(4, {"dimension": "x", "value": 0.2}, degrees) == [2, 2, 2, 2]
    with pytest.raises(OpenEOError) as raised:
        counted(4, {"dimension": "x", "value": 2, "unit": "m"}, degrees)
    assert raised.value.code == "ProcessParameterInvalid"


def test_without_a_size_an_overlap_is_added_around_the_whole_cube() -> None:
    around = [{"dimension": axis, "value": 1, "unit": "px"} for axis in "xy"]
    data = cube([Y, X], [[1.0] * 4] * 3)
    made = call("apply_neighborhood", data=data, process=COUNTED, size=[], overlap=around)
    assert values(made) == [[30] * 4] * 3


def test_chunks_of_several_dimensions_at_once() -> None:
    dimensions = [
        TemporalDimension("t", WEEK[:3]),
        BandsDimension("bands", ("B1", "B2")),
        OtherDimension("level", (1, 2)),
        Y,
        X,
    ]
    numbers = [[[[[1000 * b + 100 * t + 10 * z + 1]] for z in (1, 2)] for t in range(3)] for b in range(2)]
    data = cube(dimensions, numbers, dtype="float64")
    size = [{"dimension": "t", "value": "P2D"}, {"dimension": "bands", "value": 1}, {"dimension": "level", "value": 1}]
    made = call("apply_neighborhood", data=data, process=MINUS_MEAN, size=size)
    pairs = [[[[[2 * (1000 * b + 10 * z + 1) + 100]] for z in (1, 2)] for _ in range(2)] for b in range(2)]
    last = [[[[1000 * b + 200 + 10 * z + 1]] for z in (1, 2)] for b in range(2)]
    assert values(made) == [[*pairs[b], last[b]] for b in range(2)]


def test_chunks_of_bands_do_not_see_the_others() -> None:
    bands = BandsDimension("bands", ("B1", "B2", "B3"))
    spread = chain(
        ("reduce_dimension", {"data": "$data", "dimension": "bands", "reducer": graph("sum", data="$data")}),
        ("merge_cubes", {"cube1": "$data", "cube2": "#0", "overlap_resolver": graph("max", data=["$x", "$y"])}),
    )
    data = cube([bands, Y, X], [[[1]], [[2]], [[4]]], dtype="float64")
    for size, overlap, expected in ((1, 0, [1, 2, 4]), (2, 0, [3, 3, 4]), (1, 1, [3, 7, 6])):
        entry = [{"dimension": "bands", "value": size}]
        around = [{"dimension": "bands", "value": overlap}]
        made = call("apply_neighborhood", data=data, process=spread, size=entry, overlap=around)
        assert values(made) == [[[v]] for v in expected]


def test_a_process_that_renames_labels_is_refused() -> None:
    renamed = graph("rename_labels", data="$data", dimension="t", source=list(WEEK[:2]), target=["a", "b"])
    with pytest.raises(OpenEOError) as raised:
        call("apply_neighborhood", data=in_time(WEEK[:2]), process=renamed, size=[])
    assert raised.value.code == "DataCubePropertiesImmutable"
