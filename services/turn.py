"""Grids in degrees go around the earth: what lies east of their edge is found a turn to the west."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.engine.operator import RunContext
from services.readable import Readable, Selection

TURN = 360.0  # degrees
_TOLERANCE_PX = 1e-4


def turned(west: float, east: float, grid: Grid) -> tuple[float, float, bool]:
    """Longitudes in the turn of the earth that a grid is in, and whether they go on at the grid's west.

    `west > east` crosses the antimeridian. `east` lies beyond the grid only if they go on.
    """
    left, right = grid.boundingbox.left, grid.boundingbox.right
    east += TURN if west > east else 0.0
    turns = [turn for turn in (0.0, TURN, -TURN) if west + turn < right and east + turn > left]
    if not turns:
        return west, east, False
    turn = next((turn for turn in turns if west + turn >= left), turns[0])
    west, east = west + turn, east + turn
    goes_on = east > right and east - TURN > left
    return west, (east if goes_on else min(east, right)), goes_on


def widened(grid: Grid) -> Grid | None:
    """A grid of degrees with one more turn to the east; None where a turn is no whole number of its pixels."""
    columns, affine = TURN / grid.affine.a, grid.affine
    if abs(columns - round(columns)) > _TOLERANCE_PX or affine.b or affine.d:
        return None
    return GeoBox((grid.shape[0], grid.shape[1] + round(columns)), affine, grid.crs)


def pieces_of(wanted: GeoBox, grid: Grid) -> tuple[GeoBox, ...]:
    """Pixels of a grid in degrees, and of what lies a turn to its east, where the grid has them, from west to east."""
    affine, columns = wanted.affine, wanted.shape[1]
    edge = grid.boundingbox.left + TURN
    there = min(max(math.ceil((edge - affine.c) / affine.a - 0.5), 0), columns)
    west, east = wanted[:, :there], GeoBox(wanted.shape, Affine.translation(-TURN, 0) @ affine, wanted.crs)[:, there:]
    return tuple(piece for piece in (west, east) if piece.shape[1])


def beside(blocks: Sequence[Block]) -> Block:
    """Blocks of the same bands as one, from west to east."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(tuple(map(_joined, zip(*(block.bands for block in blocks), strict=True))))


@dataclass(frozen=True)
class AroundTheEarth:
    """A plan in degrees whose grid goes on east of its edge; it is read on grids in degrees only."""

    plan: Readable

    @property
    def description(self) -> CubeDescription | None:
        """Of the plan."""
        return self.plan.description

    @property
    def collections(self) -> tuple[str, ...]:
        """Of the plan."""
        return self.plan.collections

    def read(
        self,
        geobox: GeoBox,
        *,
        bands: Sequence[int] | None = None,
        labels: Selection | None = None,
        context: RunContext | None = None,
    ) -> Block:
        """Pixels on a grid in degrees."""
        assert self.plan.description is not None
        pieces = pieces_of(geobox, self.plan.description.grid)
        return beside([self.plan.read(piece, bands=bands, labels=labels, context=context) for piece in pieces])


def _joined(pieces: Sequence[Pixels]) -> Pixels:
    plain = [piece.plain() for piece in pieces]
    values = np.concatenate([piece.values for piece in plain], -1)
    if all(piece.mask is None for piece in plain) and len({repr(piece.nodata) for piece in plain}) == 1:
        return Pixels(values, plain[0].nodata)
    return Pixels(values, mask=Mask(np.concatenate([_null(piece) for piece in plain], -1)))


def _null(pixels: Pixels) -> Array:
    null = pixels.null()
    return np.zeros(pixels.shape, bool) if null is None else null
