"""Processes that make one dimension of several, and several of one."""

from __future__ import annotations

from typing import Annotated

from openeo_plugin.engine.operators import regroup
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.dimensions import labelled_dimension
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import RasterCube

DimensionNames = Annotated[list[str], Schema({"type": "array", "uniqueItems": True, "items": {"type": "string"}})]
SeveralNames = Annotated[
    list[str], Schema({"type": "array", "uniqueItems": True, "minItems": 2, "items": {"type": "string"}})
]
Separator = Annotated[str, Schema({"type": "string", "minLength": 1})]


@process(level="L3", categories=["cubes"], experimental=True)
def flatten_dimensions(
    data: RasterCube,
    dimensions: DimensionNames,
    target_dimension: str,
    label_separator: Separator = "~",
    *,
    environment: Environment,
) -> RasterCube:
    """Make one dimension of several.

    The last of the dimensions named varies fastest. The new one stands where the first of them stood. x and y have
    one label for each pixel and can't be flattened.

    Args:
        data: any cube.
        dimensions: names, in the order in which labels are joined.
        target_dimension: name of the new dimension, of type `other`.
        label_separator: stands between the joined labels.
    Returns: a label for each combination of labels.
    Raises: DimensionNotAvailable, TargetDimensionExists.
    Source: openeo-processes 2.0.0-rc.2, flatten_dimensions.
    """
    description = data.description
    for name in dimensions:
        labelled_dimension(description, name, "x and y have a label for each pixel and can't be flattened.")
    if not dimensions:
        reason = "name at least one dimension."
        raise OpenEOError(
            "ProcessParameterInvalid", process="flatten_dimensions", parameter="dimensions", reason=reason
        )
    if target_dimension in description.names:
        raise OpenEOError("TargetDimensionExists", dimension=target_dimension)
    return regroup.flatten(environment.node, data, dimensions, target_dimension, label_separator)


@process(level="L3", categories=["cubes"], experimental=True)
def unflatten_dimension(
    data: RasterCube,
    dimension: str,
    target_dimensions: SeveralNames,
    label_separator: Separator = "~",
    *,
    environment: Environment,
) -> RasterCube:
    """Make several dimensions of one whose labels hold a separator.

    Where no label has a combination, the values are null.

    Args:
        data: any cube.
        dimension: its labels must split into as many parts as there are new dimensions.
        target_dimensions: names of the new dimensions, of type `other`, in the order of the parts.
        label_separator: stands between the parts of a label.
    Returns: the new dimensions stand where the old one stood; labels are texts, in the order of their appearance.
    Raises: DimensionNotAvailable, TargetDimensionExists.
    Source: openeo-processes 2.0.0-rc.2, unflatten_dimension.
    """
    description = data.description
    found = labelled_dimension(description, dimension, "x and y can't be split.")
    for name in target_dimensions:
        if name in description.names:
            raise OpenEOError("TargetDimensionExists", dimension=name)
    parts = [str(label).split(label_separator) for label in found.labels]
    for label, own in zip(found.labels, parts, strict=True):
        if len(own) != len(target_dimensions):
            reason = (
                f"the label '{label}' has {len(own)} parts between '{label_separator}', "
                f"but there are {len(target_dimensions)} target dimensions."
            )
            raise OpenEOError(
                "ProcessParameterInvalid", process="unflatten_dimension", parameter="dimension", reason=reason
            )
    if len({tuple(own) for own in parts}) < len(parts):
        raise OpenEOError("DistinctDimensionLabelsRequired")
    return regroup.unflatten(environment.node, data, dimension, target_dimensions, parts)
