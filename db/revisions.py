"""Counters that grow with every change, so that caches know cheaply whether they are stale."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from db.models import RevisionRow

# The same words in both dialects; atomic also for the first change of a subject.
_ADVANCE = text(
    "INSERT INTO revisions (subject, value) VALUES (:subject, 1)"
    " ON CONFLICT (subject) DO UPDATE SET value = revisions.value + 1"
)


def advance(session: Session, subject: str) -> None:
    """Count a change of `subject` in the transaction that makes it."""
    session.execute(_ADVANCE, {"subject": subject})


def current(session: Session, subject: str) -> int:
    """How many changes of `subject` there were."""
    return session.scalar(select(RevisionRow.value).where(RevisionRow.subject == subject)) or 0
