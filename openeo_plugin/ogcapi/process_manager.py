"""Jobs of OGC API - Processes are the back-end's own batch jobs: pygeoapi's manager only hands on.

Nothing runs in a thread of the web server but synchronous requests: a job is a row that a worker claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pygeoapi.process.base import JobNotFoundError, JobResultNotFoundError, UnknownProcessError
from pygeoapi.process.manager.base import BaseManager
from pygeoapi.util import JobStatus, RequestedProcessExecutionMode

from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.folders import ResultFolders
from openeo_plugin.ogcapi.instants import rfc3339
from openeo_plugin.ogcapi.openeo_process import process_of, texts_of
from openeo_plugin.ogcapi.resources import GEOTIFF, PROCESS_ID, has_coverage
from openeo_plugin.ogcapi.scope import Scope, current_scope
from openeo_plugin.ogcapi.synchronous import Output, ValueOutput, run_now
from openeo_plugin.results.synchronous import OpenFile

if TYPE_CHECKING:
    from db.jobs import Job

JSON = "application/json"
ASYNC = RequestedProcessExecutionMode.respond_async
WAIT = RequestedProcessExecutionMode.wait

OGC_STATES: Mapping[str, JobStatus] = MappingProxyType(
    {
        "created": JobStatus.accepted,
        "queued": JobStatus.accepted,
        "running": JobStatus.running,
        "canceled": JobStatus.dismissed,
        "finished": JobStatus.successful,
        "error": JobStatus.failed,
    }
)
_MESSAGES = {
    "created": "The job has been created and not been started yet.",
    "queued": "The job waits to be run.",
    "running": "The job is running.",
    "canceled": "The job was canceled.",
    "finished": "The job has finished.",
    "error": "The job has failed.",
}

Executed = tuple[str | None, str, Any, JobStatus, dict[str, str]]


def ogc_state(status: str) -> JobStatus:
    """The state of OGC API - Processes for a state of openEO.

    Raises: KeyError, for what is no state.
    """
    return OGC_STATES[status]


class QueueManager(BaseManager):
    """The jobs of the user who asks. Holds no state of its own, so one instance serves all threads."""

    def __init__(self, manager_def: dict[str, Any]) -> None:
        super().__init__(manager_def)
        self.is_async = True
        self.supports_subscribing = False

    def get_jobs(
        self, status: JobStatus | None = None, limit: int | None = None, offset: int | None = None
    ) -> dict[str, Any]:
        """The user's jobs, newest first. Raises: AuthenticationRequired."""
        scope = current_scope()
        jobs = scope.backend.jobs.list(scope.authenticated)
        if status is not None:
            jobs = [job for job in jobs if ogc_state(job.status) == status]
        start = offset or 0
        page = jobs[start : None if limit is None else start + limit]
        return {"jobs": [job_metadata(job) for job in page], "numberMatched": len(jobs)}

    def get_job(self, job_id: str) -> dict[str, Any]:
        """One of the user's jobs. Raises: JobNotFoundError, also for another user's; AuthenticationRequired."""
        return job_metadata(_own_job(current_scope(), job_id))

    def get_job_result(self, job_id: str) -> tuple[str, Any]:
        """Links to what a finished job gave. Raises: JobNotFoundError, JobResultNotFoundError."""
        scope = current_scope()
        job = _own_job(scope, job_id)
        if job.status != "finished":
            raise JobResultNotFoundError
        return JSON, result_links(scope, job.id)

    def delete_job(self, job_id: str) -> bool:
        """Dismiss: stop a job that runs, remove any other with its results. Raises: JobNotFoundError."""
        scope = current_scope()
        job = _own_job(scope, job_id)
        stopped = scope.backend.jobs.cancel(job.id, job.owner, keeps_results=True)
        if stopped.status != "canceled" or job.status == "canceled":
            _remove(scope, job)
        return True

    def execute_process(
        self,
        process_id: str,
        data_dict: dict[str, Any],
        execution_mode: RequestedProcessExecutionMode | None = None,
        requested_outputs: object = None,
        subscriber: object = None,
        requested_response: str | None = "raw",
    ) -> Executed:
        """Queue a batch job (`respond-async`) or run the process now.

        Returns: (job id or None, media type, answer, state, headers).
        Raises: OpenEOError, UnknownProcessError.
        """
        if process_id != PROCESS_ID:
            raise UnknownProcessError(process_id)
        if subscriber is not None:
            raise OpenEOError("RequestInvalid", reason="subscribers are not called back.")
        if requested_response not in ("raw", "document"):
            raise OpenEOError("RequestInvalid", reason="`response` must be raw or document.")
        scope = current_scope()
        user, process, texts = scope.authenticated, process_of(data_dict), texts_of(data_dict)
        _refuse_faults(scope, process, user)
        if execution_mode == ASYNC:
            job = scope.backend.jobs.create(
                user, process, title=texts.get("title"), description=texts.get("description")
            )
            scope.backend.jobs.enqueue(job.id, user)
            return job.id, JSON, None, JobStatus.accepted, {"Preference-Applied": ASYNC.value}
        output = run_now(scope.backend, process, user)
        answer = _document(output) if requested_response == "document" else output
        headers = {} if execution_mode is None else {"Preference-Applied": WAIT.value}
        content = answer.file if isinstance(answer, OpenFile) else answer.value
        return None, answer.media_type, content, JobStatus.successful, headers


def job_metadata(job: Job) -> dict[str, Any]:
    """A batch job as pygeoapi keeps jobs. Times that did not come yet are empty: pygeoapi sorts by them."""
    error = job.error or {}
    return {
        "type": "process",
        "identifier": job.id,
        "process_id": PROCESS_ID,
        "created": _text(job.created),
        "started": _text(job.started),
        "finished": _text(job.finished),
        "updated": _text(job.updated),
        "status": ogc_state(job.status).value,
        "mimetype": JSON,
        "message": error.get("message") or _MESSAGES[job.status],
        "progress": 100 if job.status == "finished" else min(100, max(0, round(job.progress or 0))),
    }


def result_links(scope: Scope, job_id: str) -> dict[str, Any]:
    """Where the results of a finished job are: files through the openEO API, pixels and items here."""
    here = f"{scope.base_url}/collections/{job_id}"
    links = {"result": _link(f"{scope.backend.settings.public_base}/openeo/v1/jobs/{job_id}/results", JSON, "Files")}
    with suppress(OpenEOError):
        document = scope.backend.collections.get(job_id, scope.user)
        links["collection"] = _link(here, JSON, "Collection")
        if has_coverage(document):
            links["coverage"] = _link(f"{here}/coverage?f=GTiff", GEOTIFF["mimetype"], "Coverage as GeoTIFF")
    return links


def _link(href: str, media_type: str, title: str) -> dict[str, str]:
    return {"href": href, "type": media_type, "title": title}


def _own_job(scope: Scope, job_id: str) -> Job:
    try:
        return scope.backend.jobs.get(job_id, scope.authenticated)
    except OpenEOError as error:
        if error.code != "JobNotFound":
            raise
        raise JobNotFoundError from error


def _remove(scope: Scope, job: Job) -> None:
    """A job with everything it left; the store drops its collection with it."""
    scope.backend.jobs.delete(job.id, job.owner)
    ResultFolders(scope.backend.settings.results_dir).discard(job.id)


def _refuse_faults(scope: Scope, process: dict[str, Any], user: str) -> None:
    """Raises: the first fault of a process, before anything is stored or read."""
    faults = scope.backend.driver.validate(process, user)
    if faults:
        raise faults[0]


def _document(output: Output) -> Output:
    """The output under its name. Raises: RequestInvalid, for a file that is not JSON."""
    if isinstance(output, OpenFile):
        raise OpenEOError("RequestInvalid", reason="a file can't stand in a document; ask for `response` raw.")
    return ValueOutput({"result": output.value})


def _text(moment: datetime | None) -> str:
    return "" if moment is None else rfc3339(moment)
