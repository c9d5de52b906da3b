"""Files of what has been computed of a plan: the windows that were kept, and null elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, null_pixels
from openeo_plugin.driver.cluster_task import fingerprint
from openeo_plugin.driver.saved_results import computed_operators, operator_of, result_name, saved_results
from openeo_plugin.engine.kept_windows import KeptPlace, is_of_plan, kept_places, read_blocks
from openeo_plugin.engine.plan import Plan, SavedCube
from openeo_plugin.engine.run import places_by_grid
from openeo_plugin.engine.window import cut
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.format import Writer
from openeo_plugin.formats.notes import with_notes
from openeo_plugin.formats.registry import format_named

_GAP_PX = 1024


@dataclass(frozen=True)
class PartialFiles:
    """What there is of a result.

    covered: share of the pixels of its grid that each file holds, from 0 to 1, by the name of the file.
    """

    assets: tuple[Asset, ...] = ()
    covered: dict[str, float] = field(default_factory=dict)


def plan_mark(plan: Plan) -> str:
    """Tells the windows of this plan from those of another."""
    return fingerprint(computed_operators(plan))


def write_partial(plan: Plan, kept: Path, folder: Path) -> PartialFiles:
    """Write what was kept of a plan's cubes; vector cubes and values are left out.

    Bands may hold null here, whatever the whole result may hold; so whole numbers without nodata get a larger type.

    Args:
        kept: folder of the windows.
        folder: of the files, which are there when this returns, and not before; they are marked as partial.
    Raises: OpenEOError, such as StorageFailure; nothing is left behind then.
    """
    if not is_of_plan(kept, plan_mark(plan)):
        return PartialFiles()
    places = kept_places(kept)
    made: dict[int, tuple[list[Asset], float]] = {}
    for number, group in enumerate(_groups(plan)):
        made |= _Group(number, tuple(group), kept, folder).written([p for p in places if p.group == number])
    assets = [asset for place in sorted(made) for asset in made[place][0]]
    covered = {asset.path.name: share for own, share in made.values() for asset in own}
    return PartialFiles(tuple(assets), covered)


@dataclass(frozen=True)
class _Member:
    """A cube of a group: its place among the results and among the blocks of a window; `name` of its files."""

    saved: SavedCube
    place: int
    block: int
    name: str

    @property
    def description(self) -> CubeDescription:
        description = self.saved.operator.description
        return replace(description, bands=tuple(replace(band, nullable=True) for band in description.bands))


def _groups(plan: Plan) -> Iterator[list[_Member]]:
    """The cubes on each grid, in the order of the run that computed the windows."""
    saved = saved_results(plan)
    results = [place for place, one in enumerate(saved) if operator_of(one) is not None]
    for group in places_by_grid(computed_operators(plan)):
        members = []
        for block, operator in enumerate(group):
            one = saved[results[operator]]
            if isinstance(one, SavedCube):
                name = result_name(len(saved), results[operator])
                members.append(_Member(one, results[operator], block, name))
        yield members


@dataclass(frozen=True)
class _Group:
    number: int
    members: tuple[_Member, ...]
    kept: Path
    folder: Path

    def written(self, places: Sequence[KeptPlace]) -> dict[int, tuple[list[Asset], float]]:
        """Files and the share that they hold, by the place of the result."""
        if not self.members or not places:
            return {}
        grid = self.members[0].saved.operator.description.grid
        chosen, share = disjoint(places, grid)
        writers: list[Writer] = []
        made: dict[int, tuple[list[Asset], float]] = {}
        try:
            writers += [self._writer(member, share) for member in self.members]
            gaps = [place.window(grid) for place in chosen if not self._copied(place, grid, writers)]
            for window in [*gaps, *_gaps(chosen, grid, self._align(writers))]:
                for member, writer in zip(self.members, writers, strict=True):
                    writer.write(window, _nothing(member.description, window))
            for member, writer in zip(self.members, writers, strict=True):
                made[member.place] = (writer.finish(), share)
        except BaseException:
            for writer in writers:
                writer.abort()
            for assets, _ in made.values():
                for asset in assets:
                    asset.path.unlink(missing_ok=True)
            raise
        return made

    def _writer(self, member: _Member, share: float) -> Writer:
        prefix = f"partial_{member.saved.options.get('filename_prefix') or member.name}"[:100]
        options = {**member.saved.options, "filename_prefix": prefix}
        format_ = with_notes(format_named(member.saved.format), partial_notes(share))
        return format_.writer(member.description, self.folder, prefix, options)

    def _copied(self, place: KeptPlace, grid: Grid, writers: Sequence[Writer]) -> bool:
        """Whether a window could be read and was written."""
        blocks = read_blocks(self.kept, place.key)
        if blocks is None:
            return False
        for member, writer in zip(self.members, writers, strict=True):
            writer.write(place.window(grid), blocks[member.block])
        return True

    def _align(self, writers: Sequence[Writer]) -> tuple[int, int]:
        rows, columns = (np.lcm.reduce([writer.align[axis] for writer in writers]) for axis in (0, 1))
        return int(rows), int(columns)


def partial_notes(share: float) -> dict[str, str]:
    """What a partial file says of itself."""
    return {"partial": "yes", "partial_note": partial_note(share), "partial_covered": f"{share:.6f}"}


def partial_note(share: float) -> str:
    """The same in words."""
    return f"Partial result: {100 * share:.1f} % of the pixels are computed, all others are null."


def disjoint(places: Sequence[KeptPlace], grid: Grid) -> tuple[list[KeptPlace], float]:
    """Windows that don't overlap, the large ones first, and the share of the grid that they cover.

    Windows of attempts with other settings may lie across each other.
    """
    taken = _Taken(places, grid)
    chosen = [p for p in sorted(places, key=lambda p: -p.height * p.width) if taken.takes(p)]
    pixels = sum(place.height * place.width for place in chosen)
    return chosen, pixels / (grid.shape[0] * grid.shape[1])


class _Taken:
    """Which cells are taken, between all lines along which any of the windows is cut."""

    def __init__(self, places: Sequence[KeptPlace], grid: Grid) -> None:
        rows, columns = grid.shape
        self._rows = np.unique([0, rows, *(p.y for p in places), *(p.y + p.height for p in places)])
        self._columns = np.unique([0, columns, *(p.x for p in places), *(p.x + p.width for p in places)])
        self.cells: Array = np.zeros((len(self._rows) - 1, len(self._columns) - 1), bool)

    def takes(self, place: KeptPlace) -> bool:
        """Take the cells of a window, if none of them is taken yet."""
        top, bottom = np.searchsorted(self._rows, [place.y, place.y + place.height])
        left, right = np.searchsorted(self._columns, [place.x, place.x + place.width])
        cells = self.cells[top:bottom, left:right]
        if cells.any():
            return False
        cells[...] = True
        return True

    def free(self, grid: Grid) -> Iterator[Window]:
        """The cells that nothing took."""
        for row, column in np.argwhere(~self.cells).tolist():
            top, left = int(self._rows[row]), int(self._columns[column])
            bottom, right = int(self._rows[row + 1]), int(self._columns[column + 1])
            yield Window(grid, top, left, bottom - top, right - left)


def _gaps(chosen: Sequence[KeptPlace], grid: Grid, align: tuple[int, int]) -> Iterator[Window]:
    """What the windows leave out, in pieces of a bounded size."""
    taken = _Taken(chosen, grid)
    for place in chosen:
        taken.takes(place)
    rows, columns = (-(-_GAP_PX // step) * step for step in align)
    for window in taken.free(grid):
        yield from cut(window, (rows, columns))


def _nothing(description: CubeDescription, window: Window) -> Block:
    labels = [len(dimension.labels) for dimension in description.labelled]
    shape = (*labels, window.height, window.width)
    return Block(tuple(null_pixels(shape, band.dtype, band.nodata) for band in description.bands))
