"""Which job is next: fair among users, atomic among workers, honest about workers that died.

The user with the fewest running jobs comes first, then the one who has waited longest since a job of theirs was
started, then the oldest job. Each function works in the transaction it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from db.job_states import Status, check_transition
from db.logs import write_entry
from db.models import JobLogRow, JobRow
from db.webhooks import announce

_ADVISORY_CLASS = 7_306_106  # tells the locks on users from others in the database


@dataclass(frozen=True, slots=True)
class QueueRules:
    """How often a job is tried whose worker died, and how many jobs of one user may run at once (None: any)."""

    attempts_max: int = 3
    running_per_user: int | None = None


def anything_to_claim(session: Session, now: datetime) -> bool:
    """Whether a claim may find something; a cheap look that takes no lock."""
    waiting = exists().where(JobRow.status == "queued")
    lost = exists().where(JobRow.status == "running", JobRow.lease_until < now)
    return bool(session.scalar(select(or_(waiting, lost))))


def recover_lost(session: Session, rules: QueueRules, now: datetime) -> None:
    """Queue the jobs again whose lease ran out; those tried too often become an error."""
    lost = select(JobRow).where(JobRow.status == "running", JobRow.lease_until < now)
    for job in session.scalars(lost.with_for_update(skip_locked=True)).all():
        if job.attempts < rules.attempts_max:
            requeue(session, job, now)
            note = "The worker that ran this job was lost; another one goes on with it."
            write_entry(session, JobLogRow, job.id, "warning", note, now, {})
        else:
            end_in_error(session, job, _lost_too_often(job.attempts), now)
    session.flush()


def next_job(session: Session, rules: QueueRules, now: datetime) -> JobRow | None:
    """The job to run next, locked; None if there is none."""
    for owner in session.scalars(_owners_in_turn(rules)).all():
        if rules.running_per_user is not None and not _has_room(session, owner, rules.running_per_user):
            continue
        job = session.scalar(_oldest_of(owner, now).with_for_update(skip_locked=True))
        if job is not None:
            return job
    return None


def enter(session: Session, job: JobRow, status: Status, now: datetime) -> None:
    """Bring a job into a state, and let its webhook know. Raises: TransitionError."""
    check_transition(job.status, status)  # type: ignore[arg-type]
    job.status, job.updated, job.phase, job.eta_s = status, now, None, None
    if status in ("finished", "error", "canceled"):
        job.finished = now
    announce(session, job, now)


def requeue(session: Session, job: JobRow, now: datetime) -> None:
    """Put a running job back at its place in the queue."""
    job.worker = job.lease_until = None
    enter(session, job, "queued", now)


def end_in_error(session: Session, job: JobRow, error: dict[str, object], now: datetime) -> None:
    """Give a job up; the reason also becomes the last entry of its log."""
    job.worker, job.lease_until, job.error = None, None, error
    enter(session, job, "error", now)
    fields = {"code": error.get("code"), "data": error.get("data"), "path": error.get("path")}
    write_entry(session, JobLogRow, job.id, "error", str(error.get("message", "The job failed.")), now, fields)


def _owners_in_turn(rules: QueueRules) -> Select[str]:
    mine = aliased(JobRow)
    running = (
        select(func.count()).where(mine.owner == JobRow.owner, mine.status == "running").correlate(JobRow)
    ).scalar_subquery()
    last = select(func.max(mine.started)).where(mine.owner == JobRow.owner).correlate(JobRow).scalar_subquery()
    query = select(JobRow.owner).where(JobRow.status == "queued").group_by(JobRow.owner)
    if rules.running_per_user is not None:
        query = query.having(running < rules.running_per_user)
    return query.order_by(running, last.nulls_first(), func.min(JobRow.queued), JobRow.owner)


def _oldest_of(owner: str, now: datetime) -> Select[JobRow]:
    # A job that was canceled and started again waits until the worker of its former run is done with it.
    free = or_(JobRow.worker.is_(None), JobRow.lease_until < now)
    query = select(JobRow).where(JobRow.owner == owner, JobRow.status == "queued", free)
    return query.order_by(JobRow.queued, JobRow.id).limit(1)


def _has_room(session: Session, owner: str, running_max: int) -> bool:
    if session.get_bind().dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:class, hashtext(:owner))")
        session.execute(lock, {"class": _ADVISORY_CLASS, "owner": owner})
    running = select(func.count()).where(JobRow.owner == owner, JobRow.status == "running")
    return (session.scalar(running) or 0) < running_max


def _lost_too_often(attempts: int) -> dict[str, object]:
    return {
        "code": "Internal",
        "message": f"The job was given up: {attempts} times the worker that ran it stopped without a word. Often the "
        "machine ran out of memory. Try a smaller extent or fewer dates, or ask the operator for the worker's log.",
    }
