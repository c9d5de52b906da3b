"""Synchronous processing: plan, refuse what is too large, run in the web thread, stream, leave nothing behind."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from werkzeug.wsgi import wrap_file

from db.result_logs import ResultLogStore
from openeo_plugin.api import billing, requests
from openeo_plugin.api.departure import departure_of
from openeo_plugin.api.http import json_body, json_response, send_always
from openeo_plugin.api.request_log import RequestLog
from openeo_plugin.api.routing import the_backend
from openeo_plugin.backend import Backend
from openeo_plugin.results.scratch import scratch_folder
from openeo_plugin.results.synchronous import OpenFile, deadline, json_value, opened, refuse_large, turn

_ADVICE = "Run it as a batch job (POST /jobs), or choose a smaller extent or coarser resolution."


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
    with turn():
        send_always(asked.log.headers(backend))
        try:
            return _computed(backend, asked, user)
        except Exception as error:
            asked.log.add_error(error)
            raise
        finally:
            asked.log.store(backend, user)


def list_result_logs(user: str, request_id: str) -> Response:
    """`GET /result/{request_id}/logs`: what a synchronous request had to say, for a week. Takes no parameters."""
    entries = ResultLogStore(the_backend().database).get(request_id, user)
    return json_response({"logs": entries, "links": []})


def _computed(backend: Backend, asked: _Asked, user: str) -> Response:
    settings, log = backend.settings, asked.log
    with deadline(settings.sync_timeout_s) as context:
        departure_of(request.environ).call(context.cancel.set)
        plan = backend.driver.plan(asked.process, user)
        plan.refuse_exports()
        if not plan.results and plan.description is None:
            log.add("info", "The result is a value; no pixel was read.")
            return _priced(json_response(json_value(plan.value)), 0.0)
        estimate = plan.estimate()
        log.add("info", f"About {estimate.bytes_read:,} bytes are to be read.")
        refuse_large(estimate.bytes_read, settings.sync_max_bytes, _ADVICE)
        price = billing.costs(settings, asked.plan, estimate.duration_s)
        billing.refuse_unpayable(settings, asked.budget, price)
        with scratch_folder(settings.data_dir) as folder:
            started = time.monotonic()
            assets = backend.driver.run(plan, folder, lambda _progress: None, context)
            file = opened(assets, folder)
            names = ", ".join(asset.path.name for asset in assets[:20])
            log.add("info", f"Computed in {time.monotonic() - started:.2f} s: {names}")
            return _priced(_streamed(file), price)


def _priced(response: Response, price: float) -> Response:
    """A synchronous request costs what it was estimated to."""
    response.headers["OpenEO-Costs"] = f"{price:g}"
    return response


def _streamed(opened_file: OpenFile) -> Response:
    """The file is open, so its folder may go before its bytes have been sent."""
    wrapped = wrap_file(request.environ, opened_file.file)
    response = Response(wrapped, mimetype=opened_file.media_type, direct_passthrough=True)
    response.content_type = opened_file.media_type
    response.content_length = opened_file.size_bytes
    response.headers.set("Content-Disposition", "attachment", filename=opened_file.name)
    response.call_on_close(opened_file.file.close)
    return response
