"""The seam between a run and other machines: windows may be computed elsewhere, ahead of being used here."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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


@dataclass(frozen=True)
class FoldWork:
    """A barrier, of whose windows the partials are wanted.

    Args:
        number: of the barrier among those of the run, in the order of `barriers_below`.
        count: how many windows it has.
        input: what is folded.
        places: of the windows that are wanted.
    """

    number: int
    count: int
    input: Operator
    places: Sequence[int]


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

    def partials(self, work: FoldWork, context: RunContext) -> Generator[int]:
        """The places of a barrier's windows, as `windows` gives windows: in any order, when a partial may be taken."""
        ...

    def take_partial(self, number: int, place: int) -> Any | None:
        """The partial of a window of a barrier, once; None if it has to be computed here."""
        ...

    def put_fold(self, number: int, value: Any) -> None:
        """Hand out what a barrier has come to: windows that need it are only asked for afterwards."""
        ...
