from __future__ import annotations

import pytest
from fakes import graph


@pytest.mark.requirement(201, 202)
def test_processes_are_listed_with_and_without_a_token(api):
    document = api.as_user(None).get("/processes").json

    assert [process["id"] for process in document["processes"]] == ["add", "load_collection", "save_result", "wait"]
    assert api.get("/processes").json == document


def test_the_namespace_backend_holds_the_predefined_processes(api):
    assert api.get("/processes/backend").json["processes"] == api.get("/processes").json["processes"]


def test_the_namespace_user_holds_ones_own_processes_and_needs_a_token(api):
    api("PUT", "/process_graphs/twice", json=graph("add", x=1, y=1))

    assert [process["id"] for process in api.get("/processes/user").json["processes"]] == ["twice"]
    assert api.as_user("bob").get("/processes/user").json["processes"] == []
    assert api.as_user(None).get("/processes/user").status_code == 401


def test_other_namespaces_are_not_found(api):
    assert api.get("/processes/nobody").status_code == 404


@pytest.mark.requirement(490, 491)
def test_a_valid_process_has_no_errors(api):
    response = api.post("/validation", graph("add", x=1, y=2))

    assert (response.status_code, response.json) == (200, {"errors": []})


@pytest.mark.requirement(492, 493)
def test_every_fault_is_told_with_code_and_node_and_status_200(api):
    process = {
        "process_graph": {
            "first": {"process_id": "subtrakt", "arguments": {}},
            "second": {"process_id": "ad", "arguments": {}, "result": True},
        }
    }

    response = api.as_user(None).post("/validation", process)

    assert response.status_code == 200
    assert [error["code"] for error in response.json["errors"]] == ["ProcessUnsupported"] * 2
    assert "'first'" in response.json["errors"][0]["message"]
    assert "'second'" in response.json["errors"][1]["message"]


def test_a_process_without_a_graph_is_a_fault_and_not_a_bad_request(api):
    response = api.post("/validation", {})

    assert (response.status_code, response.json["errors"][0]["code"]) == (200, "ProcessGraphMissing")


def test_large_pages_of_processes_are_the_whole_list_for_clients_that_read_no_second_one(api, monkeypatch):
    many = [{**api.driver.processes()[0], "id": f"p{number}"} for number in range(60)]
    monkeypatch.setattr(api.driver, "processes", lambda: many, raising=False)

    assert len(api.get("/processes?limit=50").json["processes"]) == 60
    assert len(api.get("/processes?limit=49").json["processes"]) == 49


@pytest.mark.requirement(494, 495, 496)
@pytest.mark.parametrize(
    ("described", "word"),
    [
        ({"id": "a b"}, "id"),
        ({"parameters": [{"name": "x", "schema": {"type": "nummer"}}]}, "parameter 'x'"),
        ({"returns": {"schema": {"type": 5}}}, "return value"),
        ({"returns": {"schema": {"type": "string"}}}, "expected string, got 3"),
    ],
)
def test_what_stands_around_a_graph_is_validated_too(api, described, word):
    (fault,) = api.post("/validation", {**graph("add", x=1, y=2), **described}).json["errors"]

    assert fault["code"] == "ProcessInvalid"
    assert word in fault["message"]


def test_a_process_that_returns_what_it_says_is_valid(api):
    for schema in ({"type": "number"}, [{"type": "string"}, {"type": "integer"}]):
        process = {**graph("add", x=1, y=2), "id": "sum", "returns": {"description": "A sum.", "schema": schema}}
        assert api.post("/validation", process).json == {"errors": []}
