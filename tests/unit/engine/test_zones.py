"""Which pixels geometries cover, against hand-drawn flags, shapely and GDAL."""

import numpy as np
import pytest
import shapely
from affine import Affine
from cubes import grid
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.grid import Window, tiled, whole
from openeo_plugin.engine.operators.zones import Zones

UTM = "EPSG:32632"
GRID = grid(4, 5)  # x from 500000, y down from 5000000, 10 m


def box(left, top, right, bottom):
    """In pixels of the grid."""
    return shapely.box(500000 + 10 * left, 5000000 - 10 * bottom, 500000 + 10 * right, 5000000 - 10 * top)


def place(column, row):
    return 500000 + 10 * column, 5000000 - 10 * row


def flags(*shapes, where=GRID):
    return Zones(geometries_of(shapes, UTM)).flags(whole(where), where).astype(int).tolist()


def test_a_pixel_belongs_to_a_polygon_that_covers_its_centre():
    assert flags(box(0.4, 0.6, 2.6, 2.4)) == [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_centres_on_edges_and_corners_belong_to_the_polygon():
    assert flags(box(0.5, 0.5, 2.5, 1.5)) == [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_a_centre_on_a_peak_belongs_to_the_polygon():
    peak = shapely.Polygon([place(0.9, 3.2), place(2.5, 0.5), place(3.1, 3.2)])
    assert flags(peak)[0] == [0, 0, 1, 0, 0]


def test_holes_are_left_out_but_their_edges_are_not():
    ring = box(0, 0, 5, 4).difference(box(1.5, 0.6, 3.4, 2.4))
    assert flags(ring) == [[1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]]


def test_parts_of_a_geometry_that_overlap_count_once():
    zones = Zones(geometries_of([shapely.MultiPolygon([box(0, 0, 2, 2), box(1, 1, 3, 3)])], UTM))
    present, sizes = zones.on(GRID).sizes
    assert (present.tolist(), sizes.tolist()) == ([0], [7])


def test_a_point_belongs_to_the_pixel_it_lies_in():
    points = shapely.MultiPoint([place(1.9, 0.1), place(1.2, 0.4), place(5, 4), place(5.1, 1), place(0, 2)])
    assert flags(points) == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]


def test_a_line_belongs_to_the_pixels_it_runs_through():
    line = shapely.LineString([place(0.5, 0.5), place(2.5, 1.5), place(2.5, 3.5)])
    assert flags(line) == [[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0]]


def test_geometries_outside_and_empty_ones_have_no_pixels():
    zones = Zones(geometries_of([box(10, 10, 20, 20), None, shapely.Point(0, 0), box(0.6, 0.6, 1.4, 1.4)], UTM))
    spans = zones.on(GRID)
    assert len(spans.rows) == 0
    assert spans.bounds() is None


def test_spans_find_pixels_that_two_geometries_share():
    assert Zones(geometries_of([box(0, 0, 2, 2), box(1, 0, 3, 2)], UTM)).on(GRID).overlap()
    assert not Zones(geometries_of([box(0, 0, 2, 2), box(2, 0, 3, 2)], UTM)).on(GRID).overlap()


def test_coordinates_that_rounding_moved_off_an_edge_stay_on_it():
    tenth = GeoBox((4, 4), Affine(0.1, 0, 0, 0, -0.1, 0.4), "EPSG:4326")
    found = Zones(geometries_of([shapely.box(0.05, 0.05, 0.25, 0.25)])).flags(whole(tenth), tenth)
    assert found.astype(int).tolist() == [[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]]


def test_a_grid_whose_y_ascends_has_the_same_pixels_upside_down():
    up = grid(4, 5, ascending=True)
    shape = shapely.Polygon([place(0.2, 0.3), place(4.7, 1.1), place(1.3, 3.8)])
    assert flags(shape, where=up) == flags(shape)[::-1]


def star(random, corners=15):
    angle = np.sort(random.uniform(0, 2 * np.pi, corners))
    radius = random.uniform(20, 900) * random.uniform(0.3, 1, corners)
    x, y = 500000 + random.uniform(0, 3000), 5000000 - random.uniform(0, 2000)
    return shapely.Polygon(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)]))


def test_random_polygons_have_the_pixels_that_shapely_and_gdal_find():
    random, where = np.random.default_rng(5), grid(200, 300)
    x, y = np.meshgrid(500005 + 10 * np.arange(300), 4999995 - 10 * np.arange(200))
    for shape in (star(random) for _ in range(60)):
        found = Zones(geometries_of([shape], UTM)).flags(whole(where), where)
        if shape.is_valid:
            assert (found == shapely.intersects_xy(shape, x, y)).all()
            assert (found == rasterize([shape], where.shape.yx, transform=where.affine)).all()


def test_random_lines_have_the_pixels_that_shapely_finds():
    random, where = np.random.default_rng(6), grid(60, 80)
    column, row = np.meshgrid(np.arange(80), np.arange(60))
    cells = shapely.box(500000 + 10 * column, 4999990 - 10 * row, 500010 + 10 * column, 5000000 - 10 * row)
    for _ in range(30):
        ends = random.uniform([499900, 4999300], [500900, 5000100], (4, 2))
        line = shapely.LineString(ends)
        found = Zones(geometries_of([line], UTM)).flags(whole(where), where)
        assert (found == shapely.intersects(cells, line)).all()


@pytest.mark.parametrize("size", [(7, 11), (64, 64), (200, 1)])
def test_windows_together_have_the_pixels_of_the_whole(size):
    random, where = np.random.default_rng(7), grid(100, 120)
    zones = Zones(geometries_of([star(random) for _ in range(20)], UTM))
    expected = zones.flags(whole(where), where)
    for window in tiled(where, *size):
        y, x = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        assert (zones.flags(window, where) == expected[y, x]).all()


def test_a_window_that_sticks_out_goes_on_beyond_the_grid():
    found = Zones(geometries_of([box(-1, -1, 2, 2)], UTM)).flags(Window(GRID, -2, -2, 4, 4), GRID)
    assert found.astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]]


def test_a_polygon_far_beyond_the_reference_system_of_the_grid_is_cut_first():
    world = shapely.box(-180, -90, 180, 90)
    mercator = GeoBox((4, 5), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:3857")
    assert Zones(geometries_of([world])).flags(whole(mercator), mercator).all()
