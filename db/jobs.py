"""Batch jobs: what users do with them, and what workers do under a lease.

Whatever a worker writes is refused (False) once its lease is lost: the job was canceled or deleted, or another worker
has it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from db import job_queue, revisions
from db.collections import SUBJECT as COLLECTIONS
from db.collections import StoredCollection, store_collection
from db.job import Job, job_of
from db.job_queue import QueueRules
from db.job_states import ACTIVE, Status
from db.logs import read_entries, restart_log, severity_of, write_entry
from db.models import CollectionRow, JobLogRow, JobRow
from db.paging import LastShown, newest_first
from db.session import Clock, Database, affected, utc_now
from openeo_plugin.errors import OpenEOError

__all__ = ["Job", "JobStore", "QueueRules"]

LOG_ENTRIES_MAX = 10_000
_LOG_IS_FULL = "The log is full; entries are left out from here on, but for what ends the job."
EDITABLE = frozenset({"title", "description", "process", "plan", "budget", "log_level", "additional"})

type Entries = list[dict[str, Any]]
type Jobs = list[Job]


class JobStore:
    """The jobs of all users. A job of another user is as good as none."""

    def __init__(
        self,
        database: Database,
        *,
        rules: QueueRules | None = None,
        clock: Clock = utc_now,
        log_entries_max: int = LOG_ENTRIES_MAX,
    ) -> None:
        self._database = database
        self._rules = rules or QueueRules()
        self._clock = clock
        self._log_entries_max = log_entries_max

    # what users do

    def create(
        self,
        owner: str,
        process: dict[str, Any],
        *,
        title: str | None = None,
        description: str | None = None,
        plan: str | None = None,
        budget: float | None = None,
        log_level: str = "info",
        additional: dict[str, Any] | None = None,
    ) -> Job:
        """Store a new job; it does not start. Raises: RequestInvalid, if the log level is not one."""
        severity_of(log_level)
        now = self._clock()
        row = JobRow(
            id=secrets.token_hex(16), owner=owner, process=process, title=title, description=description,
            plan=plan, budget=budget, log_level=log_level, additional=additional or {},
            status="created", created=now, updated=now, usage={}, attempts=0,
        )  # fmt: skip
        with self._database.session() as session:
            session.add(row)
            session.flush()
            return job_of(row)

    def get(self, id: str, owner: str) -> Job:
        """A job of a user. Raises: JobNotFound."""
        with self._database.reading() as session:
            return job_of(_owned(session, id, owner))

    def find(self, id: str) -> Job:
        """A job, whoever owns it. Raises: JobNotFound."""
        with self._database.reading() as session:
            return job_of(_owned(session, id, None))

    def update(self, id: str, owner: str, /, **changes: Any) -> Job:
        """Change `EDITABLE` properties. Raises: JobNotFound, JobLocked, PropertyNotEditable, RequestInvalid."""
        for name in changes.keys() - EDITABLE:
            raise OpenEOError("PropertyNotEditable", property=name)
        if "log_level" in changes:
            severity_of(changes["log_level"])
        with self._database.session() as session:
            row = _owned(session, id, owner, lock=True)
            if row.status in ACTIVE:
                raise OpenEOError("JobLocked")
            for name, value in changes.items():
                setattr(row, name, value)
            row.updated = self._clock()
            return job_of(row)

    def delete(self, id: str, owner: str) -> None:
        """Remove a job with its log and the collection of its results. Raises: JobNotFound.

        If it runs, its worker notices and stops it.
        """
        with self._database.session() as session:
            session.delete(_owned(session, id, owner, lock=True))
            if affected(session, delete(CollectionRow).where(CollectionRow.job_id == id)):
                revisions.advance(session, COLLECTIONS)

    def enqueue(self, id: str, owner: str) -> Job:
        """Start a job; nothing happens if it is queued or running. Raises: JobNotFound.

        A job that ran before starts from nothing, with an empty log; its former results stay until others take their
        place.
        """
        with self._database.session() as session:
            row = _owned(session, id, owner, lock=True)
            if row.status not in ACTIVE:
                now = self._clock()
                row.queued, row.attempts, row.log_entries = now, 0, 0
                row.started = row.finished = row.progress = row.error = None
                row.usage = {}
                job_queue.enter(session, row, "queued", now)
                restart_log(session, id, now)
            return job_of(row)

    def cancel(self, id: str, owner: str, *, keeps_results: bool | None = None) -> Job:
        """Stop a job; nothing happens unless it is queued or running. Raises: JobNotFound.

        A queued job is `created` again. A running one is `canceled` if there are results to download, `created` if
        not; `keeps_results` says which, instead of looking for them. Its lease stays until its worker has stopped it,
        so that it can't run twice when started again.
        """
        with self._database.session() as session:
            row = _owned(session, id, owner, lock=True)
            if row.status in ACTIVE:
                kept = _has_results(session, id) if keeps_results is None else keeps_results
                following: Status = "canceled" if row.status == "running" and kept else "created"
                if following == "created":
                    row.progress = None
                job_queue.enter(session, row, following, self._clock())
            return job_of(row)

    # what workers do

    def claim(self, worker_id: str, lease_s: float) -> Job | None:
        """Take the next job to run, or None. No two workers get the same one.

        Args:
            worker_id: a name for this lease that no other claim has had.
            lease_s: seconds until the lease runs out, unless a heartbeat renews it.
        """
        now = self._clock()
        with self._database.reading() as session:
            if not job_queue.anything_to_claim(session, now):
                return None
        with self._database.session() as session:
            job_queue.recover_lost(session, self._rules, now)
            row = job_queue.next_job(session, self._rules, now)
            if row is None:
                return None
            row.worker, row.lease_until = worker_id, now + timedelta(seconds=lease_s)
            row.started, row.attempts = now, row.attempts + 1
            job_queue.enter(session, row, "running", now)
            return job_of(row)

    def heartbeat(
        self,
        id: str,
        worker_id: str,
        lease_s: float,
        progress: float | None = None,
        usage: dict[str, Any] | None = None,
        *,
        phase: str | None = None,
        eta_s: float | None = None,
    ) -> bool:
        """Renew a lease and tell how far the job is; False if the lease is lost, then stop.

        `progress` (percent) never goes back, `usage` is added to what was told before. With a `phase` comes the time
        that is left, None if nobody knows.
        """
        with self._database.session() as session:
            row = _held(session, id, worker_id)
            if row is None:
                return False
            now = self._clock()
            row.lease_until = now + timedelta(seconds=lease_s)
            if progress is not None:
                row.progress, row.updated = max(row.progress or 0.0, min(max(progress, 0.0), 100.0)), now
            if usage:
                row.usage = {**row.usage, **usage}
            if phase is not None:
                row.phase, row.eta_s, row.updated = phase, eta_s, now
            return True

    def held(self, leases: Iterable[str]) -> set[str]:
        """Those of the leases that still hold; a cheap look, for a worker to notice that a job was canceled."""
        query = select(JobRow.worker).where(JobRow.worker.in_(list(leases)), JobRow.status == "running")
        with self._database.reading() as session:
            return {worker for worker in session.scalars(query) if worker is not None}

    def release(self, id: str, worker_id: str) -> None:
        """Give a lease back, once no process of the job is left: if it was running, another worker may go on."""
        with self._database.session() as session:
            row = session.get(JobRow, id, with_for_update=True)
            if row is None or row.worker != worker_id:
                return
            if row.status == "running":
                job_queue.requeue(session, row, self._clock())
                row.attempts -= 1
            row.worker = row.lease_until = None

    def finish(
        self,
        id: str,
        worker_id: str,
        usage: dict[str, Any] | None = None,
        *,
        result: StoredCollection | None = None,
        reveal: Callable[[], None] | None = None,
    ) -> bool:
        """End a job well; what it gave becomes a collection of its owner in the same transaction.

        Args:
            id: of the job.
            worker_id: the lease under which it ran.
            usage: what it used in all.
            result: the collection of its files.
            reveal: gives the files their final place; called while nobody else can take the job.
        Returns: False if the lease is lost; then nothing was revealed or stored.
        """
        with self._database.session() as session:
            row = _held(session, id, worker_id)
            if row is None:
                return False
            now = self._clock()
            if reveal is not None:
                reveal()
            if result is not None:
                store_collection(session, result, owner=row.owner, kind="result", job_id=id, now=now)
            row.progress, row.worker, row.lease_until = 100.0, None, None
            row.usage = {**row.usage, **(usage or {})}
            job_queue.enter(session, row, "finished", now)
            return True

    def withdraw_results(self, id: str, worker_id: str) -> bool:
        """Take the results of an earlier run out of the catalogue, before others take their place on disk.

        False if the lease is lost.
        """
        with self._database.session() as session:
            if _held(session, id, worker_id) is None:
                return False
            if affected(session, delete(CollectionRow).where(CollectionRow.job_id == id)):
                revisions.advance(session, COLLECTIONS)
            return True

    def fail(self, id: str, worker_id: str, error: dict[str, Any]) -> bool:
        """Say why the job failed; the reason also becomes an entry of its log. False if the lease is lost.

        `error`: `code` and `message`, and what else a log entry has (`data`, `path`).
        """
        with self._database.session() as session:
            row = _held(session, id, worker_id)
            if row is None:
                return False
            job_queue.end_in_error(session, row, error, self._clock())
            return True

    def states(self, ids: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """(status, lease or None) of each of these jobs; those that do not exist are left out."""
        query = select(JobRow.id, JobRow.status, JobRow.worker).where(JobRow.id.in_(list(ids)))
        with self._database.reading() as session:
            return {id: (status, worker) for id, status, worker in session.execute(query)}

    # logs and lists

    def log(self, id: str, level: str, message: str, *, worker_id: str | None = None, **fields: Any) -> bool:
        """Add an entry to a job's log, unless the job asks for more severe ones only, or its log is full.

        Args:
            id: of the job.
            level: error, warning, info or debug.
            message: for the user; no trace.
            worker_id: the lease under which this is written.
            fields: of a log entry: `code`, `data`, `path`, `usage`, `links`.
        Returns: False if there is no such job or the lease is lost.
        """
        with self._database.session() as session:
            row = _locked(session, id, worker_id)
            if row is None:
                return False
            if severity_of(level) <= severity_of(row.log_level) and row.log_entries <= self._log_entries_max:
                if row.log_entries == self._log_entries_max:
                    level, message, fields = "warning", _LOG_IS_FULL, {}
                row.log_entries += 1
                write_entry(session, JobLogRow, id, level, message, self._clock(), fields)
            return True

    def logs(self, id: str, offset: str | None = None, level: str | None = None, limit: int | None = None) -> Entries:
        """Log entries after the one with the id `offset`, at least as severe as `level`. Raises: RequestInvalid."""
        with self._database.reading() as session:
            return read_entries(session, JobLogRow, id, offset, level, limit)

    def list(self, owner: str, limit: int | None = None, after: LastShown | None = None) -> Jobs:
        """The jobs of a user, newest first: those behind the one with `created` and `id` as in `after`."""
        query = newest_first(select(JobRow).where(JobRow.owner == owner), JobRow, after, limit)
        with self._database.reading() as session:
            return [job_of(row) for row in session.scalars(query)]


def _owned(session: Session, id: str, owner: str | None, *, lock: bool = False) -> JobRow:
    row = session.get(JobRow, id, with_for_update=lock or None)
    if row is None or (owner is not None and row.owner != owner):
        raise OpenEOError("JobNotFound", identifier=id)
    return row


def _has_results(session: Session, id: str) -> bool:
    return bool(session.scalar(select(exists().where(CollectionRow.job_id == id))))


def _held(session: Session, id: str, worker_id: str) -> JobRow | None:
    """The row of a running job, locked, if the lease holds."""
    row = session.get(JobRow, id, with_for_update=True)
    return row if row is not None and row.status == "running" and row.worker == worker_id else None


def _locked(session: Session, id: str, worker_id: str | None) -> JobRow | None:
    return _held(session, id, worker_id) if worker_id is not None else session.get(JobRow, id, with_for_update=True)
