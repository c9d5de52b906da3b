"""Zonal statistics: hand-worked values, and results that depend on no partition."""

import math

import cubes
import numpy as np
import pytest
import shapely
from cubes import DAYS, X, Y, call, chain, cube, graph, grid, values

from openeo_plugin.cube.dimensions import BandsDimension, TemporalDimension
from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.operators import zonal
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError

UTM = "EPSG:32632"


def box(left, top, right, bottom, top_edge=5_000_000):
    """Pixels of `cubes.grid`: from column `left` to `right`, from row `top` to `bottom`, ends not included."""
    return shapely.box(500000 + 10 * left, top_edge - 10 * bottom, 500000 + 10 * right, top_edge - 10 * top)


def vectors(*shapes, **more):
    return LazyVectorCube("shapes", geometries_of(shapes, UTM, **more))


def result(data, geometries, reducer, **more):
    callback = graph(reducer, data="$data") if isinstance(reducer, str) else reducer
    return call("aggregate_spatial", data=data, geometries=geometries, reducer=callback, **more)


def cells(lazy):
    return lazy.compute(RunContext()).cells().tolist()


def plane(dtype=np.int16, nodata=-1):
    """0 1 2 3 / 4 null 6 7 / 8 9 10 11."""
    rows = [[0, 1, 2, 3], [4, None, 6, 7], [8, 9, 10, 11]]
    return cube([Y, X], rows, nodata=nodata, dtype=dtype)


LEFT, MIDDLE, ALL = box(0, 0, 1, 3), box(1, 1, 2, 2), box(0, 0, 4, 3)


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [
        ("count", [3, 0, 11]),
        ("sum", [12.0, None, 61.0]),
        ("mean", [4.0, None, 61 / 11]),
        ("min", [0, None, 0]),
        ("max", [8, None, 11]),
        ("variance", [16.0, None, (481 - 61 * 61 / 11) / 10]),
        ("sd", [4.0, None, math.sqrt((481 - 61 * 61 / 11) / 10)]),
        ("median", [4.0, None, 6.0]),
        ("first", [0, None, 0]),
        ("last", [8, None, 11]),
        ("product", [0.0, None, 0.0]),
    ],
)
@pytest.mark.parametrize(("dtype", "nodata"), [(np.int16, -1), (np.float32, -1.0), (np.float64, None), (np.int32, -1)])
def test_every_reducer_gives_the_hand_worked_values(reducer, expected, dtype, nodata):
    found = cells(result(plane(dtype, nodata), vectors(LEFT, MIDDLE, ALL), reducer))
    assert [v is None for v in found] == [v is None for v in expected]
    assert [v for v in found if v is not None] == pytest.approx([v for v in expected if v is not None], rel=1e-6)


def test_integers_stay_integers_where_the_reducer_picks():
    found = result(plane(), vectors(ALL), "max").compute(RunContext())
    assert found.values.dtype == np.int16


def test_a_null_that_counts_makes_the_result_null():
    reducer = graph("mean", data="$data", ignore_nodata=False)
    assert cells(result(plane(), vectors(LEFT, ALL), reducer)) == [4.0, None]


@pytest.mark.parametrize(
    ("reducer", "expected"),
    [("mean", [math.nan, 2.0]), ("max", [math.nan, 3.0]), ("count", [1, 2]), ("sum", [math.nan, 4.0])],
)
def test_nan_is_a_value_and_null_is_not(reducer, expected):
    data = cube([Y, X], [[math.nan, None, 5.0], [1.0, None, 3.0]])
    found = cells(result(data, vectors(box(0, 0, 3, 1), box(0, 1, 3, 2)), reducer))
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("reducer", "ignore", "expected"),
    [
        ("any", True, [True, False, True, False]),
        ("all", True, [False, False, True, True]),
        ("any", False, [True, False, True, False]),
        ("all", False, [False, False, None, True]),
    ],
)
def test_truth_of_booleans_with_null(reducer, ignore, expected):
    data = cube([Y, X], [[True, False], [False, False], [True, None], [None, None]], dtype=bool)
    rows = [box(0, i, 2, i + 1) for i in range(3)] + [box(0, 3, 1, 4)]
    assert cells(result(data, vectors(*rows), graph(reducer, data="$data", ignore_nodata=ignore))) == expected


def test_geometries_outside_and_empty_ones_are_null_for_every_reducer():
    shapes = vectors(box(9, 9, 12, 12), None, LEFT)
    for reducer in ("count", "sum", "any", "median"):
        assert cells(result(plane(), shapes, reducer))[:2] == [None, None]


def test_ids_properties_and_reference_system_are_kept():
    feature = {"type": "Feature", "id": "x", "properties": {"name": "field"}, "geometry": None}
    feature["geometry"] = {"type": "Point", "coordinates": [9.00006, 45.15]}
    data = cube([Y, X], [[5]], dtype=np.uint8, where=cubes.grid(1, 1))
    found = result(data, feature, "mean")
    assert found.geometries.ids == ("x",)
    assert found.geometries.properties == ({"name": "field"},)
    assert found.geometries.crs == "EPSG:4326"


def test_overlapping_geometries_share_pixels():
    found = cells(result(plane(), vectors(box(0, 0, 2, 1), box(1, 0, 3, 1)), "sum"))
    assert found == [1.0, 3.0]


def test_points_and_lines_take_the_pixels_that_they_touch():
    point, line = shapely.Point(500025, 4999975), shapely.LineString([(500005, 4999995), (500035, 4999995)])
    assert cells(result(plane(), vectors(point, line), "sum")) == [10.0, 6.0]


def test_the_target_dimension_holds_value_total_and_valid_count():
    data = cube([Y, X], [[1.0, math.nan], [None, 4.0]])
    made = result(data, vectors(box(0, 0, 2, 2), box(9, 9, 10, 10)), "min", target_dimension="counts")
    assert made.names == ("geometry", "counts")
    assert made.dimensions[0].labels == ("value", "total_count", "valid_count")
    (first, second) = cells(made)
    assert math.isnan(first[0])
    assert first[1:] == [4.0, 2.0]
    assert second == [None, 0.0, 0.0]


def test_the_target_dimension_works_without_a_fold_as_well():
    made = result(plane(), vectors(ALL), "median", target_dimension="counts")
    assert cells(made) == [[6.0, 12.0, 11.0]]


def test_a_target_dimension_that_exists_is_refused():
    data = cube([TemporalDimension("t", DAYS[:1]), Y, X], [[[1]]])
    with pytest.raises(OpenEOError) as error:
        result(data, vectors(LEFT), "mean", target_dimension="t")
    assert error.value.code == "TargetDimensionExists"


def test_every_band_and_label_is_reduced_on_its_own():
    t, bands = TemporalDimension("t", DAYS[:2]), BandsDimension("bands", ("B1", "B2"))
    data = cube([t, bands, Y, X], [[[[1, 2]], [[3, 4]]], [[[10, 20]], [[30, 40]]]], dtype=np.uint16)
    made = result(data, vectors(box(0, 0, 2, 1), box(1, 0, 2, 1)), "sum")
    assert made.names == ("geometry", "t", "bands")
    assert cells(made) == [[[3.0, 30.0], [7.0, 70.0]], [[2.0, 20.0], [4.0, 40.0]]]


def test_a_reducer_of_several_processes_sees_all_pixels_of_a_geometry():
    spread = chain(("max", {"data": "$data"}), ("min", {"data": "$data"}), ("subtract", {"x": "#0", "y": "#1"}))
    assert cells(result(plane(), vectors(LEFT, MIDDLE, ALL), spread)) == [8, None, 11]


def test_a_reducer_that_counts_with_a_condition_is_called():
    reducer = graph("count", data="$data", condition=graph("gt", x="$x", y=5))
    assert cells(result(plane(), vectors(ALL), reducer)) == [6]


def test_the_result_is_worked_on_like_any_cube():
    t = TemporalDimension("t", DAYS[:2])
    data = cube([t, Y, X], [[[1, 2]], [[3, 6]]], dtype=np.int16)
    made = result(data, vectors(box(0, 0, 2, 1), box(1, 0, 2, 1)), "mean")
    reduced = call("reduce_dimension", data=made, reducer=graph("max", data="$data"), dimension="t")
    doubled = call("apply", data=reduced, process=graph("multiply", x="$x", y=2))
    assert isinstance(doubled, LazyVectorCube)
    assert cells(doubled) == [9.0, 12.0]
    kept = call("filter_temporal", data=made, extent=["2020-06-03", None])
    assert cells(kept) == [[4.5], [6.0]]


def test_values_go_along_when_geometries_are_filtered():
    made = result(plane(), vectors(LEFT, ALL, box(3, 0, 4, 3)), "sum")
    kept = call("filter_vector", data=made, geometries=vectors(box(2, 0, 3, 1)), relation="overlaps")
    assert cells(kept) == []
    kept = call("filter_vector", data=made, geometries=vectors(box(2, 0, 3, 1)), relation="contains")
    assert cells(kept) == [61.0]


def test_a_vector_cube_is_refused_where_a_raster_is_needed():
    with pytest.raises(OpenEOError) as error:
        call("mask", data=vectors(LEFT), mask=plane())
    assert error.value.code == "ProcessParameterInvalid"


def stars(count, columns, rows, seed=3):
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        angle = np.sort(random.uniform(0, 2 * np.pi, 9))
        radius = random.uniform(30, 250) * random.uniform(0.4, 1, 9)
        x, y = 500000 + random.uniform(0, 10 * columns), 5000000 - random.uniform(0, 10 * rows)
        made.append(shapely.Polygon(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])))
    return made


REDUCERS = ("count", "sum", "mean", "variance", "min", "max", "any", "all", "median", "first", "last")
EXACT = ("count", "min", "max", "any", "all", "median", "first", "last")


@pytest.mark.parametrize("factory", cubes.FACTORIES)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_no_result_depends_on_windows_or_groups_of_labels(factory, reducer, monkeypatch):
    data = factory()
    if reducer in ("any", "all"):
        data = call("apply", data=data, process=graph("gt", x="$x", y=20))
    rows, columns = data.description.grid.shape
    shapes = stars(12, columns, rows)
    whole = result(data, vectors(*shapes), reducer, target_dimension="counts").compute(RunContext())
    for size, limit in (((7, 13), 1), ((16, 64), 1 << 14), ((64, 5), 1)):
        monkeypatch.setattr(zonal, "window_shape", lambda _cube, size=size: size)
        monkeypatch.setattr(zonal, "WINDOW_BYTES", limit)
        monkeypatch.setattr(zonal, "CALL_BYTES", limit)
        cut = result(data, vectors(*shapes), reducer, target_dimension="counts").compute(RunContext())
        assert (cut.null == whole.null).all()
        if reducer in EXACT:
            np.testing.assert_array_equal(cut.values[~cut.null], whole.values[~cut.null])
        else:
            np.testing.assert_allclose(cut.values[~cut.null], whole.values[~cut.null], rtol=1e-12)


@pytest.mark.parametrize("reducer", ["sum", "mean", "variance", "min", "max", "count", "sd"])
def test_a_fold_gives_what_the_reducer_gives_for_the_list_of_pixels(reducer):
    data = cubes.two_times()
    shapes = stars(10, 59, 47)
    folded = result(data, vectors(*shapes), reducer).compute(RunContext())
    twice = chain((reducer, {"data": "$data"}), ("add", {"x": "#0", "y": 0}))
    called = result(data, vectors(*shapes), twice).compute(RunContext())
    assert (folded.null == called.null).all()
    np.testing.assert_allclose(
        folded.values[~folded.null].astype(float), called.values[~folded.null].astype(float), rtol=1e-6
    )


def test_sums_of_large_integers_are_exact():
    data = cube([Y, X], np.full((300, 300), 65535).tolist(), dtype=np.uint16)
    shape = vectors(box(0, 0, 300, 300))
    assert cells(result(data, shape, "sum")) == [65535.0 * 90000]
    assert cells(result(data, shape, "variance")) == [0.0]


def test_a_reducer_that_would_keep_too_many_pixels_is_refused_before_any_is_read(monkeypatch):
    monkeypatch.setattr(zonal, "KEPT_BYTES", 1000)
    monkeypatch.setattr(zonal, "window_shape", lambda _cube: (16, 16))
    data = cube([Y, X], np.zeros((40, 40)).tolist())
    with pytest.raises(OpenEOError) as error:
        result(data, vectors(box(0, 0, 40, 40)), "median")
    assert error.value.code == "ProcessGraphComplexity"
    assert error.value.node == "node"
    result(data, vectors(box(0, 0, 15, 15)), "median")
    result(data, vectors(box(0, 0, 40, 40)), "mean")


def test_only_windows_with_pixels_of_geometries_are_asked_for(monkeypatch):
    monkeypatch.setattr(zonal, "window_shape", lambda _cube: (10, 10))
    data = cube([Y, X], np.zeros((40, 40)).tolist())
    operator = result(data, vectors(box(22, 3, 25, 5), box(8, 35, 12, 36)), "mean").values
    windows = [(r.window.y, r.window.x, r.window.height, r.window.width) for r in operator.fold_requests()]
    assert windows == [(3, 22, 2, 3), (35, 8, 1, 2), (35, 10, 1, 2)]


def test_geometries_without_any_pixel_leave_nothing_to_read():
    made = result(plane(), vectors(box(50, 50, 60, 60)), "sum")
    assert made.values.fold_requests() == ()
    assert cells(made) == [None]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[10.0, 7.0], [13.0, 5.0]]),
        ({"boundary": "trim"}, [[10.0]]),
        ({"align": "lower-right"}, [[1.0, 5.0], [9.0, 20.0]]),
        ({"align": "upper-right", "boundary": "trim"}, [[13.0]]),
        ({"align": "lower-left", "boundary": "trim"}, [[20.0]]),
    ],
)
def test_rectangles_of_pixels_are_padded_or_trimmed_from_a_corner(arguments, expected):
    data = cube([Y, X], [[1, 2, 3], [3, 4, 4], [6, 7, 5]], dtype=np.int16)
    made = call("aggregate_spatial_window", data=data, reducer=graph("sum", data="$data"), size=[2, 2], **arguments)
    assert values(made) == expected


def test_the_size_of_rectangles_is_x_before_y_and_coordinates_are_their_centres():
    data = cube([Y, X], np.arange(24).reshape(4, 6).tolist(), dtype=np.int16)
    made = call("aggregate_spatial_window", data=data, reducer=graph("max", data="$data"), size=[3, 2])
    assert values(made) == [[8, 11], [20, 23]]
    box_ = made.description.grid
    assert (box_.affine.a, box_.affine.e, box_.affine.c, box_.affine.f) == (30, -20, 500000, 5000000)


def test_padding_on_the_lower_left_moves_the_origin():
    data = cube([Y, X], [[1, 2, 3]], dtype=np.int16)
    arguments = {"size": [2, 2], "align": "lower-right"}
    made = call("aggregate_spatial_window", data=data, reducer=graph("count", data="$data"), **arguments)
    assert values(made) == [[1, 2]]
    assert (made.description.grid.affine.c, made.description.grid.affine.f) == (499990, 5000010)


def test_a_rectangle_larger_than_the_data_is_padded_or_leaves_nothing():
    data = cube([Y, X], [[1, 2]], dtype=np.int16)
    arguments = {"data": data, "reducer": graph("sum", data="$data"), "size": [10, 10]}
    assert values(call("aggregate_spatial_window", **arguments)) == [[3.0]]
    assert call("aggregate_spatial_window", **arguments, boundary="trim").description.grid.shape == (0, 0)


def test_rectangles_too_large_to_be_held_are_refused():
    data = cube([Y, X], [[1]], where=grid(1, 1))
    with pytest.raises(OpenEOError) as error:
        call("aggregate_spatial_window", data=data, reducer=graph("sum", data="$data"), size=[2000, 2000])
    assert error.value.code == "ProcessParameterInvalid"
