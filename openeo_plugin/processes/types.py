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
