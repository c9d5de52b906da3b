"""Processes with two cubes."""

from __future__ import annotations

from typing import Annotated, Any

from openeo_plugin.engine.operators import combine, merging
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import OverlapResolver, RasterCube, SpatialCube

Replacement = Annotated[Any, Schema({"type": ["number", "boolean", "string", "null"]})]


@process(level="L2A", categories=["cubes", "masks"])
def mask(
    data: SpatialCube, mask: SpatialCube, replacement: Replacement = None, *, environment: Environment
) -> SpatialCube:
    """Replace the values of a cube where a mask is true or not zero.

    A mask on another grid is sampled at the pixel centres of the data. Null in the mask does not mask.

    Args:
        data: a cube with x and y.
        mask: a cube whose other dimensions all are in the data, with the same labels; it counts for every label of
            the dimensions that it lacks.
        replacement: null for "no data".
    Returns: the same dimensions.
    Raises: IncompatibleDataCubes.
    Source: openeo-processes 2.0.0-rc.2, mask.
    """
    if isinstance(replacement, str):
        reason = "a raster cube holds no strings; give a number, a boolean or null."
        raise OpenEOError("ProcessParameterInvalid", process="mask", parameter="replacement", reason=reason)
    return combine.mask_cube(environment.node, data, mask, replacement)


@process(level="L3", categories=["cubes"])
def merge_cubes(
    cube1: RasterCube,
    cube2: RasterCube,
    overlap_resolver: OverlapResolver = None,
    context: Any = None,
    *,
    environment: Environment,
) -> RasterCube:
    """Join two cubes.

    Labels that both have need an overlap resolver. A dimension that one cube lacks is filled with its values for each
    label of the other. A second cube on another grid is sampled at the pixel centres of the first.

    Args:
        cube1: its grid counts, and its labels come first.
        cube2: the other cube.
        overlap_resolver: gives one value for a pair of values, one of each cube.
        context: handed on to the resolver.
    Returns: all dimensions and labels of both; labels of time ascend.
    Raises: OverlapResolverMissing, IncompatibleGeometryTypes.
    Source: openeo-processes 2.0.0-rc.2, merge_cubes.
    """
    return merging.merge_cubes(environment.node, cube1, cube2, overlap_resolver, context)
