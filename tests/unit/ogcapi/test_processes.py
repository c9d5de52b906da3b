from __future__ import annotations

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from pygeoapi.util import JobStatus

from openeo_plugin.backend import Backend
from openeo_plugin.ogcapi.process_manager import ogc_state

from .instance import document, login

EXECUTION = "/processes/OpenEO/execution"
ASYNC = {"Prefer": "respond-async"}


def inputs(process_id: str = "add", **arguments: Any) -> dict[str, Any]:
    node = {"process_id": process_id, "arguments": arguments, "result": True}
    return {"inputs": {"process": {"process_graph": {"n": node}}, "title": "A job"}}


def queued(backend: Backend, client: FlaskClient, name: str) -> str:
    answer = client.post(EXECUTION, json=inputs(x=1, y=2), headers=login(backend, name) | ASYNC)
    assert answer.status_code == 201, answer.json
    return answer.json["jobID"]


def finish(backend: Backend) -> None:
    job = backend.jobs.claim("worker", 30)
    assert job is not None
    backend.jobs.finish(job.id, "worker", {})


def test_every_state_of_openeo_has_one_of_ogc() -> None:
    states = [ogc_state(s) for s in ("created", "queued", "running", "finished", "error", "canceled")]
    assert states == [
        JobStatus.accepted,
        JobStatus.accepted,
        JobStatus.running,
        JobStatus.successful,
        JobStatus.failed,
        JobStatus.dismissed,
    ]


def test_the_process_is_described(client: FlaskClient) -> None:
    (summary,) = client.get("/processes").json["processes"]
    assert summary["id"] == "OpenEO"
    description = client.get("/processes/OpenEO").json
    assert description["inputs"]["process"]["schema"]["required"] == ["process_graph"]
    assert description["jobControlOptions"] == ["sync-execute", "async-execute"]
    assert client.get("/processes/Nothing").status_code == 404


def test_an_asynchronous_execution_queues_a_job_of_the_user(backend: Backend, client: FlaskClient) -> None:
    before = threading.active_count()
    answer = client.post(EXECUTION, json=inputs(x=1, y=2), headers=login(backend, "anna") | ASYNC)
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "respond-async"
    job_id = answer.json["jobID"]
    assert answer.headers["Location"] == f"https://eo.example/base/oapi/jobs/{job_id}"
    job = backend.jobs.get(job_id, "anna")
    assert (job.status, job.title, job.process["process_graph"]["n"]["process_id"]) == ("queued", "A job", "add")
    assert backend.driver.planned == []
    assert threading.active_count() == before


def test_a_synchronous_execution_gives_the_value(backend: Backend, client: FlaskClient) -> None:
    answer = client.post(EXECUTION, json=inputs(x=1, y=2), headers=login(backend, "anna"))
    assert (answer.status_code, answer.json) == (200, 3)
    assert "Location" not in answer.headers
    assert backend.jobs.list("anna") == []


def test_a_document_names_the_output(backend: Backend, client: FlaskClient) -> None:
    body = inputs(x="a <", y=" b") | {"response": "document"}
    assert client.post(EXECUTION, json=body, headers=login(backend, "anna")).json == {"result": "a < b"}


def test_a_synchronous_execution_gives_the_file_and_leaves_nothing(backend: Backend, client: FlaskClient) -> None:
    answer = client.post(EXECUTION, json=inputs("save"), headers=login(backend, "anna"))
    assert answer.mimetype == "image/tiff"
    assert answer.data == b"II*\0 pixels"
    assert answer.content_length == 11
    assert list((backend.settings.data_dir / "scratch").iterdir()) == []


def test_nobody_executes_and_nobody_sees_jobs_without_a_token(client: FlaskClient) -> None:
    for answer in (client.post(EXECUTION, json=inputs(x=1, y=2)), client.get("/jobs"), client.get("/jobs/abc")):
        assert (answer.status_code, answer.json["code"]) == (401, "AuthenticationRequired")


def test_jobs_are_those_of_the_user_only(backend: Backend, client: FlaskClient) -> None:
    job_id = queued(backend, client, "anna")
    own = client.get("/jobs", headers=login(backend, "anna")).json["jobs"]
    assert [job["jobID"] for job in own] == [job_id]
    assert client.get("/jobs", headers=login(backend, "bert")).json["jobs"] == []
    for method in ("get", "delete"):
        assert getattr(client, method)(f"/jobs/{job_id}", headers=login(backend, "bert")).status_code == 404
    assert client.get(f"/jobs/{job_id}/results", headers=login(backend, "bert")).status_code == 404
    assert backend.jobs.get(job_id, "anna").status == "queued"


def test_a_job_created_through_openeo_is_listed_with_the_others(backend: Backend, client: FlaskClient) -> None:
    waiting = backend.jobs.create("anna", {"process_graph": {}})
    running = queued(backend, client, "anna")
    backend.jobs.claim("worker", 30)
    jobs = client.get("/jobs", headers=login(backend, "anna")).json["jobs"]
    assert {job["jobID"]: job["status"] for job in jobs} == {waiting.id: "accepted", running: "running"}


def test_times_that_did_not_come_yet_are_left_out(backend: Backend, client: FlaskClient) -> None:
    job_id = queued(backend, client, "anna")
    job = client.get(f"/jobs/{job_id}", headers=login(backend, "anna")).json
    assert not {"started", "finished", "parameters"} & set(job)
    assert (job["status"], job["progress"], job["processID"]) == ("accepted", 0, "OpenEO")


def test_results_of_a_finished_job_are_links_to_every_face(backend: Backend, client: FlaskClient) -> None:
    job_id, headers = queued(backend, client, "anna"), login(backend, "anna")
    assert client.get(f"/jobs/{job_id}/results", headers=headers).status_code == 404
    finish(backend)
    backend.collections.put(document(job_id), [], owner="anna", kind="result", job_id=job_id)
    results = client.get(f"/jobs/{job_id}/results", headers=headers).json
    assert results["result"]["href"] == f"https://eo.example/base/openeo/v1/jobs/{job_id}/results"
    assert results["coverage"]["href"] == f"https://eo.example/base/oapi/collections/{job_id}/coverage?f=GTiff"
    assert client.get(f"/jobs/{job_id}", headers=headers).json["progress"] == 100
    assert job_id in client.get(f"/jobs/{job_id}/results?f=html", headers=headers).text


def test_a_failed_job_tells_why(backend: Backend, client: FlaskClient) -> None:
    job_id, headers = queued(backend, client, "anna"), login(backend, "anna")
    assert backend.jobs.claim("worker", 30) is not None
    backend.jobs.fail(job_id, "worker", {"code": "NoDataAvailable", "message": "There is no data."})
    job = client.get(f"/jobs/{job_id}", headers=headers).json
    assert (job["status"], job["message"]) == ("failed", "There is no data.")
    assert client.get(f"/jobs/{job_id}/results", headers=headers).status_code == 400


def test_dismissing_stops_a_job_that_runs_and_then_removes_it(backend: Backend, client: FlaskClient) -> None:
    job_id, headers = queued(backend, client, "anna"), login(backend, "anna")
    backend.jobs.claim("worker", 30)
    assert client.delete(f"/jobs/{job_id}", headers=headers).json["status"] == "dismissed"
    assert client.get(f"/jobs/{job_id}", headers=headers).json["status"] == "dismissed"
    assert backend.jobs.heartbeat(job_id, "worker", 30) is False
    assert client.delete(f"/jobs/{job_id}", headers=headers).status_code == 200
    assert client.get(f"/jobs/{job_id}", headers=headers).status_code == 404


def test_dismissing_removes_a_job_that_waits_or_is_done_with_its_results(backend: Backend, client: FlaskClient) -> None:
    headers = login(backend, "anna")
    done, waiting = queued(backend, client, "anna"), queued(backend, client, "anna")
    finish(backend)
    backend.collections.put(document(done), [], owner="anna", kind="result", job_id=done)
    folder = backend.settings.results_dir / done
    folder.mkdir(parents=True)
    for job_id in (done, waiting):
        assert client.delete(f"/jobs/{job_id}", headers=headers).status_code == 200
        assert client.get(f"/jobs/{job_id}", headers=headers).status_code == 404
    assert client.get(f"/collections/{done}", headers=headers).status_code == 404
    assert not folder.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": {}}, "ProcessGraphMissing"),
        ({"inputs": {"process": {"process_graph": 3}}}, "ProcessGraphMissing"),
        ({"inputs": [1]}, "RequestInvalid"),
        ({"inputs": {"process": "x"}}, "RequestInvalid"),
        (inputs("fly"), "ProcessUnsupported"),
        (inputs(x=1, y=2) | {"response": "pigeon"}, "RequestInvalid"),
        (inputs(x="\0", y=""), "RequestInvalid"),
        ([1], "RequestInvalid"),
    ],
)
@pytest.mark.parametrize("prefer", [{}, ASYNC])
def test_a_bad_execution_is_refused_and_stores_nothing(
    backend: Backend, client: FlaskClient, body: Any, code: str, prefer: dict[str, str]
) -> None:
    answer = client.post(EXECUTION, json=body, headers=login(backend, "anna") | prefer)
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert backend.jobs.list("anna") == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"inputs": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(backend: Backend, client: FlaskClient, body: bytes) -> None:
    answer = client.post(EXECUTION, data=body, headers=login(backend, "anna"))
    assert (answer.status_code, answer.json["code"]) == (400, "RequestInvalid")


def test_nobody_is_called_back(backend: Backend, client: FlaskClient) -> None:
    body = inputs(x=1, y=2) | {"subscriber": {"successUri": "http://169.254.169.254/"}}
    answer = client.post(EXECUTION, json=body, headers=login(backend, "anna") | ASYNC)
    assert (answer.status_code, answer.json["code"]) == (400, "RequestInvalid")


def test_an_unexpected_error_shows_an_id_and_nothing_else(
    backend: Backend, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post(EXECUTION, json=inputs("crash"), headers=login(backend, "anna"))
    assert (answer.status_code, answer.json["code"]) == (500, "Internal")
    assert "secret" not in answer.text
    assert "SELECT" not in answer.text
    assert answer.json["id"] in caplog.text
