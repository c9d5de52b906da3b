"""Processes that change dimensions and labels, and no value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import (
    BandsDimension,
    Dimension,
    GeometryDimension,
    Label,
    LabelledDimension,
    OtherDimension,
    SpatialDimension,
    TemporalDimension,
    VerticalDimension,
)
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.operators.select import AddDimension, Describe, DropDimension, Move
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Labels, RasterCube

NewLabel = Annotated[Label, Schema([{"type": "number"}, {"type": "string"}])]
DimensionType = Annotated[
    str, Schema({"type": "string", "enum": ["bands", "geometry", "spatial", "temporal", "other"]})
]
LabelList = Annotated[list[Any], Schema({"type": "array", "items": {"type": ["number", "string"]}})]
_LABELLED = {"temporal": TemporalDimension, "other": OtherDimension, "geometry": GeometryDimension}


@process(level="L2", categories=["cubes"])
def add_dimension(
    data: RasterCube, name: str, label: NewLabel, type: DimensionType = "other", *, environment: Environment
) -> RasterCube:
    """Add a dimension with a single label.

    It becomes the first dimension. A spatial one is x, y or z, whichever the cube lacks first; of x and y the label is
    the coordinate of the pixels' centre.

    Args:
        data: any cube.
        name: of the new dimension.
        label: its only label.
        type: kind of the new dimension.
    Returns: one dimension more.
    Raises: DimensionExists.
    Source: openeo-processes 2.0.0-rc.2, add_dimension.
    """
    description = data.description
    if name in description.names:
        raise OpenEOError("DimensionExists", dimension=name)
    if type == "bands":
        return with_bands_dimension(environment.node, data, name, label)
    if type == "spatial":
        return _with_spatial(environment.node, data, name, label)
    made: Dimension = _LABELLED[type](name, (label,))
    return _with_labelled(environment.node, data, made)


def _with_labelled(node: str, cube: Operator, made: Dimension) -> AddDimension:
    description = cube.description
    return AddDimension(node, (cube,), replace(description, dimensions=(made, *description.dimensions)), 0)


def with_bands_dimension(node: str, cube: Operator, name: str, label: Label) -> Describe:
    """A cube without bands as the only band of one with bands.

    Raises: ProcessParameterInvalid if there are bands already.
    """
    description = cube.description
    if description.bands_dimension is not None:
        reason = f"a data cube has one bands dimension, and there is '{description.bands_dimension.name}' already."
        raise OpenEOError("ProcessParameterInvalid", process="add_dimension", parameter="type", reason=reason)
    dimensions = (BandsDimension(name, (label,)), *description.dimensions)
    bands = (replace(description.bands[0], name=str(label)),)
    return Describe(node, (cube,), replace(description, dimensions=dimensions, bands=bands))


def _with_spatial(node: str, cube: Operator, name: str, label: Label) -> Operator:
    description = cube.description
    present = {d.axis for d in description.dimensions if isinstance(d, SpatialDimension | VerticalDimension)}
    axis = next((a for a in "xyz" if a not in present), None)
    if axis is None:
        raise OpenEOError("DimensionExists", dimension="x, y and z")
    if axis == "z":
        return _with_labelled(node, cube, VerticalDimension(name, (label,)))
    if isinstance(label, str):
        reason = f"the label of {axis} is a coordinate: expected a number, got '{label[:80]}'."
        raise OpenEOError("ProcessParameterInvalid", process="add_dimension", parameter="label", reason=reason)
    grid = description.grid
    a = grid.affine
    affine = Affine(1, 0, label - 0.5, 0, a.e, a.f) if axis == "x" else Affine(a.a, 0, a.c, 0, -1, label + 0.5)
    dimensions = (SpatialDimension(name, "x" if axis == "x" else "y"), *description.dimensions)
    moved = replace(description, dimensions=dimensions, grid=GeoBox(grid.shape, affine, grid.crs), free=False)
    return pin(Move(node, (cube,), moved))


@process(level="L2", categories=["cubes"])
def drop_dimension(data: RasterCube, name: str, *, environment: Environment) -> RasterCube:
    """Take a dimension with a single label away.

    Args:
        data: any cube.
        name: of the dimension.
    Returns: one dimension less.
    Raises: DimensionLabelCountMismatch, DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, drop_dimension.
    """
    description = data.description
    dimension = description.dimension(name)
    if description.shape[description.names.index(name)] != 1:
        raise OpenEOError("DimensionLabelCountMismatch", dimension=name)
    return dropped(environment.node, data, dimension)


def dropped(node: str, cube: Operator, dimension: Dimension) -> Operator:
    """The cube without a dimension that has one label."""
    rest = cube.description.with_dimension(dimension.name, None)
    if isinstance(dimension, BandsDimension):
        return Describe(node, (cube,), replace(rest, bands=(replace(rest.bands[0], name=""),)))
    if isinstance(dimension, SpatialDimension):
        return Describe(node, (cube,), rest)
    return DropDimension(node, (cube,), rest, cube.description.axis(dimension.name))


@process(level="L2", categories=["cubes"])
def rename_dimension(data: RasterCube, source: str, target: str, *, environment: Environment) -> RasterCube:
    """Give a dimension another name.

    Args:
        data: any cube.
        source: the name so far.
        target: the new name.
    Returns: the same cube under the new name.
    Raises: DimensionNotAvailable, DimensionExists.
    Source: openeo-processes 2.0.0-rc.2, rename_dimension.
    """
    description = data.description
    dimension = description.dimension(source)
    if target in description.names:
        raise OpenEOError("DimensionExists", dimension=target)
    return Describe(environment.node, (data,), description.with_dimension(source, replace(dimension, name=target)))


@process(level="L2", categories=["cubes"])
def rename_labels(
    data: RasterCube,
    dimension: str,
    target: Labels,
    source: Labels = [],  # noqa: B006
    *,
    environment: Environment,
) -> RasterCube:
    """Give labels of a dimension other names.

    Their order does not change. Labels of x and y are coordinates, which can't be renamed.

    Args:
        data: any cube.
        dimension: whose labels are renamed.
        target: the new labels.
        source: the labels so far, one for each new one. Without them the labels must be 0, 1, 2 and so on, and the
            first ones are renamed.
    Returns: the same cube with other labels.
    Raises: LabelsNotEnumerated, LabelMismatch, LabelNotAvailable, LabelExists.
    Source: openeo-processes 2.0.0-rc.2, rename_labels.
    """
    found = labelled_dimension(
        data.description, dimension, "the labels of x and y are coordinates and can't be renamed."
    )
    labels = renamed(found, target, source)
    return Describe(environment.node, (data,), relabelled(data.description, found, labels))


def labelled_dimension(description: CubeDescription, name: str, reason: str) -> LabelledDimension:
    """The dimension called `name`, which must have labels of its own.

    Raises: DimensionNotAvailable; ProcessGraphInvalid with the reason for x and y.
    """
    found = description.dimension(name)
    if isinstance(found, SpatialDimension):
        raise OpenEOError("ProcessGraphInvalid", reason=reason)
    return found


def renamed(dimension: LabelledDimension, target: Sequence[Label], source: Sequence[Label]) -> tuple[Label, ...]:
    """The labels of a dimension with those of `source` (the first ones, if there are none) replaced.

    Raises: LabelsNotEnumerated, LabelMismatch, LabelNotAvailable, LabelExists.
    """
    known = dimension.labels
    if not source:
        if not all(_same(label, i) for i, label in enumerate(known)):
            raise OpenEOError("LabelsNotEnumerated", dimension=dimension.name)
        if len(target) > len(known):
            raise OpenEOError("LabelMismatch", source=len(known), target=len(target))
        source = list(range(len(target)))
    if len(source) != len(target):
        raise OpenEOError("LabelMismatch", source=len(source), target=len(target))
    for label in source:
        if not any(_same(own, label) for own in known):
            raise OpenEOError("LabelNotAvailable", label=label, dimension=dimension.name)
    for label in target:
        if any(_same(own, label) for own in known):
            raise OpenEOError("LabelExists", label=label)
    names = dict(zip(source, target, strict=True))
    return tuple(names.get(label, label) for label in known)


def _same(first: Label, second: Label) -> bool:
    """Numbers equal numbers, texts equal texts."""
    return isinstance(first, str) == isinstance(second, str) and first == second


def relabelled(
    description: CubeDescription, dimension: LabelledDimension, labels: tuple[Label, ...]
) -> CubeDescription:
    """The description with other labels of a dimension, as many as before; bands are renamed with theirs."""
    changed = description.with_dimension(dimension.name, replace(dimension, labels=labels))
    if not isinstance(dimension, BandsDimension):
        return changed
    bands = tuple(
        band if label == before else replace(band, name=str(label), aliases=())
        for band, before, label in zip(description.bands, dimension.labels, labels, strict=True)
    )
    return replace(changed, bands=bands)


@process(level="L2", categories=["cubes"])
def dimension_labels(data: RasterCube, dimension: str) -> LabelList:
    """List the labels of a dimension.

    Args:
        data: any cube.
        dimension: its name.
    Returns: the labels in their order; of x and y the coordinates of the pixels' centres.
    Raises: DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, dimension_labels.
    """
    description = data.description
    found = description.dimension(dimension)
    if not isinstance(found, SpatialDimension):
        return list(found.labels)
    rows, columns = description.grid.shape
    a = description.grid.affine
    if found.axis == "x":
        return [a.c + a.a * (i + 0.5) for i in range(columns)]
    return [a.f + a.e * (i + 0.5) for i in range(rows)]
