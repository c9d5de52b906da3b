"""Annotations of process parameters: Python type and JSON Schema in one word.

Subtypes are those of openEO; what a value may be at run time stands beside each.
"""

from __future__ import annotations

from typing import Annotated, Any

from openeo_plugin.processes.process import Schema

Number = Annotated[float, Schema({"type": "number"})]
"""A JSON number, or `Pixels` inside a callback."""

Boolean = Annotated[bool, Schema({"type": "boolean"})]
"""A JSON boolean, or `Pixels` of bool inside a callback."""

Numbers = Annotated[list[Any], Schema({"type": "array", "items": {"type": ["number", "null"]}})]
"""A list of numbers and nulls, or `Lanes` inside a callback."""

Anything = Annotated[Any, Schema({})]

RasterCube = Annotated[Any, Schema({"type": "object", "subtype": "datacube"})]
"""An operator of the engine: a cube that is described, not computed."""
