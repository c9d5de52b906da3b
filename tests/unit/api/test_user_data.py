from __future__ import annotations

import pytest
from fakes import graph


@pytest.mark.requirement(400, 410, 411, 413, 414, 420, 421, 430, 431)
def test_a_process_can_be_stored_read_replaced_and_deleted(api):
    stored = {**graph("add", x=1, y=1), "summary": "Twice one", "id": "another", "description": None}
    assert api("PUT", "/process_graphs/twice", json=stored).status_code == 200

    read = api.get("/process_graphs/twice").json
    assert read == {**graph("add", x=1, y=1), "summary": "Twice one", "id": "twice"}

    api("PUT", "/process_graphs/twice", json=graph("add", x=2, y=2))
    assert "summary" not in api.get("/process_graphs/twice").json

    assert api("DELETE", "/process_graphs/twice").status_code == 204
    assert api.get("/process_graphs/twice").json["code"] == "ProcessGraphNotFound"
    assert api("DELETE", "/process_graphs/twice").status_code == 404


def test_the_id_in_the_body_does_not_count_whatever_it_is(api):
    assert api("PUT", "/process_graphs/evi", json={**graph("add", x=1, y=2), "id": "one scene"}).status_code == 200
    assert api.get("/process_graphs/evi").json["id"] == "evi"


@pytest.mark.requirement(401, 404, 405)
def test_lists_leave_the_graph_out(api):
    api("PUT", "/process_graphs/twice", json=graph("add", x=1, y=1))

    assert api.get("/process_graphs").json == {"processes": [{"id": "twice"}], "links": []}


def test_a_process_of_another_user_is_not_found(api):
    api("PUT", "/process_graphs/mine", json=graph("add", x=1, y=1))

    bob = api.as_user("bob")

    assert bob.get("/process_graphs/mine").status_code == 404
    assert bob("DELETE", "/process_graphs/mine").status_code == 404
    assert api.get("/process_graphs/mine").status_code == 200


@pytest.mark.requirement(422)
def test_an_incomplete_process_may_be_stored(api):
    draft = {"process_graph": {"a": {"process_id": "not_yet_there", "arguments": {}}}}

    assert api("PUT", "/process_graphs/draft", json=draft).status_code == 200


def test_predefined_ids_are_taken(api):
    response = api("PUT", "/process_graphs/add", json=graph("add", x=1, y=1))

    assert (response.status_code, response.json["code"]) == (400, "PredefinedProcessExists")


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.b", graph("add"), "ProcessInvalid"),
        ("x" * 256, graph("add"), "ProcessInvalid"),
        ("good", {}, "ProcessGraphMissing"),
        ("good", {"process_graph": []}, "ProcessGraphMissing"),
        ("good", {**graph("add"), "parameters": {}}, "ProcessInvalid"),
        ("good", {**graph("add"), "parameters": [{"name": ""}]}, "ProcessInvalid"),
        ("good", {**graph("add"), "parameters": [1]}, "ProcessInvalid"),
        ("good", {**graph("add"), "parameters": [{"name": "x"}, {"name": "x"}]}, "ProcessInvalid"),
        ("good", {**graph("add"), "returns": 1}, "ProcessInvalid"),
    ],
)
@pytest.mark.requirement(412)
def test_what_is_no_process_is_refused(api, name, body, code):
    response = api("PUT", f"/process_graphs/{name}", json=body)

    assert (response.status_code, response.json["code"]) == (400, code)


def test_a_public_process_has_an_address_that_everybody_can_read(api):
    api("PUT", "/process_graphs/evi", json={**graph("add", x=1, y=2), "public": True, "summary": "EVI"})
    api("PUT", "/process_graphs/mine", json=graph("add", x=1, y=2))

    (link,) = api.get("/process_graphs/evi").json["links"]
    assert (link["rel"], link["href"]) == ("canonical", "http://127.0.0.1:8080/openeo/v1/processes/u:ann/evi")
    nobody = api.as_user(None)
    shown = nobody.get("/processes/u:ann/evi").json
    assert (shown["id"], shown["process_graph"]) == ("evi", graph("add", x=1, y=2)["process_graph"])
    listed = nobody.get("/processes/u:ann").json["processes"]
    assert [process["id"] for process in listed] == ["evi"]
    assert "process_graph" not in listed[0]
    for path in ("/processes/u:ann/mine", "/processes/u:bob/evi", "/processes/backend/evi"):
        assert nobody.get(path).json["code"] == "ProcessGraphNotFound"


def test_a_process_that_is_replaced_by_a_private_one_is_no_longer_shared(api):
    api("PUT", "/process_graphs/evi", json={**graph("add", x=1, y=2), "public": True})
    api("PUT", "/process_graphs/evi", json=graph("add", x=1, y=2))

    assert api.as_user(None).get("/processes/u:ann/evi").status_code == 404
    assert api.as_user(None).get("/processes/u:ann").json["processes"] == []
