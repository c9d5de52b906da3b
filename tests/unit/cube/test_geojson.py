"""GeoJSON to geometries and back."""

import json

import numpy as np
import pytest
import shapely

from openeo_plugin.cube.dimensions import BandsDimension, TemporalDimension
from openeo_plugin.cube.geojson import feature_collection, geometries_of_geojson
from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.vector_cube import VectorCube, column_names

POINT = {"type": "Point", "coordinates": [11.0, 46.0]}


def test_ids_and_properties_of_features_are_kept():
    found = geometries_of_geojson(
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "id": "a", "properties": {"n": 1, "list": [1, 2]}, "geometry": POINT},
                {"type": "Feature", "id": 7, "properties": None, "geometry": POINT},
            ],
        }
    )
    assert found.ids == ("a", 7)
    assert found.properties == ({"n": 1, "list": [1, 2]}, {})
    assert found.crs == "EPSG:4326"
    assert found.labels == ("a", 7)


def test_a_bare_geometry_and_a_single_feature_are_one_geometry_each():
    assert len(geometries_of_geojson(POINT)) == 1
    assert len(geometries_of_geojson({"type": "Feature", "geometry": POINT})) == 1


def test_a_feature_without_geometry_is_empty_and_comes_back_as_null():
    found = geometries_of_geojson({"type": "Feature", "geometry": None, "properties": {"n": 1}})
    assert found.shapes[0].is_empty
    document = feature_collection(VectorCube(found))
    assert document["features"] == [{"type": "Feature", "geometry": None, "properties": {"n": 1}}]


def test_labels_are_positions_where_ids_are_missing_or_twice_the_same():
    shapes = [shapely.Point(0, 0), shapely.Point(1, 1)]
    assert geometries_of(shapes, ids=["a", None]).labels == (0, 1)
    assert geometries_of(shapes, ids=["a", "a"]).labels == (0, 1)


def test_the_crs_member_of_old_geojson_counts():
    data = {**POINT, "coordinates": [600000, 5100000], "crs": {"type": "name", "properties": {"name": "EPSG:32632"}}}
    assert geometries_of_geojson(data).crs == "EPSG:32632"
    data["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert geometries_of_geojson(data).crs == "EPSG:4326"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"type": "GeometryCollection", "geometries": []}, "GeometryCollection"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 0]]]}, "geometry 0"),
        ({"type": "Point", "coordinates": [float("nan"), 0]}, "not finite"),
        ({"type": "Point", "coordinates": ["a", "b"]}, "geometry 0"),
        ({"type": "FeatureCollection", "features": {}}, "features"),
        ({"type": "FeatureCollection"}, "features"),
        ({"type": "Feature", "properties": 3, "geometry": None}, "properties"),
        ({"type": "Feature", "geometry": {"type": "Circle"}}, "Circle"),
        ({**POINT, "crs": {"type": "name", "properties": {"name": "EPSG:99"}}}, "coordinate reference system"),
        ({}, "type"),
        ([], "type"),
    ],
)
def test_what_is_no_geojson_is_refused_with_a_reason(data, said):
    with pytest.raises(ValueError, match=said):
        geometries_of_geojson(data)


def test_values_become_properties_named_by_band_and_label():
    t = TemporalDimension("t", ("2020-06-01T00:00:00Z", "2020-06-02T00:00:00Z"))
    bands = BandsDimension("bands", ("B04", "B08"))
    values = np.arange(4.0).reshape(1, 2, 2)
    values[0, 1, 1] = np.nan
    null = np.zeros((1, 2, 2), bool)
    null[0, 0, 0] = True
    cube = VectorCube(geometries_of([shapely.Point(11, 46)]), (t, bands), values, null)
    assert feature_collection(cube)["features"][0]["properties"] == {
        "B04_2020-06-01T00:00:00Z": None,
        "B08_2020-06-01T00:00:00Z": 1.0,
        "B04_2020-06-02T00:00:00Z": 2.0,
        "B08_2020-06-02T00:00:00Z": None,
    }


def test_a_value_gives_way_to_a_property_of_its_name():
    geometries = geometries_of([shapely.Point(11, 46)], properties=[{"value": "own"}])
    cube = VectorCube(geometries, (), np.array([3]))
    assert feature_collection(cube)["features"][0]["properties"] == {"value": "own", "value_": 3}
    assert column_names(()) == ["value"]


def test_coordinates_leave_in_longitude_and_latitude_and_polygons_counter_clockwise():
    square = shapely.box(500000, 5000000, 500010, 5000010).reverse()
    document = feature_collection(VectorCube(geometries_of([square], "EPSG:32632")))
    ring = document["features"][0]["geometry"]["coordinates"][0]
    assert ring[0][0] == pytest.approx(9.0, abs=1e-3)
    assert shapely.is_ccw(shapely.LinearRing(ring))
    json.dumps(document, allow_nan=False)


def test_long_edges_stay_where_they_were_straight():
    edge = shapely.LineString([(0, 60), (40, 60)])
    moved = geometries_of([edge]).in_crs("EPSG:3035", follow_edges=True).shapes[0]
    back = geometries_of([moved], "EPSG:3035").in_crs("EPSG:4326").shapes[0]
    assert np.abs(shapely.get_coordinates(back)[:, 1] - 60).max() < 1e-9
    assert len(shapely.get_coordinates(moved)) > 1000
