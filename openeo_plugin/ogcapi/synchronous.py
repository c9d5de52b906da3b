"""Synchronous processing: plan, refuse what is too large, run into a scratch folder, hand out the open file."""

from __future__ import annotations

import math
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset

if TYPE_CHECKING:
    from openeo_plugin.backend import Backend

JSON = "application/json"
TAR = "application/x-tar"

_AT_ONCE = threading.BoundedSemaphore(8)
_WAIT_S = 2.0
_RETRY_AFTER_S = 5


@dataclass(frozen=True)
class ValueOutput:
    """A process gave a JSON value."""

    value: Any
    media_type: str = JSON


@dataclass(frozen=True)
class FileOutput:
    """A process gave files: one as it is, several as a TAR. The file is open and has no name any more."""

    file: IO[bytes]
    media_type: str


Output = ValueOutput | FileOutput


def run_now(backend: Backend, process: dict[str, Any], user: str) -> Output:
    """Run a process and wait for it.

    Raises: OpenEOError: ProcessGraphComplexity for what would read too much, RequestTimeout, TooManyRequests.
    """
    if not _AT_ONCE.acquire(timeout=_WAIT_S):
        raise OpenEOError("TooManyRequests", retry_after_s=_RETRY_AFTER_S)
    try:
        return _output(backend, process, user)
    finally:
        _AT_ONCE.release()


def _output(backend: Backend, process: dict[str, Any], user: str) -> Output:
    with _deadline(backend.settings.sync_timeout_s) as context:
        plan = backend.driver.plan(process, user)
        plan.refuse_exports()
        if plan.description is None and not plan.results:
            return ValueOutput(_plain(plan.value))
        _refuse_large(plan.estimate().bytes_read, backend.settings.sync_max_bytes)
        with _scratch_folder(backend.settings.data_dir) as folder:
            return _packed(backend.driver.run(plan, folder, lambda _progress: None, context), folder)


def _refuse_large(bytes_read: int, limit_bytes: int) -> None:
    if bytes_read > limit_bytes:
        raise OpenEOError(
            "ProcessGraphComplexity",
            reason=f"it would read about {bytes_read:,} bytes, and synchronous requests may read {limit_bytes:,}. "
            "Ask for a job with `Prefer: respond-async`.",
        )


@contextmanager
def _deadline(limit_s: float) -> Iterator[RunContext]:
    """A context that is canceled after a time. Raises: RequestTimeout, if that stopped the run."""
    context = RunContext()
    alarm = threading.Timer(limit_s, context.cancel.set)
    alarm.daemon = True
    alarm.start()
    try:
        yield context
    except Canceled:
        raise OpenEOError("RequestTimeout", limit_s=f"{limit_s:g}") from None
    finally:
        alarm.cancel()


@contextmanager
def _scratch_folder(data_dir: Path) -> Iterator[Path]:
    """A folder that is gone afterwards; files opened in it can still be read."""
    parent = data_dir / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ogcapi-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _packed(assets: Sequence[Asset], folder: Path) -> FileOutput:
    if not assets:
        raise OpenEOError("NoDataAvailable")
    if len(assets) == 1:
        return FileOutput(assets[0].path.open("rb"), assets[0].media_type)
    archive = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed when the answer has been sent
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for asset in assets:
            tar.add(asset.path, arcname=asset.path.name)
    archive.seek(0)
    return FileOutput(archive, TAR)


def _plain(value: Any) -> Any:
    """A value as JSON knows it: numpy's types are gone, NaN and infinities are null."""
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
