from __future__ import annotations

import logging

from fakes import graph

from openeo_plugin.api.errors import error_document
from openeo_plugin.errors import OpenEOError


def test_an_unknown_path_is_not_found_in_openeo_words(api):
    response = api.get("/nowhere")

    assert response.status_code == 404
    assert response.json["code"] == "NotFound"
    assert set(response.json) == {"id", "code", "message", "links"}


def test_a_wrong_method_names_the_right_ones(api):
    response = api("PUT", "/jobs")

    assert (response.status_code, response.json["code"]) == (405, "MethodNotAllowed")
    assert set(response.headers["Allow"].split(", ")) >= {"GET", "POST"}


def test_the_unexpected_is_internal_with_an_id_that_stands_in_the_log_and_tells_nothing_else(api, caplog):
    with caplog.at_level(logging.ERROR):
        response = api.post("/result", {"process": graph("add", x=1, y=2, crash=True)})

    assert response.status_code in (400, 500)
    response = api.post("/result", {"process": graph("add", x=1)})
    assert (response.status_code, response.json["code"]) == (500, "Internal")
    assert response.json["id"] in caplog.text
    assert response.json["id"] in response.json["message"]
    assert "missing" not in response.get_data(as_text=True)
    assert "Traceback" not in response.get_data(as_text=True)


def test_an_openeo_error_keeps_its_id_and_message():
    error = OpenEOError("JobNotFound", identifier="x")

    assert error_document(error) == {
        "id": error.id,
        "code": "JobNotFound",
        "message": "There is no batch job 'x'.",
        "links": [],
    }


def test_without_a_token_the_answer_asks_for_one(api):
    response = api.as_user(None).get("/jobs")

    assert (response.status_code, response.json["code"]) == (401, "AuthenticationRequired")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
