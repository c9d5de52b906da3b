from __future__ import annotations

import errno
import re

import pytest
from fakes import graph


def _link(response):
    href, rel = re.fullmatch(r'<([^>]+)>; rel="(\w+)"', response.headers["Link"]).groups()
    assert rel == "monitor"
    return href.removeprefix("http://127.0.0.1:8080/openeo/v1")


def _logs(api, response):
    return api.get(_link(response)).json["logs"]


@pytest.mark.requirement(908)
def test_a_synchronous_request_names_itself_its_costs_and_its_log(api):
    response = api.post("/result", {"process": graph("save_result", files={"a.tif": "x"})})

    assert response.headers["OpenEO-Costs"] == "0"
    assert response.headers["OpenEO-Identifier"] in response.headers["Link"]
    entries = _logs(api, response)
    assert [entry["level"] for entry in entries] == ["info", "info"]
    assert entries[1]["message"].endswith("a.tif")
    assert [entry["id"] for entry in entries] == ["1", "2"]


def test_the_log_of_a_failed_request_tells_code_and_node_and_no_trace(api):
    refused = api.post("/result", {"process": graph("ad")})
    crashed = api.post("/result", {"process": graph("add", crash=True)})

    (entry,) = _logs(api, refused)
    assert (entry["code"], entry["level"], entry["path"]) == ("ProcessUnsupported", "error", [{"node_id": "node1"}])
    (entry,) = _logs(api, crashed)
    assert entry["code"] == "Internal"
    assert "SELECT" not in entry["message"]


@pytest.mark.requirement(903)
def test_the_log_keeps_what_is_as_severe_as_was_asked_for(api):
    body = {"process": graph("add", x=1, y=2)}

    assert _logs(api, api.post("/result", {**body, "log_level": "error"})) == []
    assert len(_logs(api, api.post("/result", {**body, "log_level": "debug"}))) == 1


def test_the_log_is_for_the_user_who_asked(api):
    path = _link(api.post("/result", {"process": graph("add", x=1, y=2)}))

    assert api.as_user("bob").get(path).status_code == 404
    assert api.as_user(None).get(path).status_code == 401


def test_a_full_disk_is_a_storage_failure(api, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(api.driver, "run", full, raising=False)

    response = api.post("/result", {"process": graph("save_result", files={"a.tif": "x"})})

    assert (response.status_code, response.json["code"]) == (500, "StorageFailure")
    assert "No space left" in response.json["message"]
