"""Vector cubes inside a plan: geometries that are known, and an operator for the values that may not be yet.

The operator's pixels are one row with a column for each geometry, so that every operator that works along labels,
bands or single values serves vector cubes as well; and a barrier below it (a zonal statistic) is worked off by a run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, LabelledDimension
from openeo_plugin.cube.geometries import Geometries
from openeo_plugin.cube.grid import Grid, Window, whole
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator, Request, RunContext, everything
from openeo_plugin.engine.schedule import compute_all


@dataclass(frozen=True, eq=False)
class LazyVectorCube:
    """A vector cube whose geometries and dimensions are known, and whose values are computed when asked for.

    Args:
        node: that gives it.
        geometries: along the geometry dimension.
        values: on the grid of `row_grid`; its dimensions are the others of the vector cube. None if there are none.
    """

    node: str
    geometries: Geometries
    values: Operator | None = None

    @property
    def dimensions(self) -> tuple[LabelledDimension, ...]:
        """All dimensions but that of the geometries, in order."""
        found: Any = self.values.description.dimensions if self.values is not None else ()
        return tuple(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all dimensions, in order."""
        return (self.geometries.dimension, *(d.name for d in self.dimensions))

    @property
    def described(self) -> VectorCube:
        """The cube without its values."""
        return VectorCube(self.geometries, self.dimensions)

    def compute(self, context: RunContext) -> VectorCube:
        """The cube in memory; barriers below it are worked off in this thread if no run has done it before.

        Raises: OpenEOError; Canceled.
        """
        if self.values is None:
            return self.described
        description = self.values.description
        request = everything(description, whole(description.grid), exact=True)
        return self.of_block(compute_all([(self.values, request)], context)[0])

    def of_block(self, block: Block) -> VectorCube:
        """The cube in memory, given all pixels of `values`."""
        assert self.values is not None
        return VectorCube(self.geometries, self.dimensions, *_arranged(block, self.values.description))

    def taken(self, node: str, places: tuple[int, ...]) -> LazyVectorCube:
        """Some of the geometries with their values, in the order given."""
        values = self.values
        if values is not None:
            described = replace(values.description, grid=row_grid(len(places)))
            values = PickGeometries(node, (values,), described, places)
        return LazyVectorCube(node, self.geometries.taken(places), values)


def row_grid(count: int) -> Grid:
    """One row with a column for each geometry; it lies nowhere."""
    return GeoBox((1, count), Affine.identity(), None)


def values_description(
    dimensions: tuple[LabelledDimension, ...], bands: tuple[Band, ...], count: int
) -> CubeDescription:
    """What describes the values of `count` geometries."""
    return CubeDescription(dimensions, row_grid(count), bands, free=False, block=(1, max(1, count)))


def held(node: str, cube: VectorCube) -> LazyVectorCube:
    """A vector cube that is in memory already."""
    if cube.values is None:
        return LazyVectorCube(node, cube.geometries)
    axis = next((i for i, d in enumerate(cube.dimensions) if isinstance(d, BandsDimension)), None)
    names = [""] if axis is None else [str(label) for label in cube.dimensions[axis].labels]
    pixels = []
    for place in range(len(names)):
        values, null = _layer(cube.values, axis, place), None if cube.null is None else _layer(cube.null, axis, place)
        pixels.append(Pixels(_row(values), mask=None if null is None else Mask(_row(null))))
    bands = tuple(
        Band(name, p.values.dtype, nullable=p.mask is not None) for name, p in zip(names, pixels, strict=True)
    )
    description = values_description(cube.dimensions, bands, len(cube.geometries))
    return LazyVectorCube(node, cube.geometries, MemoryCube(node, description, tuple(pixels)))


def _layer(array: Array, axis: int | None, place: int) -> Array:
    return array if axis is None else array.take(place, axis + 1)


def _row(array: Array) -> Array:
    """From (geometry, *labels) to (*labels, 1, geometry)."""
    return np.expand_dims(np.moveaxis(array, 0, -1), -2)


def _arranged(block: Block, description: CubeDescription) -> tuple[Array, Array | None]:
    """From one (*labels, 1, geometry) for each band to (geometry, *dimensions): values and where they are null."""
    plain = [p.plain() for p in block.bands]
    if not plain:  # a bands dimension without labels
        return np.empty((description.grid.shape[1], *description.shape)), None
    axis = next((i for i, d in enumerate(description.dimensions) if isinstance(d, BandsDimension)), None)

    def joined(arrays: list[Array]) -> Array:
        columns = [np.moveaxis(a.squeeze(-2), -1, 0) for a in arrays]
        return columns[0] if axis is None else np.stack(columns, axis + 1)

    nulls = [p.null() for p in plain]
    null = None
    if any(n is not None for n in nulls):
        null = joined([np.zeros(p.shape, bool) if n is None else n for n, p in zip(nulls, plain, strict=True)])
    return joined([p.values for p in plain]), null


@dataclass(frozen=True, eq=False)
class PickGeometries:
    """Some columns of the values of a vector cube, in the order given."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    places: tuple[int, ...]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The whole row: it is small."""
        return (replace(request, window=whole(self.inputs[0].description.grid)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The columns chosen."""
        assert inputs[0] is not None
        window: Window = request.window
        columns = list(self.places[window.x : window.x + window.width])
        return Block(tuple(p.with_values(lambda a: a[..., columns]) for p in inputs[0].bands))
