"""Raster cubes cut to geometries, and processes run for each polygon."""

import cubes
import numpy as np
import pytest
import shapely
from cubes import X, Y, call, cells, chain, computed, cube, graph, values

from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.grid import Window, tiled, whole
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError

UTM = "EPSG:32632"


def box(left, top, right, bottom):
    return shapely.box(500000 + 10 * left, 5000000 - 10 * bottom, 500000 + 10 * right, 5000000 - 10 * top)


def vectors(*shapes):
    return LazyVectorCube("shapes", geometries_of(shapes, UTM))


def plane():
    """0 1 2 3 / 4 null 6 7 / 8 9 10 11."""
    return cube([Y, X], [[0, 1, 2, 3], [4, None, 6, 7], [8, 9, 10, 11]], nodata=-1, dtype=np.int16)


def refused(code, *arguments, **more):
    with pytest.raises(OpenEOError) as error:
        call(*arguments, **more)
    assert error.value.code == code


# filter_spatial


def test_filter_spatial_shrinks_to_the_pixels_of_all_geometries():
    made = call("filter_spatial", data=plane(), geometries=vectors(box(1, 0, 2, 1), box(2, 1, 4, 2)))
    assert values(made) == [[1, None, None], [None, 6, 7]]
    assert (made.description.grid.affine.c, made.description.grid.affine.f) == (500010, 5000000)


def test_filter_spatial_without_any_pixel_is_an_empty_cube():
    made = call("filter_spatial", data=plane(), geometries=vectors(box(50, 50, 60, 60)))
    assert made.description.grid.shape == (0, 0)
    assert values(made) == []


def test_filter_spatial_by_everything_is_the_data():
    assert values(call("filter_spatial", data=plane(), geometries=vectors(box(-9, -9, 99, 99)))) == values(plane())


def test_filter_spatial_takes_points_and_lines():
    made = call("filter_spatial", data=plane(), geometries=vectors(shapely.Point(500025, 4999975)))
    assert values(made) == [[10]]
    line = shapely.LineString([(500005, 4999995), (500015, 4999985)])
    assert values(call("filter_spatial", data=plane(), geometries=vectors(line)))[0][0] == 0


def test_filter_spatial_takes_geojson():
    lonlat = call("vector_reproject", data=vectors(box(0, 0, 2, 1)), projection=4326).geometries.shapes[0]
    geojson = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(lonlat)}
    assert values(call("filter_spatial", data=plane(), geometries=geojson)) == [[0, 1]]


def test_filter_spatial_needs_geojson():
    refused("ProcessParameterInvalid", "filter_spatial", data=plane(), geometries={"type": "Nothing"})


# mask_polygon


def test_mask_polygon_leaves_the_pixels_inside():
    made = call("mask_polygon", data=plane(), mask=vectors(box(0, 0, 2, 2)))
    assert values(made) == [[0, 1, None, None], [4, None, None, None], [None] * 4]


def test_mask_polygon_inside_leaves_the_others():
    made = call("mask_polygon", data=plane(), mask=vectors(box(0, 0, 4, 2)), inside=True)
    assert values(made) == [[None] * 4, [None] * 4, [8, 9, 10, 11]]


def test_mask_polygon_replaces_values_but_no_null():
    made = call("mask_polygon", data=plane(), mask=vectors(box(0, 0, 4, 1)), replacement=99)
    assert values(made) == [[0, 1, 2, 3], [99, None, 99, 99], [99] * 4]


def test_mask_polygon_replaces_by_a_value_beyond_the_type():
    made = call("mask_polygon", data=plane(), mask=vectors(box(0, 0, 4, 1)), inside=True, replacement=100000)
    assert values(made)[0] == [100000] * 4
    assert made.description.bands[0].dtype == np.int64


def test_mask_polygon_without_any_pixel_masks_everything_or_nothing():
    far = vectors(box(50, 50, 60, 60))
    assert values(call("mask_polygon", data=plane(), mask=far)) == [[None] * 4] * 3
    assert values(call("mask_polygon", data=plane(), mask=far, inside=True)) == values(plane())


def test_mask_polygon_reads_nothing_where_all_would_be_null():
    made = call("mask_polygon", data=plane(), mask=vectors(box(0, 0, 1, 1)))
    grid = made.description.grid
    request = cubes.everything(made.description, Window(grid, 2, 2, 1, 2))
    assert made.request(request) == (None,)


def test_mask_polygon_refuses_points_texts_and_no_polygon():
    refused("ProcessParameterInvalid", "mask_polygon", data=plane(), mask=vectors(shapely.Point(0, 0)))
    refused("ProcessParameterInvalid", "mask_polygon", data=plane(), mask=vectors(None))
    refused("ProcessParameterInvalid", "mask_polygon", data=plane(), mask=vectors(box(0, 0, 1, 1)), replacement="a")


# apply_polygon

DOUBLE = graph("apply", data="$data", process=graph("multiply", x="$x", y=2))


def test_apply_polygon_leaves_null_outside_of_all_polygons():
    made = call("apply_polygon", data=plane(), geometries=vectors(box(0, 0, 2, 1), box(2, 1, 4, 2)), process=DOUBLE)
    assert values(made) == [[0, 2, None, None], [None, None, 12, 14], [None] * 4]


def test_apply_polygon_gives_each_polygon_a_cube_of_its_own():
    widest = graph("aggregate_spatial_window", data="$data", reducer=graph("max", data="$data"), size=[1, 1])
    made = call("apply_polygon", data=plane(), geometries=vectors(box(0, 0, 2, 1), box(2, 1, 4, 2)), process=widest)
    assert values(made) == [[0, 1, None, None], [None, None, 6, 7], [None] * 4]


def test_apply_polygon_tells_null_inside_from_pixels_outside_by_the_mask_value():
    triangle = shapely.Polygon([(500000, 5000000), (500020, 5000000), (500000, 4999980)])
    null = graph("apply", data="$data", process=graph("is_nodata", x="$x"))
    made = call("apply_polygon", data=plane(), geometries=vectors(triangle), process=null, mask_value=5)
    assert values(made) == [[False, False, None, None], [False, None, None, None], [None] * 4]


def test_apply_polygon_refuses_polygons_that_share_a_pixel():
    shapes = vectors(box(0, 0, 2, 2), box(1, 1, 3, 3))
    refused("GeometriesOverlap", "apply_polygon", data=plane(), geometries=shapes, process=DOUBLE)


def test_apply_polygon_takes_neighbours_and_overlaps_without_a_common_pixel():
    shapes = vectors(box(0, 0, 2.2, 2), box(2.1, 0, 4, 2), None)
    made = call("apply_polygon", data=plane(), geometries=shapes, process=DOUBLE)
    assert values(made) == [[0, 2, 4, 6], [8, None, 12, 14], [None] * 4]


def test_apply_polygon_refuses_a_process_that_changes_the_dimensions():
    made = graph("add_dimension", data="$data", name="t", label="2020-01-01", type="temporal")
    refused("IncompatibleDataCubes", "apply_polygon", data=plane(), geometries=vectors(box(0, 0, 1, 1)), process=made)


def test_apply_polygon_without_any_pixel_is_null():
    made = call("apply_polygon", data=plane(), geometries=vectors(box(50, 50, 60, 60)), process=DOUBLE)
    assert values(made) == [[None] * 4] * 3


def test_apply_polygon_takes_geojson():
    lonlat = call("vector_reproject", data=vectors(box(0, 0, 2, 1)), projection=4326).geometries.shapes[0]
    made = call("apply_polygon", data=plane(), geometries=shapely.geometry.mapping(lonlat), process=DOUBLE)
    assert values(made)[0] == [0, 2, None, None]


STAR = shapely.Polygon([(500000, 4999990), (500350, 4999900), (500400, 4999550), (500100, 4999800)])
OTHER = shapely.Polygon([(500000, 4999600), (500150, 4999700), (500050, 4999500)])
TWICE = chain(
    ("apply", {"data": "$data", "process": graph("add", x="$x", y=1)}),
    ("apply", {"data": "#0", "process": graph("multiply", x="$x", y=2)}),
)


@pytest.mark.parametrize("factory", cubes.FACTORIES)
@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("filter_spatial", {"geometries": vectors(STAR, OTHER)}),
        ("mask_polygon", {"mask": vectors(STAR, OTHER)}),
        ("mask_polygon", {"mask": vectors(STAR), "inside": True, "replacement": 7}),
        ("apply_polygon", {"geometries": vectors(STAR, OTHER), "process": TWICE}),
        ("apply_polygon", {"geometries": vectors(STAR, OTHER), "process": TWICE, "mask_value": 3}),
        ("aggregate_spatial_window", {"reducer": graph("mean", data="$data"), "size": [5, 3], "align": "lower-right"}),
    ],
)
def test_windows_together_give_the_whole(factory, process_id, arguments):
    made = call(process_id, data=factory(), **arguments)
    grid = made.description.grid
    expected = [cells(p) for p in computed(made, whole(grid)).bands]
    for window in tiled(grid, 11, 7):
        found = [cells(p) for p in computed(made, window).bands]
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        for one, all_ in zip(found, expected, strict=True):
            part = np.array(all_, object)[..., rows, columns]
            np.testing.assert_array_equal(_plain(np.array(one, object)), _plain(part))


def _plain(array):
    return np.array([-12345.0 if v is None else float(v) for v in array.flat])
