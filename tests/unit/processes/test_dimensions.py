"""Dimensions added, dropped, renamed, flattened and split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, call, computed, cube, grid, series, values

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension, VerticalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError


def a_and_b(cells: Any = ((1, 2), (3, 4)), **more: Any) -> Operator:
    """The example of the standard: A (2020, 2021) and B (B1, B2), of one pixel."""
    dimensions = [OtherDimension("A", (2020, 2021)), OtherDimension("B", ("B1", "B2")), Y, X]
    return cube(dimensions, [[[[v]] for v in row] for row in cells], **more)


def two_bands() -> Operator:
    return cube([BandsDimension("bands", ("B1", "B2")), Y, X], [[[1, 2]], [[3, None]]], dtype=np.int16)


def refused(code: str, process_id: str, **arguments: Any) -> None:
    with pytest.raises(OpenEOError) as caught:
        call(process_id, **arguments)
    assert caught.value.code == code


# add_dimension


def test_a_new_dimension_comes_first_and_has_one_label() -> None:
    made = call("add_dimension", data=two_bands(), name="run", label="r1")
    assert made.description.dimensions[0] == OtherDimension("run", ("r1",))
    assert made.description.names == ("run", "bands", "y", "x")
    assert values(made) == [[[[1, 2]]], [[[3, None]]]]


def test_a_bands_dimension_names_the_only_band() -> None:
    made = call("add_dimension", data=series([5.0], ["2020-01-01"]), name="b", label="B1", type="bands")
    assert [band.name for band in made.description.bands] == ["B1"]
    assert values(made) == [[[[5.0]]]]


def test_a_second_bands_dimension_is_refused() -> None:
    refused("ProcessParameterInvalid", "add_dimension", data=two_bands(), name="b", label="B1", type="bands")


def test_a_third_spatial_dimension_is_z() -> None:
    made = call("add_dimension", data=two_bands(), name="depth", label=-5, type="spatial")
    assert made.description.dimensions[0] == VerticalDimension("depth", (-5,))
    refused("DimensionExists", "add_dimension", data=made, name="w", label=1, type="spatial")


def test_a_cube_that_lost_x_gets_it_back_at_the_coordinate_of_the_label() -> None:
    flat = cube([Y], [[7], [8]])
    made = call("add_dimension", data=flat, name="lon", label=12.5, type="spatial")
    assert made.description.shape == (1, 2)
    assert call("dimension_labels", data=made, dimension="lon") == [12.5]
    assert call("dimension_labels", data=made, dimension="y") == call("dimension_labels", data=flat, dimension="y")
    assert values(made) == [[7], [8]]


def test_a_coordinate_must_be_a_number() -> None:
    refused("ProcessParameterInvalid", "add_dimension", data=cube([Y], [[7]]), name="x", label="a", type="spatial")


def test_a_cube_from_nothing_gets_dimensions_and_holds_null() -> None:
    made = call("add_dimension", data=call("create_data_cube"), name="t", label="2020-01-01", type="temporal")
    assert made.description.dimensions == (TemporalDimension("t", ("2020-01-01",)),)
    assert values(made) == [[[None]]]


# drop_dimension


def test_only_a_dimension_with_one_label_is_dropped() -> None:
    refused("DimensionLabelCountMismatch", "drop_dimension", data=two_bands(), name="bands")
    refused("DimensionLabelCountMismatch", "drop_dimension", data=two_bands(), name="x")
    refused("DimensionNotAvailable", "drop_dimension", data=two_bands(), name="t")


def test_an_empty_dimension_is_not_dropped() -> None:
    empty = call("filter_bands", data=two_bands(), bands=["B9"])
    refused("DimensionLabelCountMismatch", "drop_dimension", data=empty, name="bands")


def test_dropping_what_was_added_gives_the_cube_back() -> None:
    made = call("drop_dimension", data=call("add_dimension", data=two_bands(), name="n", label=1), name="n")
    assert made.description.dimensions == two_bands().description.dimensions
    assert values(made) == values(two_bands())


def test_dropping_bands_leaves_a_cube_without_bands() -> None:
    made = call("drop_dimension", data=call("filter_bands", data=two_bands(), bands=["B2"]), name="bands")
    assert made.description.bands_dimension is None
    assert made.description.bands[0].name == ""
    assert values(made) == [[3, None]]


def test_a_row_of_one_pixel_is_dropped() -> None:
    made = call("drop_dimension", data=two_bands(), name="y")
    assert made.description.names == ("bands", "x")


# rename_labels, dimension_labels


def test_renamed_bands_are_found_under_their_new_name_only() -> None:
    made = call("rename_labels", data=two_bands(), dimension="bands", source=["B2"], target=["red"])
    assert call("dimension_labels", data=made, dimension="bands") == ["B1", "red"]
    assert values(call("filter_bands", data=made, bands=["red"])) == [[[3, None]]]
    assert call("filter_bands", data=made, bands=["B2"]).description.bands == ()


def test_labels_of_x_are_not_renamed() -> None:
    refused("ProcessGraphInvalid", "rename_labels", data=two_bands(), dimension="x", source=[1], target=[2])


def test_more_new_labels_than_numbered_ones_are_refused() -> None:
    numbered = cube([OtherDimension("n", (0, 1)), Y, X], [[[1]], [[2]]])
    refused("LabelMismatch", "rename_labels", data=numbered, dimension="n", target=["a", "b", "c"])
    made = call("rename_labels", data=numbered, dimension="n", target=["a", "b"])
    assert call("dimension_labels", data=made, dimension="n") == ["a", "b"]


def test_a_number_is_not_the_label_of_the_same_text() -> None:
    refused("LabelNotAvailable", "rename_labels", data=a_and_b(), dimension="A", source=["2020"], target=["x"])


def test_instants_can_become_any_text() -> None:
    made = call("rename_labels", data=series([1, 2, 3, 4]), dimension="t", source=[DAYS[3]], target=["last"])
    assert call("dimension_labels", data=made, dimension="t") == [*DAYS[:3], "last"]


def test_labels_of_x_and_y_are_the_centres_of_pixels() -> None:
    made = cube([Y, X], [[1, 2, 3], [4, 5, 6]])
    assert call("dimension_labels", data=made, dimension="x") == [500_005.0, 500_015.0, 500_025.0]
    assert call("dimension_labels", data=made, dimension="y") == [4_999_995.0, 4_999_985.0]


def test_labels_of_an_ascending_y_ascend() -> None:
    made = cube([Y, X], [[1], [2]], where=grid(2, 1, ascending=True))
    assert call("dimension_labels", data=made, dimension="y") == [4_999_985.0, 4_999_995.0]


def test_labels_keep_their_type_and_order() -> None:
    descending = cube([OtherDimension("level", (30, 2.5, 1)), Y, X], [[[1]], [[2]], [[3]]])
    assert call("dimension_labels", data=descending, dimension="level") == [30, 2.5, 1]


def test_an_emptied_dimension_has_no_labels() -> None:
    empty = call("filter_temporal", data=series([1, 2, 3, 4]), extent=["1990-01-01", "1991-01-01"])
    assert call("dimension_labels", data=empty, dimension="t") == []


def test_labels_of_an_unknown_dimension_are_refused() -> None:
    refused("DimensionNotAvailable", "dimension_labels", data=two_bands(), dimension="t")


# flatten_dimensions


def flattened(data: Operator, names: list[str], **more: Any) -> Operator:
    made: Operator = call("flatten_dimensions", data=data, dimensions=names, target_dimension="X", **more)
    return made


def test_the_last_dimension_named_varies_fastest() -> None:
    made = flattened(a_and_b(), ["A", "B"])
    assert made.description.dimensions[0] == OtherDimension("X", ("2020~B1", "2020~B2", "2021~B1", "2021~B2"))
    assert [plane[0][0] for plane in values(made)] == [1, 2, 3, 4]


def test_the_order_of_the_names_counts_not_that_of_the_cube() -> None:
    made = flattened(a_and_b(), ["B", "A"], label_separator="/")
    assert call("dimension_labels", data=made, dimension="X") == ["B1/2020", "B1/2021", "B2/2020", "B2/2021"]
    assert [plane[0][0] for plane in values(made)] == [1, 3, 2, 4]


def test_flattened_bands_give_one_band_that_holds_every_value() -> None:
    data = cube(
        [TemporalDimension("t", DAYS[:2]), BandsDimension("b", ("B1", "B2")), Y, X], [[[[1]], [[2]]], [[[3]], [[None]]]]
    )
    made = flattened(data, ["b", "t"])
    assert made.description.bands_dimension is None
    assert [plane[0][0] for plane in values(made)] == [1, 2, 3, None]
    assert made.description.names == ("X", "y", "x")


def test_null_and_nan_stay_apart_when_flattened() -> None:
    made = flattened(a_and_b([[None, 2], [float("nan"), 4]], nodata=-1), ["A", "B"])
    found = [plane[0][0] for plane in values(made)]
    assert found[0] is None
    assert np.isnan(found[2])


def test_one_dimension_alone_gets_another_name_and_texts_for_labels() -> None:
    made = flattened(a_and_b(), ["A"])
    assert made.description.dimensions[0] == OtherDimension("X", ("2020", "2021"))
    assert values(made) == values(a_and_b())


def test_the_new_dimension_stands_where_the_first_stood() -> None:
    dimensions = [OtherDimension("A", (1,)), Y, OtherDimension("B", (2,)), X]
    assert flattened(cube(dimensions, [[[[5]]]]), ["B"]).description.names == ("A", "y", "X", "x")


def test_x_unknown_and_existing_names_are_refused_when_flattening() -> None:
    for names, code in (
        (["x"], "ProcessGraphInvalid"),
        (["C"], "DimensionNotAvailable"),
        ([], "ProcessParameterInvalid"),
    ):
        refused(code, "flatten_dimensions", data=a_and_b(), dimensions=names, target_dimension="X")
    refused("TargetDimensionExists", "flatten_dimensions", data=a_and_b(), dimensions=["A"], target_dimension="B")


# unflatten_dimension


def split(data: Operator, **more: Any) -> Operator:
    made: Operator = call("unflatten_dimension", data=data, dimension="X", target_dimensions=["A", "B"], **more)
    return made


def labelled(labels: tuple[str, ...], cells: list[Any]) -> Operator:
    return cube([OtherDimension("X", labels), Y, X], [[[v]] for v in cells])


def test_splitting_reverses_flattening() -> None:
    made = split(flattened(a_and_b(), ["A", "B"]))
    assert made.description.dimensions[:2] == (OtherDimension("A", ("2020", "2021")), OtherDimension("B", ("B1", "B2")))
    assert values(made) == values(a_and_b())


def test_a_combination_without_label_is_null() -> None:
    made = split(labelled(("a~1", "b~2"), [1, 2]))
    assert [[cell[0][0] for cell in row] for row in values(made)] == [[1, None], [None, 2]]


def test_labels_come_in_the_order_of_their_appearance() -> None:
    made = split(labelled(("b~1", "a~1"), [1, 2]))
    assert call("dimension_labels", data=made, dimension="A") == ["b", "a"]


def test_another_separator_splits() -> None:
    made = split(labelled(("a--1",), [1]), label_separator="--")
    assert call("dimension_labels", data=made, dimension="B") == ["1"]


def test_labels_must_have_as_many_parts_as_there_are_targets() -> None:
    for labels in (("a",), ("a~b~c",)):
        refused(
            "ProcessParameterInvalid",
            "unflatten_dimension",
            data=labelled(labels, [1]),
            dimension="X",
            target_dimensions=["A", "B"],
        )


def test_targets_that_exist_are_refused() -> None:
    data = labelled(("a~1",), [1])
    for names in (["x", "B"], ["X", "B"]):
        refused("TargetDimensionExists", "unflatten_dimension", data=data, dimension="X", target_dimensions=names)


def test_bands_can_be_split() -> None:
    data = cube([BandsDimension("X", ("r~10", "r~20")), Y, X], [[[1]], [[2]]])
    made = split(data)
    assert made.description.bands_dimension is None
    assert values(made) == [[[[1]], [[2]]]]


def test_only_the_bands_asked_for_are_computed() -> None:
    made = split(labelled(("a~1", "a~2"), [1, 2]))
    assert computed(made).shape == (1, 2, 1, 1)
