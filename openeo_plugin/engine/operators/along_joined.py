"""apply_dimension into a dimension with several labels: their arrays are put one after another first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openeo_plugin.cube.dimensions import BandsDimension, LabelledDimension, SpatialDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.along import ApplyAlong, apply_along
from openeo_plugin.engine.operators.regroup import flatten
from openeo_plugin.engine.operators.select import AddDimension, Describe
from openeo_plugin.engine.probe import Compute

_SEPARATOR = "~"  # as flatten_dimensions has it


def apply_along_joined(
    node: str, cube: Operator, name: str, target: str | None, callback: Compute, context: Any
) -> ApplyAlong:
    """Describe `apply_dimension` along a dimension with labels, into any dimension with labels.

    Of a target with several labels, an array holds the values at its first label, then those at the second, and so on.
    Raises: as `apply_along`.
    """
    found = next((d for d in cube.description.dimensions if d.name == target != name), None)
    if found is not None and not isinstance(found, SpatialDimension) and len(found.labels) > 1:
        cube = _joined(node, cube, name, found)
    return apply_along(node, cube, name, target, callback, context)


def _joined(node: str, cube: Operator, name: str, target: LabelledDimension) -> Operator:
    """The cube with a single label in the target, and the values of all of its labels along the other dimension."""
    flat = flatten(node, cube, (target.name, name), name, _SEPARATOR)
    single = replace(target, labels=target.labels[:1])
    described = replace(flat.description, dimensions=(single, *flat.description.dimensions))
    if not isinstance(target, BandsDimension):
        return AddDimension(node, (flat,), described, 0)
    band = replace(flat.description.bands[0], name=str(target.labels[0]))
    return Describe(node, (flat,), replace(described, bands=(band,)))
