"""Processes that run a callback over a cube."""

from __future__ import annotations

from typing import Any

from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.engine.operators import callbacks
from openeo_plugin.engine.operators.along_joined import apply_along_joined
from openeo_plugin.engine.operators.along_space import apply_along_space
from openeo_plugin.engine.operators.spatial import reduce_spatial as reduce_spatially
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import LabeledArrayCallback, LabeledReducer, RasterCube, ValueCallback


@process(level="L1", categories=["cubes"])
def apply(data: RasterCube, process: ValueCallback, context: Any = None, *, environment: Environment) -> RasterCube:
    """Apply a process to every value of a cube.

    Args:
        data: any cube.
        process: gives one value for each value.
        context: handed on to the process.
    Returns: the same dimensions and labels.
    Source: openeo-processes 2.0.0-rc.2, apply.
    """
    return callbacks.map_pixels(environment.node, data, process, context)


@process(level="L1", categories=["cubes"])
def apply_dimension(
    data: RasterCube,
    process: LabeledArrayCallback,
    dimension: str,
    target_dimension: str | None = None,
    context: Any = None,
    *,
    environment: Environment,
) -> RasterCube:
    """Apply a process to the array of values along a dimension.

    Labels are kept if the values go back to the same dimension and are as many as before; else they are 0, 1, 2 and
    so on.

    Args:
        data: any cube.
        process: gives an array for an array of values, whose labels are those of the dimension.
        dimension: along which the values are taken. Along x or y whole rows or columns must fit into memory.
        target_dimension: where the values go, in place of the dimension: one that exists, whose labels are replaced,
            or a new one of type `other`. Of one with several labels, the arrays of all of them are joined, label after
            label: quantiles over time into two bands are those of the values of both, into a new dimension those of
            each. Of x and y it must have one label. Null for the dimension itself.
        context: handed on to the process.
    Returns: the same dimensions, but for the ones named.
    Raises: DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, apply_dimension.
    """
    description = data.description
    names = {d.name for d in description.dimensions if isinstance(d, SpatialDimension)}
    spatial = description.dimension(dimension).name in names or target_dimension in names
    describe = apply_along_space if spatial else apply_along_joined
    return describe(environment.node, data, dimension, target_dimension, process, context)


@process(level="L1", categories=["cubes", "reducer"])
def reduce_dimension(
    data: RasterCube, reducer: LabeledReducer, dimension: str, context: Any = None, *, environment: Environment
) -> RasterCube:
    """Make one value of all values along a dimension, which goes away.

    Args:
        data: any cube.
        reducer: gives one value for an array of values, whose labels are those of the dimension.
        dimension: the dimension to be reduced.
        context: handed on to the reducer.
    Returns: one dimension less.
    Raises: DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, reduce_dimension.
    """
    found = data.description.dimension(dimension)
    if isinstance(found, SpatialDimension):
        return reduce_spatially(environment.node, data, (found.axis,), reducer, context)
    return callbacks.reduce_dimension(environment.node, data, dimension, reducer, context)
