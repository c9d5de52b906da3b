from __future__ import annotations

import pytest
from fakes import graph

from db.service_use import ServiceUse

LAYER = {"type": "xyz", "process": graph("load_collection", id="SYNTHETIC")}


def _create(api, **fields):
    response = api.post("/services", {**LAYER, **fields})
    assert response.status_code == 201, response.json
    return response.headers["OpenEO-Identifier"]


@pytest.mark.requirement(600, 601, 602, 603, 604)
def test_service_types_work_with_and_without_a_token(api):
    types = api.as_user(None).get("/service_types").json

    assert {"XYZ", "WMTS", "WMS"} <= set(types)
    assert api.get("/service_types").json == types
    for kind in types.values():
        assert kind["title"]
        assert kind["description"]
        assert isinstance(kind["configuration"], dict)
        assert isinstance(kind["process_parameters"], list)


@pytest.mark.requirement(630, 636, 637, 638, 650, 651, 652, 654)
def test_a_service_is_created_and_described(api):
    response = api.post("/services", {**LAYER, "title": "NDVI", "log_level": "debug", "note": "mine"})

    service_id = response.headers["OpenEO-Identifier"]
    assert response.headers["Location"] == f"http://127.0.0.1:8080/openeo/v1/services/{service_id}"
    service = api.get(f"/services/{service_id}").json
    assert (service["type"], service["title"], service["enabled"]) == ("XYZ", "NDVI", True)
    assert service["url"].startswith("http://127.0.0.1:8080/tiles/")
    assert service["process"] == LAYER["process"]
    assert service["configuration"] == {}
    assert service["attributes"]
    assert (service["log_level"], service["note"]) == ("debug", "mine")
    assert None not in service.values()


@pytest.mark.requirement(610, 611, 614, 615)
def test_lists_of_services_are_short(api):
    service_id = _create(api, enabled=False, title="Mine")

    (listed,) = api.get("/services").json["services"]

    assert (listed["id"], listed["enabled"], listed["title"]) == (service_id, False, "Mine")
    assert "process" not in listed


def test_null_stands_for_what_is_not_given_as_the_r_client_writes_it(api):
    names = ("title", "description", "enabled", "configuration", "plan", "budget")
    service_id = _create(api, **dict.fromkeys(names))
    assert api.get(f"/services/{service_id}").json["enabled"] is True

    for enabled in (False, None):
        assert api("PATCH", f"/services/{service_id}", json={"enabled": enabled}).status_code == 204
    assert api.get(f"/services/{service_id}").json["enabled"] is False


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "TELEPATHY"}, "ServiceUnsupported"),
        ({"type": None}, "ServiceUnsupported"),
        ({"type": 5}, "RequestInvalid"),
        ({"process": None}, "ProcessGraphMissing"),
        ({"process": graph("ad")}, "ProcessUnsupported"),
        ({"process": graph("add", x=1, y=2)}, "ProcessGraphInvalid"),
        ({"configuration": {"no_such_option": 1}}, "ServiceConfigUnsupported"),
        ({"configuration": []}, "RequestInvalid"),
        ({"enabled": "yes"}, "RequestInvalid"),
        ({"plan": "gold"}, "BillingPlanInvalid"),
    ],
)
@pytest.mark.requirement(631, 632, 633)
def test_what_is_no_valid_service_is_refused_and_not_stored(api, change, code):
    response = api.post("/services", {**LAYER, **change})

    assert (response.status_code, response.json["code"]) == (400, code)
    assert api.get("/services").json["services"] == []


@pytest.mark.requirement(660, 661, 662, 667, 668, 669)
def test_a_service_can_be_changed(api):
    service_id = _create(api)

    changes = {"title": "New", "enabled": False, "process": graph("load_collection", id="OTHER"), "note": 1}
    assert api("PATCH", f"/services/{service_id}", json=changes).status_code == 204

    service = api.get(f"/services/{service_id}").json
    assert (service["title"], service["enabled"], service["note"]) == ("New", False, 1)
    assert service["process"] == graph("load_collection", id="OTHER")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://elsewhere"}, "PropertyNotEditable"),
        ({"type": "gml"}, "ServiceUnsupported"),
        ({"budget": -1}, "BudgetInvalid"),
        ({"configuration": {"no_such_option": 1}}, "ServiceConfigUnsupported"),
        ({"process": graph("ad")}, "ProcessUnsupported"),
    ],
)
@pytest.mark.requirement(663)
def test_bad_changes_are_refused(api, body, code):
    response = api("PATCH", f"/services/{_create(api)}", json=body)

    assert (response.status_code, response.json["code"]) == (400, code)


@pytest.mark.requirement(664)
def test_the_type_of_a_service_can_be_changed_in_any_case(api):
    service_id = _create(api)

    assert api("PATCH", f"/services/{service_id}", json={"type": "wMtS"}).status_code == 204
    assert api.get(f"/services/{service_id}").json["type"] == "WMTS"


@pytest.mark.requirement(635, 666, 695)
def test_a_log_keeps_what_is_as_severe_as_the_service_asks_for(api):
    service_id = _create(api, log_level="warning")
    for level in ("error", "warning", "info", "debug"):
        api.backend.services.log(service_id, level, level)
    assert [entry["level"] for entry in api.get(f"/services/{service_id}/logs").json["logs"]] == ["error", "warning"]

    api("PATCH", f"/services/{service_id}", json={"log_level": "debug"})
    api.backend.services.log(service_id, "debug", "more")
    assert api.get(f"/services/{service_id}/logs").json["logs"][-1]["message"] == "more"
    assert api.get(f"/services/{service_id}").json["log_level"] == "debug"


def test_services_of_other_users_are_not_found(api):
    service_id = _create(api)
    bob = api.as_user("bob")

    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/logs")):
        response = bob(method, f"/services/{service_id}{path}", json={"title": "x"} if method == "PATCH" else None)
        assert (response.status_code, response.json["code"]) == (404, "ServiceNotFound"), (method, path)


@pytest.mark.requirement(680, 681)
def test_a_deleted_service_is_gone(api):
    service_id = _create(api)

    assert api("DELETE", f"/services/{service_id}").status_code == 204
    assert api.get(f"/services/{service_id}").status_code == 404


@pytest.mark.requirement(690, 691, 692, 694, 696, 697)
def test_logs_of_a_service_can_be_read(api):
    service_id = _create(api)
    api.backend.services.log(service_id, "warning", "Too many tiles", code="TooManyRequests")
    api.backend.services.log(service_id, "error", "Broken")

    first, second = api.get(f"/services/{service_id}/logs").json["logs"]
    assert (first["message"], first["level"], first["code"]) == ("Too many tiles", "warning", "TooManyRequests")
    assert first["time"].endswith("Z")
    later = api.get(f"/services/{service_id}/logs?offset={first['id']}").json["logs"]
    assert [entry["id"] for entry in later] == [second["id"]]
    severe = api.get(f"/services/{service_id}/logs?level=error").json
    assert (severe["level"], [entry["message"] for entry in severe["logs"]]) == ("error", ["Broken"])


def test_an_update_without_a_body_is_refused_and_an_empty_one_changes_nothing(api):
    path = f"/services/{_create(api)}"
    before = api.get(path).json

    nothing = api("PATCH", path)
    assert (nothing.status_code, nothing.json["code"]) == (400, "NoDataForUpdate")
    assert api("PATCH", path, json={}).status_code == 204
    after = api.get(path).json
    assert {**after, "updated": None} == {**before, "updated": None}


def test_the_use_of_a_service_is_told(api):
    service_id = _create(api)
    assert api.get(f"/services/{service_id}").json["usage"]["requests"] == {"value": 0, "unit": "requests"}
    api.backend.services.add_use(service_id, ServiceUse(5, 2, 1, 1.5, 3_000_000, 500_000))
    used = api.get(f"/services/{service_id}").json["usage"]
    assert {name: metric["value"] for name, metric in used.items()} == {
        "duration": 1.5,
        "input": 3,
        "network": 0.5,
        "requests": 5,
        "requests_from_cache": 2,
        "requests_refused": 1,
    }
