"""Messages to webhooks, delivered to a server of our own."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from config.settings import load_settings
from db.jobs import JobStore
from db.session import Database
from db.webhooks import WebhookStore
from openeo_plugin.egress.policy import EgressPolicy
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.courier import Courier, refuse_webhook, signature, wait_s

SECRET = "0123456789abcdef"


@dataclass
class Receiver:
    """Answers each message with the next status; keeps what it got."""

    port: int
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            self.send_header("Content-Length", "0")
            self.send_header("Location", "http://169.254.169.254/")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


class Clock:
    now = datetime(2024, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobStore]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    database.migrate()
    yield JobStore(database)
    database.dispose()


def courier(jobs: JobStore, clock: Clock, receiver: Receiver | None, attempts_max: int = 3) -> Courier:
    private = () if receiver is None else (f"127.0.0.1:{receiver.port}",)
    policy = EgressPolicy(schemes=frozenset({"http"}), private_hosts=private)
    jobs._clock = clock
    return Courier(WebhookStore(jobs._database, clock=clock), jobs, policy, "https://geo.example", attempts_max)


def queued(jobs: JobStore, webhook: Any, clock: Clock) -> str:
    jobs._clock = clock
    return jobs.enqueue(jobs.create("ada", {}, additional={"webhook": webhook}).id, "ada").id


def test_a_message_tells_the_state_and_is_signed_with_the_users_secret(
    jobs: JobStore, clock: Clock, receiver: Receiver
) -> None:
    id = queued(jobs, {"url": receiver.url, "secret": SECRET}, clock)
    under_way = courier(jobs, clock, receiver)
    assert under_way.deliver_next()
    assert not under_way.deliver_next()
    ((headers, body),) = receiver.got
    told = json.loads(body)
    assert (told["job_id"], told["status"]) == (id, "queued")
    assert told["links"] == [{"rel": "about", "href": f"https://geo.example/openeo/v1/jobs/{id}"}]
    moment, _, digest = headers["openeo-signature"].removeprefix("t=").partition(",v1=")
    assert digest == hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert SECRET.encode() not in body


def test_a_receiver_that_fails_is_tried_again_later_and_given_up_in_the_end(
    jobs: JobStore, clock: Clock, receiver: Receiver
) -> None:
    receiver.statuses = [500, 503, 302, 500]
    id = queued(jobs, receiver.url, clock)
    under_way = courier(jobs, clock, receiver)
    waits = []
    for attempt in (1, 2, 3):
        assert under_way.deliver_next()
        assert not under_way.deliver_next()
        waits.append(wait_s(attempt))
        clock.now += timedelta(seconds=wait_s(attempt) + 1)
    assert waits == [10, 40, 160]
    assert len(receiver.got) == 3  # the redirect to a cloud's own service is not followed
    assert not under_way.messages.anything_due()
    (entry,) = jobs.logs(id)
    assert entry["message"].startswith("The webhook was not told that the job is queued: ")


def test_a_private_address_gets_nothing(jobs: JobStore, clock: Clock, receiver: Receiver) -> None:
    id = queued(jobs, receiver.url, clock)
    assert courier(jobs, clock, None).deliver_next()
    assert receiver.got == []
    (entry,) = jobs.logs(id)
    assert "not told" in entry["message"]


@pytest.mark.parametrize(
    ("webhook", "words"),
    [
        ("http://example.org/hook", "schemes"),
        ("https://127.0.0.1/hook", "private"),
        ("https://user:password@example.org/", "user name"),
        ({"url": "https://example.org", "secret": "short"}, "16 characters"),
        ({"secret": SECRET}, "`url`"),
        (7, "`url`"),
    ],
)
def test_a_webhook_that_no_message_could_go_to_is_refused_at_once(webhook: Any, words: str) -> None:
    for additional in ({"webhook": webhook}, {"job_options": {"webhook": webhook}}):
        with pytest.raises(OpenEOError) as raised:
            refuse_webhook(additional, load_settings())
        assert raised.value.code == "RequestInvalid"
        assert words in raised.value.message


@pytest.mark.parametrize("additional", [{}, {"job_options": {"x": 1}}, {"webhook": "https://example.org/hook"}])
def test_other_properties_are_left_alone(additional: Any) -> None:
    refuse_webhook(additional, load_settings())


def test_the_signature_is_hmac_sha256_over_moment_dot_body() -> None:
    # printf '5.{}' | openssl dgst -sha256 -hmac key
    expected = hmac.new(b"key", b"5.{}", "sha256").hexdigest()
    assert signature("key", b"{}", 5) == f"t=5,v1={expected}"
