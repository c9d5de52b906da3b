"""Cloud-optimised GeoTIFFs that are written as windows arrive, in any order, from many threads.

Each thread encodes its own tiles and appends them to a part file; tiles that are not compressed have known places, and
are written there at once. An overview tile is made as soon as the four tiles
below it are there: while it waits for the others, a quarter is kept aside. At the end the tiles are copied once, in
order, behind the head. Memory depends neither on the extent nor on the number of bands and files.

Bands are stored one after the other (PlanarConfiguration 2): a reader of one band reads that band only.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.formats.cog_head import head_maker
from openeo_plugin.formats.cog_layout import CogLayout
from openeo_plugin.formats.halving import halved
from openeo_plugin.formats.part_file import Kept, PartFile, WaitingTiles, storage_failures
from openeo_plugin.formats.tiff import LEADER_BYTES, TRAILER_BYTES, framed

_WAITING_BYTES = 32 * 2**20
_CLASSIC_BYTES = 2**32 - 1


@dataclass(frozen=True)
class _Place:
    """A tile of one level of one band of one file."""

    level: int
    file: int
    band: int
    row: int
    column: int

    @property
    def parent(self) -> _Place:
        return _Place(self.level + 1, self.file, self.band, self.row // 2, self.column // 2)


class CogTiles:
    """The encoded tiles of `files` files of one layout. Safe to use from many threads."""

    def __init__(self, layout: CogLayout, files: int, folder: Path) -> None:
        self._layout = layout
        self._part = PartFile(folder)
        self._placed = PlacedTiles(layout, files, folder) if layout.codec.compress == "NONE" else None
        rows, columns = layout.tile
        self._waiting = WaitingTiles(folder, (rows // 2, columns // 2), layout.stored.dtype, _WAITING_BYTES)
        self._quarters: dict[_Place, dict[tuple[int, int], Kept]] = {}
        self._lock = threading.Lock()
        planes = (files, len(layout.bands))
        self._offsets = [np.zeros((*planes, *tiles), np.int64) for tiles in layout.tiles]
        self._counts = [np.zeros((*planes, *tiles), np.uint32) for tiles in layout.tiles]

    def put(self, file: int, band: int, row: int, column: int, values: Array) -> None:
        """Take one tile (rows, columns) of the full resolution; at the grid's edge it is smaller than the others.

        Encodes it, and every overview tile that becomes complete by it.
        """
        place: _Place | None = _Place(0, file, band, row, column)
        while place is not None:
            self._store(place, values)
            if place.level + 1 == len(self._layout.sizes):
                return
            half = halved(values, self._layout.stored, average=self._layout.averages(band))
            place, values = self._fold(place, half)

    def write(self, file: int, path: Path) -> None:
        """Put the tiles of one file, all of which must have come, behind its head.

        Raises: StorageFailure.
        """
        if self._placed is not None:
            self._placed.reveal(file, path)
            return
        start, moved = new_offsets(self._layout, [level[file].ravel().astype(np.int64) for level in self._counts])
        with storage_failures(), path.open("xb") as target:
            target.write(start)
            for level in reversed(range(len(moved))):
                for offset, size in _runs(self._offsets[level][file], self._counts[level][file]):
                    target.writelines(self._part.stretch(offset, size))

    def close(self) -> None:
        """Free the space; harmless if done already."""
        self._part.close()
        self._waiting.close()
        if self._placed is not None:
            self._placed.close()

    def _store(self, place: _Place, values: Array) -> None:
        if self._placed is not None:
            self._placed.put(place, self._padded(values))
            return
        pieces = framed(self._layout.codec.encode(self._padded(values)))
        where = (place.file, place.band, place.row, place.column)
        self._counts[place.level][where] = len(pieces[1])
        self._offsets[place.level][where] = self._part.append(pieces)

    def _padded(self, values: Array) -> Array:
        if values.shape == self._layout.tile:
            return np.ascontiguousarray(values)
        tile = np.full(self._layout.tile, self._layout.stored.fill, self._layout.stored.dtype)
        tile[: values.shape[0], : values.shape[1]] = values
        return tile

    def _fold(self, place: _Place, half: Array) -> tuple[_Place | None, Array]:
        """Keep a quarter of the parent; (parent, its values) if it was the last one missing."""
        parent = place.parent
        rows, columns = self._layout.tiles[place.level]
        needed = min(2, rows - 2 * parent.row) * min(2, columns - 2 * parent.column)
        mine = (place.row % 2, place.column % 2)
        kept = self._waiting.keep(half) if needed > 1 else Kept((half.shape[0], half.shape[1]), half)
        with self._lock:
            quarters = self._quarters.setdefault(parent, {})
            quarters[mine] = kept
            if len(quarters) < needed:
                return None, half
            del self._quarters[parent]
        if needed == 1:
            return parent, half
        return parent, self._assembled(parent, quarters)

    def _assembled(self, place: _Place, quarters: dict[tuple[int, int], Kept]) -> Array:
        rows, columns = self._layout.tile
        whole = self._layout.sizes[place.level]
        shape = min(rows, whole[0] - place.row * rows), min(columns, whole[1] - place.column * columns)
        out = np.empty(shape, self._layout.stored.dtype)
        for (down, right), kept in quarters.items():
            y, x = down * rows // 2, right * columns // 2
            out[y : y + kept.shape[0], x : x + kept.shape[1]] = self._waiting.take(kept)
        return out


class PlacedTiles:
    """Tiles without compression: the size of each is known, so each goes straight to its place in the final file."""

    def __init__(self, layout: CogLayout, files: int, folder: Path) -> None:
        rows, columns = layout.tile
        tile_bytes = rows * columns * layout.stored.dtype.itemsize
        planes = len(layout.bands)
        counts = [np.full(planes * down * across, tile_bytes, np.int64) for down, across in layout.tiles]
        self._head, moved = new_offsets(layout, counts)
        self._places = [o.reshape(planes, *tiles) for o, tiles in zip(moved, layout.tiles, strict=True)]
        self._folder = folder
        self._files: list[tuple[int, Path] | None] = [None] * files
        self._lock = threading.Lock()

    def put(self, place: _Place, tile: Array) -> None:
        """Write a whole tile at its place.

        Raises: StorageFailure.
        """
        descriptor = self._descriptor(place.file)
        leader, data, trailer = framed(memoryview(tile).cast("B"))
        offset = int(self._places[place.level][place.band, place.row, place.column]) - LEADER_BYTES
        with storage_failures():
            written = os.pwritev(descriptor, [leader, data, trailer], offset)
            if written < len(leader) + len(data) + len(trailer):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def reveal(self, file: int, path: Path) -> None:
        """Complete a file and give it a name.

        Raises: StorageFailure.
        """
        descriptor = self._descriptor(file)
        with storage_failures():
            os.pwrite(descriptor, self._head, 0)
            held = self._files[file]
            assert held is not None
            held[1].replace(path)

    def close(self) -> None:
        """Close all files, and delete those that have no name yet."""
        for held in self._files:
            if held is not None:
                os.close(held[0])
                held[1].unlink(missing_ok=True)
        self._files = [None] * len(self._files)

    def _descriptor(self, file: int) -> int:
        with self._lock:
            held = self._files[file]
            if held is None:
                with storage_failures():
                    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._folder)
                    os.fchmod(descriptor, 0o644)
                held = self._files[file] = (descriptor, Path(name))
            return held[0]


def new_offsets(layout: CogLayout, counts: Sequence[Array]) -> tuple[bytes, list[Array]]:
    """The head of a file, and per level the offset of every tile in it.

    counts: per level, full resolution first, the bytes of every tile, band by band, row by row.
    """
    framed_bytes = sum(int(c.sum()) + (LEADER_BYTES + TRAILER_BYTES) * c.size for c in counts)
    make = head_maker(layout, counts)
    big = len(make(counts, False)) + framed_bytes > _CLASSIC_BYTES
    position = len(make(counts, big))
    moved: list[Array] = [np.empty(0, np.int64)] * len(counts)
    for level in reversed(range(len(counts))):
        ends = position + np.cumsum(counts[level] + LEADER_BYTES + TRAILER_BYTES)
        moved[level] = ends - counts[level] - TRAILER_BYTES
        position = int(ends[-1])
    return make(moved, big), moved


def _runs(offsets: Array, counts: Array) -> Iterator[tuple[int, int]]:
    """(offset, bytes) of stretches of the part file that hold the tiles, framed, in order; neighbours are joined."""
    start, end = -1, -1
    for offset, count in zip(offsets.ravel().tolist(), counts.ravel().tolist(), strict=True):
        if offset != end:
            if end > start:
                yield start, end - start
            start = offset
        end = offset + LEADER_BYTES + count + TRAILER_BYTES
    yield start, end - start
