"""Run one claimed job: plan -> windows -> files -> catalogue. Called in a process of its own, under a lease.

Files are made in a folder of this attempt. When all are whole they move to the job's folder, the catalogue is told and
the job is finished, all in one transaction: nobody ever sees a part of a result.
"""

from __future__ import annotations

import errno
import logging
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from db.collections import StoredCollection
from db.jobs import Job
from db.session import DATABASE_GONE
from openeo_plugin.backend import Backend
from openeo_plugin.engine.explain import as_text, explanation
from openeo_plugin.engine.kept_windows import KeptWindows, kept_places
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.engine.plan import Plan, SavedCube
from openeo_plugin.engine.salvage import UNREADABLE
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.jobs.folders import ResultFolders
from openeo_plugin.jobs.limits import JobLimits, limits_of, unfinished_bytes
from openeo_plugin.jobs.report import Report, error_entry
from openeo_plugin.jobs.status_board import StatusBoard
from openeo_plugin.processes.effort import unlimited
from openeo_plugin.results.copies import Copies, changed
from openeo_plugin.results.documents import result_documents

_LOG = logging.getLogger(__name__)
_ABOUT_FILES = ("StorageFailure", "StorageQuotaExceeded")
_STORAGE_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EROFS: "the disk can't be written to",
    errno.EFBIG: "the file is larger than the file system allows",
    errno.EIO: "the disk reports a fault",
}


def run_job(backend: Backend, job_id: str, board: StatusBoard | None = None) -> None:
    """Run a job that this process holds the lease of, and bring it to its end.

    Every failure becomes the job's error, with the node at fault; a lost lease or a cancel just stops. What it leaves
    half made is removed by the worker, however this process ends.
    """
    job = backend.jobs.find(job_id)
    if job.worker is None:
        return
    run = _Run(backend, job, job.worker, board)
    try:
        run.to_the_end()
    except Canceled:
        _LOG.info("Job %s stopped: canceled, or its lease is lost", job.id)
    except DATABASE_GONE:
        raise
    except OpenEOError as error:
        backend.jobs.fail(job.id, job.worker, error_entry(run.told(_readable(error))))
    except OSError as error:
        backend.jobs.fail(job.id, job.worker, error_entry(_storage_failure(job, error)))
    except Exception as unexpected:
        internal = OpenEOError("Internal")
        _LOG.exception("Job %s failed unexpectedly (%s)", job.id, internal.id, exc_info=unexpected)
        backend.jobs.fail(job.id, job.worker, error_entry(internal))


@dataclass(frozen=True)
class _Run:
    backend: Backend
    job: Job
    lease: str
    board: StatusBoard | None

    @cached_property
    def folders(self) -> ResultFolders:
        return ResultFolders(self.backend.settings.results_dir)

    @cached_property
    def limits(self) -> JobLimits:
        return limits_of(self.backend.settings)

    @cached_property
    def report(self) -> Report:
        report = Report(
            self.backend.jobs, self.job, self.backend.settings.lease_s, board=self.board, checks=self._check_output
        )
        report.context.kept = self.kept
        return report

    @cached_property
    def kept(self) -> KeptWindows:
        folder = self.folders.kept_windows(self.job.id, self.job.queued)
        self.folders.clear_windows(self.job.id, but=folder)
        return KeptWindows(folder, self.backend.settings.keep_windows_after_s)

    def to_the_end(self) -> None:
        """Raises: OpenEOError, Canceled."""
        assets, plan = self._computed()
        if not assets:
            raise OpenEOError("NoDataAvailable")
        self.report.stored_bytes = sum(asset.size_bytes for asset in assets)
        self.limits.check_output(self.report.stored_bytes)
        self.report.begin("storing", f"Storing {len(assets)} file(s): {', '.join(a.path.name for a in assets[:20])}")
        self._store(assets, plan)

    def told(self, error: OpenEOError) -> OpenEOError:
        """The error with the node that it is about, what to do, and what there is to be had in spite of it."""
        node, more = error.node, ""
        if error.code in _ABOUT_FILES and node is None and "plan" in self.__dict__ and len(self.plan.results) == 1:
            node = self.plan.results[0].node
        if error.code == UNREADABLE:
            more = " Leave the file out by other extents or bands, or report it to the operator."
            if kept_places(self.kept.folder):
                more += " What could be computed can be downloaded as partial results (`partial=true`)."
        return OpenEOError(error.code, node=node, message=error.plain_message + more)

    @cached_property
    def plan(self) -> Plan:
        with unlimited():
            return self.backend.driver.plan(self.job.process, self.job.owner)

    def _computed(self) -> tuple[list[Asset], Plan]:
        self.report.begin("planning", "Planning: the process is checked, no pixel is read yet.")
        plan = self.plan
        cost = plan.estimate()
        if self.job.log_level == "debug":
            settings = self.backend.settings
            self.report.log("debug", as_text(explanation(plan, settings.threads, settings.memory_budget)))
        self.report.begin(
            "computing",
            f"Computing: about {_megabytes(cost.bytes_read)} MB to read, {_megabytes(cost.output_bytes)} MB to store.",
        )
        self.kept.belong_to(self.backend.driver.mark(plan))
        folder = self.folders.new_attempt(self.job.id, self.lease)
        assets = self.backend.driver.run(plan, folder, self.report.progress, self.report.context)
        self.report.context.check()
        if self.kept.reused:
            self.report.log("info", f"{self.kept.reused} windows of an earlier attempt were used again.")
        return assets, plan

    def _store(self, assets: list[Asset], plan: Plan) -> None:
        """Raises: Canceled, if the lease is lost by now."""
        target = self.folders.of(self.job.id)
        final = [replace(asset, path=target / asset.path.name) for asset in assets]
        now = self.report.insist(lambda: self.backend.jobs.find(self.job.id))
        document, items = result_documents(now, final, _descriptions(plan))
        copies = Copies(self.backend.collections, self.backend.settings.data_dir, self.job.owner)
        for export in plan.exports:
            copies.make(export, document, items, self.folders.attempt(self.job.id, self.lease), len(plan.results))
        result = StoredCollection(changed(document, plan.changes), items)
        self.report.insist(lambda: self._finish(result))

    def _finish(self, result: StoredCollection) -> None:
        """Former results leave the catalogue before their files do; the new ones come all at once."""
        jobs, has_former = self.backend.jobs, self.folders.of(self.job.id).exists()
        if has_former and not jobs.withdraw_results(self.job.id, self.lease):
            raise Canceled
        if not jobs.finish(self.job.id, self.lease, self.report.usage(), result=result, reveal=self._reveal):
            raise Canceled

    def _reveal(self) -> None:
        target = self.folders.of(self.job.id)
        source = self.folders.attempt(self.job.id, self.lease)
        if not source.exists():
            return  # that was done before the database went away
        old = source.with_name(f"{source.name}.old")
        if target.exists():
            target.rename(old)
        source.rename(target)
        shutil.rmtree(old, ignore_errors=True)

    def _check_output(self) -> None:
        if self.limits.output_bytes is not None:
            self.limits.check_output(unfinished_bytes(self.folders.attempt(self.job.id, self.lease)))


def _readable(error: OpenEOError) -> OpenEOError:
    """A failure of the storage in whole sentences; any other error as it is."""
    cause = error.__cause__
    if error.code != "StorageFailure" or not isinstance(cause, OSError) or cause.errno not in _STORAGE_ERRORS:
        return error
    return _refused_by_disk(cause, error.node)


def _storage_failure(job: Job, error: OSError) -> OpenEOError:
    if error.errno in _STORAGE_ERRORS:
        return _refused_by_disk(error, None)
    internal = OpenEOError("Internal")
    _LOG.exception("Job %s failed unexpectedly (%s)", job.id, internal.id, exc_info=error)
    return internal


def _refused_by_disk(error: OSError, node: str | None) -> OpenEOError:
    why = _STORAGE_ERRORS[error.errno or 0]
    reason = f"{why}. Delete results that you need no more, ask for a smaller result, or tell the operator."
    if error.errno == errno.EDQUOT:
        return OpenEOError("StorageQuotaExceeded", node=node, message=f"The results could not be stored: {reason}")
    return OpenEOError("StorageFailure", node=node, reason=reason)


def _descriptions(plan: Plan) -> list[Any]:
    saved = [result.operator.description for result in plan.results if isinstance(result, SavedCube)]
    return saved or ([plan.description] if plan.description is not None else [])


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}" if size_bytes < 1e8 else f"{size_bytes / 1e6:.0f}"
