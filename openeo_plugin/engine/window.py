"""The work of one window of a run: the blocks of all cubes on its grid, in parts where the whole is too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block, Mask, Pixels
from openeo_plugin.engine.operator import Operator, RunContext, everything
from openeo_plugin.engine.schedule import compute_all


def window_key(group: int, window: Window) -> str:
    """What a window of a group of cubes is called where its blocks are kept."""
    return f"{group}-{window.y}-{window.x}-{window.height}-{window.width}"


def compute_window(
    operators: Sequence[Operator], window: Window, part_px: tuple[int, int], context: RunContext
) -> list[Block]:
    """All bands and labels of a window, a block for each operator.

    Args:
        operators: on the grid of the window.
        part_px: at most so many (rows, columns) are computed at once.
    Raises: OpenEOError with the node at fault; Canceled.
    """
    parts = list(cut(window, part_px))
    made = [compute_all([(o, everything(o.description, part)) for o in operators], context) for part in parts]
    if len(parts) == 1:
        return made[0]
    return [assemble(window, parts, [own[i] for own in made]) for i in range(len(operators))]


def cut(window: Window, size: tuple[int, int]) -> Iterator[Window]:
    """The parts of a window, of at most so many rows and columns, row by row."""
    for y in range(0, window.height, size[0]):
        for x in range(0, window.width, size[1]):
            yield Window(
                window.grid,
                window.y + y,
                window.x + x,
                min(size[0], window.height - y),
                min(size[1], window.width - x),
            )


def assemble(window: Window, parts: Sequence[Window], blocks: Sequence[Block]) -> Block:
    """One block of the blocks of its parts."""
    bands = []
    for index in range(len(blocks[0].bands)):
        pieces = [block.bands[index].plain() for block in blocks]
        sentinel = pieces[0].nodata
        plain = all(p.mask is None and repr(p.nodata) == repr(sentinel) for p in pieces)
        dtype = np.result_type(*[p.values.dtype for p in pieces])
        shape = (*pieces[0].shape[:-2], *window.shape)
        values = np.empty(shape, dtype)
        null = None if plain else np.zeros(shape, bool)
        for part, piece in zip(parts, pieces, strict=True):
            y, x = part.y - window.y, part.x - window.x
            place = (..., slice(y, y + part.height), slice(x, x + part.width))
            values[place] = piece.values
            flags = None if null is None else piece.null()
            if null is not None and flags is not None:
                null[place] = flags
        bands.append(Pixels(values, sentinel) if null is None else Pixels(values, mask=Mask(null)))
    return Block(tuple(bands))
