"""Vector cubes in netCDF, as xarray and the conventions read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import xarray

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.formats.registry import vector_format_named

DATES = ("2020-06-01T00:00:00Z", "2020-06-11T00:00:00Z")
UTM = "EPSG:32632"


def opened(folder: Path, made: VectorCube, **options: Any) -> xarray.Dataset:
    (asset,) = vector_format_named("netCDF").write_vector(made, folder, "result", options)
    assert asset.media_type == "application/x-netcdf"
    with xarray.open_dataset(asset.path) as found:
        loaded: xarray.Dataset = found.load()
    return loaded


def points() -> VectorCube:
    """Two points, two dates, two bands; null and NaN."""
    shapes = [shapely.Point(9, 45), shapely.Point(9.5, 45.5)]
    geometries = geometries_of(shapes, "EPSG:4326", [{"crop": "rye", "n": 1}, {"crop": "oats"}], ["a", "b"])
    values = np.arange(8.0).reshape(2, 2, 2)
    null = np.zeros((2, 2, 2), bool)
    null[0, 1, 0], values[0, 1, 1] = True, np.nan
    return VectorCube(geometries, (TemporalDimension("t", DATES), BandsDimension("bands", ("B4", "B8"))), values, null)


def test_points_over_time_are_time_series(tmp_path: Path) -> None:
    found = opened(tmp_path, points())
    assert (found.attrs["Conventions"], found.attrs["featureType"]) == ("CF-1.8", "timeSeries")
    assert found["geometry"].attrs["cf_role"] == "timeseries_id"
    assert found["geometry"].values.tolist() == ["a", "b"]
    assert found["t"].values.astype("datetime64[D]").astype(str).tolist() == ["2020-06-01", "2020-06-11"]
    assert found["B4"].dims == ("geometry", "t")
    assert np.array_equal(found["B4"].values, [[0, np.nan], [4, 6]], equal_nan=True)
    assert np.array_equal(found["B8"].values, [[1, np.nan], [5, 7]], equal_nan=True)
    assert (found["lon"].values.tolist(), found["lat"].values.tolist()) == ([9, 9.5], [45, 45.5])
    assert found["lon"].attrs["standard_name"] == "longitude"
    assert found["B4"].encoding["coordinates"] == "lon lat"


def test_properties_are_variables_of_the_geometries(tmp_path: Path) -> None:
    found = opened(tmp_path, points())
    assert found["crop"].values.tolist() == ["rye", "oats"]
    assert np.array_equal(found["n"].values, [1, np.nan], equal_nan=True)


def test_polygons_with_holes_and_several_parts_are_nodes(tmp_path: Path) -> None:
    ring = shapely.Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(1, 1), (2, 1), (2, 2), (1, 2)]])
    two = shapely.MultiPolygon([shapely.box(20, 0, 21, 1), shapely.box(30, 0, 31, 1)])
    made = VectorCube(geometries_of([ring, two, None], UTM), (), np.array([1, 2, 3], np.int16))
    found = opened(tmp_path, made)
    container = found["geometry_container"].attrs
    assert container["geometry_type"] == "polygon"
    assert found["node_count"].values.tolist() == [10, 10, 0]
    assert found["part_node_count"].values.tolist() == [5, 5, 5, 5]
    assert found["interior_ring"].values.tolist() == [0, 1, 0, 0]
    nodes = np.stack([found["node_x"].values, found["node_y"].values], axis=1)
    assert shapely.LinearRing(nodes[:5]).is_ccw
    assert not shapely.LinearRing(nodes[5:10]).is_ccw
    assert found["value"].attrs["geometry"] == "geometry_container"
    assert (found["value"].dtype, found["value"].values.tolist()) == (np.int16, [1, 2, 3])
    assert "featureType" not in found.attrs
    assert found["crs"].attrs["spatial_ref"].startswith("PROJCRS")
    assert found["x"].attrs["units"] == "m"


def test_lines_have_parts_and_no_holes(tmp_path: Path) -> None:
    lines = [
        shapely.LineString([(0, 0), (1, 1), (2, 0)]),
        shapely.MultiLineString([[(0, 0), (1, 0)], [(5, 5), (6, 6)]]),
    ]
    found = opened(tmp_path, VectorCube(geometries_of(lines, UTM)))
    assert found["geometry_container"].attrs["geometry_type"] == "line"
    assert found["node_count"].values.tolist() == [3, 4]
    assert found["part_node_count"].values.tolist() == [3, 2, 2]
    assert "interior_ring" not in found


def test_geometries_of_several_kinds_are_texts(tmp_path: Path) -> None:
    made = VectorCube(geometries_of([shapely.Point(1, 2), shapely.box(0, 0, 1, 1)], UTM), (), np.array([True, False]))
    found = opened(tmp_path, made)
    assert found["geometry_wkt"].values[0] == "POINT (1 2)"
    assert "geometry_container" not in found
    assert found["value"].values.tolist() == [1, 0]


def test_names_that_are_taken_or_not_allowed_are_changed(tmp_path: Path) -> None:
    properties = [{"t": 1, "crs": 2, "a/b": 3, "node": 4, " ": 5, "größe": 6, "B4": 7}]
    geometries = geometries_of([shapely.Point(0, 0)], UTM, properties)
    dimensions = (TemporalDimension("t", DATES), BandsDimension("bands", ("B4", "geometry")))
    found = opened(tmp_path, VectorCube(geometries, dimensions, np.ones((1, 2, 2))))
    assert {"B4", "geometry_2", "t_2", "crs_2", "a_b", "node_2", "var", "größe", "B4_2"} <= set(found.variables)
    assert found["B4_2"].attrs["long_name"] == "B4"


def test_dimensions_can_have_any_name(tmp_path: Path) -> None:
    dimensions = (TemporalDimension("a/b", DATES), OtherDimension("crs", ("c",)))
    geometries = replace(geometries_of([shapely.Point(0, 0)], UTM), dimension="node/s")
    found = opened(tmp_path, VectorCube(geometries, dimensions, np.ones((1, 2, 1))))
    assert found["value"].dims == ("node_s", "a_b", "crs_2")


def test_texts_null_and_nested_properties_are_texts(tmp_path: Path) -> None:
    properties = [{"s": "ä", "l": [1, {"k": None}], "b": True}, {"s": None}]
    geometries = geometries_of([shapely.Point(0, 0), shapely.Point(1, 1)], UTM, properties)
    cells = np.array([["u"], [None]], object)
    made = VectorCube(geometries, (OtherDimension("k", (1.5,)),), cells, np.array([[False], [True]]))
    found = opened(tmp_path, made)
    assert found["s"].values.tolist() == ["ä", ""]
    assert found["l"].values.tolist() == ['[1, {"k": null}]', ""]
    assert np.array_equal(found["b"].values, [1, np.nan], equal_nan=True)
    assert found["value"].values.tolist() == [["u"], [""]]
    assert found["k"].values.tolist() == [1.5]


def test_whole_numbers_with_null_become_real(tmp_path: Path) -> None:
    geometries = geometries_of([shapely.Point(0, 0), shapely.Point(1, 1)], UTM)
    found = opened(tmp_path, VectorCube(geometries, (), np.array([5, 0], np.int64), np.array([False, True])))
    assert found["value"].dtype == np.float64
    assert np.array_equal(found["value"].values, [5, np.nan], equal_nan=True)


@pytest.mark.parametrize("labels", [(), DATES])
def test_cubes_without_geometries_or_labels_are_stored(tmp_path: Path, labels: tuple[str, ...]) -> None:
    geometries = geometries_of([] if labels else [shapely.Point(0, 0)], UTM)
    values = np.zeros((len(geometries), len(labels)))
    found = opened(tmp_path, VectorCube(geometries, (TemporalDimension("t", labels),), values))
    assert dict(found["value"].sizes) == {"geometry": len(geometries), "t": len(labels)}
