"""Messages to webhooks: written with the change they tell of, in one transaction, and kept until they are delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from db.models import JobRow, WebhookMessageRow
from db.moments import text_of
from db.session import Clock, Database, utc_now


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the owner of a job wants to be told of it. `secret` is theirs, to know our messages by."""

    url: str
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """A message under way. `attempts` counts this one."""

    key: int
    job_id: str
    webhook: Webhook
    body: dict[str, Any]
    attempts: int


def webhook_of(additional: Mapping[str, Any]) -> Webhook | None:
    """What a job's additional properties say of a webhook, at the top or in `job_options`; None if nothing usable."""
    options = additional.get("job_options")
    given = additional.get("webhook") or (options.get("webhook") if isinstance(options, Mapping) else None)
    if isinstance(given, str):
        return Webhook(given)
    if isinstance(given, Mapping) and isinstance(given.get("url"), str):
        secret = given.get("secret")
        return Webhook(given["url"], secret if isinstance(secret, str) else None)
    return None


def announce(session: Session, job: JobRow, now: datetime) -> None:
    """Leave a message for the job's webhook, if it has one: what state it is in now."""
    webhook = webhook_of(job.additional)
    if webhook is None:
        return
    body: dict[str, Any] = {"job_id": job.id, "status": job.status, "time": text_of(now), "title": job.title}
    if job.status == "error":
        body["error"] = job.error
    body = {name: value for name, value in body.items() if value is not None}
    session.add(
        WebhookMessageRow(job_id=job.id, url=webhook.url, secret=webhook.secret, body=body, attempts=0, due=now)
    )


class WebhookStore:
    """The messages that have not been delivered yet."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def anything_due(self) -> bool:
        """Whether `claim` may find something; a cheap look that takes no lock."""
        with self._database.reading() as session:
            return bool(session.scalar(select(exists().where(WebhookMessageRow.due <= self._clock()))))

    def claim(self, lease_s: float) -> WebhookMessage | None:
        """The message that has waited longest; nobody else gets it until the lease runs out.

        Messages of one job are given in their order: a later one waits until those before it are gone.
        """
        now = self._clock()
        row, earlier = WebhookMessageRow, WebhookMessageRow.__table__.alias("earlier")
        first = ~exists().where(earlier.c.job_id == row.job_id, earlier.c.key < row.key)
        query = select(row).where(row.due <= now, first).order_by(row.due, row.key).limit(1)
        with self._database.session() as session:
            found = session.scalar(query.with_for_update(skip_locked=True))
            if found is None:
                return None
            found.attempts, found.due = found.attempts + 1, now + timedelta(seconds=lease_s)
            webhook = Webhook(found.url, found.secret)
            return WebhookMessage(found.key, found.job_id, webhook, found.body, found.attempts)

    def remove(self, key: int) -> None:
        """Forget a message: it was delivered or given up."""
        with self._database.session() as session:
            row = session.get(WebhookMessageRow, key, with_for_update=True)
            if row is not None:
                session.delete(row)

    def retry(self, key: int, after_s: float) -> None:
        """Let a message wait before it is tried again."""
        with self._database.session() as session:
            row = session.get(WebhookMessageRow, key, with_for_update=True)
            if row is not None:
                row.due = self._clock() + timedelta(seconds=after_s)
