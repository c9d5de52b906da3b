"""GeoJSON to geometries and back (RFC 7946, and the `crs` member of the 2008 text, which clients still send)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely

from openeo_plugin.cube.geometries import LON_LAT, Geometries, crs_name, geometries_of
from openeo_plugin.cube.pixels import Array
from openeo_plugin.cube.vector_cube import VectorCube, plain_value

_TYPES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
_DECIMALS = 9


def geometries_of_geojson(data: Any) -> Geometries:
    """Features with properties and ids, or a bare geometry. A feature may have no geometry.

    Raises: ValueError for what is no GeoJSON, and for a GeometryCollection.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("type"), str):
        raise ValueError("a GeoJSON object with a `type` is needed")
    features = _features(data)
    return geometries_of(
        _shapes([f.get("geometry") for f in features]),
        _crs(data),
        [f.get("properties") or {} for f in features],
        [_id(f) for f in features],
    )


def _features(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if data["type"] == "Feature":
        features: Any = [data]
    elif data["type"] == "FeatureCollection":
        features = data.get("features")
    else:
        features = [{"geometry": data}]
    if not isinstance(features, list) or not all(isinstance(f, Mapping) for f in features):
        raise ValueError("`features` must be a list of objects")
    if not all(isinstance(f.get("properties") or {}, Mapping) for f in features):
        raise ValueError("`properties` must be an object or null")
    return features


def _id(feature: Mapping[str, Any]) -> str | int | float | None:
    found = feature.get("id")
    return found if isinstance(found, str | int | float) and not isinstance(found, bool) else None


def _crs(data: Mapping[str, Any]) -> str:
    named = data.get("crs")
    if named is None:
        return LON_LAT
    try:
        name = named["properties"]["name"]
    except (TypeError, KeyError):
        raise ValueError("`crs` must be an object with `properties.name`, or be left out") from None
    return LON_LAT if "CRS84" in str(name) else crs_name(name)


def _shapes(geometries: Sequence[Any]) -> Array:
    texts = np.empty(len(geometries), object)
    for place, geometry in enumerate(geometries):
        if geometry is None or geometry == {}:
            continue
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        if kind not in _TYPES:
            raise ValueError(f"geometry {place} is of type {kind}; supported are {', '.join(_TYPES)}")
        try:
            texts[place] = json.dumps(geometry, allow_nan=False)
        except ValueError:
            raise ValueError(f"geometry {place} has coordinates that are not finite") from None
    try:
        found: Array = shapely.force_2d(shapely.from_geojson(texts))
    except (shapely.errors.GEOSException, RuntimeError):
        found = _one_by_one(texts)
    return found


def _one_by_one(texts: Array) -> Array:
    """As above; names the first geometry at fault."""
    for place, text in enumerate(texts):
        try:
            shapely.from_geojson(text)
        except (shapely.errors.GEOSException, RuntimeError):
            raise ValueError(f"the coordinates of geometry {place} are not those of its type") from None
    raise ValueError("the coordinates are not those of GeoJSON")


def feature_collection(cube: VectorCube) -> dict[str, Any]:
    """A FeatureCollection in longitude and latitude; values stand as properties beside the features' own.

    One property per combination of labels (see `column_names`); where a feature has a property of that name already,
    the value's name ends in `_`. An empty geometry becomes null.
    """
    own = cube.geometries.in_crs(LON_LAT)
    taken = {name for properties in own.properties for name in properties}
    columns = {_free(name, taken): cells for name, cells in cube.columns().items()}
    features = []
    for place, text in enumerate(geometry_json(own.shapes)):
        values = {name: plain_value(cells[place]) for name, cells in columns.items()}
        told = {name: plain_value(value) for name, value in own.properties[place].items()}
        feature = {"type": "Feature", "geometry": text, "properties": told | values}
        identifier = own.ids[place]
        features.append(feature if identifier is None else {**feature, "id": identifier})
    return {"type": "FeatureCollection", "features": features}


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def geometry_json(shapes: Array) -> list[Any]:
    """GeoJSON geometries, polygons wound counter-clockwise; None for an empty one."""
    oriented = shapely.orient_polygons(shapes)
    return [None if s.is_empty else _rounded(shapely.geometry.mapping(s)) for s in oriented]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return {k: _rounded(v) for k, v in value.items()} if isinstance(value, dict) else value
