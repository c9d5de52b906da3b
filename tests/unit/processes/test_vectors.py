"""Processes on geometries: each with its edges first."""

import math

import numpy as np
import pytest
import shapely
from cubes import call

from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.operators.vector import LazyVectorCube, held
from openeo_plugin.errors import OpenEOError

UTM = "EPSG:32632"


def vectors(*shapes, crs=UTM, **more):
    return LazyVectorCube("shapes", geometries_of(shapes, crs, **more))


def square(x, y, side=1.0):
    return shapely.box(x, y, x + side, y + side)


def refused(code, *arguments, **more):
    with pytest.raises(OpenEOError) as error:
        call(*arguments, **more)
    assert error.value.code == code
    return error.value


def collection(*properties):
    point = {"type": "Point", "coordinates": [0, 0]}
    features = [{"type": "Feature", "properties": own, "geometry": point} for own in properties]
    return {"type": "FeatureCollection", "features": features}


# load_geojson


def test_load_geojson_without_properties_has_geometries_only():
    made = call("load_geojson", data=collection({"a": 1}))
    assert made.names == ("geometry",)
    assert made.geometries.properties == ({"a": 1},)


def test_load_geojson_of_a_collection_without_features_is_an_empty_cube():
    assert len(call("load_geojson", data=collection()).geometries) == 0


def test_load_geojson_of_one_scalar_property_has_its_name_as_label():
    made = call("load_geojson", data=collection({"a": 1}, {"b": 5}, {"a": None}), properties=["a"])
    assert (made.names, made.dimensions[0].labels) == (("geometry", "properties"), ("a",))
    assert made.compute(RunContext()).cells().tolist() == [[1.0], [None], [None]]


def test_load_geojson_of_one_array_property_has_indices_as_labels():
    made = call("load_geojson", data=collection({"a": [1, 2, 3]}, {"a": [4]}, {}), properties=["a"])
    assert made.dimensions[0].labels == (0, 1, 2)
    assert made.compute(RunContext()).cells().tolist() == [[1, 2, 3], [4, None, None], [None] * 3]


def test_load_geojson_of_several_properties_has_their_names_as_labels():
    made = call("load_geojson", data=collection({"a": 1, "b": "x"}, {"b": "y"}), properties=["b", "a"])
    assert made.dimensions[0].labels == ("b", "a")
    assert made.compute(RunContext()).cells().tolist() == [["x", 1], ["y", None]]


def test_load_geojson_of_several_properties_refuses_arrays():
    refused("ProcessParameterInvalid", "load_geojson", data=collection({"a": [1], "b": 2}), properties=["a", "b"])


def test_load_geojson_refuses_a_geometry_collection():
    error = refused("ProcessParameterInvalid", "load_geojson", data={"type": "GeometryCollection", "geometries": []})
    assert "GeometryCollection" in error.message


# vector_buffer


def test_vector_buffer_refuses_degrees():
    refused("UnitMismatch", "vector_buffer", geometries=vectors(square(0, 0), crs="EPSG:4326"), distance=1)


def test_vector_buffer_refuses_a_distance_of_zero():
    refused("ProcessParameterInvalid", "vector_buffer", geometries=vectors(square(0, 0)), distance=0)


def test_vector_buffer_makes_polygons_of_points_and_lines():
    line = shapely.LineString([(0, 0), (10, 0)])
    made = call("vector_buffer", geometries=vectors(shapely.Point(0, 0), line), distance=2).geometries.shapes
    assert [s.geom_type for s in made] == ["Polygon", "Polygon"]
    assert made[0].area == pytest.approx(4 * math.pi, rel=0.01)
    assert made[1].area == pytest.approx(40 + 4 * math.pi, rel=0.01)


def test_vector_buffer_below_zero_shrinks_and_leaves_empty_geometries():
    made = call("vector_buffer", geometries=vectors(square(0, 0, 10), square(0, 0, 2), None), distance=-1)
    assert made.geometries.shapes[0].equals(square(1, 1, 8))
    assert [s.is_empty for s in made.geometries.shapes] == [False, True, True]


def test_vector_buffer_keeps_ids_properties_and_values():
    geometries = geometries_of([square(0, 0)], UTM, [{"n": 1}], ["a"])
    made = call("vector_buffer", geometries=held("x", VectorCube(geometries, (), np.array([7]))), distance=1)
    assert (made.geometries.ids, made.geometries.properties) == (("a",), ({"n": 1},))
    assert made.compute(RunContext()).cells().tolist() == [7]


def test_vector_buffer_of_multi_part_geometries_is_one_geometry_each():
    made = call("vector_buffer", geometries=vectors(shapely.MultiPoint([(0, 0), (100, 0)])), distance=1)
    assert made.geometries.shapes[0].geom_type == "MultiPolygon"


# vector_reproject


def test_vector_reproject_moves_every_vertex():
    made = call("vector_reproject", data=vectors(shapely.Point(9, 0), crs="EPSG:4326"), projection=32632)
    assert made.geometries.crs == UTM
    assert shapely.get_coordinates(made.geometries.shapes)[0] == pytest.approx([500000, 0], abs=1e-6)


def test_vector_reproject_there_and_back_is_where_it_was():
    there = call("vector_reproject", data=vectors(square(500000, 5000000, 100)), projection=3035)
    back = call("vector_reproject", data=there, projection=32632).geometries.shapes[0]
    assert back.equals_exact(square(500000, 5000000, 100), 1e-4)


def test_vector_reproject_takes_wkt():
    wkt = 'GEOGCRS["x",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563]],CS[ellipsoidal,2],AXIS["longitude",east],AXIS["latitude",north],ANGLEUNIT["degree",0.0174532925199433]]'  # noqa: E501
    made = call("vector_reproject", data=vectors(shapely.Point(500000, 0)), projection=wkt)
    assert shapely.get_coordinates(made.geometries.shapes)[0] == pytest.approx([9, 0], abs=1e-8)


def test_vector_reproject_refuses_what_is_no_reference_system():
    refused("ProcessParameterInvalid", "vector_reproject", data=vectors(square(0, 0)), projection=99999)


def test_vector_reproject_refuses_what_the_target_can_not_express():
    other_side = vectors(shapely.Point(-170, -52), crs="EPSG:4326")
    refused("ProcessParameterInvalid", "vector_reproject", data=other_side, projection=3035)


def test_vector_reproject_knows_its_dimension():
    arguments = {"data": vectors(square(0, 0)), "projection": 4326}
    refused("DimensionNotAvailable", "vector_reproject", **arguments, dimension="t")
    call("vector_reproject", **arguments, dimension="geometry")


def test_vector_reproject_keeps_empty_geometries():
    assert call("vector_reproject", data=vectors(None), projection=4326).geometries.shapes[0].is_empty


# filter_vector

CANDIDATES = (square(0, 0), square(1, 0), square(5, 5), square(0.25, 0.25, 0.5), None, shapely.Point(0.5, 0.5))


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("intersects", [0, 1, 3, 5]),
        ("disjoint", [2]),
        ("equals", [0]),
        ("touches", [1]),
        ("within", [0, 3, 5]),
        ("contains", [0]),
        ("overlaps", []),
        ("crosses", []),
    ],
)
def test_filter_vector_compares_candidates_with_the_base(relation, expected):
    data = vectors(*CANDIDATES, ids=range(6))
    made = call("filter_vector", data=data, geometries=vectors(square(0, 0)), relation=relation)
    assert list(made.geometries.ids) == expected


def test_filter_vector_takes_the_union_of_several_bases():
    tall = vectors(shapely.box(0, 0, 2, 1))
    both = vectors(square(0, 0), square(1, 0))
    assert len(call("filter_vector", data=tall, geometries=both, relation="equals").geometries) == 1


def test_filter_vector_compares_in_the_reference_system_of_the_data():
    base = call("vector_reproject", data=vectors(square(500000, 5000000, 100)), projection=4326)
    data = vectors(shapely.Point(500050, 5000050), shapely.Point(500150, 5000050))
    assert len(call("filter_vector", data=data, geometries=base).geometries) == 1


def test_filter_vector_mends_polygons_that_cross_themselves():
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    assert len(call("filter_vector", data=vectors(bow), geometries=vectors(bow)).geometries) == 1


def test_filter_vector_refuses_other_relations():
    refused(
        "ProcessParameterInvalid", "filter_vector", data=vectors(), geometries=vectors(square(0, 0)), relation="near"
    )


def test_filter_vector_of_nothing_is_nothing():
    assert len(call("filter_vector", data=vectors(), geometries=vectors(square(0, 0))).geometries) == 0


def test_filter_bbox_keeps_geometries_that_lie_in_the_box_as_a_whole():
    data = vectors(square(0, 0), square(9.5, 0), square(9, 9), None, ids=range(4))
    extent = {"west": 0, "south": 0, "east": 10, "north": 10, "crs": 32632}
    assert call("filter_bbox", data=data, extent=extent).geometries.ids == (0, 2)


# vector_to_random_points


def random_points(*shapes, **more):
    return call("vector_to_random_points", data=vectors(*shapes), **more).geometries


def test_random_points_are_one_for_each_geometry_by_default():
    made = random_points(square(0, 0), square(5, 5), None)
    assert [len(shapely.get_coordinates(s)) for s in made.shapes] == [1, 1, 0]
    assert square(0, 0).covers(made.shapes[0])


def test_random_points_of_a_seed_are_always_the_same():
    first, again = (random_points(square(0, 0), seed=4, geometry_count=5).shapes[0] for _ in range(2))
    other = random_points(square(0, 0), seed=5, geometry_count=5).shapes[0]
    assert first.equals(again)
    assert not first.equals(other)


def test_random_points_in_all_are_shared_out():
    made = random_points(square(0, 0), square(5, 5), square(9, 9), total_count=8, geometry_count=3)
    assert [len(s.geoms) for s in made.shapes] == [3, 3, 2]
    assert [len(s.geoms) for s in random_points(square(0, 0), square(5, 5), total_count=3).shapes] == [2, 1]


def test_random_points_fewer_than_geometries_are_refused():
    data = vectors(square(0, 0), square(1, 1))
    refused("CountMismatch", "vector_to_random_points", data=data, total_count=1)


def test_random_points_of_points_are_chosen_once_each():
    made = random_points(shapely.MultiPoint([(0, 0), (1, 1), (1, 1)]), geometry_count=10).shapes[0]
    assert sorted(map(tuple, shapely.get_coordinates(made).tolist())) == [(0, 0), (1, 1)]


def test_random_points_spread_evenly_over_area_even_of_slivers():
    sliver = shapely.Polygon([(0, 0), (1000, 0), (1000, 1e-9)])
    made = random_points(sliver, square(0, 0).union(square(10, 0, 2)), geometry_count=2000, seed=1)
    x = shapely.get_coordinates(made.shapes[1])[:, 0]
    assert (x > 5).mean() == pytest.approx(0.8, abs=0.03)
    assert len(made.shapes[0].geoms) == 2000


def test_random_points_that_are_not_grouped_have_no_id_but_properties():
    data = vectors(square(0, 0), ids=["a"], properties=[{"n": 1}])
    made = call("vector_to_random_points", data=data, geometry_count=3, group=False).geometries
    assert [s.geom_type for s in made.shapes] == ["Point"] * 3
    assert (made.ids, made.properties) == ((None,) * 3, ({"n": 1},) * 3)
    assert call("vector_to_random_points", data=data).geometries.ids == ("a",)


def test_random_points_on_lines_lie_on_them():
    line = shapely.LineString([(0, 0), (10, 0), (10, 10)])
    made = random_points(line, geometry_count=50).shapes[0]
    assert shapely.distance(shapely.get_parts(made), line).max() < 1e-9


def test_too_many_points_are_refused():
    refused("ProcessGraphComplexity", "vector_to_random_points", data=vectors(square(0, 0)), geometry_count=10**7)


# vector_to_regular_points


def regular_points(shape, distance, **more):
    made = call("vector_to_regular_points", data=vectors(shape), distance=distance, **more).geometries.shapes
    return [tuple(c) for s in made for c in shapely.get_coordinates(s).tolist()]


def test_regular_points_of_a_polygon_are_centres_of_cells_from_its_upper_left():
    assert regular_points(shapely.box(0, 0, 5, 4), 2) == [(1, 3), (3, 3), (5, 3), (1, 1), (3, 1), (5, 1)]


def test_regular_points_outside_of_the_polygon_are_left_out():
    triangle = shapely.Polygon([(0, 0), (4, 0), (0, 4)])
    assert regular_points(triangle, 2) == [(1, 3), (1, 1), (3, 1)]


def test_a_polygon_without_any_regular_point_gives_its_first_vertex():
    assert regular_points(shapely.Polygon([(3, 0), (3.1, 0), (3, 0.1)]), 10) == [(3, 0)]


def test_regular_points_of_a_line_start_at_its_first_vertex():
    assert regular_points(shapely.LineString([(0, 0), (5, 0)]), 2) == [(0, 0), (2, 0), (4, 0)]
    assert regular_points(shapely.LineString([(0, 0), (4, 0)]), 2) == [(0, 0), (2, 0), (4, 0)]


def test_regular_points_of_points_are_these():
    assert regular_points(shapely.MultiPoint([(1, 2), (3, 4)]), 100) == [(1, 2), (3, 4)]


def test_regular_points_need_metres_and_a_distance_above_zero():
    degrees = vectors(square(0, 0), crs="EPSG:4326")
    refused("UnitMismatch", "vector_to_regular_points", data=degrees, distance=1)
    refused("ProcessParameterInvalid", "vector_to_regular_points", data=vectors(square(0, 0)), distance=-1)
    refused("ProcessGraphComplexity", "vector_to_regular_points", data=vectors(square(0, 0, 1e6)), distance=0.1)


def test_regular_points_pass_empty_geometries_on():
    assert call("vector_to_regular_points", data=vectors(None), distance=1).geometries.shapes[0].is_empty


# vector_buffer, more of its edges


def test_vector_buffer_of_zero_is_refused():
    refused("ProcessParameterInvalid", "vector_buffer", geometries=vectors(square(0, 0)), distance=0)


def test_vector_buffer_that_shrinks_a_point_to_nothing_leaves_an_empty_geometry():
    made = call("vector_buffer", geometries=vectors(shapely.Point(0, 0), square(0, 0, 10)), distance=-2)
    assert made.geometries.shapes[0].is_empty
    assert made.geometries.shapes[1].area == pytest.approx(36)


def test_vector_buffer_of_a_geometry_that_is_empty_already_is_empty():
    made = call("vector_buffer", geometries=vectors(shapely.Polygon(), shapely.Point(0, 0)), distance=1)
    assert made.geometries.shapes[0].is_empty
    assert made.geometries.shapes[1].area == pytest.approx(math.pi, abs=0.01)


def test_vector_buffer_beyond_all_numbers_is_refused():
    refused("ProcessParameterInvalid", "vector_buffer", geometries=vectors(shapely.Point(1.5e308, 0)), distance=1e308)
