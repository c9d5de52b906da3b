"""Kernels, resampling, reductions over space and neighborhoods on cubes whose results can be worked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from affine import Affine
from cubes import X, Y, call, computed, cube, graph, values
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.dimensions import TemporalDimension
from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.errors import OpenEOError

T = TemporalDimension("t", ("2020-06-01T00:00:00Z", "2020-06-03T00:00:00Z"))
MEAN = graph("mean", data="$data")


def plane(rows: list[list[Any]], **more: Any) -> MemoryCube:
    return cube([Y, X], rows, **more)


def test_a_kernel_of_one_leaves_the_values() -> None:
    assert values(call("apply_kernel", data=plane([[1, 2], [3, 4]]), kernel=[[1]])) == [[1, 2], [3, 4]]


def test_beyond_the_edge_stands_zero_by_default() -> None:
    made = call("apply_kernel", data=plane([[1, 2], [3, 4]]), kernel=[[1, 1, 1], [1, 1, 1], [1, 1, 1]])
    assert values(made) == [[10, 10], [10, 10]]


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        (5, [5, 1, 2]),
        ("replicate", [1, 1, 2]),
        ("reflect", [1, 1, 2]),
        ("reflect_pixel", [2, 1, 2]),
        ("wrap", [3, 1, 2]),
    ],
)
def test_a_border_goes_on_as_it_is_told(border: Any, expected: list[float]) -> None:
    made = call("apply_kernel", data=plane([[1, 2, 3]]), kernel=[[1, 0, 0]], border=border)
    assert values(made) == [expected]


def test_null_nan_and_infinity_are_replaced_before_the_kernel() -> None:
    made = call(
        "apply_kernel", data=plane([[1, None, math.nan, math.inf]]), kernel=[[0, 2, 0]], replace_invalid=10, factor=0.5
    )
    assert values(made) == [[1, 10, 10, 10]]


@pytest.mark.parametrize("kernel", [[[1, 1]], [[1], [1]], [[1, 1, 1], [1]]])
def test_a_kernel_with_even_sides_is_refused(kernel: list[list[float]]) -> None:
    with pytest.raises(OpenEOError) as error:
        call("apply_kernel", data=plane([[1]]), kernel=kernel)
    assert error.value.code == "KernelDimensionsUneven"


def test_twice_the_resolution_repeats_each_pixel() -> None:
    made = call("resample_spatial", data=plane([[1, 2], [3, 4]]), resolution=5)
    assert values(made) == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


def test_half_the_resolution_averages_four_pixels_and_leaves_null_out() -> None:
    made = call("resample_spatial", data=plane([[1, 3, None, 5], [1, 3, 7, 9]]), resolution=20, method="average")
    assert values(made) == [[2, 7]]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("min", 1),
        ("max", 9),
        ("sum", 14),
        ("mode", 2),
        ("med", 2),
        ("q1", 1.75),
        ("q3", 3.75),
        ("rms", math.sqrt(22.5)),
    ],
)
def test_an_area_is_summed_up_as_the_method_says(method: str, expected: float) -> None:
    made = call("resample_spatial", data=plane([[1, 2], [2, 9]]), resolution=20, method=method)
    assert values(made)[0][0] == pytest.approx(expected)


def test_bilinear_lies_between_the_centres() -> None:
    made = call("resample_spatial", data=plane([[0, 8]]), resolution=[5, 10], method="bilinear")
    assert values(made) == [[0, 2, 6, 8]]


@pytest.mark.parametrize(
    ("align", "west", "north"),
    [
        ("upper-left", 500_000, 5_000_000),
        ("upper-right", 499_997, 5_000_000),
        ("lower-left", 500_000, 5_000_002),
        ("lower-right", 499_997, 5_000_002),
    ],
)
def test_the_corner_that_align_names_stays(align: str, west: float, north: float) -> None:
    made = call("resample_spatial", data=plane([[1, 2, 3], [4, 5, 6]]), resolution=11, align=align)
    assert made.description.grid.shape == (2, 3)
    assert (made.description.grid.affine.c, made.description.grid.affine.f) == (west, north)


def test_a_new_reference_system_has_its_edges_at_multiples_of_the_resolution() -> None:
    made = call("resample_spatial", data=plane([[1, 2], [3, 4]]), resolution=30, projection=3035)
    affine = made.description.grid.affine
    assert (affine.a, affine.e, affine.c % 30, affine.f % 30) == (30, -30, 0, 0)


def test_a_cube_is_put_on_the_grid_of_another() -> None:
    target = plane([[0]], where=GeoBox((1, 1), Affine(20, 0, 500_000, 0, -20, 5_000_000), "EPSG:32632"))
    made = call("resample_cube_spatial", data=plane([[1, 2], [3, 4]]), target=target, method="average")
    assert values(made) == [[2.5]]
    assert made.description.grid.affine == target.description.grid.affine


def test_an_unknown_projection_is_refused_by_name() -> None:
    with pytest.raises(OpenEOError) as error:
        call("resample_spatial", data=plane([[1]]), projection=999999)
    assert (error.value.code, "999999" in error.value.message) == ("ProcessParameterInvalid", True)


def test_rows_go_away_and_columns_stay() -> None:
    made = call("reduce_dimension", data=plane([[1, 2], [3, None]]), dimension="y", reducer=MEAN)
    assert (made.description.names, values(made)) == (("x",), [[2, 2]])


def test_columns_go_away_and_rows_stay() -> None:
    made = call("reduce_dimension", data=plane([[1, 2], [3, None]]), dimension="x", reducer=MEAN)
    assert (made.description.names, values(made)) == (("y",), [[1.5], [3]])


def test_space_goes_away_and_dates_stay() -> None:
    data = cube([T, Y, X], [[[1, 2], [3, None]], [[None, None], [None, None]]])
    made = call("reduce_spatial", data=data, reducer=MEAN)
    assert (made.description.names, values(made)) == (("t",), [[[2]], [[None]]])


def sum_of_neighbors() -> dict[str, Any]:
    return graph("apply_kernel", data="$data", kernel=[[1, 1, 1]])


def test_chunks_see_their_overlap_and_nothing_beyond_it() -> None:
    size = [{"dimension": "x", "value": 2, "unit": "px"}, {"dimension": "y", "value": 1, "unit": "px"}]
    overlap = [{"dimension": "x", "value": 1, "unit": "px"}]
    data = plane([[1, 2, 3, 4, 5]])
    apart = call("apply_neighborhood", data=data, size=size, process=sum_of_neighbors())
    joined = call("apply_neighborhood", data=data, size=size, overlap=overlap, process=sum_of_neighbors())
    assert values(apart) == [[3, 3, 7, 7, 5]]
    assert values(joined) == [[3, 6, 9, 12, 9]]


def test_a_chunk_of_one_pixel_is_an_array() -> None:
    size = [{"dimension": axis, "value": 1, "unit": "px"} for axis in "xy"]
    data = cube([T, Y, X], [[[1, 2]], [[3, 5]]])
    made = call("apply_neighborhood", data=data, size=size, process=graph("cumsum", data="$data"))
    assert values(made) == [[[1, 2]], [[4, 7]]]


def test_a_neighborhood_that_loses_a_dimension_is_refused() -> None:
    size = [{"dimension": axis, "value": 2, "unit": "px"} for axis in "xy"]
    process = graph("reduce_spatial", data="$data", reducer=MEAN)
    with pytest.raises(OpenEOError) as error:
        call("apply_neighborhood", data=plane([[1, 2], [3, 4]]), size=size, process=process)
    assert error.value.code == "DataCubePropertiesImmutable"


def test_a_pinned_cube_answers_on_another_grid_by_its_nearest_pixel() -> None:
    made = call("apply_kernel", data=plane([[1, 2], [3, 4]]), kernel=[[1]])
    finer = GeoBox((2, 3), Affine(5, 0, 500_000, 0, -5, 5_000_000), "EPSG:32632")
    block = computed(made, Window(finer, 0, 0, 2, 3))
    assert np.array_equal(block.bands[0].real(), [[1, 1, 2], [1, 1, 2]])


def test_a_size_that_is_no_whole_number_of_pixels_is_refused() -> None:
    size = [{"dimension": "x", "value": 15, "unit": "m"}]
    with pytest.raises(OpenEOError) as error:
        call("apply_neighborhood", data=plane([[1, 2]]), size=size, process=sum_of_neighbors())
    assert error.value.code == "ProcessParameterInvalid"


@pytest.mark.parametrize("method", ["near", "bilinear", "average", "med"])
def test_what_the_reference_system_can_not_express_is_null_and_the_rest_is_not(method: str) -> None:
    # half of this disk from space shows no place on earth, among them its corners
    disk = GeoBox((40, 40), Affine(300_000, 0, -6e6, 0, -300_000, 6e6), "+proj=geos +h=35785831 +lon_0=0 +sweep=y")
    world = cube([Y, X], [[7.0] * 36] * 18, where=GeoBox((18, 36), Affine(10, 0, -180, 0, -10, 90), "EPSG:4326"))
    seen = np.array(
        values(
            call("resample_cube_spatial", data=world, target=cube([Y, X], [[0] * 40] * 40, where=disk), method=method)
        ),
        float,
    )
    assert seen[20, 20] == pytest.approx(7)
    assert np.isnan(seen[0, 0])
    assert np.isnan(seen[39, 39])


@pytest.mark.parametrize(("method", "expected"), [("average", 3.2), ("sum", 16), ("max", 6), ("med", 3)])
def test_a_pixel_larger_than_the_cube_holds_all_of_it(method: str, expected: float) -> None:
    data = plane([[1, 2, 3], [4, math.nan, 6]])
    for resolution in (100, 1e9):
        made = call("resample_spatial", data=data, resolution=resolution, method=method)
        assert np.allclose(values(made), [[expected]])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("average", [2, 6, 8, 8]),
        ("sum", [1.5, 4.5, 6, 6]),
        ("rms", [2, math.sqrt(44), 8, 8]),
        ("min", [2, 2, 8, 8]),
        ("max", [2, 8, 8, 8]),
        ("mode", [2, 8, 8, 8]),
    ],
)
def test_a_pixel_smaller_than_those_of_the_cube_holds_what_it_covers(method: str, expected: list[float]) -> None:
    """The second pixel covers a quarter of the first one of the cube, and half of the second one."""
    made = call("resample_spatial", data=plane([[2, 8, 8]]), resolution=[7.5, 10], method=method)
    assert values(made)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("method", "expected"), [("min", [1, 1]), ("max", [1, 3]), ("mode", [1, 2]), ("med", [1, 2])])
def test_pixels_covered_in_part_count(method: str, expected: list[float]) -> None:
    """Both cover half of the first pixel of the cube; the centre of the first one lies outside of the cube."""
    made = call("resample_spatial", data=plane([[1, 2, 3]]), resolution=[25, 10], align="upper-right", method=method)
    assert values(made)[0] == expected


@pytest.mark.parametrize("projection", [None, 3857])
def test_a_cube_without_pixels_is_refused(projection: int | None) -> None:
    nothing = cube([Y, X], np.empty((0, 0)), where=GeoBox((0, 0), Affine(10, 0, 0, 0, -10, 0), "EPSG:32633"))
    with pytest.raises(OpenEOError) as error:
        call("resample_spatial", data=nothing, resolution=5, projection=projection)
    assert error.value.code == "DataCubeEmpty"


def test_areas_that_stick_out_count_with_what_lies_inside() -> None:
    made = call("resample_spatial", data=plane([[1, 2, 3]] * 3), resolution=20, method="average")
    assert np.allclose(values(made), [[1.5, 3], [1.5, 3]])
