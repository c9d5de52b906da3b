"""Processes that work along any dimension, called with the geometry dimension of a vector cube.

The values of a vector cube are one row with a column for each geometry, so that the geometry dimension is their x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from openeo_plugin.cube.dimensions import GeometryDimension, SpatialDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.along_space import apply_along_space
from openeo_plugin.engine.operators.select import Describe
from openeo_plugin.engine.operators.spatial import reduce_spatial
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.dimensions import renamed

Arguments = Mapping[str, Any]


def along_geometries(process_id: str, arguments: Arguments, node: str) -> Callable[[], Any] | None:
    """What gives the result, if the process is called with a vector cube as `data` and its geometry dimension.

    Raises: DimensionExists if another dimension is to be called like that of the geometries.
    """
    cube = arguments.get("data")
    known = _PROCESSES.get(process_id)
    if known is None or not isinstance(cube, LazyVectorCube):
        return None
    parameter, new_name, function = known
    own = cube.geometries.dimension
    if arguments.get(parameter) == own and function is not None:
        return lambda: function(cube, arguments, node)
    if new_name is not None and arguments.get(new_name) == own:
        raise OpenEOError("DimensionExists", dimension=own)
    return None


def spread(node: str, cube: LazyVectorCube, process_id: str) -> Operator:
    """The values with the geometry dimension as x, before all others.

    Raises: ProcessParameterInvalid if there are no values.
    """
    if cube.values is None:
        reason = "the vector cube has geometries only, no values."
        raise OpenEOError("ProcessParameterInvalid", process=process_id, parameter="data", reason=reason)
    description = cube.values.description
    dimensions = (SpatialDimension(cube.geometries.dimension, "x"), *description.dimensions)
    return Describe(node, (cube.values,), replace(description, dimensions=dimensions))


def folded(node: str, values: Operator, name: str) -> Operator:
    """The values without the dimension that `spread` has put before them."""
    return Describe(node, (values,), values.description.with_dimension(name, None))


def _reduce(cube: LazyVectorCube, arguments: Arguments, node: str) -> Operator:
    values = spread(node, cube, "reduce_dimension")
    labels = cube.geometries.labels
    return reduce_spatial(node, values, ("x",), arguments["reducer"], arguments.get("context"), labels)


def _apply(cube: LazyVectorCube, arguments: Arguments, node: str) -> LazyVectorCube | Operator:
    values, own, target = (
        spread(node, cube, "apply_dimension"),
        cube.geometries.dimension,
        arguments["target_dimension"],
    )
    labels = cube.geometries.labels
    made = apply_along_space(node, values, own, target, arguments["process"], arguments.get("context"), labels)
    if own not in made.description.names:
        return made
    if made.description.grid.shape != values.description.grid.shape:
        reason = f"the geometries along '{own}' can't become fewer or more; give a target_dimension."
        raise OpenEOError("ProcessGraphInvalid", reason=reason)
    return replace(cube, node=node, values=folded(node, made, own))


def _labels(cube: LazyVectorCube, arguments: Arguments, node: str) -> list[Any]:
    return list(cube.geometries.labels)


def _filter(cube: LazyVectorCube, arguments: Arguments, node: str) -> LazyVectorCube:
    condition, context = arguments["condition"], arguments.get("context")
    kept = (i for i, label in enumerate(cube.geometries.labels) if condition(value=label, context=context) is True)
    return cube.taken(node, tuple(kept))


def _rename(cube: LazyVectorCube, arguments: Arguments, node: str) -> LazyVectorCube:
    if arguments["target"] in cube.names:
        raise OpenEOError("DimensionExists", dimension=arguments["target"])
    return replace(cube, node=node, geometries=replace(cube.geometries, dimension=arguments["target"]))


def _rename_labels(cube: LazyVectorCube, arguments: Arguments, node: str) -> LazyVectorCube:
    geometries = cube.geometries
    dimension = GeometryDimension(geometries.dimension, geometries.labels)
    labels = renamed(dimension, arguments["target"], arguments["source"])
    return replace(cube, node=node, geometries=replace(geometries, ids=labels))


def _drop(cube: LazyVectorCube, arguments: Arguments, node: str) -> Operator:
    if len(cube.geometries) != 1:
        raise OpenEOError("DimensionLabelCountMismatch", dimension=cube.geometries.dimension)
    return folded(node, spread(node, cube, "drop_dimension"), cube.geometries.dimension)


Function = Callable[[LazyVectorCube, Arguments, str], Any]

_PROCESSES: dict[str, tuple[str, str | None, Function | None]] = {
    "reduce_dimension": ("dimension", None, _reduce),
    "apply_dimension": ("dimension", "target_dimension", _apply),
    "dimension_labels": ("dimension", None, _labels),
    "filter_labels": ("dimension", None, _filter),
    "rename_dimension": ("source", "target", _rename),
    "rename_labels": ("dimension", None, _rename_labels),
    "drop_dimension": ("name", None, _drop),
    "add_dimension": ("name", "name", None),
}
"""Of each process: the parameter that names the dimension, the one that names a new one, and what it does."""


def same_geometries(first: LazyVectorCube, second: LazyVectorCube) -> bool:
    """Whether two vector cubes have the same shapes in the same order and reference system."""
    a, b = first.geometries, second.geometries
    if a is b:
        return True
    return len(a) == len(b) and a.crs == b.crs and bool(np.all(a.shapes == b.shapes))
