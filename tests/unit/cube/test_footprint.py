from __future__ import annotations

from typing import Any

import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.footprint import Footprint, footprint_of


def footprint(crs: Any, transform: Affine, shape: tuple[int, int] = (40, 50)) -> Footprint:
    found = footprint_of([GeoBox(shape, transform, crs)])
    assert found is not None
    return found


@pytest.mark.parametrize(("crs", "sign"), [("EPSG:3995", 1), ("EPSG:3031", -1), ("EPSG:3575", 1)])
def test_a_grid_over_a_pole_reaches_it_at_every_longitude(crs: str, sign: int) -> None:
    made = footprint(crs, Affine(100_000, 0, -2_500_000, 0, -100_000, 2_000_000))
    west, south, east, north = made.bbox
    assert (west, east) == (-180, 180)
    assert (north if sign == 1 else south) == 90 * sign
    shape = shapely.geometry.shape(made.geometry)
    assert all(shape.covers(shapely.Point(x, y * sign)) for x in (-180, -91, 0, 17, 180) for y in (75, 85, 90))
    assert not shape.covers(shapely.Point(0, 60 * sign))


def test_a_grid_beside_the_pole_does_not_reach_it() -> None:
    made = footprint("EPSG:3995", Affine(10_000, 0, 1_000_000, 0, -10_000, 500_000))
    assert made.bbox[3] < 85
    assert made.bbox[2] - made.bbox[0] < 180


def test_a_grid_of_cell_centres_ends_at_the_poles() -> None:
    made = footprint("EPSG:4326", Affine(2.5, 0, -1.25, 0, -2.5, 91.25), (73, 144))
    assert made.bbox == (-180, -90, 180, 90)
    made = footprint("EPSG:4326", Affine(2.5, 0, -180, 0, -2.5, 91.25), (73, 144))
    assert made.bbox == (-180, -90, 180, 90)


def test_the_world_in_sinusoidal_pixels_has_a_footprint_of_polygons() -> None:
    made = footprint(
        "+proj=sinu +lon_0=0 +R=6371007.181 +units=m", Affine(800_000, 0, -20_015_109, 0, -5e5, 10_007_554)
    )
    assert made.geometry["type"] in ("Polygon", "MultiPolygon")
    assert made.bbox[:1] + made.bbox[2:3] == (-180, 180)
