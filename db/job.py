"""What a batch job is, outside the database."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from db.job_states import Status
from db.models import JobRow


@dataclass(frozen=True, slots=True)
class Job:
    """A batch job as it was when it was read. Moments are in UTC, `progress` is in percent.

    `worker` names the lease under which it runs: whoever writes for the job shows it, and is refused if it is no
    longer this one. `phase` is what a running job is at, `eta_s` the seconds it is expected to take from `updated` on.
    """

    id: str
    owner: str
    title: str | None
    description: str | None
    process: dict[str, Any]
    plan: str | None
    budget: float | None
    log_level: str
    additional: dict[str, Any]
    status: Status
    progress: float | None
    created: datetime
    updated: datetime
    queued: datetime | None
    started: datetime | None
    finished: datetime | None
    usage: dict[str, Any]
    error: dict[str, Any] | None
    worker: str | None
    lease_until: datetime | None
    attempts: int
    phase: str | None = None
    eta_s: float | None = None


def job_of(row: JobRow) -> Job:
    """The job that a row holds."""
    return Job(**{field.name: getattr(row, field.name) for field in fields(Job)})
