"""What every face does that computes while its client waits: take turns, keep a deadline, hand out what came of it."""

from __future__ import annotations

import errno
import math
import os
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.processes.effort import watched

TAR = "application/x-tar"
AT_ONCE = 16

_WAIT_S = 2.0
_RETRY_AFTER_S = 5
_PLACES = threading.BoundedSemaphore(AT_ONCE)
_STORAGE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


@dataclass(frozen=True)
class OpenFile:
    """A file that was opened, whose folder may be gone. Whoever sends it closes it."""

    file: IO[bytes]
    name: str
    media_type: str

    @property
    def size_bytes(self) -> int:
        """Of the whole file."""
        return os.fstat(self.file.fileno()).st_size


@contextmanager
def turn() -> Iterator[None]:
    """Hold one of the few places of this process. Raises: TooManyRequests, if none becomes free in time."""
    if not _PLACES.acquire(timeout=_WAIT_S):
        raise OpenEOError("TooManyRequests", retry_after_s=_RETRY_AFTER_S)
    try:
        yield
    finally:
        _PLACES.release()


@contextmanager
def deadline(limit_s: float) -> Iterator[RunContext]:
    """A context that is canceled after a time.

    Raises: RequestTimeout, if the run was stopped; StorageFailure, if its files could not be written.
    """
    context = RunContext()
    alarm = threading.Timer(limit_s, context.cancel.set)
    alarm.daemon = True
    alarm.start()
    try:
        with watched(context.check):
            yield context
    except Canceled:
        raise OpenEOError("RequestTimeout", limit_s=f"{limit_s:g}") from None
    except OSError as error:
        if error.errno not in _STORAGE_ERRORS:
            raise
        raise OpenEOError("StorageFailure", reason=f"{error.strerror or type(error).__name__}.") from error
    finally:
        alarm.cancel()


def refuse_large(bytes_read: int, limit_bytes: int, advice: str) -> None:
    """Raises: ProcessGraphComplexity with the advice, if more than the limit would be read."""
    if bytes_read > limit_bytes:
        reason = f"it would read about {bytes_read:,} bytes; synchronous requests may read {limit_bytes:,}. {advice}"
        raise OpenEOError("ProcessGraphComplexity", reason=reason)


def opened(assets: Sequence[Asset], folder: Path) -> OpenFile:
    """The file of a run, or its files as a TAR made in `folder`. Raises: NoDataAvailable, if there is none."""
    if not assets:
        raise OpenEOError("NoDataAvailable")
    if len(assets) == 1:
        return OpenFile(assets[0].path.open("rb"), assets[0].path.name, assets[0].media_type)
    archive = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed when the answer has been sent
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for asset in assets:
            tar.add(asset.path, arcname=asset.path.name)
    archive.seek(0)
    return OpenFile(archive, "result.tar", TAR)


def json_value(value: Any) -> Any:
    """A result as JSON knows it: NaN and infinities, which it does not, become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    if hasattr(value, "tolist"):
        return json_value(value.tolist())
    return value
