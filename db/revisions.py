"""Counters that grow with every change, so that caches know cheaply whether they are stale."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.models import RevisionRow
from db.session import affected


def advance(session: Session, subject: str) -> None:
    """Count a change of `subject` in the transaction that makes it."""
    step = update(RevisionRow).where(RevisionRow.subject == subject).values(value=RevisionRow.value + 1)
    if not affected(session, step):
        session.add(RevisionRow(subject=subject, value=1))


def current(session: Session, subject: str) -> int:
    """How many changes of `subject` there were."""
    return session.scalar(select(RevisionRow.value).where(RevisionRow.subject == subject)) or 0
