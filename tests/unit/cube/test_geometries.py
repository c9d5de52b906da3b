"""Geometries in other reference systems: long edges get more vertices, but never more than memory holds."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from openeo_plugin.cube.geometries import geometries_of


def test_long_edges_stay_where_they_were_straight() -> None:
    line = shapely.LineString([(10, 46), (12, 46)])
    moved = geometries_of([line]).in_crs("EPSG:32632", follow_edges=True).shapes[0]
    assert shapely.count_coordinates(moved) == 201


def test_more_vertices_than_memory_holds_are_refused() -> None:
    hatched = [point for i in range(3000) for point in ((-100 + i * 1e-3, -60), (100 + i * 1e-3, 60))]
    with pytest.raises(ValueError, match="edges of the geometries are too long"):
        geometries_of([shapely.LineString(hatched)]).in_crs("EPSG:3857", follow_edges=True)


def test_tangled_polygons_are_refused_before_they_are_made_valid() -> None:
    tangle = shapely.Polygon(np.random.default_rng(1).uniform(10, 11, (2000, 2)))
    with pytest.raises(ValueError, match="crosses itself"):
        geometries_of([tangle]).in_crs("EPSG:3857", follow_edges=True)
