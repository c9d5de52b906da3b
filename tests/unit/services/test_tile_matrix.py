import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tile_matrix import (
    EDGE_M,
    WEB_MERCATOR_QUAD,
    WORLD_CRS84_QUAD,
    grid_of,
    native_set,
    tile_at,
    tile_bounds,
    zoom_of,
)


def test_the_first_tile_is_the_world():
    assert tile_bounds((0, 0, 0)) == pytest.approx((-EDGE_M, -EDGE_M, EDGE_M, EDGE_M))


def test_rows_are_counted_from_the_north():
    west, south, east, north = tile_bounds((1, 0, 0))
    assert (west, north) == pytest.approx((-EDGE_M, EDGE_M))
    assert (east, south) == pytest.approx((0, 0))


@given(st.integers(0, 24).flatmap(lambda z: st.tuples(st.just(z), *[st.integers(0, 2**z - 1)] * 2)))
def test_a_tile_is_known_by_its_bounds(tile):
    assert tile_at(tile_bounds(tile), "EPSG:3857") == tile


def test_other_bounds_are_no_tile():
    assert tile_at((0, 0, 1000, 1000), "EPSG:3857") is None
    assert tile_at(tile_bounds((3, 1, 1)), "EPSG:4326") is None


def test_a_grid_fills_its_bounds():
    grid = grid_of((0, 0, 20, 10), 4, 5, "EPSG:3857")
    assert grid.shape == (5, 4)
    assert grid.boundingbox.bbox == (0, 0, 20, 10)


def test_the_zoom_of_a_pixel_is_the_first_that_is_fine_enough():
    # 156543.03 m at zoom 0, halved with every level: 9.55 m at zoom 14, 19.1 m at 13
    assert zoom_of(10, 256) == 14
    assert zoom_of(20, 256) == 13
    assert zoom_of(10, 512) == 13


def test_columns_and_rows_of_degrees():
    # level 1 of WorldCRS84Quad: 4 x 2 tiles of 90 degrees
    assert WORLD_CRS84_QUAD.bounds((1, 2, 0)) == (0, 0, 90, 90)
    assert WORLD_CRS84_QUAD.tile_at((0, 0, 90, 90)) == (1, 2, 0)
    assert WORLD_CRS84_QUAD.within((-10, -10, 10, 10), 1) == (range(1, 3), range(2))


def test_tiles_that_only_touch_bounds_are_not_within():
    assert WORLD_CRS84_QUAD.within((0, 0, 90, 90), 1) == (range(2, 3), range(1))
    assert WEB_MERCATOR_QUAD.within((-2 * EDGE_M, -2 * EDGE_M, 2 * EDGE_M, 2 * EDGE_M), 3) == (range(8), range(8))


def test_the_grid_of_the_data_ends_in_its_own_pixels():
    # 1000 pixels of 10 m need 4 tiles of 256, two levels up one: 256 * 10 * 4 = 10240 m
    own = native_set(grid_of((500_000, 0, 510_000, 10_000), 1000, 1000, "EPSG:32633"), "EPSG:32633", 256)
    assert (own.edge, own.levels, own.west, own.north) == (10_240, 3, 500_000, 10_000)
    assert own.grid((2, 0, 0), 256).affine.a == 10
    assert native_set(grid_of((0, 0, 1, 1), 10, 10, "EPSG:4326"), "EPSG:4326", 256) is None
