"""The head of a cloud-optimised TIFF: everything before its first tile.

Layout, as the GDAL COG driver writes it: header, a note on the structure ("ghost area"), the directories (full
resolution first, then overviews by falling size), then the tiles: the smallest overview first, full resolution last,
each level row by row, bands one after the other. Every tile stands between its length and a copy of its last four
bytes, as the note says. Classic TIFF where 32-bit offsets suffice, BigTIFF otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openeo_plugin.cube.pixels import Array

SHORT, LONG, ASCII, DOUBLE, LONG8 = 3, 4, 2, 12, 16
_NUMPY = {SHORT: "<u2", LONG: "<u4", DOUBLE: "<f8", LONG8: "<u8"}

_NOTE = (
    "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n{interleave}KNOWN_INCOMPATIBLE_EDITION=NO\n "
)

# How much each tile grows: four bytes before it, four after.
LEADER_BYTES = TRAILER_BYTES = 4


@dataclass(frozen=True)
class Tag:
    """One entry of a directory: values as text (ASCII) or as numbers."""

    code: int
    type: int
    value: str | Sequence[int] | Sequence[float] | Array

    def encoded(self) -> tuple[int, bytes]:
        """(count, bytes)."""
        if isinstance(self.value, str):
            data = self.value.encode() + b"\0"
            return len(data), data
        numbers = np.asarray(self.value, _NUMPY[self.type])
        return numbers.size, numbers.tobytes()


def framed(tile: bytes | memoryview) -> tuple[bytes, bytes | memoryview, bytes]:
    """A tile with its leader and trailer."""
    return struct.pack("<I", len(tile)), tile, bytes(tile[-4:])


def head(directories: Sequence[Sequence[Tag]], *, bands: int, big: bool) -> bytes:
    """The bytes before the first tile. Their number depends on counts only, not on offsets."""
    note = _NOTE.format(interleave="INTERLEAVE=BAND\n" if bands > 1 else "")
    ghost = f"GDAL_STRUCTURAL_METADATA_SIZE={len(note):06d} bytes\n{note}".encode()
    start = 16 if big else 8
    first = start + len(ghost) + len(ghost) % 2
    out = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if big else struct.pack("<2sHI", b"II", 42, first)
    out += ghost.ljust(first - start, b"\0")
    for number, tags in enumerate(directories):
        out += _directory(sorted(tags, key=lambda tag: tag.code), len(out), big, last=number + 1 == len(directories))
    return out


def _directory(tags: Sequence[Tag], offset: int, big: bool, *, last: bool) -> bytes:
    count_format, entry_format, pointer_format, inline = ("<Q", "<HHQ", "<Q", 8) if big else ("<H", "<HHI", "<I", 4)
    entry_size = struct.calcsize(entry_format) + inline
    end = offset + struct.calcsize(count_format) + len(tags) * entry_size + inline
    entries, outside = [struct.pack(count_format, len(tags))], b""
    for tag in tags:
        count, data = tag.encoded()
        entries.append(struct.pack(entry_format, tag.code, tag.type, count))
        if len(data) <= inline:
            entries.append(data.ljust(inline, b"\0"))
        else:
            entries.append(struct.pack(pointer_format, end + len(outside)))
            outside += data + b"\0" * (-len(data) % 8)
    following = 0 if last else end + len(outside)
    return b"".join([*entries, struct.pack(pointer_format, following), outside])
