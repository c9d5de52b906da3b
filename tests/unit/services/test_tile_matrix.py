import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tile_matrix import EDGE_M, grid_of, tile_at, tile_bounds, zoom_of


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
