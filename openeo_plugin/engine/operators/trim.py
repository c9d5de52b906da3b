"""Where a cube has values at all: the fold behind trim_cube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array, Block, Pixels
from openeo_plugin.engine.barrier import Once, folded, window_requests
from openeo_plugin.engine.operator import Operator, Request, RunContext


@dataclass(frozen=True)
class Occupied:
    """What is not null.

    cells: bool (bands, *labelled dimensions): whether a plane has a value. rows, columns: bool, of the whole grid.
    """

    cells: Array
    rows: Array
    columns: Array


@dataclass(frozen=True, eq=False)
class OccupiedFold:
    """A barrier that finds where its input has values."""

    fold_input: Operator
    state: Once = field(default_factory=Once)

    @property
    def node(self) -> str:
        """Id of the node."""
        return self.fold_input.node

    def fold_requests(self) -> Sequence[Request]:
        """Every window once; null must be told from NaN."""
        return window_requests(self.fold_input, self.fold_input.description.block)

    def partial(self, request: Request, block: Block) -> Occupied:
        """Of one window."""
        found = np.stack([_valid(pixels) for pixels in block.bands])
        window, (rows, columns) = request.window, self.fold_input.description.grid.shape
        above, left = np.zeros(rows, bool), np.zeros(columns, bool)
        planes = tuple(range(found.ndim - 2))
        above[window.y : window.y + window.height] = found.any(axis=(*planes, found.ndim - 1))
        left[window.x : window.x + window.width] = found.any(axis=(*planes, found.ndim - 2))
        return Occupied(found.any(axis=(-2, -1)), above, left)

    def finish(self, partials: Sequence[Any]) -> Occupied:
        """Of the whole cube."""
        parts: Sequence[Occupied] = partials
        return Occupied(
            np.logical_or.reduce([p.cells for p in parts]),
            np.logical_or.reduce([p.rows for p in parts]),
            np.logical_or.reduce([p.columns for p in parts]),
        )


def _valid(pixels: Pixels) -> Array:
    null = pixels.null()
    return np.ones(pixels.shape, bool) if null is None else ~null


def occupied(cube: Operator, context: RunContext) -> Occupied:
    """Where a cube has values. Reads the whole cube, window by window."""
    found: Occupied = folded(OccupiedFold(cube), context)
    return found
