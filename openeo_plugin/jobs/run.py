"""Run one claimed job: plan -> windows -> files -> catalogue. Called in a process of its own, under a lease.

Files are made in a folder of this attempt and move to the job's folder when all are whole, so nobody ever sees a part
of a result; then the catalogue is told, then the job is finished.
"""

from __future__ import annotations

import logging
import resource
import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from db.jobs import Job
from openeo_plugin.backend import Backend
from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.engine.plan import Plan, SavedCube
from openeo_plugin.engine.run import Progress
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.results.publish import publish

_LOG = logging.getLogger(__name__)
REPORT_EVERY_S = 0.4
LOG_EVERY_PERCENT = 10.0


def run_job(backend: Backend, job_id: str) -> None:
    """Run a job that this process holds the lease of, and bring it to its end.

    Every failure becomes the job's error, with the node at fault; a lost lease or a cancel just stops.
    """
    job = backend.jobs.find(job_id)
    if job.worker is None:
        return
    report = _Report(backend, job)
    try:
        assets, plan = _computed(backend, job, report)
        if not assets:
            raise OpenEOError("NoDataAvailable")
        stored = _moved(backend, job, assets)
        publish(backend.collections, backend.jobs.find(job_id), stored, _descriptions(plan))
        report.log("info", f"{len(stored)} file(s) stored: {', '.join(a.path.name for a in stored[:20])}")
        backend.jobs.finish(job.id, job.worker, report.usage())
    except Canceled:
        _LOG.info("Job %s stopped: canceled, or its lease is lost", job.id)
    except OpenEOError as error:
        _fail(backend, job, error)
    except Exception as unexpected:
        internal = OpenEOError("Internal")
        _LOG.exception("Job %s failed unexpectedly (%s)", job.id, internal.id, exc_info=unexpected)
        _fail(backend, job, internal)
    finally:
        shutil.rmtree(_attempt_folder(backend, job), ignore_errors=True)


def discard_job(backend: Backend, job_id: str) -> None:
    """Remove the files of a job that was deleted."""
    folder = backend.settings.results_dir / job_id
    shutil.rmtree(folder, ignore_errors=True)
    for attempt in backend.settings.results_dir.glob(f".{job_id}.*"):
        shutil.rmtree(attempt, ignore_errors=True)


def _computed(backend: Backend, job: Job, report: _Report) -> tuple[list[Asset], Plan]:
    report.log("info", "Planning: the process is checked, no pixel is read yet.")
    plan = backend.driver.plan(job.process, job.owner)
    cost = plan.estimate()
    report.log(
        "info",
        f"Computing: about {_megabytes(cost.bytes_read)} MB to read, {_megabytes(cost.output_bytes)} MB of results.",
    )
    folder = _attempt_folder(backend, job)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    assets = backend.driver.run(plan, folder, report.progress, report.context)
    report.context.check()
    return assets, plan


def _descriptions(plan: Plan) -> list[Any]:
    saved = [result.operator.description for result in plan.results if isinstance(result, SavedCube)]
    return saved or ([plan.description] if plan.description is not None else [])


def _attempt_folder(backend: Backend, job: Job) -> Path:
    lease = (job.worker or "none").rpartition("-")[2]
    return backend.settings.results_dir / f".{job.id}.{lease}"


def _moved(backend: Backend, job: Job, assets: list[Asset]) -> list[Asset]:
    """The files under the job's own folder; what an earlier run left there is replaced as a whole."""
    if not backend.jobs.heartbeat(job.id, job.worker or "", backend.settings.lease_s):
        raise Canceled
    target = backend.settings.results_dir / job.id
    source = _attempt_folder(backend, job)
    old = source.with_name(f"{source.name}.old")
    if target.exists():
        target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return [replace(asset, path=target / asset.path.name) for asset in assets]


def _fail(backend: Backend, job: Job, error: OpenEOError) -> None:
    details: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.node:
        details["path"] = [{"node_id": node} for node in error.node.split("/")]
    backend.jobs.fail(job.id, job.worker or "", details)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}" if size_bytes < 1e8 else f"{size_bytes / 1e6:.0f}"


@dataclass
class _Report:
    """Tells the job's owner how far it is, and learns of a cancel in return."""

    backend: Backend
    job: Job
    context: RunContext = field(default_factory=RunContext)
    started: float = field(default_factory=time.monotonic)
    _told: float = 0.0
    _logged: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def log(self, level: str, message: str) -> None:
        """An entry in the job's log."""
        self.backend.jobs.log(self.job.id, level, message, worker_id=self.job.worker)

    def progress(self, progress: Progress) -> None:
        """Called after each window: the lease is renewed, a lost one cancels the run."""
        now = time.monotonic()
        last = progress.windows_done == progress.windows_total
        if now - self._told < REPORT_EVERY_S and not last:
            return
        with self._lock:
            self._told = now
            held = self.backend.jobs.heartbeat(
                self.job.id,
                self.job.worker or "",
                self.backend.settings.lease_s,
                min(progress.percent, 99.0),
                self.usage(),
            )
            if not held:
                self.context.cancel.set()
            elif progress.percent >= self._logged + LOG_EVERY_PERCENT and not last:
                self._logged = progress.percent
                eta = "" if progress.eta_s is None else f", about {progress.eta_s:.0f} s to go"
                self.log("debug", f"{progress.windows_done} of {progress.windows_total} windows{eta}")

    def usage(self) -> dict[str, Any]:
        """What the run has used so far, as the API shows it."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "cpu": {"value": round(own.ru_utime + own.ru_stime, 3), "unit": "cpu-seconds"},
            "duration": {"value": round(time.monotonic() - self.started, 3), "unit": "seconds"},
            "memory": {"value": round(own.ru_maxrss / 1024, 1), "unit": "mb-peak"},
            "input": {"value": round(self.context.bytes_read / 1e6, 3), "unit": "mb"},
        }
