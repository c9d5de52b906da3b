"""The directory of a tiled TIFF: where its blocks lie and how they are packed.

It knows the usual cases only. For all others `read_layout` gives None, and the file is left to GDAL.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array

NO_COMPRESSION, DEFLATE, OLD_DEFLATE, ZSTD = 1, 8, 32946, 50000
NO_PREDICTOR, DIFFERENCES, FLOAT_BYTES = 1, 2, 3

_MAX_ENTRIES = 1024
_MAX_BLOCKS = 1 << 21
_MAX_BLOCK_BYTES = 1 << 26
_NUMBERS: dict[int, np.dtype[Any]] = {
    3: np.dtype("<u2"),
    4: np.dtype("<u4"),
    13: np.dtype("<u4"),
    16: np.dtype("<u8"),
    18: np.dtype("<u8"),
}
_KINDS = {1: "u", 2: "i", 3: "f"}
_SIZES = {"u": (8, 16, 32, 64), "i": (8, 16, 32, 64), "f": (32, 64)}

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _FILL_ORDER, _SAMPLES, _PLANAR = 256, 257, 258, 259, 266, 277, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _SAMPLE_FORMAT = 317, 322, 323, 324, 325, 339
_DEFAULTS = {_BITS: 1, _COMPRESSION: 1, _FILL_ORDER: 1, _SAMPLES: 1, _PLANAR: 1, _PREDICTOR: 1, _SAMPLE_FORMAT: 1}

ReadAt = Callable[[int, int], bytes]
"""(offset, how many bytes) -> the bytes; fewer at the end of the file."""


@dataclass(frozen=True)
class TiffLayout:
    """Blocks of one raster, each of one band.

    Args:
        shape, block: (rows, columns) of the raster and of a block. Blocks at the edge are as large as the others.
        dtype: of the values, little-endian.
        compression, predictor: codes of TIFF.
        offsets, counts: int64 (bands, blocks down, blocks across), bytes in the file; a count of 0 is a gap.
    """

    shape: tuple[int, int]
    block: tuple[int, int]
    dtype: np.dtype[Any]
    compression: int
    predictor: int
    offsets: Array
    counts: Array


def read_layout(read_at: ReadAt, directory: int) -> TiffLayout | None:
    """The layout of the raster whose directory stands at an offset; None if it is not one of the usual.

    Raises: OSError.
    """
    try:
        return _layout(_Tags(read_at, directory))
    except (_UnusualError, struct.error, ValueError, OverflowError):  # the last: a place that no file reaches
        return None


class _UnusualError(Exception):
    """Left to GDAL."""


class _Tags:
    """The numbers of a directory."""

    def __init__(self, read_at: ReadAt, directory: int) -> None:
        self._read_at = read_at
        order, version = struct.unpack("<2sH", read_at(0, 4))
        if order != b"II" or version not in (42, 43):
            raise _UnusualError
        self._pointer = "<I" if version == 42 else "<Q"
        self._entries = self._found(directory, "<H" if version == 42 else "<Q")

    def _found(self, directory: int, count_format: str) -> Mapping[int, tuple[int, int, bytes]]:
        """Of each tag the type, how many numbers there are, and its last field: them, or where they are."""
        size = struct.calcsize(count_format)
        (count,) = struct.unpack(count_format, self._read_at(directory, size))
        if count > _MAX_ENTRIES:
            raise _UnusualError
        entry = struct.Struct(f"<HH{self._pointer[1]}{struct.calcsize(self._pointer)}s")
        table = self._read_at(directory + size, count * entry.size)
        return {tag: (kind, number, field) for tag, kind, number, field in entry.iter_unpack(table)}

    def numbers(self, tag: int, most: int) -> Array:
        """int64 of a tag, or its default; at most so many."""
        if tag not in self._entries and tag in _DEFAULTS:
            return np.array([_DEFAULTS[tag]], np.int64)
        kind, count, field = self._entries.get(tag, (0, 0, b""))
        dtype = _NUMBERS.get(kind)
        if dtype is None or not 0 < count <= most:
            raise _UnusualError
        size = count * dtype.itemsize
        data = field[:size] if size <= len(field) else self._read_at(struct.unpack(self._pointer, field)[0], size)
        return np.frombuffer(data, dtype, count).astype(np.int64)

    def number(self, tag: int) -> int:
        """The one number of a tag that may be repeated for every band."""
        found = self.numbers(tag, 1 << 16)
        if (found != found[0]).any():
            raise _UnusualError
        return int(found[0])


def _layout(tags: _Tags) -> TiffLayout:
    shape = tags.number(_HEIGHT), tags.number(_WIDTH)
    block = tags.number(_TILE_HEIGHT), tags.number(_TILE_WIDTH)
    dtype = _dtype(tags)
    planes = tags.number(_SAMPLES)
    if planes > 1 and tags.number(_PLANAR) != 2:  # bands of a pixel side by side
        raise _UnusualError
    if min(*shape, *block, planes) < 1 or block[0] * block[1] * dtype.itemsize > _MAX_BLOCK_BYTES:
        raise _UnusualError
    blocks = planes, -(-shape[0] // block[0]), -(-shape[1] // block[1])
    count = blocks[0] * blocks[1] * blocks[2]
    if count > _MAX_BLOCKS:
        raise _UnusualError
    compression, predictor = _packing(tags, dtype)
    offsets, counts = (tags.numbers(tag, count).reshape(blocks) for tag in (_OFFSETS, _COUNTS))
    if min(offsets.min(), counts.min()) < 0:
        raise _UnusualError
    return TiffLayout(shape, block, dtype, compression, predictor, offsets, counts)


def _dtype(tags: _Tags) -> np.dtype[Any]:
    kind, bits = _KINDS.get(tags.number(_SAMPLE_FORMAT)), tags.number(_BITS)
    if kind is None or bits not in _SIZES[kind] or tags.number(_FILL_ORDER) != 1:
        raise _UnusualError
    return np.dtype(f"{kind}{bits // 8}")


def _packing(tags: _Tags, dtype: np.dtype[Any]) -> tuple[int, int]:
    compression = tags.number(_COMPRESSION)
    if compression not in (NO_COMPRESSION, DEFLATE, OLD_DEFLATE, ZSTD):
        raise _UnusualError
    predictor = tags.number(_PREDICTOR) if compression != NO_COMPRESSION else NO_PREDICTOR
    if predictor not in (NO_PREDICTOR, DIFFERENCES, FLOAT_BYTES) or (predictor == FLOAT_BYTES and dtype.kind != "f"):
        raise _UnusualError
    return compression, predictor
