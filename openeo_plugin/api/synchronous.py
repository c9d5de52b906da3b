"""Synchronous processing: plan, refuse what is too large, run in the web thread, stream, leave nothing behind."""

from __future__ import annotations

import math
import os
import shutil
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from flask import Response, request
from werkzeug.wsgi import wrap_file

from openeo_plugin.api import requests
from openeo_plugin.api.http import json_body, json_response
from openeo_plugin.api.routing import the_backend
from openeo_plugin.backend import Backend
from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset

AT_ONCE = threading.BoundedSemaphore(16)
WAIT_S = 2.0
RETRY_AFTER_S = 5


def compute_result(user: str) -> Response:
    """`POST /result`: JSON as it is, one file with its media type, several files as TAR."""
    backend, body = the_backend(), json_body()
    requests.refuse_billing(body)
    requests.log_level(body)
    process = requests.process(body)
    if not AT_ONCE.acquire(timeout=WAIT_S):
        raise OpenEOError("TooManyRequests", retry_after_s=RETRY_AFTER_S)
    try:
        response = _computed(backend, process, user)
    finally:
        AT_ONCE.release()
    response.headers["OpenEO-Identifier"] = str(uuid.uuid4())
    return response


def _computed(backend: Backend, process: dict[str, Any], user: str) -> Response:
    with _deadline(backend.settings.sync_timeout_s) as context:
        plan = backend.driver.plan(process, user)
        if not plan.results and plan.description is None:
            return json_response(json_value(plan.value))
        _refuse_large(plan.estimate().bytes_read, backend.settings.sync_max_bytes)
        with _scratch_folder(backend.settings.data_dir) as folder:
            assets = backend.driver.run(plan, folder, lambda _progress: None, context)
            if not assets:
                raise OpenEOError("NoDataAvailable")
            return _file_response(assets[0]) if len(assets) == 1 else _tar_response(assets, folder)


@contextmanager
def _deadline(timeout_s: float) -> Iterator[RunContext]:
    """A context that is canceled after a time. Raises: RequestTimeout, if that stopped the run."""
    context = RunContext()
    timer = threading.Timer(timeout_s, context.cancel.set)
    timer.daemon = True
    timer.start()
    try:
        yield context
    except Canceled:
        raise OpenEOError("RequestTimeout", limit_s=f"{timeout_s:g}") from None
    finally:
        timer.cancel()


@contextmanager
def _scratch_folder(data_dir: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happened; files opened in it can still be read."""
    parent = data_dir / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="result-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_large(estimated_bytes: int, limit_bytes: int) -> None:
    if estimated_bytes > limit_bytes:
        reason = (
            f"it would read about {estimated_bytes:,} bytes; synchronous requests may read {limit_bytes:,}. "
            "Run it as a batch job (POST /jobs), or choose a smaller extent or coarser resolution."
        )
        raise OpenEOError("ProcessGraphComplexity", reason=reason)


def _file_response(asset: Asset) -> Response:
    return _streamed(asset.path.open("rb"), asset.media_type, asset.path.name)


def _tar_response(assets: Sequence[Asset], folder: Path) -> Response:
    archive = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed when the response is
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for asset in assets:
            tar.add(asset.path, arcname=asset.path.name)
    archive.seek(0)
    return _streamed(archive, "application/x-tar", "result.tar")


def _streamed(file: IO[bytes], media_type: str, name: str) -> Response:
    """The file is open, so its folder may go before its bytes have been sent."""
    response = Response(wrap_file(request.environ, file), mimetype=media_type, direct_passthrough=True)
    response.content_type = media_type
    response.content_length = os.fstat(file.fileno()).st_size
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.call_on_close(file.close)
    return response


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
