"""What every database must do for messages to webhooks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.jobs import JobStore
from db.session import Database
from db.webhooks import Webhook, WebhookStore, webhook_of

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
HOOK = {"webhook": {"url": "https://example.org/hook", "secret": "0123456789abcdef"}}


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(database: Database, clock: Clock) -> JobStore:
    return JobStore(database, clock=clock)


@pytest.fixture
def messages(database: Database, clock: Clock) -> WebhookStore:
    return WebhookStore(database, clock=clock)


@pytest.mark.parametrize(
    ("additional", "webhook"),
    [
        ({}, None),
        ({"webhook": "https://e.org"}, Webhook("https://e.org")),
        ({"job_options": {"webhook": "https://e.org"}}, Webhook("https://e.org")),
        ({"webhook": {"url": "https://e.org", "secret": "s"}}, Webhook("https://e.org", "s")),
        ({"webhook": 3, "job_options": []}, None),
        ({"webhook": {"secret": "s"}}, None),
    ],
)
def test_a_webhook_is_named_at_the_top_or_in_the_job_options(additional: Any, webhook: Webhook | None) -> None:
    assert webhook_of(additional) == webhook


def test_every_change_of_state_leaves_a_message_in_its_order(
    jobs: JobStore, messages: WebhookStore, clock: Clock
) -> None:
    job = jobs.create("ada", {}, title="Mean", additional=HOOK)
    assert not messages.anything_due()
    jobs.enqueue(job.id, "ada")
    jobs.claim("w", 30)
    jobs.fail(job.id, "w", {"code": "NoDataAvailable", "message": "Nothing."})
    told = []
    while (message := messages.claim(60)) is not None:
        told.append(message.body)
        messages.remove(message.key)
    assert [body["status"] for body in told] == ["queued", "running", "error"]
    assert told[2] == {
        "job_id": job.id, "status": "error", "time": "2024-06-01T12:00:00.000Z", "title": "Mean",
        "error": {"code": "NoDataAvailable", "message": "Nothing."},
    }  # fmt: skip
    assert not messages.anything_due()


def test_a_job_without_a_webhook_leaves_none(jobs: JobStore, messages: WebhookStore) -> None:
    jobs.enqueue(jobs.create("ada", {}).id, "ada")
    assert messages.claim(60) is None


def test_a_message_that_waits_holds_back_those_behind_it_but_not_other_jobs(
    jobs: JobStore, messages: WebhookStore, clock: Clock
) -> None:
    first, second = (jobs.create("ada", {}, additional=HOOK).id for _ in range(2))
    jobs.enqueue(first, "ada")
    jobs.cancel(first, "ada")
    jobs.enqueue(second, "ada")
    message = messages.claim(60)
    assert message is not None
    assert (message.job_id, message.attempts, message.webhook.secret) == (first, 1, "0123456789abcdef")
    other = messages.claim(60)
    assert other is not None
    assert other.job_id == second
    assert messages.claim(60) is None
    messages.retry(message.key, 10)
    clock.now = NOON + timedelta(seconds=11)
    again = messages.claim(60)
    assert again is not None
    assert (again.key, again.attempts) == (message.key, 2)
    messages.remove(again.key)
    behind = messages.claim(60)
    assert behind is not None
    assert (behind.job_id, behind.body["status"]) == (first, "created")


def test_a_message_whose_courier_died_is_delivered_by_another(
    jobs: JobStore, messages: WebhookStore, clock: Clock
) -> None:
    jobs.enqueue(jobs.create("ada", {}, additional=HOOK).id, "ada")
    assert messages.claim(60) is not None
    assert messages.claim(60) is None
    clock.now = NOON + timedelta(seconds=61)
    again = messages.claim(60)
    assert again is not None
    assert again.attempts == 2


def test_messages_go_with_their_job(jobs: JobStore, messages: WebhookStore) -> None:
    job = jobs.enqueue(jobs.create("ada", {}, additional=HOOK).id, "ada")
    jobs.delete(job.id, "ada")
    assert not messages.anything_due()
