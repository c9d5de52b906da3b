"""Microservice results: synchronous results, and the results of batch jobs as a STAC collection with signed links."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, request, send_file
from werkzeug.security import safe_join

from openeo_plugin.api import billing
from openeo_plugin.api.assets import (
    asset_file,
    expiry,
    foreign_links,
    partial_results,
    result_folder,
    signed_assets,
    signed_link,
)
from openeo_plugin.api.http import GEOJSON, JSON, json_response
from openeo_plugin.api.jobs import rfc3339
from openeo_plugin.api.links import Signer, api_url, link
from openeo_plugin.api.routing import Access, Route, the_backend
from openeo_plugin.api.synchronous import compute_result, list_result_logs
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.partial_results import FOLDER as PARTIAL
from openeo_plugin.results.documents import result_documents

if TYPE_CHECKING:
    from db.jobs import Job


Json = dict[str, Any]

PARTIAL_WAIT_S = 10.0
"""How long a request waits for partial results that are being made; the next one finds them."""


def list_results(user: str | None, job_id: str) -> Response:
    """`GET /jobs/{job_id}/results`, with a token or by its signed link.

    With `partial=true` also of a job that runs, was canceled or has failed: files with what is computed by now.
    """
    job = permitted_job(user, job_id)
    partial = request.args.get("partial", "").lower() == "true"
    if job.status == "error" and not partial:
        return json_response(_last_error(job), 424)
    if job.status != "finished":
        _refuse_unfinished(job, partial)
    found = _finished_result(job) if job.status == "finished" else _partial_result(job)
    if found is None:
        return json_response(_last_error(job), 424)
    settings = the_backend().settings
    response = json_response(_result_document(job, *found))
    response.headers["OpenEO-Costs"] = f"{billing.costs_of_usage(settings, job.plan, job.usage):g}"
    return response


def _finished_result(job: Job) -> tuple[Json, list[Json]]:
    """(collection, items) as they are stored.

    Raises: CollectionNotFound.
    """
    collections = the_backend().collections
    return collections.get(job.id, job.owner), collections.items(job.id)


def _partial_result(job: Job) -> tuple[Json, list[Json]] | None:
    """What is computed by now; else the result of an earlier run; else no files, which a failed job does not offer."""
    document = partial_results(job).document(PARTIAL_WAIT_S)
    if document is not None:
        return document, []
    try:
        return _finished_result(job)
    except OpenEOError:
        return None if job.status == "error" else (_without_files(job), [])


def _refuse_unfinished(job: Job, partial: bool) -> None:
    """Raises: JobNotStarted, JobNotFinished."""
    if partial and job.status == "created":
        raise OpenEOError("JobNotStarted")
    if not partial or job.status == "queued":
        raise OpenEOError("JobNotFinished")


def _without_files(job: Job) -> dict[str, Any]:
    """A result as it is before its first file: the cube that is being computed, if it can be described."""
    try:
        description = the_backend().driver.plan(job.process, job.owner).description
    except OpenEOError:
        description = None
    return result_documents(job, [], [] if description is None else [description])[0]


def describe_result_item(user: str | None, job_id: str, item_id: str) -> Response:
    """`GET /jobs/{job_id}/results/items/{item_id}`: one STAC item of a result."""
    backend = the_backend()
    job = permitted_job(user, job_id)
    item = backend.collections.item(job.id, item_id)
    path, expires = f"/jobs/{job.id}/results", expiry()
    links = [
        link("self", signed_link(f"{path}/items/{item_id}", job.owner, expires), GEOJSON),
        *(link(rel, signed_link(path, job.owner, expires), JSON) for rel in ("collection", "parent", "root")),
    ]
    shown = {**item, "assets": signed_assets(job.id, job.owner, item, expires), "links": links + foreign_links(item)}
    return json_response(shown, media_type=GEOJSON)


def download_asset(user: str | None, job_id: str, asset_path: str) -> Response:
    """`GET /jobs/{job_id}/results/assets/{asset_path}`: a file, whole or a range of its bytes."""
    backend = the_backend()
    job = permitted_job(user, job_id)
    if asset_path.startswith(f"{PARTIAL}/"):
        return _download_partial(job, asset_path)
    found = safe_join(str(result_folder(job.id)), asset_path)
    file = Path(found).resolve() if found else None
    if file is None or not file.is_file() or not file.is_relative_to(result_folder(job.id).resolve()):
        raise OpenEOError("FileNotFound", file=asset_path)
    documents = (backend.collections.get(job.id, job.owner), *backend.collections.items(job.id))
    return send_range(file, _media_type(documents, asset_path))


def _download_partial(job: Job, asset_path: str) -> Response:
    found = partial_results(job).file(asset_path.removeprefix(f"{PARTIAL}/"))
    if found is None:
        raise OpenEOError("FileNotFound", file=asset_path)
    return send_range(*found)


def send_range(file: Path, media_type: str) -> Response:
    """A file with ETag, byte ranges and Content-Length. Several ranges at once are answered by the whole file."""
    if "," in request.headers.get("Range", ""):
        del request.environ["HTTP_RANGE"]
    response = send_file(file, mimetype=media_type, conditional=True, download_name=file.name, as_attachment=True)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def permitted_job(user: str | None, job_id: str) -> Job:
    """The job of the user or, for None, of the signed link.

    Raises: JobNotFound, TokenInvalid, ResultLinkExpired.
    """
    backend = the_backend()
    if user is not None:
        return backend.jobs.get(job_id, user)
    try:
        job = backend.jobs.find(job_id)
    except OpenEOError:
        raise OpenEOError("TokenInvalid") from None  # whoever has no valid link is not told which jobs exist
    Signer(backend.secret).check(request.path, job.owner, request.args.to_dict())
    return job


def _result_document(job: Job, document: dict[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """The stored collection with signed links, and all assets of its items."""
    path, expires = f"/jobs/{job.id}/results", expiry()
    asked = {} if job.status == "finished" else {"partial": "true"}
    assets = {name: asset for source in (*items, document) for name, asset in source.get("assets", {}).items()}
    links = [
        link("self", api_url(the_backend().settings, path, **asked), JSON),
        link(
            "canonical",
            signed_link(path, job.owner, expires, **asked),
            JSON,
            "This document, for everybody who has the link",
        ),
        *(link("item", signed_link(f"{path}/items/{item['id']}", job.owner, expires), GEOJSON) for item in items),
    ]
    times = {"created": job.created, "updated": job.updated, "queued": job.queued, "started": job.started}
    return {
        **{name: value for name, value in document.items() if value is not None},
        **{name: rfc3339(moment) for name, moment in times.items() if moment is not None},
        "expires": rfc3339(datetime.fromtimestamp(expires, UTC)),
        "openeo:status": job.status if job.status in ("running", "canceled", "finished", "error") else "running",
        "assets": signed_assets(job.id, job.owner, {"assets": assets}, expires),
        "links": links + foreign_links(document),
    }


def _media_type(documents: tuple[dict[str, Any], ...], asset_path: str) -> str:
    for document in documents:
        for asset in document.get("assets", {}).values():
            if asset_file(document.get("collection", document["id"]), asset["href"]) == asset_path and "type" in asset:
                return str(asset["type"])
    return mimetypes.guess_type(asset_path)[0] or "application/octet-stream"


def _last_error(job: Job) -> dict[str, Any]:
    """The error a job ended with, as a log entry."""
    error = job.error or {}
    return {
        "id": error.get("id") or job.id,
        "code": error.get("code") or "Internal",
        "level": "error",
        "message": error.get("message") or "The batch job has failed.",
        "time": rfc3339(job.updated),
        "links": [link("monitor", api_url(the_backend().settings, f"/jobs/{job.id}/logs"), JSON)],
    }


ROUTES = (
    Route("POST", "/result", compute_result),
    Route("GET", "/result/{request_id}/logs", list_result_logs),
    Route("GET", "/jobs/{job_id}/results", list_results, Access.SIGNED),
    Route("GET", "/jobs/{job_id}/results/items/{item_id}", describe_result_item, Access.SIGNED),
    Route("GET", "/jobs/{job_id}/results/assets/{path:asset_path}", download_asset, Access.SIGNED),
)
