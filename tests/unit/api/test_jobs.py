from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fakes import graph

SUM = {"process": graph("add", x=1, y=2)}


def _create(api, **fields):
    response = api.post("/jobs", {**SUM, **fields})
    assert response.status_code == 201
    return response.headers["OpenEO-Identifier"]


def _claimed(api, job_id):
    api.post(f"/jobs/{job_id}/results")
    job = api.backend.jobs.claim("worker", 30)
    assert job.id == job_id
    return job


@pytest.mark.requirement(730, 734, 735, 736, 737, 750, 751, 752, 755)
def test_a_job_is_created_and_not_started(api):
    response = api.post("/jobs", {**SUM, "title": "A sum", "job_options": {"memory": "2g"}, "budget": None})

    job_id = response.headers["OpenEO-Identifier"]
    assert response.status_code == 201
    assert response.headers["Location"] == f"http://127.0.0.1:8080/openeo/v1/jobs/{job_id}"
    job = api.get(f"/jobs/{job_id}").json
    assert (job["status"], job["title"], job["process"]) == ("created", "A sum", SUM["process"])
    assert job["job_options"] == {"memory": "2g"}
    assert job["log_level"] == "info"
    assert None not in job.values()
    assert "progress" not in job


@pytest.mark.requirement(710, 711, 714, 715)
def test_lists_of_jobs_leave_the_process_out(api):
    job_id = _create(api, description="long", title="Mine")

    (listed,) = api.get("/jobs").json["jobs"]

    assert (listed["id"], listed["description"], listed["title"]) == (job_id, "long", "Mine")
    assert "process" not in listed


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "ProcessGraphMissing"),
        ({"process": {}}, "ProcessGraphMissing"),
        ({"process": "add"}, "RequestInvalid"),
        ({"process": graph("ad")}, "ProcessUnsupported"),
        ({**SUM, "title": 1}, "RequestInvalid"),
        ({**SUM, "title": "x" * 10_001}, "RequestInvalid"),
        ({**SUM, "log_level": "loud"}, "RequestInvalid"),
        ({**SUM, "plan": "gold"}, "BillingPlanInvalid"),
        ({**SUM, "budget": -1}, "BudgetInvalid"),
        ({**SUM, "budget": True}, "BudgetInvalid"),
    ],
)
@pytest.mark.requirement(731)
def test_what_is_no_valid_job_is_refused_and_not_stored(api, body, code):
    response = api.post("/jobs", body)

    assert (response.status_code, response.json["code"]) == (400, code)
    assert api.get("/jobs").json["jobs"] == []


def test_a_refusal_says_how_many_faults_there_are(api):
    process = {"process_graph": {name: {"process_id": name, "arguments": {}} for name in ("a", "b", "c")}}

    message = api.post("/jobs", {"process": process}).json["message"]

    assert "Node 'a'" in message
    assert "2 more faults" in message


def test_jobs_of_other_users_are_not_found(api):
    job_id = _create(api)
    bob = api.as_user("bob")

    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/results"),
        ("POST", "/results"),
        ("DELETE", "/results"),
        ("GET", "/logs"),
        ("GET", "/estimate"),
    ):
        response = bob(method, f"/jobs/{job_id}{path}", json={"title": "mine"} if method == "PATCH" else None)
        assert (response.status_code, response.json["code"]) == (404, "JobNotFound"), (method, path)
    assert api.get(f"/jobs/{job_id}").json["status"] == "created"


@pytest.mark.requirement(733, 760, 761, 763, 764, 765)
def test_a_job_can_be_changed_until_it_is_started(api):
    job_id = _create(api, title="Old", job_options={"a": 1})

    changes = {"title": None, "description": "new", "log_level": "debug", "extra": 2, "process": graph("add", x=3, y=4)}
    assert api("PATCH", f"/jobs/{job_id}", json=changes).status_code == 204

    job = api.get(f"/jobs/{job_id}").json
    assert "title" not in job
    assert (job["description"], job["log_level"], job["extra"]) == ("new", "debug", 2)
    assert job["job_options"] == {"a": 1}
    assert job["process"] == graph("add", x=3, y=4)

    api.post(f"/jobs/{job_id}/results")
    response = api("PATCH", f"/jobs/{job_id}", json={"title": "late"})
    assert (response.status_code, response.json["code"]) == (400, "JobLocked")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "finished"}, "PropertyNotEditable"),
        ({"id": "x"}, "PropertyNotEditable"),
        ({"process": graph("ad")}, "ProcessUnsupported"),
        ({"process": None}, "ProcessGraphMissing"),
    ],
)
def test_bad_changes_are_refused(api, body, code):
    response = api("PATCH", f"/jobs/{_create(api)}", json=body)

    assert (response.status_code, response.json["code"]) == (400, code)


@pytest.mark.requirement(700, 850, 851)
def test_starting_is_202_and_does_nothing_while_queued_or_running(api):
    job_id = _create(api)

    first, second = api.post(f"/jobs/{job_id}/results"), api.post(f"/jobs/{job_id}/results")

    assert (first.status_code, second.status_code) == (202, 202)
    assert api.get(f"/jobs/{job_id}").json["status"] == "queued"
    api.backend.jobs.claim("worker", 30)
    assert api.post(f"/jobs/{job_id}/results").status_code == 202
    assert api.get(f"/jobs/{job_id}").json["status"] == "running"


@pytest.mark.requirement(754)
def test_progress_and_usage_are_shown(api):
    job_id = _create(api)
    _claimed(api, job_id)
    api.backend.jobs.heartbeat(job_id, "worker", 30, progress=41.666, usage={"cpu": {"value": 3, "unit": "s"}})

    job = api.get(f"/jobs/{job_id}").json

    assert (job["status"], job["progress"]) == ("running", 41.67)
    assert job["usage"] == {"cpu": {"value": 3, "unit": "s"}}


@pytest.mark.requirement(890, 891)
def test_cancelling_is_204_whatever_the_state(api):
    job_id = _create(api)
    assert api("DELETE", f"/jobs/{job_id}/results").status_code == 204
    assert api.get(f"/jobs/{job_id}").json["status"] == "created"

    _claimed(api, job_id)
    assert api("DELETE", f"/jobs/{job_id}/results").status_code == 204
    assert api.get(f"/jobs/{job_id}").json["status"] == "created"


@pytest.mark.requirement(780, 781)
def test_deleting_a_job_deletes_its_files(api):
    job_id = _create(api)
    folder = api.backend.settings.results_dir / job_id
    folder.mkdir(parents=True)
    (folder / "result.tif").write_bytes(b"x")

    assert api("DELETE", f"/jobs/{job_id}").status_code == 204

    assert not folder.exists()
    assert api.get(f"/jobs/{job_id}").status_code == 404


@pytest.mark.requirement(800, 801, 802, 804, 805, 806, 807)
def test_logs_follow_an_offset_a_level_and_pages(api):
    job_id = _create(api, log_level="debug")
    for level in ("debug", "info", "warning", "error"):
        api.backend.jobs.log(job_id, level, f"It is {level}")
    path = f"/jobs/{job_id}/logs"

    entries = api.get(path).json["logs"]
    assert [entry["level"] for entry in entries] == ["debug", "info", "warning", "error"]
    later = api.get(f"{path}?offset={entries[1]['id']}").json["logs"]
    assert [entry["level"] for entry in later] == ["warning", "error"]
    severe = api.get(f"{path}?level=warning").json
    assert severe["level"] == "warning"
    assert [entry["level"] for entry in severe["logs"]] == ["warning", "error"]
    page = api.get(f"{path}?level=info&limit=2").json
    assert [entry["level"] for entry in page["logs"]] == ["info", "warning"]
    assert page["links"][0]["href"].endswith(f"/logs?level=info&limit=2&offset={page['logs'][-1]['id']}")


@pytest.mark.parametrize("query", ["level=loud", "offset=x", "limit=0"])
def test_bad_questions_to_a_log_are_refused(api, query):
    assert api.get(f"/jobs/{_create(api)}/logs?{query}").status_code == 400


@pytest.mark.requirement(820, 822, 823, 824, 825)
def test_an_estimate_tells_size_and_duration(api):
    job_id = _create(api, process=graph("save_result", files={"a.tif": ""}))

    estimate = api.get(f"/jobs/{job_id}/estimate").json

    assert (estimate["size"], estimate["duration"]) == (240, "PT2S")
    assert datetime.fromisoformat(estimate["expires"]) > datetime.now(UTC)
    assert "costs" not in estimate


def test_an_update_without_a_body_is_refused_and_an_empty_one_changes_nothing(api):
    path = f"/jobs/{_create(api)}"
    before = api.get(path).json

    nothing = api("PATCH", path)
    assert (nothing.status_code, nothing.json["code"]) == (400, "NoDataForUpdate")
    assert api("PATCH", path, json={}).status_code == 204
    after = api.get(path).json
    assert {**after, "updated": None} == {**before, "updated": None}


@pytest.mark.requirement(698, 808)
def test_messages_of_logs_are_cut_to_what_people_read(api):
    from db.logs import MESSAGE_MAX_CHARACTERS

    job_id = _create(api)
    body = {"type": "xyz", "process": graph("load_collection", id="SYNTHETIC")}
    service_id = api.post("/services", body).headers["OpenEO-Identifier"]
    for log, path in ((api.backend.jobs, f"/jobs/{job_id}"), (api.backend.services, f"/services/{service_id}")):
        log.log(path.rpartition("/")[2], "error", "x" * (MESSAGE_MAX_CHARACTERS + 1))
        (entry,) = api.get(f"{path}/logs").json["logs"]
        assert len(entry["message"]) == MESSAGE_MAX_CHARACTERS
