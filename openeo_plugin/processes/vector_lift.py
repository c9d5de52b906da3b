"""Processes that know nothing of geometries, called with vector cubes: they work on the values alone.

`reduce_dimension`, `apply`, `filter_bands` and the like get the operator that holds the values; what they give becomes
the values of a vector cube with the same geometries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import ProcessDefinition
from openeo_plugin.processes.geometry_dimension import along_geometries, same_geometries
from openeo_plugin.processes.vector_merging import merge_geometries


def vector_fault(schemas: list[dict[str, Any]]) -> str | None:
    """Why a parameter with these schemas takes no vector cube; None if it does."""
    if any(not s or _takes(s) for s in schemas):
        return None
    return "expected a raster cube, got a vector cube."


def _takes(schema: dict[str, Any]) -> bool:
    if schema.get("subtype") not in ("datacube", "vector-cube"):
        return False
    return not any(d.get("type") == "spatial" for d in schema.get("dimensions", ()))


def call_with_vectors(definition: ProcessDefinition, keywords: dict[str, Any]) -> Any:
    """Call a process; vector cubes among the arguments are replaced by their values where it takes no geometries."""
    assert definition.function is not None
    if definition.takes_vectors:
        return definition.function(**keywords)
    cubes = {name: value for name, value in keywords.items() if isinstance(value, LazyVectorCube)}
    if not cubes:
        return definition.function(**keywords)
    own = {name for name in cubes if _for_geometries(definition, name)}
    lifted = {name: cube for name, cube in cubes.items() if name not in own}
    if not lifted:
        return definition.function(**keywords)
    environment = keywords.get("environment")
    special = along_geometries(definition.id, keywords, getattr(environment, "node", ""))
    if special is not None:
        return special()
    first = next(iter(lifted.values()))
    if any(isinstance(value, Operator) for value in keywords.values()):
        raise OpenEOError("IncompatibleDataCubes", reason="one is a vector cube, the other a raster cube.")
    if definition.id == "merge_cubes" and not same_geometries(keywords["cube1"], keywords["cube2"]):
        return _merged(definition.function, keywords)
    values = {name: _values(definition, name, cube, first) for name, cube in lifted.items()}
    made = definition.function(**{**keywords, **values})
    return replace(first, node=made.node, values=made) if isinstance(made, Operator) else made


def _merged(function: Callable[..., Any], keywords: dict[str, Any]) -> LazyVectorCube:
    def merge(first: Operator, second: Operator) -> Operator:
        made: Operator = function(**{**keywords, "cube1": first, "cube2": second})
        return made

    return merge_geometries(keywords["environment"].node, keywords["cube1"], keywords["cube2"], merge)


def _for_geometries(definition: ProcessDefinition, name: str) -> bool:
    parameter = definition.parameter(name)
    schemas = parameter.schemas() if parameter is not None else []
    return any(not s or any(d.get("type") == "geometry" for d in s.get("dimensions", ())) for s in schemas)


def _values(definition: ProcessDefinition, name: str, cube: LazyVectorCube, first: LazyVectorCube) -> Operator:
    if cube.values is None:
        reason = "the vector cube has geometries only, no values."
        raise OpenEOError("ProcessParameterInvalid", process=definition.id, parameter=name, reason=reason)
    if not same_geometries(cube, first):
        raise OpenEOError("IncompatibleDataCubes", reason="the vector cubes have different geometries.")
    return cube.values
