"""The seam between a run and other machines: windows may be computed elsewhere, ahead of being written here."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.operator import Operator, RunContext


@dataclass(frozen=True)
class AheadWork:
    """Cubes on one grid, whose windows are wanted.

    Args:
        group: number of the grid among those of the run.
        operators: the cubes.
        places: of the operators among all that the run computes.
        part_px: at most so many (rows, columns) are computed at once.
        count: how many windows there are.
    """

    group: int
    operators: tuple[Operator, ...]
    places: tuple[int, ...]
    part_px: tuple[int, int]
    count: int


class Ahead(Protocol):
    """Computes windows elsewhere."""

    def windows(self, work: AheadWork, windows: Iterator[Window], context: RunContext) -> Generator[Window]:
        """The windows, in any order, each as soon as its blocks may be taken (or must be computed here after all).

        Closing the generator calls off what is under way. What `context.kept` has is not computed again.
        Raises: OpenEOError with the node at fault; Canceled.
        """
        ...

    def take(self, key: str) -> list[Block] | None:
        """The blocks of a window, once; None if they have to be computed here. Safe to call from many threads."""
        ...
