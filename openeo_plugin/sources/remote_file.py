"""GeoTIFFs that lie outside: GDAL reads them through a file-like object whose reads are range requests of the one
egress client. GDAL itself never sees an address.
"""

from __future__ import annotations

import contextvars
import io
import logging
import re
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import rasterio

from openeo_plugin.egress.client import Answer, Egress
from openeo_plugin.egress.policy import EgressError, UnreachableError

_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")
PREFIX = "egress:"
BLOCK_BYTES = 2**17
MAX_CACHED_BYTES = 2**26
MAX_REQUEST_BYTES = 2**24
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RemoteReference(str):
    """The path of a layer that lies outside: `egress:` and its address, with the client that may fetch it.

    It takes the place of the `href` in an item in memory; a text that merely looks like it opens nothing.
    """

    __slots__ = ("egress",)
    egress: Egress

    def __new__(cls, url: str, egress: Egress) -> RemoteReference:
        """A text with a client."""
        self = super().__new__(cls, url if url.startswith(PREFIX) else PREFIX + url)
        self.egress = egress
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteReference, (str(self), self.egress)

    @property
    def url(self) -> str:
        """The address."""
        return self.removeprefix(PREFIX)


class _Blocks:
    """Parts of remote files, kept in memory up to a limit. Safe in threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str, int]) -> bytes | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[str, str, int], block: bytes) -> None:
        with self._lock:
            replaced = self._kept.pop(key, b"")
            self._kept[key] = block
            self._size += len(block) - len(replaced)
            while self._size > MAX_CACHED_BYTES:
                self._size -= len(self._kept.popitem(last=False)[1])


_BLOCKS = _Blocks()


class RemoteFile:
    """A file behind an address, read in blocks by range requests. Safe in threads.

    Raises: EgressError, when it is made and when it is read.
    """

    def __init__(self, reference: RemoteReference) -> None:
        self.name = reference.url.partition("?")[0].rpartition("/")[2] or "file"
        self._reference = reference
        first = self._asked(0, BLOCK_BYTES)
        self._version = _version(first)
        self._whole = None if first.status == 206 else first.body  # no range requests: this is all of it
        if self._whole is None:
            _BLOCKS.put(self._key(0), first.body)
        self.size_bytes = _size_told(first) if self._whole is None else len(first.body)

    def part(self, start: int, stop: int) -> bytes:
        """The bytes of [start, stop), within the file."""
        if self._whole is not None:
            return self._whole[start:stop]
        if stop <= start:
            return b""
        blocks = self._blocks(start // BLOCK_BYTES, (stop - 1) // BLOCK_BYTES)
        skipped = start % BLOCK_BYTES
        return b"".join(blocks)[skipped : skipped + stop - start]

    def _blocks(self, first: int, last: int) -> list[bytes]:
        """Blocks by number, both ends included; neighbours that are missing are asked for together."""
        found = {number: _BLOCKS.get(self._key(number)) for number in range(first, last + 1)}
        missing = [number for number, block in found.items() if block is None]
        while missing:
            run = [n for i, n in enumerate(missing) if n == missing[0] + i][: MAX_REQUEST_BYTES // BLOCK_BYTES]
            found |= self._fetched(run[0], run[-1])
            missing = missing[len(run) :]
        return [block for block in found.values() if block is not None]

    def _key(self, number: int) -> tuple[str, str, int]:
        return self._reference, self._version, number

    def _fetched(self, first: int, last: int) -> dict[int, bytes | None]:
        start, stop = first * BLOCK_BYTES, min((last + 1) * BLOCK_BYTES, self.size_bytes)
        answer = self._asked(start, stop)
        if answer.status != 206 or _version(answer) != self._version or len(answer.body) != stop - start:
            raise UnreachableError(f"{self.name} changed while it was read")
        blocks: dict[int, bytes | None] = {}
        for number in range(first, last + 1):
            block = answer.body[(number - first) * BLOCK_BYTES : (number - first + 1) * BLOCK_BYTES]
            _BLOCKS.put(self._key(number), block)
            blocks[number] = block
        return blocks

    def _asked(self, start: int, stop: int) -> Answer:
        return self._reference.egress.fetch(self._reference.url, headers={"Range": f"bytes={start}-{stop - 1}"})


def _version(answer: Answer) -> str:
    return answer.headers.get("etag") or answer.headers.get("last-modified") or ""


def _size_told(answer: Answer) -> int:
    told = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    if told is None or int(told[1]) != 0 or int(told[2]) + 1 != len(answer.body) or int(told[3]) < len(answer.body):
        raise UnreachableError("the server's answer to a range request is not valid")
    return int(told[3])


class _Cursor(io.RawIOBase):
    """A place in a remote file: what GDAL holds. What can't be fetched reads as nothing, which GDAL reports."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file = file
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        end = self._file.size_bytes
        stop = end if size is None or size < 0 else min(end, self._position + size)
        try:
            found = self._file.part(self._position, stop)
        except EgressError as error:
            _LOG.warning("%s can't be read on: %s", self._file.name, error)
            return b""
        self._position += len(found)
        return found


class RemoteDataset:
    """An open remote GeoTIFF. To be used by one thread at a time.

    rasterio keeps what belongs to such a file in a context variable; so the dataset lives in a context of its own.

    Raises: RasterioError; OSError with a sentence, if the file can't be fetched.
    """

    def __init__(self, reference: RemoteReference, **options: Any) -> None:
        try:
            file = RemoteFile(reference)
        except EgressError as error:
            raise OSError(str(error)) from error
        self._context = contextvars.copy_context()
        self.reader: rasterio.DatasetReader = self._context.run(_opened, file, options)
        self._finish = weakref.finalize(self, _close, self._context, self.reader)  # also before Python ends

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Of the bands, in order."""
        return self.reader.dtypes

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.reader.shape

    def read(self, *arguments: Any, **options: Any) -> Any:
        """Pixels, as `rasterio.DatasetReader.read` gives them."""
        return self._context.run(self.reader.read, *arguments, **options)

    def run(self, function: Callable[[rasterio.DatasetReader], Result]) -> Result:
        """What a function makes of the open dataset."""
        return self._context.run(function, self.reader)

    def close(self) -> None:
        """Close it."""
        self._finish()


def _close(context: contextvars.Context, reader: rasterio.DatasetReader) -> None:
    context.run(reader.close)


def _opened(file: RemoteFile, options: dict[str, Any]) -> rasterio.DatasetReader:
    place = f"{uuid.uuid4().hex}.tif"
    cursors: list[_Cursor] = []  # GDAL holds no reference of its own

    def opener(path: str, mode: str = "rb") -> _Cursor:
        if path != place:
            raise FileNotFoundError(path)  # side-car files are not looked for
        cursors.append(_Cursor(file))
        return cursors[-1]

    return rasterio.open(place, opener=opener, driver="GTiff", sharing=False, **options)
