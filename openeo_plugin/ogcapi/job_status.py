"""`GET /jobs` and `GET /jobs/{id}`: pygeoapi's answers without what is not so (yet)."""

from __future__ import annotations

import json
from typing import Any

from pygeoapi.api.processes import get_jobs
from pygeoapi.formats import F_HTML

Json = dict[str, Any]


def list_or_describe(api: Any, request: Any, job_id: str | None = None) -> tuple[dict[str, str], int, str]:
    """The user's jobs or one of them, with the signature of pygeoapi's functions.

    Raises: AuthenticationRequired.
    """
    headers, status, content = get_jobs(api, request, job_id)
    if status != 200 or request.format == F_HTML:
        return headers, status, content
    document = json.loads(content)
    if "jobs" in document:
        document["jobs"] = [as_is(job) for job in document["jobs"]]
    else:
        document = as_is(document)
    return headers, status, json.dumps(document)


def as_is(job: Json) -> Json:
    """A job without fields that have no value, and without a link to results that are not there."""
    given = {name: value for name, value in job.items() if value not in (None, "")}
    if given["status"] != "successful":
        given.pop("links", None)
    return given
