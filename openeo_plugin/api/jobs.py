"""Microservice batch jobs: create, describe, change, start, cancel, delete; logs and estimate."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Response

from openeo_plugin.api import billing, requests
from openeo_plugin.api.assets import partial_results
from openeo_plugin.api.http import JSON, empty_response, json_body, json_response
from openeo_plugin.api.links import api_url, link
from openeo_plugin.api.logs import log_response
from openeo_plugin.api.paging import page_links, requested_page, shown
from openeo_plugin.api.routing import Route, the_backend
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.courier import refuse_webhook
from openeo_plugin.jobs.folders import ResultFolders

if TYPE_CHECKING:
    from db.jobs import Job
    from db.services import Service

log = logging.getLogger(__name__)

NAMED = frozenset({"process", "title", "description", "plan", "budget", "log_level"})
FIXED = frozenset(
    {"id", "status", "progress", "created", "updated", "queued", "started", "unpublished", "usage", "costs", "links"}
)
ESTIMATE_LASTS = timedelta(days=1)


def rfc3339(moment: datetime) -> str:
    """A moment as the API writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def newest_first(entry: Job | Service) -> tuple[str, str]:
    """Key of a job or service in its list."""
    return entry.created.isoformat(), entry.id


def list_jobs(user: str) -> Response:
    """`GET /jobs`."""
    backend, page = the_backend(), requested_page()
    found = backend.jobs.list(user, limit=page.fetched, after=page.behind_moment)
    return json_response(
        {
            "jobs": [_summary(job) for job in shown(found, page)],
            "links": page_links(backend.settings, "/jobs", page, found, key=newest_first),
        }
    )


def create_job(user: str) -> Response:
    """`POST /jobs`: stores a valid job and does not start it."""
    backend, body = the_backend(), json_body()
    fields = _fields({**body, "process": body.get("process")}, user)
    process, plan = fields.pop("process"), billing.requested_plan(body, backend.settings)
    job = backend.jobs.create(user, process, **{**fields, "plan": plan}, additional=_additional(body))
    headers = {"Location": api_url(backend.settings, f"/jobs/{job.id}"), "OpenEO-Identifier": job.id}
    return empty_response(201, headers)


def describe_job(user: str, job_id: str) -> Response:
    """`GET /jobs/{job_id}`."""
    job = the_backend().jobs.get(job_id, user)
    details = {"process": job.process, "log_level": job.log_level, "usage": job.usage or None, "links": _links(job)}
    return json_response({**job.additional, **_summary(job), **_given(details)})


def update_job(user: str, job_id: str) -> Response:
    """`PATCH /jobs/{job_id}`: locked while queued or running."""
    backend, body = the_backend(), json_body()
    job = backend.jobs.get(job_id, user)
    requests.refuse_fixed(body, FIXED)
    changes = _fields(body, user)
    additional = _additional(body)
    if additional:
        changes["additional"] = {**job.additional, **additional}
    backend.jobs.update(job_id, user, **changes)
    return empty_response(204)


def delete_job(user: str, job_id: str) -> Response:
    """`DELETE /jobs/{job_id}`: its results go with it; a worker that runs it notices and stops."""
    backend = the_backend()
    backend.jobs.delete(job_id, user)
    ResultFolders(backend.settings.results_dir).discard(job_id)
    return empty_response(204)


def start_job(user: str, job_id: str) -> Response:
    """`POST /jobs/{job_id}/results`: queues the job; nothing happens if it is queued or running."""
    backend = the_backend()
    job = backend.jobs.get(job_id, user)
    if job.budget is not None and backend.settings.billing_currency is not None:
        estimated = backend.driver.plan(job.process, user).estimate().duration_s
        expected = billing.costs(backend.settings, job.plan, estimated)
        billing.refuse_unpayable(backend.settings, job.budget, expected)
    backend.jobs.enqueue(job_id, user)
    return empty_response(202)


def cancel_job(user: str, job_id: str) -> Response:
    """`DELETE /jobs/{job_id}/results`: stops a queued or running job; what results there are stay, partial ones too."""
    backend = the_backend()
    job = backend.jobs.get(job_id, user)
    is_partial = job.status == "running" and partial_results(job).exist()
    backend.jobs.cancel(job_id, user, keeps_results=is_partial or None)
    return empty_response(204)


def list_job_logs(user: str, job_id: str) -> Response:
    """`GET /jobs/{job_id}/logs`."""
    backend = the_backend()
    job = backend.jobs.get(job_id, user)
    return log_response(backend.settings, f"/jobs/{job.id}/logs", lambda **asked: backend.jobs.logs(job.id, **asked))


def estimate_job(user: str, job_id: str) -> Response:
    """`GET /jobs/{job_id}/estimate`: size before compression, time on one core and its price; good for a day."""
    backend = the_backend()
    job = backend.jobs.get(job_id, user)
    plan = backend.driver.plan(job.process, user)
    try:
        estimate = plan.estimate()
    except OpenEOError:
        raise
    except Exception as error:
        log.exception("A job could not be estimated")
        raise OpenEOError("EstimateComplexity") from error
    shown = {
        "costs": billing.costs(backend.settings, job.plan, estimate.duration_s) if _is_billed() else None,
        "duration": f"PT{math.ceil(estimate.duration_s)}S",
        "size": estimate.output_bytes,
        "expires": rfc3339(datetime.now(UTC) + ESTIMATE_LASTS),
    }
    return json_response(_given(shown))  # downloads are not limited, which is what no `downloads_included` says


def _fields(body: dict[str, Any], user: str) -> dict[str, Any]:
    """The fields of a job that a request sets, checked; a process is validated as a whole."""
    settings = the_backend().settings
    checked: dict[str, Any] = {"title": requests.text(body, "title"), "description": requests.text(body, "description")}
    checked = {name: value for name, value in checked.items() if name in body}
    if "budget" in body:
        checked["budget"] = billing.requested_budget(body, settings)
    if body.get("plan") is not None:
        checked["plan"] = billing.requested_plan(body, settings)
    if requests.log_level(body) is not None:
        checked["log_level"] = body["log_level"]
    if "process" in body:
        checked["process"] = requests.process(body)
        requests.refuse_faults(the_backend().driver.validate(checked["process"], user))
    return checked


def _additional(body: dict[str, Any]) -> dict[str, Any]:
    """What clients add on their own, such as `job_options`: kept and given back."""
    found = {name: value for name, value in body.items() if name not in NAMED | FIXED and value is not None}
    refuse_webhook(found, the_backend().settings)
    return found


def _summary(job: Job) -> dict[str, Any]:
    times = {"created": job.created, "updated": job.updated, "queued": job.queued, "started": job.started}
    fields = {
        "id": job.id,
        "title": job.title,
        "description": job.description,
        "status": job.status,
        "progress": _progress(job),
        **{name: rfc3339(moment) for name, moment in times.items() if moment is not None},
        "budget": job.budget,
        "plan": job.plan,
        "costs": _costs(job),
    }
    return _given(fields)


def _is_billed() -> bool:
    return the_backend().settings.billing_currency is not None


def _costs(job: Job) -> float | None:
    """So far; without a currency there is no amount to be told."""
    return billing.costs_of_usage(the_backend().settings, job.plan, job.usage) if _is_billed() else None


def _progress(job: Job) -> float | None:
    """In percent; of jobs that wait to be run (again) the standard wants none."""
    if job.progress is None or job.status in ("created", "queued"):
        return None
    return round(min(100.0, max(0.0, job.progress)), 2)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _links(job: Job) -> list[dict[str, str]]:
    settings, path = the_backend().settings, f"/jobs/{job.id}"
    links = [link("self", api_url(settings, path), JSON), link("monitor", api_url(settings, f"{path}/logs"), JSON)]
    links.append(link("monitor", api_url(settings, f"{path}/events"), "text/event-stream", "Events as they happen"))
    if job.status == "finished":
        links.append(link("results", api_url(settings, f"{path}/results"), JSON, "Results"))
    return links


ROUTES = (
    Route("GET", "/jobs", list_jobs),
    Route("POST", "/jobs", create_job),
    Route("GET", "/jobs/{job_id}", describe_job),
    Route("PATCH", "/jobs/{job_id}", update_job),
    Route("DELETE", "/jobs/{job_id}", delete_job),
    Route("POST", "/jobs/{job_id}/results", start_job),
    Route("DELETE", "/jobs/{job_id}/results", cancel_job),
    Route("GET", "/jobs/{job_id}/logs", list_job_logs),
    Route("GET", "/jobs/{job_id}/estimate", estimate_job),
)
