"""Server-sent events of a running server, as a client reads them from the wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from instance import Instance, free_port, wait_for_web


class Server:
    def __init__(self, instance: Instance, port: int) -> None:
        self.instance = instance
        self.port = port
        self.jobs = instance.backend.jobs
        self.ada = instance.client(port, "ada")
        self.bob = instance.client(port, "bob")

    def running_job(self) -> tuple[str, str]:
        """(job, lease)."""
        id = self.jobs.enqueue(self.jobs.create("ada", {}, log_level="debug").id, "ada").id
        job = self.jobs.claim(f"test-{id}", 600)
        assert job is not None
        assert job.id == id
        return id, f"test-{id}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    instance, port = Instance(tmp_path_factory.mktemp("events"), events_per_user_max="3"), free_port()
    for user in ("ada", "bob"):
        instance.backend.auth.basic.add_user(user, "correct horse battery")
    instance.start_web(port)
    wait_for_web(port)
    yield Server(instance, port)
    instance.close()


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Events as EventSource parses them; comments are left out."""
    fields: dict[str, Any] = {}
    for line in lines:
        if not line and fields:
            yield {**fields, "data": json.loads(fields["data"])}
            fields = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def test_a_job_is_followed_from_its_first_window_to_its_end(server: Server) -> None:
    id, lease = server.running_job()
    server.jobs.log(id, "info", "one")
    with server.ada.stream("GET", f"/jobs/{id}/events") as response:
        assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/event-stream")
        assert response.headers["access-control-allow-origin"] == "*"
        stream = events(response.iter_lines())
        first = [next(stream), next(stream), next(stream)]
        assert [event["event"] for event in first] == ["log", "progress", "state"]
        assert (first[0]["data"]["message"], first[2]["data"]["status"]) == ("one", "running")
        server.jobs.heartbeat(id, lease, 600, 40.0, phase="computing", eta_s=12.0)
        told = next(stream)
        assert (told["event"], told["data"]) == ("progress", {"progress": 40.0, "phase": "computing", "eta_s": 12.0})
        server.jobs.log(id, "warning", "two")
        server.jobs.fail(id, lease, {"code": "NoDataAvailable", "message": "Nothing there."})
        rest = list(stream)
    assert [event["event"] for event in rest] == ["log", "log", "state", "end"]
    assert [event["data"].get("message") for event in rest[:2]] == ["two", "Nothing there."]
    assert rest[2]["data"]["error"] == {"code": "NoDataAvailable", "message": "Nothing there."}


def test_a_client_that_comes_back_gets_what_it_missed_and_is_sent_away_at_the_end(server: Server) -> None:
    id, lease = server.running_job()
    for text in ("one", "two", "three"):
        server.jobs.log(id, "info", text)
    server.jobs.finish(id, lease)
    path = f"/jobs/{id}/events"
    whole = list(events(iter(server.ada.get(path).text.split("\n"))))
    assert [e["data"].get("message") for e in whole if e["event"] == "log"] == ["one", "two", "three"]
    missed = list(events(iter(server.ada.get(path, headers={"Last-Event-ID": whole[0]["id"]}).text.split("\n"))))
    assert [e["data"].get("message") for e in missed if e["event"] == "log"] == ["two", "three"]
    assert server.ada.get(path, headers={"Last-Event-ID": missed[-1]["id"]}).status_code == 204


def test_only_the_owner_may_listen(server: Server) -> None:
    id, _ = server.running_job()
    path = f"/jobs/{id}/events"
    base = f"http://127.0.0.1:{server.port}/openeo/v1"
    answers = [
        server.bob.get(path),
        server.ada.get("/jobs/none/events"),
        httpx.get(base + path, trust_env=False),
        httpx.get(base + path, headers={"Authorization": "Bearer basic//wrong"}, trust_env=False),
        server.ada.get(path, headers={"Last-Event-ID": "x' OR 1=1"}),
        server.ada.post(path),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (404, "JobNotFound"), (404, "JobNotFound"), (401, "AuthenticationRequired"), (403, "TokenInvalid"),
        (400, "RequestInvalid"), (404, "NotFound"),
    ]  # fmt: skip
    assert server.ada.head(path).status_code == 200


def test_the_stream_of_a_job_that_is_canceled_or_deleted_ends(server: Server) -> None:
    for end in ("cancel", "delete"):
        id, _ = server.running_job()
        with server.ada.stream("GET", f"/jobs/{id}/events") as response:
            stream = events(response.iter_lines())
            until_state = [next(stream), next(stream)]
            assert until_state[-1]["event"] == "state"
            getattr(server.jobs, end)(id, "ada")
            assert list(stream)[-1]["event"] == "end"


def test_a_user_has_so_many_streams_and_others_are_not_held_up(server: Server) -> None:
    id, lease = server.running_job()

    everybody = threading.Barrier(4)

    def listen() -> int:
        with server.ada.stream("GET", f"/jobs/{id}/events") as response:
            lines = response.iter_lines()
            next(lines)
            everybody.wait(20)
            list(lines)
            return response.status_code

    with ThreadPoolExecutor(3) as pool:
        listening = [pool.submit(listen) for _ in range(3)]
        everybody.wait(20)
        refused = server.ada.get(f"/jobs/{id}/events")
        assert (refused.status_code, refused.json()["code"]) == (429, "TooManyRequests")
        assert server.bob.get("/jobs").status_code == 200
        server.jobs.finish(id, lease)
        assert [one.result(30) for one in listening] == [200, 200, 200]
    assert server.ada.get(f"/jobs/{id}/events").status_code == 200


def test_a_job_links_its_events(server: Server) -> None:
    id, _ = server.running_job()
    links = server.ada.get(f"/jobs/{id}").json()["links"]
    assert [link["href"].rsplit("/", 1)[1] for link in links if link.get("type") == "text/event-stream"] == ["events"]
