"""Where bytes wait until a file can be put together: nameless files that vanish with the process, however it ends."""

from __future__ import annotations

import os
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.errors import OpenEOError

_COPY_BYTES = 8 * 2**20


@contextmanager
def storage_failures() -> Iterator[None]:
    """Turns an OSError (disk full, folder gone) into StorageFailure, without paths."""
    try:
        yield
    except OSError as error:
        raise OpenEOError("StorageFailure", reason=error.strerror or type(error).__name__) from error


def require_room(folder: Path, size_bytes: int) -> None:
    """Find out whether so much can be written to a folder, where the system can tell without writing.

    Raises: OSError.
    """
    if hasattr(os, "posix_fallocate"):
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size_bytes)


class PartFile:
    """An append-only file without a name. Many threads append at once; places are handed out under a lock.

    It is there once the first byte is reserved, not before.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._closed = False
        self._end = 0
        self._lock = threading.Lock()

    def append(self, pieces: Sequence[bytes | memoryview]) -> int:
        """Write pieces one after the other; returns the offset of the first."""
        data = b"".join(pieces)
        offset = self.reserve(len(data))
        self.write_at(offset, data)
        return offset

    def reserve(self, size_bytes: int) -> int:
        """The offset of a stretch that nobody else gets."""
        with self._lock:
            if self._closed:
                raise ValueError("The writer is closed.")
            if self._file is None:
                with storage_failures():
                    self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            offset = self._end
            self._end += size_bytes
        return offset

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write at a reserved place."""
        view = memoryview(data).cast("B")
        with storage_failures():
            while view:
                written = os.pwrite(self._descriptor(), view, offset)
                view, offset = view[written:], offset + written

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """Bytes that were written before."""
        with storage_failures():
            return os.pread(self._descriptor(), size_bytes, offset)

    def stretch(self, offset: int, size_bytes: int) -> Iterator[bytes]:
        """A long stretch in pieces that fit in memory."""
        end = offset + size_bytes
        while offset < end:
            piece = self.read_at(offset, min(_COPY_BYTES, end - offset))
            yield piece
            offset += len(piece)

    def close(self) -> None:
        """Free the space; harmless if done already."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()

    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file.fileno()


@dataclass(frozen=True)
class Kept:
    """An array that waits: in memory, or in a slot of the file."""

    shape: tuple[int, int]
    array: Array | None = None
    slot: int = -1


class WaitingTiles:
    """Quarter tiles that wait for their siblings: the first few in memory, the others on disk.

    So the memory of a writer depends neither on the width of the grid nor on the number of bands and labels.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], dtype: np.dtype[np.generic], memory_bytes: int) -> None:
        self._dtype = dtype
        self._slot_bytes = shape[0] * shape[1] * dtype.itemsize
        self._room = memory_bytes // self._slot_bytes
        self._free: list[int] = []
        self._file = PartFile(folder)
        self._lock = threading.Lock()

    def keep(self, array: Array) -> Kept:
        """Put an array (rows, columns) aside."""
        shape = (array.shape[0], array.shape[1])
        with self._lock:
            if self._room > 0:
                self._room -= 1
                return Kept(shape, array)
            slot = self._free.pop() if self._free else self._file.reserve(self._slot_bytes)
        self._file.write_at(slot, np.ascontiguousarray(array).tobytes())
        return Kept(shape, slot=slot)

    def take(self, kept: Kept) -> Array:
        """Take an array back; once."""
        if kept.array is not None:
            with self._lock:
                self._room += 1
            return kept.array
        data = self._file.read_at(kept.slot, kept.shape[0] * kept.shape[1] * self._dtype.itemsize)
        with self._lock:
            self._free.append(kept.slot)
        return np.frombuffer(data, self._dtype).reshape(kept.shape)

    def close(self) -> None:
        """Free the space."""
        self._file.close()


class NewFiles:
    """Files that are written under hidden names and appear together once all are whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hidden: dict[Path, Path] = {}

    def path_for(self, name: str) -> Path:
        """The hidden path at which the file `name` is to be written."""
        hidden = self._folder / f".{uuid.uuid4().hex}.part"
        self._hidden[self._folder / name] = hidden
        return hidden

    def reveal(self) -> None:
        """Give all files their names; one of the same name is replaced."""
        with storage_failures():
            for target in list(self._hidden):
                self._hidden.pop(target).replace(target)

    def discard(self) -> None:
        """Delete what has not been revealed."""
        for hidden in self._hidden.values():
            hidden.unlink(missing_ok=True)
        self._hidden.clear()
