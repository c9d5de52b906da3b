"""Pixels of tiled TIFFs, block by block: half the time that GDAL needs for the same.

A block is decoded straight to where its pixels are wanted. Blocks of which a read takes just a part (halos, tiles) are
kept for a while, since the next read will want the rest.
"""

from __future__ import annotations

import itertools
import os
import threading
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.differences import add_up
from openeo_plugin.sources.tiff_directory import (
    DIFFERENCES,
    FLOAT_BYTES,
    NO_COMPRESSION,
    ZSTD,
    TiffLayout,
    read_layout,
)

MAX_OPEN = 192
KEPT_BYTES = 32 << 20  # of a process that reads every block once, as jobs do
_PIECE_BYTES = 1 << 20
_LOCAL = threading.local()
_SERIALS = itertools.count()

Rectangle = tuple[int, int, int, int]
"""(row, column, rows, columns)."""

Version = tuple[int, int, int]
"""Changes when a file is replaced."""


class UndecodableError(Exception):
    """A block is missing or can't be decoded here."""


class DamagedError(Exception):
    """The bytes of a block are not what was written. (GDAL may not notice: it need not look at their checksum.)"""


class TiffBlocks:
    """One raster of a file: the full resolution or an overview. Safe to use from many threads.

    version: of the file whose layout this is. Another one that has taken its place meanwhile is not read.
    """

    def __init__(self, path: str, layout: TiffLayout, version: Version) -> None:
        self.layout = layout
        self.version = version
        self._path = path
        self._serial = next(_SERIALS)

    def read(self, band: int, rectangle: Rectangle, out: Array) -> None:
        """Fill `out`, contiguous (rows, columns) of the layout's type, from a rectangle inside of the raster.

        band: index from 0.
        Raises: UndecodableError, DamagedError, `out` is undefined then; OSError.
        """
        row, column, rows, columns = rectangle
        height, width = self.layout.block
        is_whole = self._is_whole(rectangle)
        for down in range(row // height, -(-(row + rows) // height)):
            y = max(row, down * height)
            for across in range(column // width, -(-(column + columns) // width)):
                x = max(column, across * width)
                size = min(row + rows, (down + 1) * height) - y, min(column + columns, (across + 1) * width) - x
                part = (y - down * height, x - across * width, *size)
                place = band, down, across
                if is_whole:
                    self._decode(place, part, out, y - row, x - column)
                else:
                    block = self._block(place)
                    target = out[y - row : y - row + size[0], x - column : x - column + size[1]]
                    target[...] = block[part[0] : part[0] + size[0], part[1] : part[1] + size[1]]

    def _is_whole(self, rectangle: Rectangle) -> bool:
        """Whether a rectangle cuts no block."""
        ends = zip(rectangle[:2], rectangle[2:], self.layout.block, self.layout.shape, strict=True)
        return all(
            start % block == 0 and ((start + size) % block == 0 or start + size == whole)
            for start, size, block, whole in ends
        )

    def _block(self, place: tuple[int, int, int]) -> Array:
        """A whole block, kept for others."""
        key = (self._serial, *place)
        found = _KEPT.get(key)
        if found is None:
            found = np.empty(self.layout.block, self.layout.dtype)
            self._decode(place, (0, 0, *self.layout.block), found, 0, 0)
            _KEPT.put(key, found)
        return found

    def _decode(self, place: tuple[int, int, int], part: Rectangle, out: Array, y: int, x: int) -> None:
        """Decode a part of a block to (y, x) of `out`."""
        layout = self.layout
        values = self._unpacked(place)
        top, left, rows, columns = part
        if layout.predictor == DIFFERENCES:
            unsigned = np.dtype(f"u{layout.dtype.itemsize}")
            add_up(values.view(unsigned), top, left, out.view(unsigned), y, x, rows, columns)
            return
        if layout.predictor == FLOAT_BYTES:
            values = imagecodecs.floatpred_decode(values, axis=-1, out=_scratch("values", layout))
        out[y : y + rows, x : x + columns] = values[top : top + rows, left : left + columns]

    def _unpacked(self, place: tuple[int, int, int]) -> Array:
        """A decompressed block in this thread's scratch, (rows, columns)."""
        layout = self.layout
        target = _scratch("block", layout)
        size = int(layout.counts[place])
        if size == 0 or size > 2 * target.nbytes + 1024:
            raise UndecodableError
        offset = int(layout.offsets[place])
        view = memoryview(target).cast("B")
        if layout.compression == NO_COMPRESSION:
            if size < target.nbytes:
                raise UndecodableError
            self._fill(view, offset)
            return target
        packed = _packed_bytes(size)
        self._fill(packed, offset)
        decode = imagecodecs.zstd_decode if layout.compression == ZSTD else imagecodecs.deflate_decode
        try:
            made = decode(packed, out=view)
        except RuntimeError as error:
            if layout.compression != ZSTD:
                _require_sound(packed, target.nbytes)
            raise UndecodableError from error
        if len(made) != target.nbytes:
            raise UndecodableError
        return target

    def _fill(self, view: memoryview, offset: int) -> None:
        file = _FILES.opened(self._serial, self._path, self.version)  # held, so that it stays open
        if os.preadv(file.fileno(), [view], offset) != len(view):
            raise UndecodableError


def _require_sound(packed: Any, size_bytes: int) -> None:
    """Look at a block again, a piece at a time and not beyond its size: it may be made to fill the memory.

    Raises: DamagedError, if the bytes of a block don't make sense, or don't match their checksum.
    """
    stream, made, left = zlib.decompressobj(), 0, packed
    try:
        while left and not stream.eof and made <= size_bytes:
            made += len(stream.decompress(left, _PIECE_BYTES))
            left = stream.unconsumed_tail
    except zlib.error as error:
        raise DamagedError(f"a block is damaged ({str(error).rpartition(': ')[2]})") from error


def open_blocks(path: str, directory: int) -> TiffBlocks | None:
    """The raster whose directory stands at an offset of a file; None if it is not one that can be read here.

    Raises: OSError.
    """
    with Path(path).open("rb", buffering=0) as file:
        layout = read_layout(lambda offset, size: os.pread(file.fileno(), size, offset), directory)
        return None if layout is None else TiffBlocks(path, layout, version_of(os.fstat(file.fileno())))


def version_of(status: os.stat_result) -> Version:
    """Of the file that has this status."""
    return status.st_ino, status.st_mtime_ns, status.st_size


def keep_blocks(size_bytes: int) -> None:
    """How many bytes of blocks this process keeps, of which a read took just a part."""
    _KEPT.limit_bytes = size_bytes


def _scratch(name: str, layout: TiffLayout) -> Array:
    """This thread's buffer for a block."""
    key = name, layout.block, layout.dtype
    if _LOCAL.__dict__.get(name, (None, None))[0] != key:
        _LOCAL.__dict__[name] = key, np.empty(layout.block, layout.dtype)
    found: Array = _LOCAL.__dict__[name][1]
    return found


def _packed_bytes(size: int) -> memoryview:
    """This thread's buffer for compressed bytes."""
    held: bytearray | None = _LOCAL.__dict__.get("packed")
    if held is None or len(held) < size:
        held = _LOCAL.packed = bytearray(max(size, 1 << 17))
    return memoryview(held)[:size]


class _OpenFiles:
    """Files open for reading at any place. One that is closed stays open for those who hold it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[int, _OpenFile] = OrderedDict()

    def opened(self, serial: int, path: str, version: Version) -> _OpenFile:
        """Raises: UndecodableError, if another file is at the path by now; OSError."""
        with self._lock:
            found = self._files.get(serial)
            if found is not None:
                self._files.move_to_end(serial)
                return found
        opened = _OpenFile(path)
        if version_of(os.fstat(opened.fileno())) != version:
            raise UndecodableError
        with self._lock:
            found = self._files.setdefault(serial, opened)
            if len(self._files) > MAX_OPEN:
                self._files.popitem(last=False)
        return found


class _OpenFile:
    """Closes itself when nobody holds it any more."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._descriptor

    def __del__(self) -> None:
        descriptor, self._descriptor = getattr(self, "_descriptor", -1), -1
        if descriptor >= 0:
            os.close(descriptor)


class _KeptBlocks:
    """The blocks that were used last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.limit_bytes = KEPT_BYTES
        self._blocks: OrderedDict[tuple[int, int, int, int], Array] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[int, int, int, int]) -> Array | None:
        with self._lock:
            found = self._blocks.get(key)
            if found is not None:
                self._blocks.move_to_end(key)
            return found

    def put(self, key: tuple[int, int, int, int], block: Array) -> None:
        if block.nbytes > self.limit_bytes // 4:
            return
        with self._lock:
            if key not in self._blocks:
                self._size += block.nbytes
            self._blocks[key] = block
            while self._size > self.limit_bytes:
                self._size -= self._blocks.popitem(last=False)[1].nbytes


_FILES = _OpenFiles()
_KEPT = _KeptBlocks()
