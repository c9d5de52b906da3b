from __future__ import annotations

import copy

import pytest
from flask.testing import FlaskClient

from openeo_plugin.backend import Backend
from openeo_plugin.ogcapi.resources import LiveResources, resource_of
from openeo_plugin.ogcapi.scope import Scope, entered

from .instance import document, login


def listed(client: FlaskClient, headers: dict[str, str] | None = None) -> list[str]:
    answer = client.get("/collections", headers=headers)
    assert answer.status_code == 200
    *ids, records = [collection["id"] for collection in answer.json["collections"]]
    assert records == "catalogue"
    return ids


def test_a_collection_is_there_the_moment_put_returns(backend: Backend, client: FlaskClient) -> None:
    assert listed(client) == ["scenes"]
    backend.collections.put(document("another"), [])
    assert listed(client) == ["another", "scenes"]
    assert client.get("/collections/another").json["title"] == "Title of another"


def test_a_deleted_collection_is_gone_at_once(backend: Backend, client: FlaskClient) -> None:
    assert listed(client) == ["scenes"]
    backend.collections.delete("scenes")
    assert listed(client) == []
    assert client.get("/collections/scenes").status_code == 404


def test_a_result_is_seen_by_its_owner_only(backend: Backend, client: FlaskClient) -> None:
    backend.collections.put(document("job1"), [], owner="anna", kind="result", job_id="job1")
    assert "job1" in listed(client, login(backend, "anna"))
    assert "job1" not in listed(client)
    assert "job1" not in listed(client, login(backend, "bert"))


@pytest.mark.parametrize("face", ["", "/items", "/items/first", "/schema", "/queryables", "/coverage?f=GTiff"])
def test_a_foreign_result_is_not_found_at_any_face(backend: Backend, client: FlaskClient, face: str) -> None:
    backend.collections.put(document("job1"), [], owner="anna", kind="result", job_id="job1")
    foreign = client.get(f"/collections/job1{face}", headers=login(backend, "bert"))
    missing = client.get(f"/collections/nothing{face}", headers=login(backend, "bert"))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json["code"] == missing.json["code"] == "CollectionNotFound"
    assert client.get(f"/collections/job1{face}").status_code == 404


def test_the_process_is_no_collection(client: FlaskClient) -> None:
    assert client.get("/collections/OpenEO/schema").status_code == 404


def test_a_bad_token_is_refused_rather_than_read_as_nobody(client: FlaskClient) -> None:
    answer = client.get("/collections", headers={"Authorization": "Bearer basic//wrong"})
    assert (answer.status_code, answer.json["code"]) == (403, "TokenInvalid")


def test_a_copy_of_the_resources_is_the_resources(backend: Backend) -> None:
    resources = LiveResources()
    with entered(Scope(backend)):
        assert copy.deepcopy({"resources": resources})["resources"] is resources


def test_a_request_sees_one_catalogue_from_its_start_to_its_end(backend: Backend) -> None:
    resources = LiveResources()
    with entered(Scope(backend)):
        assert list(resources) == ["scenes", "OpenEO", "catalogue"]
        backend.collections.put(document("another"), [])
        assert list(resources) == ["scenes", "OpenEO", "catalogue"]
    with entered(Scope(backend)):
        assert list(resources) == ["another", "scenes", "OpenEO", "catalogue"]


def test_the_catalogue_is_read_again_only_when_it_has_changed(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, reads = LiveResources(), []
    original = backend.collections.list
    monkeypatch.setattr(backend.collections, "list", lambda *a, **k: reads.append(k["kind"]) or original(*a, **k))
    for _ in range(3):
        with entered(Scope(backend)):
            assert "scenes" in resources
    assert reads == ["source", "result"]


def test_resources_can_not_be_changed_through_pygeoapi(backend: Backend) -> None:
    resources = LiveResources()
    with entered(Scope(backend)), pytest.raises(TypeError):
        resources["new"] = {}


def test_links_that_the_server_would_fetch_are_left_out() -> None:
    links = resource_of(document("scenes"), "source", "https://eo.example/oapi")["links"]
    assert {link["rel"].rsplit("/", 1)[-1] for link in links} == {"items", "map", "tilesets-map", "license"}


def test_a_collection_without_known_resolution_has_both_faces_too() -> None:
    uneven = document("uneven")
    del uneven["cube:dimensions"]["x"]["step"]
    resource = resource_of(uneven, "source", "https://eo.example/oapi")
    assert [provider["type"] for provider in resource["providers"]] == ["feature", "coverage", "map", "tile"]
    assert any(link["rel"].endswith("/coverage") for link in resource["links"])


def test_a_result_that_is_a_picture_has_no_coverage(backend: Backend, client: FlaskClient) -> None:
    picture = document("job1")
    del picture["openeo:grids"]
    backend.collections.put(picture, [], owner="anna", kind="result", job_id="job1")
    headers = login(backend, "anna")
    assert client.get("/collections/job1/items", headers=headers).status_code == 200
    assert client.get("/collections/job1/coverage", headers=headers).status_code == 404


def test_a_table_has_items_but_no_coverage(backend: Backend, client: FlaskClient) -> None:
    table = document("table")
    table["cube:dimensions"] = {"bands": {"type": "bands", "values": ["a"]}}
    backend.collections.put(table, [])
    assert client.get("/collections/table/items").status_code == 200
    assert client.get("/collections/table/coverage").status_code == 404


def test_a_collection_tells_its_extent_and_grid(client: FlaskClient) -> None:
    extent = client.get("/collections/scenes").json["extent"]
    assert extent["spatial"]["bbox"] == [[15.0, 45.154, 15.0006, 45.1544]]
    assert extent["spatial"]["grid"] == [{"cellsCount": 5, "resolution": 10}, {"cellsCount": 4, "resolution": 10}]
    assert extent["temporal"]["interval"] == [["2020-06-01T10:00:00+00:00", "2020-07-01T10:00:00+00:00"]]
