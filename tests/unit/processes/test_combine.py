"""merge_cubes and mask to the letter, on hand-worked cubes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from affine import Affine
from cubes import DAYS, X, Y, along, call, computed, cube, graph, grid, series, values
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, SpatialDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

ADD = graph("add", x="$x", y="$y")
SUBTRACT = graph("subtract", x="$x", y="$y")


def bands(names: tuple[str, ...], *planes: Any, **more: Any) -> Operator:
    return cube([BandsDimension("bands", names), Y, X], list(planes), **more)


def merged(one: Operator, two: Operator, resolver: Any = None, **more: Any) -> Operator:
    given = {} if resolver is None else {"overlap_resolver": resolver}
    made: Operator = call("merge_cubes", cube1=one, cube2=two, **given, **more)
    return made


def code_of(*arguments: Any) -> str:
    with pytest.raises(OpenEOError) as caught:
        merged(*arguments)
    return caught.value.code


def part(rows: int, columns: int, y: int, x: int, *planes: Any, **more: Any) -> Operator:
    """A cube of one band on the lattice of `grid`, moved by whole pixels."""
    box = grid(rows, columns)
    moved = GeoBox(box.shape, box.affine * Affine.translation(x, y), box.crs)
    return cube([Y, X], *planes, where=moved, **more)


# merge_cubes


def test_other_bands_need_no_resolver_and_follow_those_of_the_first() -> None:
    made = merged(bands(("B2", "B1"), [[1]], [[2]]), bands(("B0",), [[3]]))
    assert made.description.bands_dimension == BandsDimension("bands", ("B2", "B1", "B0"))
    assert values(made) == [[[1]], [[2]], [[3]]]


def test_the_resolver_decides_on_common_bands_only() -> None:
    made = merged(bands(("B1", "B2"), [[1]], [[2]]), bands(("B2", "B3"), [[10]], [[20]]), SUBTRACT)
    assert values(made) == [[[1]], [[-8]], [[20]]]


def test_a_common_label_without_resolver_is_refused() -> None:
    assert code_of(bands(("B1",), [[1]]), bands(("B1",), [[1]])) == "OverlapResolverMissing"


def test_labels_of_time_are_sorted_whichever_cube_they_come_from() -> None:
    made = merged(series([4, 1], [DAYS[3], DAYS[0]]), series([3, 2], [DAYS[2], DAYS[1]]))
    assert made.description.temporal[0].labels == DAYS
    assert along(made) == [1, 2, 3, 4]


def test_the_same_instant_written_otherwise_is_the_same_label() -> None:
    made = merged(series([1], ["2020-01-01"]), series([2], ["2020-01-01T00:00:00Z"]), ADD)
    assert made.description.temporal[0].labels == ("2020-01-01",)
    assert along(made) == [3]


def test_time_and_bands_that_differ_leave_null_where_no_cube_has_a_value() -> None:
    t0, t1 = (
        [TemporalDimension("t", (day,)), BandsDimension("b", (name,)), Y, X]
        for day, name in ((DAYS[0], "B1"), (DAYS[1], "B2"))
    )
    made = merged(cube(t0, [[[[1]]]], dtype=np.int16), cube(t1, [[[[2]]]], dtype=np.int16))
    assert values(made) == [[[[1]], [[None]]], [[[None]], [[2]]]]


def test_a_dimension_that_one_cube_lacks_is_filled_with_its_values() -> None:
    height = cube([Y, X], [[100]])
    made = merged(series([1, 2], DAYS[:2]), height, ADD)
    assert along(made) == [101, 102]
    made = merged(height, series([1, 2], DAYS[:2]), SUBTRACT)
    assert made.description.names == ("t", "y", "x")
    assert along(made) == [99, 98]
    assert code_of(series([1, 2], DAYS[:2]), height) == "OverlapResolverMissing"


def test_cubes_side_by_side_need_no_resolver() -> None:
    made = merged(part(1, 2, 0, 0, [[1, 2]]), part(1, 2, 0, 2, [[3, 4]]))
    assert values(made) == [[1, 2, 3, 4]]


def test_the_resolver_is_asked_where_both_cubes_have_pixels_only() -> None:
    made = merged(part(1, 3, 0, 0, [[1, 2, 3]]), part(1, 3, 0, 2, [[30, 40, 50]]), ADD)
    assert values(made) == [[1, 2, 33, 40, 50]]


def test_what_neither_cube_covers_is_null() -> None:
    made = merged(part(1, 1, 0, 0, [[1]]), part(1, 1, 1, 1, [[2]]))
    assert values(made) == [[1, None], [None, 2]]


def test_null_takes_part_in_the_overlap() -> None:
    one, two = part(1, 2, 0, 0, [[None, 1]], nodata=-1), part(1, 2, 0, 0, [[5, 6]], nodata=-9)
    assert values(merged(one, two, graph("first", data=["$x", "$y"], ignore_nodata=False))) == [[None, 1]]
    assert values(merged(one, two, ADD)) == [[None, 7]]


def test_nan_is_a_value_in_the_overlap() -> None:
    one, two = part(1, 1, 0, 0, [[float("nan")]], nodata=-1), part(1, 1, 0, 0, [[5]], nodata=-1)
    found = values(merged(one, two, graph("is_nodata", x="$x")))
    assert found == [[False]]


def test_types_that_differ_meet_in_one_that_holds_both() -> None:
    made = merged(series([1], [DAYS[0]], dtype=np.uint8), series([-300], [DAYS[1]], dtype=np.int16))
    assert made.description.bands[0].dtype == np.int16
    assert along(made) == [1, -300]


def test_a_cube_without_x_and_y_counts_for_every_pixel() -> None:
    mean = cube([BandsDimension("bands", ("B1",))], [[[10]]])
    made = merged(bands(("B1",), [[11, 12], [13, 14]]), mean, SUBTRACT)
    assert values(made) == [[[1, 2], [3, 4]]]
    assert values(merged(mean, bands(("B1",), [[11, 12]]), SUBTRACT)) == [[[-1, -2]]]


def test_another_lattice_is_sampled_at_the_pixel_centres_of_the_first() -> None:
    coarse = GeoBox((1, 2), Affine(20, 0, 500_000, 0, -20, 5_000_000), "EPSG:32632")
    made = merged(cube([Y, X], [[1, 1, 1, 1]]), cube([Y, X], [[10, 20]], where=coarse), ADD)
    assert values(made) == [[11, 11, 21, 21]]


def test_incompatible_dimensions_are_refused() -> None:
    other = cube([OtherDimension("t", ("a",)), Y, X], [[[1]]])
    assert code_of(series([1], ["2020-01-01"]), other) == "IncompatibleDataCubes"
    lon = cube([Y, SpatialDimension("lon", "x")], [[1]])
    assert code_of(cube([Y, X], [[1]]), lon, ADD) == "IncompatibleDataCubes"
    assert (
        code_of(bands(("B1",), [[1]]), cube([BandsDimension("b", ("B2",)), Y, X], [[[1]]])) == "IncompatibleDataCubes"
    )


def test_the_context_reaches_the_resolver() -> None:
    resolver = graph("multiply", x="$y", y="$context")
    assert along(merged(series([1], ["2020-01-01"]), series([2], ["2020-01-01"]), resolver, context=10)) == [20]


# mask


def masked(data: Operator, mask: Operator, **more: Any) -> Operator:
    made: Operator = call("mask", data=data, mask=mask, **more)
    return made


def test_values_are_masked_where_the_mask_is_not_zero() -> None:
    made = masked(cube([Y, X], [[1, 2, 3]], dtype=np.int16), cube([Y, X], [[0, 1, -0.5]]))
    assert values(made) == [[1, None, None]]


def test_null_in_the_mask_does_not_mask_but_nan_does() -> None:
    made = masked(cube([Y, X], [[1, 2]]), cube([Y, X], [[None, float("nan")]], nodata=-1))
    assert values(made) == [[1, None]]


def test_null_in_the_data_stays_null_and_is_replaced_where_masked() -> None:
    data = cube([Y, X], [[None, None, 3]], nodata=-1)
    made = masked(data, cube([Y, X], [[0, 1, 0]]), replacement=9)
    assert values(made) == [[None, 9, 3]]


def test_a_replacement_that_does_not_fit_widens_the_type() -> None:
    data, mask = cube([Y, X], [[1, 250]], dtype=np.uint8), cube([Y, X], [[1, 0]])
    made = masked(data, mask, replacement=-1)
    assert made.description.bands[0].dtype == np.int16
    assert values(made) == [[-1, 250]]
    found = values(masked(data, mask, replacement=0.1))
    assert found[0][0] == np.float32(0.1)


def test_a_replacement_equal_to_the_sentinel_is_a_value() -> None:
    made = masked(cube([Y, X], [[None, 5]], nodata=-1, dtype=np.int16), cube([Y, X], [[0, 1]]), replacement=-1)
    assert values(made) == [[None, -1]]
    assert made.description.bands[0].nodata is None
    assert made.description.bands[0].nullable


def test_a_mask_without_time_counts_for_every_label() -> None:
    assert along(masked(series([1, 2], DAYS[:2]), cube([Y, X], [[1]]))) == [None, None]


def test_a_mask_with_time_counts_label_by_label() -> None:
    assert along(masked(series([1, 2], DAYS[:2]), series([0, 1], DAYS[:2]))) == [1, None]


def test_dimensions_of_the_mask_may_come_in_another_order() -> None:
    level, run = OtherDimension("level", (1, 2)), OtherDimension("run", ("a", "b", "c"))
    data = cube([level, run, Y, X], np.arange(6).reshape(2, 3, 1, 1))
    mask = cube([run, level, Y, X], (np.arange(6) == 1).reshape(3, 2, 1, 1))
    assert values(masked(data, mask)) == [[[[0]], [[1]], [[2]]], [[[None]], [[4]], [[5]]]]


def test_a_mask_outside_of_the_data_masks_nothing_there() -> None:
    made = masked(part(1, 3, 0, 0, [[1, 2, 3]]), part(1, 1, 0, 1, [[1]]))
    assert values(made) == [[1, None, 3]]


def test_a_mask_with_dimensions_or_labels_of_its_own_is_refused() -> None:
    for mask in (
        series([1], DAYS[:1]),
        cube([OtherDimension("t", DAYS[:2]), Y, X], [[[1]], [[1]]]),
        bands(("A", "B"), [[1]], [[1]]),
    ):
        with pytest.raises(OpenEOError) as caught:
            masked(series([1, 2], DAYS[:2]), mask)
        assert caught.value.code == "IncompatibleDataCubes"


def test_a_text_is_no_replacement() -> None:
    with pytest.raises(OpenEOError) as caught:
        masked(cube([Y, X], [[1]]), cube([Y, X], [[1]]), replacement="x")
    assert caught.value.code == "ProcessParameterInvalid"


def test_masking_copies_no_pixels() -> None:
    data = cube([Y, X], [[1, 2]], dtype=np.int16)
    made = masked(data, cube([Y, X], [[0, 1]], dtype=bool))
    assert np.shares_memory(computed(made).bands[0].values, data.bands[0].values)


def test_a_mask_without_x_and_y_counts_for_every_pixel_wherever_it_comes_from() -> None:
    t = TemporalDimension("t", DAYS[:2])
    data = cube([t, Y, X], [[[1, 2, 3]], [[4, 5, 6]]], dtype=np.int16)
    west = call("filter_labels", data=data, dimension="x", condition=graph("lt", x="$value", y=500_010))
    high = call("reduce_spatial", data=west, reducer=graph("max", data="$data"))
    mask = call("apply", data=high, process=graph("gt", x="$x", y=3))
    assert values(call("mask", data=data, mask=mask)) == [[[1, 2, 3]], [[None, None, None]]]
    assert values(call("mask", data=data, mask=mask, replacement=0)) == [[[1, 2, 3]], [[0, 0, 0]]]
