"""The body of an answer, read with a limit on what comes over the wire and on what it becomes."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from openeo_plugin.egress.policy import UnreachableError

CHUNK_BYTES = 2**16
_ALWAYS_ALLOWED_BYTES = 2**20  # below this a ratio says nothing


def read_body(read: Callable[[int], bytes], encoding: str, max_bytes: int, max_ratio: int) -> bytes:
    """All bytes of a body, decoded.

    Args:
        read: gives at most so many bytes, none at the end.
        encoding: of the header Content-Encoding; "" for none.
    Raises: UnreachableError, if the body is larger than allowed, or can't be decoded.
    """
    decoder = _decoder(encoding)
    body = bytearray()
    received = 0
    while chunk := read(CHUNK_BYTES):
        received += len(chunk)
        if received > max_bytes:
            raise too_large(max_bytes)
        if decoder is None:
            body += chunk
            continue
        body += _inflated(decoder, chunk, max_bytes - len(body))
        if len(body) > max(_ALWAYS_ALLOWED_BYTES, received * max_ratio):
            raise UnreachableError("the answer is compressed more than is allowed")
    if decoder is not None and not decoder.eof:
        raise UnreachableError("the answer is cut short")
    return bytes(body)


def too_large(max_bytes: int) -> UnreachableError:
    """The answer is larger than allowed."""
    return UnreachableError(f"the answer is larger than {max_bytes} bytes")


def _decoder(encoding: str) -> zlib._Decompress | None:
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(32 + zlib.MAX_WBITS)
    raise UnreachableError("the answer is encoded in a way that was not asked for")


def _inflated(decoder: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    try:
        found = decoder.decompress(chunk, room + 1)
    except zlib.error:
        raise UnreachableError("the answer can't be decoded") from None
    if len(found) > room:
        raise UnreachableError("the answer is larger than allowed")
    return found
