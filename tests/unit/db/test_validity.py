"""Geometries are made valid, but no tangle of edges keeps the server busy."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
import shapely

from db.filters.expression import FilterInvalidError
from db.filters.geometries import geometry_of
from db.footprint import footprint_of
from db.validity import TangledGeometryError, made_valid, refuse_tangled

BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


def tangle(vertices: int) -> shapely.Polygon:
    return shapely.Polygon(np.random.default_rng(1).uniform(0, 10, (vertices, 2)))


def circle(vertices: int) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    return [(float(np.cos(a)), float(np.sin(a))) for a in angles]


@pytest.fixture(autouse=True)
def within_seconds() -> Iterator[None]:
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("vertices", [100, 1000, 100_000])
def test_a_tangle_is_refused_at_once(vertices: int) -> None:
    with pytest.raises(TangledGeometryError):
        made_valid(tangle(vertices))


def test_many_long_edges_beside_each_other_are_refused() -> None:
    hatched = [point for i in range(5000) for point in ((i * 1e-3, 0.0), (i * 1e-3 + 10, 10.0))]
    with pytest.raises(TangledGeometryError):
        made_valid(shapely.Polygon([*hatched, (0, 10), (5, -1)]))


def test_a_bow_tie_becomes_two_triangles() -> None:
    assert made_valid(BOW_TIE).area == pytest.approx(0.5)


def test_a_large_polygon_with_some_crossings_is_mended() -> None:
    swapped = circle(20_000)
    for place in range(0, 20_000, 400):
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    mended = made_valid(shapely.Polygon(swapped))
    assert mended.is_valid
    assert mended.area == pytest.approx(np.pi, rel=1e-3)


def test_the_same_polygon_twice_is_mended() -> None:
    one = shapely.Polygon(circle(2000))
    assert made_valid(shapely.MultiPolygon([one, one])).is_valid


def test_a_valid_geometry_stays_itself() -> None:
    valid = shapely.Polygon(circle(10_000))
    assert made_valid(valid) is valid


def test_lines_are_looked_at_where_they_are_to_be_buffered() -> None:
    line = shapely.LineString(np.random.default_rng(1).uniform(0, 10, (1000, 2)))
    with pytest.raises(TangledGeometryError):
        refuse_tangled(shapely.GeometryCollection([shapely.MultiLineString([line])]))
    refuse_tangled(shapely.Point(1, 1))


def test_filters_and_footprints_refuse_a_tangle() -> None:
    geometry = shapely.geometry.mapping(tangle(1000))
    with pytest.raises(FilterInvalidError, match="crosses itself"):
        geometry_of(geometry)
    with pytest.raises(ValueError, match="crosses itself"):
        footprint_of({"id": "a", "geometry": geometry})
