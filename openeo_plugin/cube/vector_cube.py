"""A vector cube in memory: geometries and, for each of them, values along labelled dimensions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from openeo_plugin.cube.dimensions import BandsDimension, LabelledDimension
from openeo_plugin.cube.geometries import Geometries
from openeo_plugin.cube.pixels import Array

VALUE = "value"


@dataclass(frozen=True, eq=False)
class VectorCube:
    """A vector cube.

    Args:
        geometries: along the first dimension.
        dimensions: the others, in order; none if there is one value for each geometry, or none at all.
        values: (geometry, *dimensions), of any dtype; None if the cube has geometries only.
        null: bool of the same shape, True where there is no value. NaN is a value.
    """

    geometries: Geometries
    dimensions: tuple[LabelledDimension, ...] = ()
    values: Array | None = None
    null: Array | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all dimensions, in order."""
        return (self.geometries.dimension, *(d.name for d in self.dimensions))

    def cells(self) -> Array:
        """The values as Python objects, None for null: (geometry, *dimensions), object."""
        assert self.values is not None
        cells = self.values.astype(object)
        if self.null is not None:
            cells[self.null] = None
        return cells

    def columns(self) -> dict[str, Array]:
        """One column of `cells` for each combination of labels, under the name of `column_names`."""
        if self.values is None:
            return {}
        names = column_names(self.dimensions)
        cells = self.cells().reshape(len(self.geometries), len(names))
        return {name: cells[:, place] for place, name in enumerate(names)}


def column_names(dimensions: tuple[LabelledDimension, ...]) -> list[str]:
    """A name for each combination of labels, in the order of the values: the band first, parts joined by `_`.

    `B04_2020-06-01T00:00:00Z`; `value` where there is no dimension.
    """
    order = sorted(range(len(dimensions)), key=lambda i: not isinstance(dimensions[i], BandsDimension))
    combinations = itertools.product(*(d.labels for d in dimensions))
    return ["_".join(str(labels[i]) for i in order) or VALUE for labels in combinations]


def plain_value(value: Any) -> Any:
    """A cell as JSON knows it: NaN and infinities are null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
