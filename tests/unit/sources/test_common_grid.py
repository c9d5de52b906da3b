from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.common_grid import common_grid, lattice_offset
from openeo_plugin.sources.layers import Layer


def layer(*transform: float, shape: tuple[int, int] = (4, 5), crs: str = "EPSG:32632") -> Layer:
    return Layer("/a.tif", 1, Band("B", np.dtype("uint8")), GeoBox(shape, Affine(*transform), crs), (4, 5), ())


def numbers(grid: GeoBox) -> tuple[float, ...]:
    return tuple(grid.affine)[:6]


def test_one_grid_is_the_common_grid_itself() -> None:
    one = layer(10, 0, 600, 0, -10, 900)
    assert common_grid([one, one]) is one.grid


def test_neighbours_on_one_lattice_give_their_union() -> None:
    # columns 600..650 and 630..680, rows 900..860 and 880..840
    grid = common_grid([layer(10, 0, 600, 0, -10, 900), layer(10, 0, 630, 0, -10, 880)])
    assert (grid.shape, numbers(grid)) == ((6, 8), (10, 0, 600, 0, -10, 900))


def test_a_grid_that_holds_the_others_is_the_common_grid_itself() -> None:
    large = layer(10, 0, 600, 0, -10, 900, shape=(8, 8))
    assert common_grid([layer(10, 0, 610, 0, -10, 890), large]) is large.grid


def test_the_finest_pixel_gives_the_lattice_and_the_union_is_snapped_outward() -> None:
    # coarse: x 603..703, y 897..817; fine from (600, 900): columns 0..10.3 -> 0..11, rows 0..8.3 -> 0..9
    grid = common_grid([layer(20, 0, 603, 0, -20, 897), layer(10, 0, 600, 0, -10, 900)])
    assert (grid.shape, numbers(grid)) == ((9, 11), (10, 0, 600, 0, -10, 900))


def test_the_union_grows_to_the_north_west_on_the_lattice() -> None:
    # x 585..685 is columns -1.5..8.5 -> -2..9, y 918..838 is rows -1.8..6.2 -> -2..7
    grid = common_grid([layer(10, 0, 600, 0, -10, 900), layer(20, 0, 585, 0, -20, 918)])
    assert numbers(grid) == (10, 0, 580, 0, -10, 920)
    assert grid.shape == (9, 11)


def test_rounding_noise_adds_no_pixels() -> None:
    grid = common_grid([layer(10, 0, 600, 0, -10, 900), layer(10, 0, 600 + 1e-7, 0, -10, 900 - 1e-7)])
    assert grid.shape == (4, 5)


def test_most_layers_decide_on_the_crs() -> None:
    far = layer(10, 0, 300_000, 0, -10, 5_000_000, crs="EPSG:32633")
    near = layer(30, 0, 700_000, 0, -30, 5_000_000)
    assert common_grid([far, near, near]).crs == "EPSG:32632"
    assert common_grid([far, near]).crs == "EPSG:32633"
    assert common_grid([near, far]).crs == "EPSG:32632"


def test_the_finest_pixel_is_sought_in_the_chosen_crs_only() -> None:
    degrees = layer(1e-6, 0, 11.0, 0, -1e-6, 46.0, crs="EPSG:4326")
    near = layer(30, 0, 700_000, 0, -30, 5_000_000)
    assert numbers(common_grid([near, near, degrees]))[0] == 30


def test_footprints_of_another_crs_lie_inside() -> None:
    near = layer(100, 0, 700_000, 0, -100, 5_000_000, shape=(100, 100))
    other = layer(100, 0, 250_000, 0, -100, 5_010_000, shape=(100, 100), crs="EPSG:32633")
    box = common_grid([near, near, other]).boundingbox
    reached = other.grid.footprint("EPSG:32632", npoints=50).boundingbox
    assert box.left <= reached.left
    assert box.right >= reached.right
    assert box.bottom <= reached.bottom
    assert box.top >= reached.top


def test_a_grid_with_rows_running_north_is_turned_on_its_lattice() -> None:
    grid = common_grid([layer(10, 0, 600, 0, 10, 860)])
    assert (grid.shape, numbers(grid)) == ((4, 5), (10, 0, 600, 0, -10, 900))


def test_no_layers_have_no_common_grid() -> None:
    with pytest.raises(OpenEOError) as raised:
        common_grid([])
    assert raised.value.code == "NoDataAvailable"


def test_lattice_offset_counts_rows_and_columns() -> None:
    target = layer(10, 0, 600, 0, -10, 900).grid
    assert lattice_offset(layer(10, 0, 630, 0, -10, 880).grid, target) == (2, 3)
    assert lattice_offset(layer(10, 0, 590, 0, -10, 910).grid, target) == (-1, -1)


@pytest.mark.parametrize(
    "other",
    [
        layer(10, 0, 605, 0, -10, 900),
        layer(10.001, 0, 600, 0, -10, 900),
        layer(10, 0, 600, 0, 10, 860),
        layer(10, 0, 600, 0, -10, 900, crs="EPSG:32633"),
    ],
)
def test_another_phase_resolution_direction_or_crs_has_no_offset(other: Layer) -> None:
    assert lattice_offset(other.grid, layer(10, 0, 600, 0, -10, 900).grid) is None
