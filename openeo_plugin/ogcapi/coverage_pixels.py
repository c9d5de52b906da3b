"""The pixels of a part of a cube, also across the antimeridian of a grid in degrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.engine.plan import Plan
from openeo_plugin.ogcapi.coverage import Part
from services.visit import current_context


def read_part(plan: Plan, part: Part, grid: Grid | None = None) -> Block:
    """All bands and labels of a part.

    Args:
        grid: pixels of the part; all of them by default.
    Raises: Canceled, when the client has left; what reading raises.
    """
    wanted = part.grid if grid is None else grid
    pieces = [
        plan.read(piece, bands=part.bands, labels=part.labels, exact=True, context=current_context())
        for piece in part.pieces(wanted)
    ]
    if len(pieces) == 1:
        return pieces[0]
    return Block(tuple(map(_beside, zip(*(piece.bands for piece in pieces), strict=True))))


def _beside(pieces: Sequence[Pixels]) -> Pixels:
    """Pixels of one band, from west to east."""
    plain = [piece.plain() for piece in pieces]
    values = np.concatenate([piece.values for piece in plain], -1)
    if all(piece.mask is None for piece in plain) and len({repr(piece.nodata) for piece in plain}) == 1:
        return Pixels(values, plain[0].nodata)
    return Pixels(values, mask=Mask(np.concatenate([_null(piece) for piece in plain], -1)))


def _null(pixels: Pixels) -> Array:
    null = pixels.null()
    return np.zeros(pixels.shape, bool) if null is None else null
