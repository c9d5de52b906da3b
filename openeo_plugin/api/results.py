"""Microservice results: synchronous results, and the results of batch jobs as a STAC collection with signed links."""

from __future__ import annotations

import mimetypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flask import Response, request, send_file
from werkzeug.security import safe_join

from openeo_plugin.api.http import GEOJSON, JSON, json_response
from openeo_plugin.api.jobs import rfc3339
from openeo_plugin.api.links import Signer, api_url, link
from openeo_plugin.api.routing import Access, Route, the_backend
from openeo_plugin.api.synchronous import compute_result
from openeo_plugin.errors import OpenEOError

if TYPE_CHECKING:
    from db.jobs import Job

STRUCTURAL = ("self", "root", "parent", "canonical", "collection", "item", "items")


def list_results(user: str | None, job_id: str) -> Response:
    """`GET /jobs/{job_id}/results`, with a token or by its signed link.

    With `partial=true` also what a canceled or running job has left in the catalogue.
    """
    backend = the_backend()
    job = permitted_job(user, job_id)
    partial = request.args.get("partial", "").lower() == "true"
    if job.status == "error" and not partial:
        return json_response(_last_error(job), 424)
    if job.status != "finished" and not partial:
        raise OpenEOError("JobNotFinished")
    try:
        document = backend.collections.get(job.id, job.owner)
    except OpenEOError:
        raise OpenEOError("JobNotFinished") from None
    items = backend.collections.items(job.id)
    return json_response(_result_document(job, document, items))


def describe_result_item(user: str | None, job_id: str, item_id: str) -> Response:
    """`GET /jobs/{job_id}/results/items/{item_id}`: one STAC item of a result."""
    backend = the_backend()
    job = permitted_job(user, job_id)
    item = backend.collections.item(job.id, item_id)
    path, expires = f"/jobs/{job.id}/results", _expiry()
    links = [
        link("self", _signed(job, f"{path}/items/{item_id}", expires), GEOJSON),
        *(link(rel, _signed(job, path, expires), JSON) for rel in ("collection", "parent", "root")),
    ]
    shown = {**item, "assets": _signed_assets(job, item, expires), "links": links + _foreign_links(item)}
    return json_response(shown, media_type=GEOJSON)


def download_asset(user: str | None, job_id: str, asset_path: str) -> Response:
    """`GET /jobs/{job_id}/results/assets/{asset_path}`: a file, whole or a range of its bytes."""
    backend = the_backend()
    job = permitted_job(user, job_id)
    found = safe_join(str(_folder(job)), asset_path)
    file = Path(found).resolve() if found else None
    if file is None or not file.is_file() or not file.is_relative_to(_folder(job).resolve()):
        raise OpenEOError("FileNotFound", file=asset_path)
    documents = (backend.collections.get(job.id, job.owner), *backend.collections.items(job.id))
    return send_range(file, _media_type(documents, asset_path))


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
    path, expires = f"/jobs/{job.id}/results", _expiry()
    assets = {name: asset for source in (*items, document) for name, asset in source.get("assets", {}).items()}
    links = [
        link("self", api_url(the_backend().settings, path), JSON),
        link("canonical", _signed(job, path, expires), JSON, "This document, for everybody who has the link"),
        *(link("item", _signed(job, f"{path}/items/{item['id']}", expires), GEOJSON) for item in items),
    ]
    times = {"created": job.created, "updated": job.updated, "queued": job.queued, "started": job.started}
    return {
        **{name: value for name, value in document.items() if value is not None},
        **{name: rfc3339(moment) for name, moment in times.items() if moment is not None},
        "expires": rfc3339(datetime.fromtimestamp(expires, UTC)),
        "openeo:status": job.status if job.status in ("running", "canceled", "finished", "error") else "running",
        "assets": _signed_assets(job, {"assets": assets}, expires),
        "links": links + _foreign_links(document),
    }


def _signed_assets(job: Job, document: dict[str, Any], expires: int) -> dict[str, Any]:
    path = f"/jobs/{job.id}/results/assets"
    return {
        name: {**asset, "href": _signed(job, f"{path}/{asset_file(job.id, asset['href'])}", expires)}
        for name, asset in document.get("assets", {}).items()
    }


def asset_file(job_id: str, href: str) -> str:
    """Path of an asset within its job's folder, from the href it is stored with (a path, a URL or a name)."""
    path = unquote(urlsplit(href).path) if "://" in href else href
    parts = path.replace("\\", "/").split("/")
    inner = parts[len(parts) - parts[::-1].index(job_id) :] if job_id in parts else parts
    return "/".join(part for part in inner if part not in ("", "."))


def _media_type(documents: tuple[dict[str, Any], ...], asset_path: str) -> str:
    for document in documents:
        for asset in document.get("assets", {}).values():
            if asset_file(document.get("collection", document["id"]), asset["href"]) == asset_path and "type" in asset:
                return str(asset["type"])
    return mimetypes.guess_type(asset_path)[0] or "application/octet-stream"


def _signed(job: Job, path: str, expires: int) -> str:
    backend = the_backend()
    return api_url(backend.settings, path, **Signer(backend.secret).sign(path, job.owner, expires))


def _expiry() -> int:
    return int(time.time() + the_backend().settings.signed_link_lifetime_s)


def _folder(job: Job) -> Path:
    return the_backend().settings.results_dir / job.id


def _foreign_links(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in document.get("links", []) if one["rel"] not in STRUCTURAL and "://" in one["href"]]


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
    Route("GET", "/jobs/{job_id}/results", list_results, Access.SIGNED),
    Route("GET", "/jobs/{job_id}/results/items/{item_id}", describe_result_item, Access.SIGNED),
    Route("GET", "/jobs/{job_id}/results/assets/{path:asset_path}", download_asset, Access.SIGNED),
)
