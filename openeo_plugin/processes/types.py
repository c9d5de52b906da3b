"""Annotations of process parameters: Python type and JSON Schema in one word.

Subtypes are those of openEO; what a value may be at run time stands beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from openeo_plugin.graph.definition import JsonSchema, Parameter
from openeo_plugin.processes.process import Schema


def callback(*parameters: Parameter, returns: JsonSchema, context: bool = True) -> Schema:
    """The schema of a process graph that is given as an argument.

    Args:
        parameters: what the callback is called with, by keyword.
        returns: schema of what it must give.
        context: whether it is also given the user's `context`.
    """
    given = (*parameters, CONTEXT) if context else parameters
    return Schema(
        {
            "type": "object",
            "subtype": "process-graph",
            "parameters": [p.to_json() for p in given],
            "returns": {"description": "What the process graph computes.", "schema": returns},
        }
    )


CONTEXT = Parameter("context", "What the user passed on to the callback.", {}, optional=True)
X = Parameter("x", "The value of one element.", {})
INDEX = Parameter("index", "The position of the element, from 0.", {"type": "integer", "minimum": 0})
LABEL = Parameter(
    "label",
    "The label of the element; null in an array without labels.",
    [{"type": "number"}, {"type": "string"}, {"type": "null"}],
    optional=True,
)
DATA = Parameter("data", "The values along the dimension.", {"type": "array", "items": {}})
LABELED_DATA = Parameter(
    "data",
    "The values along the dimension, with its labels.",
    {"type": "array", "subtype": "labeled-array", "items": {}},
)

ValueCallback = Annotated[Callable[..., Any], callback(X, returns={})]
"""Called with x=, context=."""

ElementCallback = Annotated[Callable[..., Any], callback(X, INDEX, LABEL, returns={})]
"""Called with x=, index=, label=, context=."""

ElementCondition = Annotated[Callable[..., Any], callback(X, INDEX, LABEL, returns={"type": "boolean"})]
"""Called with x=, index=, label=, context=; gives a boolean."""

ValueCondition = Annotated[Callable[..., Any], callback(X, returns={"type": "boolean"})]
"""Called with x=, context=; gives a boolean."""

Reducer = Annotated[Callable[..., Any], callback(DATA, returns={})]
"""Called with data=, context=."""

LabeledReducer = Annotated[Callable[..., Any], callback(LABELED_DATA, returns={})]
"""Called with data= (an array with labels), context=."""
LabeledArrayCallback = Annotated[Callable[..., Any], callback(LABELED_DATA, returns={"type": "array", "items": {}})]
"""Called with data= (an array with labels), context=; gives an array."""

Number = Annotated[float, Schema({"type": "number"})]
"""A JSON number, or `Pixels` inside a callback."""

Boolean = Annotated[bool, Schema({"type": "boolean"})]
"""A JSON boolean, or `Pixels` of bool inside a callback."""

Numbers = Annotated[list[Any], Schema({"type": "array", "items": {"type": ["number", "null"]}})]
"""A list of numbers and nulls, or `Lanes` inside a callback."""

Booleans = Annotated[list[Any], Schema({"type": "array", "items": {"type": ["boolean", "null"]}})]
"""A list of booleans and nulls, or `Lanes` inside a callback."""

AnyArray = Annotated[list[Any], Schema({"type": "array", "items": {}})]
"""A list of anything, a `LabelledArray`, or `Lanes` inside a callback."""

Index = Annotated[int, Schema({"type": "integer", "minimum": 0})]

Anything = Annotated[Any, Schema({})]

RasterCube = Annotated[Any, Schema({"type": "object", "subtype": "datacube"})]
"""An operator of the engine: a cube that is described, not computed."""

NumberOrNull = Annotated[Any, Schema({"type": ["number", "null"]})]
"""A JSON number or null, or `Pixels` inside a callback; an element-wise function sees floats or arrays of them."""

BooleanOrNull = Annotated[Any, Schema({"type": ["boolean", "null"]})]
"""A JSON boolean or null, or `Pixels` of bool inside a callback."""

IntegerOrNull = Annotated[Any, Schema({"type": ["integer", "null"]})]
"""A JSON integer or null, or `Pixels` of whole numbers inside a callback."""

TextOrNull = Annotated[str | None, Schema({"type": ["string", "null"]})]

Comparable = Annotated[Any, Schema({"type": ["number", "boolean", "string", "null"]})]
"""A JSON value that is no array and no object, or `Pixels` inside a callback."""


def cube(*dimensions: dict[str, Any]) -> Schema:
    """The schema of a data cube that must have some dimensions."""
    schema: dict[str, Any] = {"type": "object", "subtype": "datacube"}
    return Schema(schema | {"dimensions": list(dimensions)} if dimensions else schema)


SPATIAL: dict[str, Any] = {"type": "spatial", "axis": ["x", "y"]}

SpatialCube = Annotated[Any, cube(SPATIAL)]
"""An operator whose cube has x and y."""

BandsCube = Annotated[Any, cube({"type": "bands"})]
"""An operator whose cube has bands."""

SpatialBandsCube = Annotated[Any, cube(SPATIAL, {"type": "bands"})]
"""An operator whose cube has x, y and bands."""

TemporalCube = Annotated[Any, cube({"type": "temporal"})]
"""An operator whose cube has a temporal dimension."""

_INSTANTS: list[dict[str, Any]] = [
    {"type": "string", "format": "date-time", "subtype": "date-time"},
    {"type": "string", "format": "date", "subtype": "date"},
]

INTERVAL: dict[str, Any] = {
    "type": "array",
    "subtype": "temporal-interval",
    "minItems": 2,
    "maxItems": 2,
    "items": {"anyOf": [*_INSTANTS, {"type": "null"}]},
    "examples": [["2015-01-01T00:00:00Z", "2016-01-01T00:00:00Z"], ["2015-01-01", "2016-01-01"]],
}

TemporalInterval = Annotated[list[Any], Schema(INTERVAL)]
"""[start, end), RFC 3339 instants or dates, either of which may be null."""

_TIME = {"type": "string", "pattern": r"^\d{2}:\d{2}:\d{2}$", "subtype": "time"}

_PAIR: dict[str, Any] = {
    "type": "array",
    "subtype": "temporal-interval",
    "minItems": 2,
    "maxItems": 2,
    "items": {"anyOf": [*_INSTANTS, _TIME, {"type": "null"}]},
}
_INTERVALS: dict[str, Any] = {"type": "array", "subtype": "temporal-intervals", "minItems": 1}

TemporalIntervals = Annotated[
    list[Any],
    Schema(
        {
            **_INTERVALS,
            "items": {**_PAIR, "uniqueItems": True},
            "examples": [
                [["2015-01-01", "2016-01-01"], ["2016-01-01", "2017-01-01"], ["2017-01-01", "2018-01-01"]],
                [["06:00:00", "18:00:00"], ["18:00:00", "06:00:00"]],
            ],
        },
        accepts=[{**_INTERVALS, "items": _PAIR}],  # an empty interval has an error of its own
    ),
]
"""Several [start, end)."""

BOUNDING_BOX: dict[str, Any] = {
    "type": "object",
    "subtype": "bounding-box",
    "required": ["west", "south", "east", "north"],
    "properties": {
        "west": {"type": "number"},
        "south": {"type": "number"},
        "east": {"type": "number"},
        "north": {"type": "number"},
        "base": {"type": ["number", "null"], "default": None},
        "height": {"type": ["number", "null"], "default": None},
        "crs": {
            "anyOf": [
                {"type": "integer", "subtype": "epsg-code", "minimum": 1000, "examples": [3857]},
                {"type": "string", "subtype": "wkt2-definition"},
            ],
            "default": 4326,
        },
    },
}

BoundingBoxJson = Annotated[dict[str, Any], Schema(BOUNDING_BOX)]
"""west, south, east, north and crs."""

BandName = Annotated[str, Schema({"type": "string", "subtype": "band-name"})]

BandNames = Annotated[
    list[str] | None,
    Schema(
        [
            {"type": "array", "minItems": 1, "items": {"type": "string", "subtype": "band-name"}},
            {"type": "null"},
        ]
    ),
]
"""Names or common names of bands, null for all."""

Labels = Annotated[list[Any], Schema({"type": "array", "uniqueItems": True, "items": {"type": ["number", "string"]}})]
"""Distinct dimension labels."""

LabelCondition = Annotated[
    Callable[..., Any],
    callback(
        Parameter(
            "value",
            "One label of the dimension.",
            [{"type": "number"}, {"type": "string"}],
        ),
        returns={"type": "boolean"},
    ),
]
"""Called with value=, context=; gives a boolean."""

Y = Parameter("y", "The value of the second cube.", {})
OverlapResolver = Annotated[Callable[..., Any] | None, callback(X, Y, returns={})]
"""Called with x=, y=, context=; the standard leaves null out of the schema."""

Stac = Annotated[Any, Schema({"type": "object", "subtype": "stac"})]
"""A STAC resource."""
