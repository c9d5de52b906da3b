"""The pixels of a part of a cube, also across the antimeridian of a grid in degrees."""

from __future__ import annotations

from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.plan import Plan
from openeo_plugin.ogcapi.coverage import Part
from services.turn import beside, pieces_of
from services.visit import current_context


def read_part(plan: Plan, part: Part, grid: Grid | None = None) -> Block:
    """All bands and labels of a part.

    Args:
        grid: pixels of the part; all of them by default.
    Raises: Canceled, when the client has left; what reading raises.
    """
    wanted = part.grid if grid is None else grid
    pieces = pieces_of(wanted, part.description.grid) if part.goes_on else (wanted,)
    context = current_context()
    return beside(
        [plan.read(piece, bands=part.bands, labels=part.labels, exact=True, context=context) for piece in pieces]
    )
