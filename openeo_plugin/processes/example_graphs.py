"""A small process graph for each process that works on cubes: what calls it, and how.

The pages of docs/processes/ show them. The collections are those of the demo, or stand for one that is like them;
whoever gives `CUBE` gets what `load_collection` loads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Arguments = dict[str, Any]
Node = dict[str, Any]


def _node(process_id: str, **arguments: Any) -> Node:
    return {"process_id": process_id, "arguments": arguments}


def _from(node: str) -> dict[str, str]:
    return {"from_node": node}


def _given(parameter: str) -> dict[str, str]:
    return {"from_parameter": parameter}


def _callback(process_id: str, **arguments: Any) -> dict[str, Any]:
    return {"process_graph": {process_id: {**_node(process_id, **arguments), "result": True}}}


def _square(west: float, south: float, size: float) -> list[Any]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def _field(name: str, west: float) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": _square(west, 46.52, 0.002)}
    return {"type": "Feature", "id": name, "properties": {"crop": name}, "geometry": geometry}


_FIELDS = {"type": "FeatureCollection", "features": [_field("apple", 11.312), _field("vine", 11.316)]}
_AREA = {"type": "Polygon", "coordinates": _square(11.31, 46.518, 0.006)}
_EXTENT = {"west": 11.31, "south": 46.515, "east": 11.32, "north": 46.525}
_SUMMER = ["2022-06-01", "2022-08-01"]
_MEAN = _callback("mean", data=_given("data"))
_MAX = _callback("max", data=_given("data"))
_LINE = {
    "process_graph": {
        "offset": _node("array_element", data=_given("parameters"), index=0),
        "slope": _node("array_element", data=_given("parameters"), index=1),
        "rise": _node("multiply", x=_from("slope"), y=_given("x")),
        "value": {**_node("add", x=_from("offset"), y=_from("rise")), "result": True},
    }
}
_FIT = {
    "process_graph": {
        "fit": {
            **_node("fit_curve", data=_given("data"), parameters=[0, 0], function=_LINE),
            "result": True,
        }
    }
}
CUBE, FIELDS = _from("load"), _from("fields")
DEMO = "sentinel-2-l2a-synthetic"


def _load(collection: str, bands: list[str], dates: list[str] = _SUMMER) -> Node:
    return _node("load_collection", id=collection, spatial_extent=_EXTENT, temporal_extent=dates, bands=bands)


SOURCES: dict[str, Node] = {
    "load": _load(DEMO, ["B04", "B08"]),
    "classes": _load(DEMO, ["SCL"]),
    "years": _load("TEMPERATURE", ["t2m"], ["2021-01-01", "2023-01-01"]),
    "ready": _load("FORCE_LEVEL2", ["B04", "B08", "QAI"]),
    "radar": _load("SENTINEL1_RTC", ["VV", "local_incidence_angle"]),
    "clouds": _node(
        "apply",
        data=_from("one_class"),
        process={
            "process_graph": {"cloud": {**_node("between", x=_given("x"), min=8, max=10), "result": True}},
        },
    ),
    "one_class": _node("drop_dimension", data=_from("classes"), name="bands"),
    "fields": _node("load_geojson", data=_FIELDS, properties=["crop"]),
    "area": _node("load_geojson", data=_AREA),
    "metres": _node("vector_reproject", data=FIELDS, projection=32632),
    "monthly": _node("aggregate_temporal_period", data=CUBE, period="month", reducer=_MEAN),
    "normals": _node("climatological_normal", data=_from("years"), period="month", climatology_period=[2021, 2022]),
    "latest": _node("reduce_dimension", data=CUBE, dimension="t", reducer=_callback("last", data=_given("data"))),
    "coarse": _node("resample_spatial", data=CUBE, resolution=60, projection=32632, method="average"),
    "trend": _node("apply_dimension", data=CUBE, dimension="t", target_dimension="coefficients", process=_FIT),
    "flat": _node("flatten_dimensions", data=CUBE, dimensions=["t", "bands"], target_dimension="features"),
    "labelled": _node("array_create_labeled", data=[0.1, 0.4], labels=["B04", "B08"]),
    "empty": _node("create_data_cube"),
    "highest": _node("reduce_spatial", data=CUBE, reducer=_MAX),
    "with_t": _node("add_dimension", data=_from("empty"), name="t", label="2022-06-02", type="temporal"),
    "undefined": _node("nan"),
    "saved": _node("save_result", data=_from("latest"), format="GTiff"),
}
"""What an example may refer to, by the name of its node."""

GRAPHS: dict[str, Arguments] = {
    # along time
    "aggregate_temporal": {
        "data": CUBE,
        "intervals": [["2022-06-01", "2022-06-16"], ["2022-06-16", "2022-07-01"]],
        "labels": ["early June", "late June"],
        "reducer": _MAX,
    },
    "aggregate_temporal_period": {"data": CUBE, "period": "month", "reducer": _MEAN},
    "climatological_normal": {"data": _from("years"), "period": "month", "climatology_period": [2021, 2022]},
    "anomaly": {"data": _from("years"), "normals": _from("normals"), "period": "month"},
    "resample_cube_temporal": {"data": CUBE, "target": _from("monthly"), "valid_within": 20},
    "predict_curve": {
        "parameters": _from("trend"),
        "function": _LINE,
        "dimension": "coefficients",
        "labels": ["2022-09-01", "2022-10-01"],
    },
    # over space
    "aggregate_spatial": {"data": CUBE, "geometries": FIELDS, "reducer": _MEAN},
    "aggregate_spatial_window": {"data": CUBE, "size": [3, 3], "boundary": "trim", "reducer": _MEAN},
    "apply_kernel": {"data": CUBE, "kernel": [[1, 2, 1], [2, 4, 2], [1, 2, 1]], "factor": 0.0625, "border": "reflect"},
    "apply_neighborhood": {
        "data": CUBE,
        "size": [{"dimension": "x", "value": 32, "unit": "px"}, {"dimension": "y", "value": 32, "unit": "px"}],
        "overlap": [{"dimension": "x", "value": 4, "unit": "px"}, {"dimension": "y", "value": 4, "unit": "px"}],
        "process": _callback("apply", data=_given("data"), process=_callback("multiply", x=_given("x"), y=0.0001)),
    },
    "resample_spatial": {"data": CUBE, "resolution": 20, "projection": 32632, "method": "bilinear"},
    "resample_cube_spatial": {"data": CUBE, "target": _from("coarse"), "method": "average"},
    "filter_bbox": {"data": CUBE, "extent": {"west": 11.312, "south": 46.517, "east": 11.318, "north": 46.523}},
    "filter_spatial": {"data": CUBE, "geometries": _FIELDS},
    "mask_polygon": {"data": CUBE, "mask": _AREA, "replacement": 0},
    "apply_polygon": {
        "data": CUBE,
        "geometries": _FIELDS,
        "process": _callback("apply", data=_given("data"), process=_callback("sqrt", x=_given("x"))),
    },
    "trim_cube": {"data": CUBE},
    # values and labels
    "apply": {"data": CUBE, "process": _callback("multiply", x=_given("x"), y=0.0001)},
    "apply_dimension": {"data": CUBE, "dimension": "t", "process": _callback("cumsum", data=_given("data"))},
    "reduce_dimension": {"data": CUBE, "dimension": "t", "reducer": _MAX},
    "mask": {"data": CUBE, "mask": _from("clouds")},
    "merge_cubes": {"cube1": CUBE, "cube2": _from("classes")},
    "ndvi": {"data": CUBE, "nir": "B08", "red": "B04"},
    "filter_temporal": {"data": CUBE, "extent": ["2022-06-10", "2022-07-01"]},
    "filter_bands": {"data": CUBE, "bands": ["B08"]},
    "filter_labels": {
        "data": CUBE,
        "dimension": "bands",
        "condition": _callback("text_ends", data=_given("value"), pattern="8"),
    },
    # dimensions
    "drop_dimension": {"data": _from("classes"), "name": "bands"},
    "rename_dimension": {"data": CUBE, "source": "t", "target": "acquired"},
    "rename_labels": {"data": CUBE, "dimension": "bands", "source": ["B04", "B08"], "target": ["red", "nir"]},
    "dimension_labels": {"data": _from("with_t"), "dimension": "t"},
    "flatten_dimensions": {"data": CUBE, "dimensions": ["t", "bands"], "target_dimension": "features"},
    "unflatten_dimension": {"data": _from("flat"), "dimension": "features", "target_dimensions": ["t", "bands"]},
    # what JSON has no word for
    "array_labels": {"data": _from("labelled")},
    "array_find_label": {"data": _from("labelled"), "label": "B08"},
    # reading and writing
    "load_collection": SOURCES["load"]["arguments"],
    "load_stac": {
        "url": "https://example.org/stac/collection.json",
        "spatial_extent": _EXTENT,
        "temporal_extent": _SUMMER,
        "bands": ["B04"],
    },
    "load_url": {"url": "https://example.org/fields.geojson", "format": "GeoJSON"},
    "load_geojson": {"data": _FIELDS, "properties": ["crop"]},
    "save_result": {"data": _from("latest"), "format": "GTiff"},
    "stac_modify": {"data": _from("saved"), "changes": {"title": "The latest scene", "keywords": ["mosaic"]}},
    "export_collection": {"data": _from("saved"), "collection": "latest-scene"},
    "export_workspace": {"data": _from("saved"), "workspace": "my-workspace", "merge": "mosaics/latest"},
    # vectors
    "vector_reproject": {"data": FIELDS, "projection": 32632},
    "vector_buffer": {"geometries": _from("metres"), "distance": -15},
    "filter_vector": {"data": FIELDS, "geometries": _from("area"), "relation": "within"},
    "vector_to_random_points": {"data": FIELDS, "geometry_count": 5, "seed": 7},
    "vector_to_regular_points": {"data": _from("metres"), "distance": 20},
    # made ready for analysis
    "cloud_detection": {"data": _from("classes"), "method": "Sen2Cor"},
    "atmospheric_correction": {"data": CUBE, "method": None},
    "ard_surface_reflectance": {
        "data": _from("ready"),
        "atmospheric_correction_method": "FORCE",
        "cloud_detection_method": "Fmask",
    },
    "sar_backscatter": {
        "data": _from("radar"),
        "coefficient": "gamma0-terrain",
        "local_incidence_angle": True,
        "noise_removal": False,
    },
    "ard_normalized_radar_backscatter": {"data": _from("radar"), "noise_removal": False},
    # elsewhere
    "run_ogcapi": {"data": _callback("add", x=2, y=0.5), "id": "OpenEO"},
    "run_ogcapi_externally": {
        "data": _AREA,
        "url": "https://example.org/oapi",
        "id": "buffer",
        "context": {"distance": 30},
    },
}
"""By id of the process: its arguments."""

CALLERS: dict[str, Node] = {
    "fit_curve": SOURCES["trend"],
    "nan": _node("is_nan", x=_from("undefined")),
    "create_data_cube": _node("dimension_labels", data=_from("with_t"), dimension="t"),
    "add_dimension": _node("dimension_labels", data=_from("with_t"), dimension="t"),
    "reduce_spatial": _node("save_result", data=_from("highest"), format="JSON"),
}
"""The last node of an example whose process is called by another one."""

RETURNS: dict[str, Any] = {
    "array_labels": ["B04", "B08"],
    "array_find_label": 1,
    "dimension_labels": ["2022-06-02"],
    "nan": True,
    "create_data_cube": ["2022-06-02"],
    "add_dimension": ["2022-06-02"],
    "run_ogcapi": 2.5,
}
"""By id of the process: what comes out, where that is a value that needs no data."""


def example_ids() -> frozenset[str]:
    """The processes that have an example graph."""
    return frozenset({*GRAPHS, *CALLERS})


def example_graph(process_id: str) -> dict[str, Node]:
    """The process graph of an example, sources first; its last node is called `result`."""
    last = CALLERS.get(process_id) or _node(process_id, **GRAPHS[process_id])
    graph: dict[str, Node] = {}
    _add_sources(last["arguments"], graph)
    return {**graph, "result": {**last, "result": True}}


def _add_sources(arguments: Any, graph: dict[str, Node]) -> None:
    for name in _references(arguments):
        if name in SOURCES and name not in graph:
            _add_sources(SOURCES[name]["arguments"], graph)
            graph[name] = SOURCES[name]


def _references(value: Any) -> Iterator[str]:
    """Names of the nodes that arguments refer to, those of callbacks left out."""
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)
    elif isinstance(value, dict) and "process_graph" not in value:
        if set(value) == {"from_node"}:
            yield value["from_node"]
        for inner in value.values():
            yield from _references(inner)
