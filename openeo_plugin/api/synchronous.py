"""Synchronous processing: plan, refuse what is too large, run in the web thread, stream, leave nothing behind."""

from __future__ import annotations

import errno
import math
import os
import tarfile
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from flask import Response, request
from werkzeug.wsgi import wrap_file

from db.result_logs import ResultLogStore
from openeo_plugin.api import billing, requests
from openeo_plugin.api.departure import departure_of
from openeo_plugin.api.http import json_body, json_response, send_always
from openeo_plugin.api.request_log import RequestLog
from openeo_plugin.api.routing import the_backend
from openeo_plugin.api.scratch import scratch_folder
from openeo_plugin.backend import Backend
from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset

AT_ONCE = threading.BoundedSemaphore(16)
WAIT_S = 2.0
RETRY_AFTER_S = 5
STORAGE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


@dataclass(frozen=True)
class _Asked:
    """A synchronous request after its body has been read."""

    process: dict[str, Any]
    plan: str | None
    budget: float | None
    log: RequestLog


def compute_result(user: str) -> Response:
    """`POST /result`: JSON as it is, one file with its media type, several files as TAR."""
    backend, body = the_backend(), json_body()
    level = requests.log_level(body) or "info"
    plan, budget = billing.requested_plan(body, backend.settings), billing.requested_budget(body, backend.settings)
    asked = _Asked(requests.process(body), plan, budget, RequestLog(str(uuid.uuid4()), level))
    if not AT_ONCE.acquire(timeout=WAIT_S):
        raise OpenEOError("TooManyRequests", retry_after_s=RETRY_AFTER_S)
    send_always(asked.log.headers(backend))
    try:
        return _computed(backend, asked, user)
    except Exception as error:
        asked.log.add_error(error)
        raise
    finally:
        AT_ONCE.release()
        asked.log.store(backend, user)


def list_result_logs(user: str, request_id: str) -> Response:
    """`GET /result/{request_id}/logs`: what a synchronous request had to say, for a week. Takes no parameters."""
    entries = ResultLogStore(the_backend().database).get(request_id, user)
    return json_response({"logs": entries, "links": []})


def _computed(backend: Backend, asked: _Asked, user: str) -> Response:
    settings, log = backend.settings, asked.log
    with _deadline(settings.sync_timeout_s) as context:
        plan = backend.driver.plan(asked.process, user)
        plan.refuse_exports()
        if not plan.results and plan.description is None:
            log.add("info", "The result is a value; no pixel was read.")
            return _priced(json_response(json_value(plan.value)), 0.0)
        estimate = plan.estimate()
        log.add("info", f"About {estimate.bytes_read:,} bytes are to be read.")
        _refuse_large(estimate.bytes_read, settings.sync_max_bytes)
        price = billing.costs(settings, asked.plan, estimate.duration_s)
        billing.refuse_unpayable(settings, asked.budget, price)
        with scratch_folder(settings.data_dir) as folder:
            started = time.monotonic()
            assets = backend.driver.run(plan, folder, lambda _progress: None, context)
            if not assets:
                raise OpenEOError("NoDataAvailable")
            names = ", ".join(asset.path.name for asset in assets[:20])
            log.add("info", f"Computed in {time.monotonic() - started:.2f} s: {names}")
            response = _file_response(assets[0]) if len(assets) == 1 else _tar_response(assets, folder)
            return _priced(response, price)


def _priced(response: Response, price: float) -> Response:
    """A synchronous request costs what it was estimated to."""
    response.headers["OpenEO-Costs"] = f"{price:g}"
    return response


@contextmanager
def _deadline(timeout_s: float) -> Iterator[RunContext]:
    """A context that is canceled after a time, and when the client leaves.

    Raises: RequestTimeout, if the run was stopped.
    """
    context = RunContext()
    departure_of(request.environ).call(context.cancel.set)
    timer = threading.Timer(timeout_s, context.cancel.set)
    timer.daemon = True
    timer.start()
    try:
        yield context
    except Canceled:
        raise OpenEOError("RequestTimeout", limit_s=f"{timeout_s:g}") from None
    except OSError as error:
        if error.errno not in STORAGE_ERRORS:
            raise
        raise OpenEOError("StorageFailure", reason=f"{error.strerror or type(error).__name__}.") from error
    finally:
        timer.cancel()


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
