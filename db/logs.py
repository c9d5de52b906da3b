"""Logs of jobs and services, as openEO log entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.models import JobLogRow, LogColumns, ServiceLogRow
from db.moments import text_of
from openeo_plugin.errors import OpenEOError

LEVELS = ("error", "warning", "info", "debug")  # most severe first
MESSAGE_MAX_CHARACTERS = 10_000

type LogRow = type[JobLogRow] | type[ServiceLogRow]


def severity_of(level: str) -> int:
    """0 for error to 3 for debug. Raises: RequestInvalid."""
    if level not in LEVELS:
        raise OpenEOError("RequestInvalid", reason=f"the log level '{level}' is not one of {', '.join(LEVELS)}")
    return LEVELS.index(level)


def write_entry(
    session: Session, rows: LogRow, subject_id: str, level: str, message: str, time: datetime, fields: dict[str, Any]
) -> None:
    """Add an entry to the log of a job or service. What is None in `fields` is left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    text = message if len(message) <= MESSAGE_MAX_CHARACTERS else message[: MESSAGE_MAX_CHARACTERS - 1] + "…"
    session.add(rows(subject_id=subject_id, time=time, severity=severity_of(level), message=text, fields=given))


def restart_log(session: Session, job_id: str, now: datetime) -> None:
    """Empty the log of a job that ran before.

    One entry stays in it: SQLite would give the ids of the last entries again, and readers would miss the new ones.
    """
    last = session.scalar(select(func.max(JobLogRow.key)).where(JobLogRow.subject_id == job_id))
    if last is not None:
        write_entry(session, JobLogRow, job_id, "info", "The job was started again.", now, {})
        session.flush()
        session.execute(delete(JobLogRow).where(JobLogRow.subject_id == job_id, JobLogRow.key <= last))


def read_entries(
    session: Session, rows: LogRow, subject_id: str, offset: str | None, level: str | None, limit: int | None
) -> list[dict[str, Any]]:
    """Entries in the order they were written.

    `offset` is the id of the last one already known, `level` the least severe level wanted.
    Raises: RequestInvalid.
    """
    query = select(rows).where(rows.subject_id == subject_id, rows.key > _key(offset))
    if level is not None:
        query = query.where(rows.severity <= severity_of(level))
    found: Iterable[LogColumns] = session.scalars(query.order_by(rows.key).limit(limit))
    return [_entry(row) for row in found]


def _key(offset: str | None) -> int:
    if not offset:
        return 0
    if not (offset.isascii() and offset.isdigit() and len(offset) < 19):
        raise OpenEOError("RequestInvalid", reason="`offset` is not the id of a log entry")
    return int(offset)


def _entry(row: LogColumns) -> dict[str, Any]:
    return {
        **row.fields,
        "id": str(row.key),
        "level": LEVELS[row.severity],
        "message": row.message,
        "time": text_of(row.time),
    }
