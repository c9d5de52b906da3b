from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from openeo_plugin.results.workspaces import Workspaces


def _made(api, **fields) -> str:
    answer = api.post("/workspaces", {"intent": "create", **fields})
    assert answer.status_code == 201, answer.json
    return answer.headers["OpenEO-Identifier"]


def _put(api, id: str, path: str, content: bytes = b"{}") -> None:
    file = Workspaces(api.backend.settings.data_dir, "ann").folder(id) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_a_provider_of_folders_is_offered_to_everybody(api):
    providers = api.as_user(None).get("/workspace_providers").json["providers"]

    assert providers["folder"]["intents"] == ["create"]
    assert providers["folder"]["parameters"] == {}


def test_a_workspace_is_made_described_changed_and_deleted(api):
    id = _made(api, title="Alps", type="FOLDER")
    path = f"/workspaces/{id}"

    document = api.get(path).json
    assert (document["id"], document["title"], document["type"], document["status"]) == (id, "Alps", "folder", "ready")
    assert (document["properties"]["files"], document["properties"]["size"]) == (0, 0)
    assert document["url"] == f"http://127.0.0.1:8080/openeo/v1/workspaces/{id}/files"
    assert "description" not in document

    assert api("PATCH", path, json={"description": "Snow", "title": None}).status_code == 204
    changed = api.get(path).json
    assert (changed["description"], "title" in changed) == ("Snow", False)

    assert api("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.get("/workspaces").json["workspaces"] == []


def test_the_address_of_a_new_workspace_is_told(api):
    answer = api.post("/workspaces", {"intent": "create"})

    assert answer.headers["Location"] == (
        f"http://127.0.0.1:8080/openeo/v1/workspaces/{answer.headers['OpenEO-Identifier']}"
    )


def test_workspaces_that_exports_have_made_are_listed_in_pages(api):
    for id in ("b", "a", "c"):
        _put(api, id, "job/collection.json")

    first = api.get("/workspaces?limit=2").json
    following = first["links"][0]["href"].split("/openeo/v1")[1]

    assert [one["id"] for one in first["workspaces"]] == ["a", "b"]
    assert [one["id"] for one in api.get(following).json["workspaces"]] == ["c"]


def test_files_of_a_workspace_are_listed_and_downloaded(api):
    id = _made(api)
    _put(api, id, "alps/collection.json", b'{"id": "alps"}')
    _put(api, id, "alps/one/one.tif", b"0123456789")

    listed = api.get(f"/workspaces/{id}/files").json
    assert listed["files"] == [{"path": "alps/collection.json", "size": 14}, {"path": "alps/one/one.tif", "size": 10}]
    child = next(link["href"] for link in listed["links"] if link["rel"] == "child").split("/openeo/v1")[1]
    assert api.get(child).json == {"id": "alps"}
    part = api.get(f"/workspaces/{id}/files/alps/one/one.tif", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.data) == (206, b"234")


@pytest.mark.parametrize(
    "path",
    ["none.tif", ".workspace.json", "../ann/x", "a/../../x", "%2e%2e/x", "a//b", "..%2F..%2Fsecret.tif", "link.tif"],
)
def test_nothing_else_is_to_be_had(api, path):
    id = _made(api)
    secret = Path(api.backend.settings.data_dir) / "secret.tif"
    secret.write_bytes(b"classified")
    (Workspaces(api.backend.settings.data_dir, "ann").folder(id) / "link.tif").symlink_to(secret)

    answer = api.get(f"/workspaces/{id}/files/{path}")

    assert b"classified" not in answer.data
    assert answer.status_code in (400, 404)


def test_workspaces_are_for_their_owner_only(api):
    id = _made(api)
    _put(api, id, "a.tif", b"x")

    for suffix in ("", "/files", "/files/a.tif"):
        assert api.as_user("bob").get(f"/workspaces/{id}{suffix}").status_code == 404
        assert api.as_user(None).get(f"/workspaces/{id}{suffix}").status_code == 401
    assert api.as_user("bob")("DELETE", f"/workspaces/{id}").status_code == 404
    assert api.as_user("bob").get("/workspaces").json["workspaces"] == []
    assert api.get(f"/workspaces/{id}").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"intent": "register", "type": "folder", "url": "s3://bucket", "parameters": {}},
        {"intent": "create", "type": "S3"},
        {"intent": "create", "type": 5},
        {"intent": "create", "title": 5},
        {"intent": "create", "quota": 5},
        {"intent": "create", "parameters": {"password": "x"}},
    ],
)
def test_what_can_not_be_made_is_refused(api, body):
    answer = api.post("/workspaces", body)

    assert (answer.status_code, answer.json["code"]) == (400, "RequestInvalid")
    assert api.get("/workspaces").json["workspaces"] == []


def test_only_texts_of_a_workspace_can_be_changed(api):
    path = f"/workspaces/{_made(api)}"

    assert api("PATCH", path, json={"status": "ready"}).json["code"] == "PropertyNotEditable"
    assert api("PATCH", path, json={}).json["code"] == "NoDataForUpdate"
    assert api("PATCH", "/workspaces/none", json={"title": "x"}).status_code == 404


@pytest.mark.parametrize("id", ["..", ".", ".deleted-1", "a%2Fb", "%2e%2e"])
def test_ids_lead_nowhere_else(api, id):
    _made(api)

    for method in ("GET", "DELETE"):
        assert api(method, f"/workspaces/{id}").status_code in (404, 405)
    assert len(api.get("/workspaces").json["workspaces"]) == 1


def test_the_extension_is_claimed(api):
    assert "https://api.openeo.org/extensions/workspaces/0.1.0" in api.get("/conformance").json["conformsTo"]


def test_a_workspace_stays_as_old_as_it_is_when_files_and_texts_change(api, monkeypatch):
    monkeypatch.setattr("openeo_plugin.results.workspaces._now", lambda: datetime(2020, 6, 1, 10, tzinfo=UTC))
    id = _made(api, title="Alps")
    _put(api, id, "collection.json")
    assert api("PATCH", f"/workspaces/{id}", json={"title": "Snow"}).status_code == 204

    assert api.get(f"/workspaces/{id}").json["properties"] == {"files": 1, "size": 2, "created": "2020-06-01T10:00:00Z"}


def test_of_a_workspace_that_an_export_has_made_no_birth_is_told(api):
    _put(api, "alps", "job/collection.json")

    assert api.get("/workspaces/alps").json["properties"] == {"files": 1, "size": 2}


def test_a_file_that_goes_while_files_are_listed_is_left_out(api, monkeypatch):
    for name in ("a.json", "b.json"):
        _put(api, "alps", name)
    workspace = Workspaces(api.backend.settings.data_dir, "ann").get("alps")
    walk = os.walk

    def walk_and_remove(folder):
        for found in walk(folder):
            (workspace.folder / "a.json").unlink()
            yield found

    monkeypatch.setattr("openeo_plugin.results.workspaces.os.walk", walk_and_remove)
    assert list(workspace.files()) == [("b.json", 2)]
