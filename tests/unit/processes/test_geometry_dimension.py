"""Processes along the geometry dimension of vector cubes, and vector cubes merged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from cubes import X, Y, call, cube, graph, values

from openeo_plugin.cube.dimensions import OtherDimension, TemporalDimension
from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.operators.vector import LazyVectorCube, held
from openeo_plugin.errors import OpenEOError

UTM = "EPSG:32632"
SUM = graph("sum", data="$data")
ADD = graph("add", x="$x", y="$y")


def fields(ids: str, cells: Any, crs: str = UTM, labels: tuple[str, ...] = ("2020", "2021")) -> LazyVectorCube:
    """Unit squares at x = 0, 10, 20 for a, b, c and so on; values (geometry, t), None for null."""
    shapes = [shapely.box(10.0 * (ord(i) - ord("a")), 0, 10.0 * (ord(i) - ord("a")) + 1, 1) for i in ids]
    geometries = geometries_of(shapes, crs, [{"name": i} for i in ids], list(ids))
    null = np.array([[c is None for c in row] for row in cells], bool).reshape(len(ids), len(labels))
    numbers = np.array([[c or 0 for c in row] for row in cells], float).reshape(len(ids), len(labels))
    return held("fields", VectorCube(geometries, (TemporalDimension("t", labels),), numbers, null))


def seen(made: LazyVectorCube) -> dict[Any, list[Any]]:
    """Values by the label of the geometry."""
    return dict(zip(made.geometries.labels, made.compute(RunContext()).cells().tolist(), strict=True))


def refused(code: str, process_id: str, **arguments: Any) -> None:
    with pytest.raises(OpenEOError) as error:
        call(process_id, **arguments)
    assert error.value.code == code


def test_a_reducer_over_geometries_leaves_the_other_dimensions() -> None:
    made = call("reduce_dimension", data=fields("abc", [[1, 2], [None, 3], [4, 5]]), dimension="geometry", reducer=SUM)
    assert isinstance(made, Operator)
    assert made.description.dimensions == (TemporalDimension("t", ("2020", "2021")),)
    assert values(made) == [[[5]], [[10]]]


def test_a_reducer_over_geometries_sees_their_labels() -> None:
    second = graph("array_element", data="$data", label="b")
    made = call("reduce_dimension", data=fields("ab", [[1, 2], [3, 4]]), dimension="geometry", reducer=second)
    assert values(made) == [[[3]], [[4]]]


def test_a_cube_with_geometries_only_can_not_be_reduced() -> None:
    bare = LazyVectorCube("bare", geometries_of([shapely.Point(0, 0)], UTM))
    refused("ProcessParameterInvalid", "reduce_dimension", data=bare, dimension="geometry", reducer=SUM)
    assert call("dimension_labels", data=bare, dimension="geometry") == [0]


def test_an_array_along_geometries_goes_back_to_them() -> None:
    data = fields("abc", [[1, 2], [None, 3], [4, 5]])
    made = call("apply_dimension", data=data, dimension="geometry", process=graph("cumsum", data="$data"))
    assert seen(made) == {"a": [1, 2], "b": [None, 5], "c": [5, 10]}


def test_an_array_along_geometries_may_go_to_a_new_dimension_and_they_are_gone() -> None:
    data = fields("abc", [[1, 2], [None, 3], [4, 5]])
    made = call(
        "apply_dimension",
        data=data,
        dimension="geometry",
        target_dimension="range",
        process=graph("extrema", data="$data"),
    )
    assert made.description.dimensions == (OtherDimension("range", (0, 1)), TemporalDimension("t", ("2020", "2021")))
    assert values(made) == [[[[1]], [[2]]], [[[4]], [[5]]]]


def test_geometries_can_not_become_fewer_by_an_array() -> None:
    extrema = graph("extrema", data="$data")
    data = fields("abc", [[1, 2], [None, 3], [4, 5]])
    refused("ProcessGraphInvalid", "apply_dimension", data=data, dimension="geometry", process=extrema)


def test_labels_of_geometries_are_their_ids() -> None:
    assert call("dimension_labels", data=fields("ba", [[1, 2], [3, 4]]), dimension="geometry") == ["b", "a"]


def test_geometries_are_filtered_by_their_labels() -> None:
    data = fields("abc", [[1, 2], [None, 3], [4, 5]])
    made = call("filter_labels", data=data, dimension="geometry", condition=graph("neq", x="$value", y="b"))
    assert seen(made) == {"a": [1, 2], "c": [4, 5]}
    assert [p["name"] for p in made.geometries.properties] == ["a", "c"]


def test_the_geometry_dimension_gets_another_name() -> None:
    made = call("rename_dimension", data=fields("a", [[1, 2]]), source="geometry", target="field")
    assert made.names == ("field", "t")
    assert values(call("reduce_dimension", data=made, dimension="field", reducer=SUM)) == [[[1]], [[2]]]


def test_no_two_dimensions_have_one_name() -> None:
    data = fields("a", [[1, 2]])
    refused("DimensionExists", "rename_dimension", data=data, source="geometry", target="t")
    refused("DimensionExists", "rename_dimension", data=data, source="t", target="geometry")
    refused("DimensionExists", "add_dimension", data=data, name="geometry", label="x")
    cumsum = graph("cumsum", data="$data")
    refused("DimensionExists", "apply_dimension", data=data, dimension="t", target_dimension="geometry", process=cumsum)


def test_labels_of_geometries_get_other_names() -> None:
    data = fields("abc", [[1, 2], [None, 3], [4, 5]])
    made = call("rename_labels", data=data, dimension="geometry", source=["b"], target=["z"])
    assert made.geometries.labels == ("a", "z", "c")
    refused("LabelExists", "rename_labels", data=data, dimension="geometry", source=["b"], target=["c"])
    refused("LabelsNotEnumerated", "rename_labels", data=data, dimension="geometry", target=["z"])


def test_a_single_geometry_can_be_dropped() -> None:
    assert values(call("drop_dimension", data=fields("a", [[1, 2]]), name="geometry")) == [[[1]], [[2]]]
    refused("DimensionLabelCountMismatch", "drop_dimension", data=fields("ab", [[1, 2], [3, 4]]), name="geometry")


# merge_cubes


def test_vector_cubes_with_the_same_geometries_need_a_resolver_for_the_same_labels() -> None:
    data = fields("ab", [[1, 2], [3, 4]])
    refused("OverlapResolverMissing", "merge_cubes", cube1=data, cube2=fields("ab", [[5, 6], [7, 8]]))
    made = call("merge_cubes", cube1=data, cube2=fields("ab", [[5, 6], [7, None]]), overlap_resolver=ADD)
    assert seen(made) == {"a": [6, 8], "b": [10, None]}


def test_geometries_of_the_second_cube_follow_those_of_the_first_without_a_resolver() -> None:
    made = call("merge_cubes", cube1=fields("ca", [[1, 2], [3, 4]]), cube2=fields("b", [[5, None]]))
    assert seen(made) == {"c": [1, 2], "a": [3, 4], "b": [5, None]}
    assert [p["name"] for p in made.geometries.properties] == ["c", "a", "b"]


def test_geometries_that_both_have_are_resolved_and_keep_their_place() -> None:
    first, second = fields("abc", [[1, 2], [3, 4], [5, 6]]), fields("dbe", [[10, 20], [30, 40], [50, 60]])
    made = call("merge_cubes", cube1=first, cube2=second, overlap_resolver=ADD)
    assert seen(made) == {"a": [1, 2], "b": [33, 44], "c": [5, 6], "d": [10, 20], "e": [50, 60]}


def test_other_geometries_with_other_dates_leave_gaps() -> None:
    second = fields("b", [[9]], labels=("2022",))
    made = call("merge_cubes", cube1=fields("a", [[1, 2]]), cube2=second)
    assert seen(made) == {"a": [1, 2, None], "b": [None, None, 9]}


def test_shapes_are_the_same_whatever_vertex_they_start_with() -> None:
    turned = fields("a", [[10, 20]])
    around = shapely.Polygon([(1, 1), (0, 1), (0, 0), (1, 0)])
    array = np.empty(1, object)
    array[0] = around
    turned = LazyVectorCube("turned", turned.geometries.with_shapes(array), turned.values)
    made = call("merge_cubes", cube1=fields("ab", [[1, 2], [3, 4]]), cube2=turned, overlap_resolver=ADD)
    assert seen(made) == {"a": [11, 22], "b": [3, 4]}


def test_geometries_in_another_reference_system_are_put_into_the_first() -> None:
    made = call("merge_cubes", cube1=fields("a", [[1, 2]]), cube2=fields("b", [[3, 4]], "EPSG:32633"))
    assert made.geometries.crs == UTM
    assert seen(made) == {"a": [1, 2], "b": [3, 4]}


def test_points_and_polygons_do_not_go_together() -> None:
    points = geometries_of([shapely.Point(0, 0)], UTM)
    t = TemporalDimension("t", ("2020",))
    second = held("points", VectorCube(points, (t,), np.ones((1, 1))))
    refused("IncompatibleGeometryTypes", "merge_cubes", cube1=fields("a", [[1, 2]]), cube2=second)


def test_a_vector_and_a_raster_cube_do_not_go_together() -> None:
    raster = cube([TemporalDimension("t", ("2020", "2021")), Y, X], [[[1]], [[2]]])
    for pair in ((fields("a", [[1, 2]]), raster), (raster, fields("a", [[1, 2]]))):
        refused("IncompatibleDataCubes", "merge_cubes", cube1=pair[0], cube2=pair[1], overlap_resolver=ADD)
