from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from openeo_plugin.backend import Backend

from .instance import client_of, document, login, make_backend

PATHS = (
    "/",
    "/openapi",
    "/conformance",
    "/collections",
    "/collections/scenes",
    "/collections/scenes/schema",
    "/collections/scenes/queryables",
    "/collections/scenes/items",
    "/collections/scenes/items/first",
    "/collections/scenes/coverage",
    "/processes",
    "/processes/OpenEO",
    "/TileMatrixSets",
    "/TileMatrixSets/WebMercatorQuad",
)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_works_without_script_and_without_the_internet(client: FlaskClient, path: str) -> None:
    page = client.get(f"{path}?f=html")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "unpkg.com" not in page.text
    assert "cdn" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
def test_json_is_what_comes_when_nothing_is_asked_for(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.is_json or answer.mimetype.endswith("json")


def test_a_browser_gets_pages(client: FlaskClient) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert client.get("/", headers={"Accept": accept}).mimetype == "text/html"


def test_a_media_type_that_is_refused_is_not_given(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Accept": "text/html;q=0, application/json", "Accept-Language": "de;q=0.0"})
    assert answer.mimetype == "application/json"


def test_the_style_sheet_is_served_from_here(client: FlaskClient) -> None:
    page = client.get("/?f=html").text
    assert 'href="https://eo.example/base/oapi/static/ogcapi.css"' in page
    assert client.get("/static/ogcapi.css").mimetype == "text/css"


def test_every_own_link_of_the_landing_page_leads_somewhere(client: FlaskClient) -> None:
    base = "https://eo.example/base/oapi"
    for link in client.get("/").json["links"]:
        if link["href"].startswith(base) and "/jobs" not in link["href"]:
            path = link["href"].removeprefix(base) or "/"
            assert client.get(path if path.startswith("/") else f"/{path}").status_code == 200, link


def test_titles_can_not_act_in_pages(backend: Backend, client: FlaskClient) -> None:
    backend.collections.put(document("evil", title="<script>alert(1)</script>", description="<img src=x>"), [])
    for path in ("/collections", "/collections/evil", "/collections/evil/items", "/collections/evil/coverage"):
        text = client.get(f"{path}?f=html").text
        assert "<script>alert" not in text
        assert "<img src=x>" not in text


def test_no_draft_and_nothing_that_is_not_offered_is_claimed(client: FlaskClient) -> None:
    claimed = client.get("/conformance").json["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in claimed
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss" in claimed
    for absent in ("coverages", "callback", "create-replace-delete", "mvt", "edr", "pubsub"):
        assert not [uri for uri in claimed if absent in uri]


def test_the_api_definition_names_every_path_and_no_collection(backend: Backend, client: FlaskClient) -> None:
    backend.collections.put(document("job1"), [], owner="anna", kind="result", job_id="job1")
    answer = client.get("/openapi", headers=login(backend, "anna"))
    paths = answer.json["paths"]
    for path in (
        "/collections/{collectionId}",
        "/collections/{collectionId}/items/{itemId}",
        "/collections/{collectionId}/coverage",
        "/processes/OpenEO/execution",
        "/jobs/{jobId}/results",
    ):
        assert path in paths
    assert "job1" not in answer.text
    assert "scenes" not in answer.text


def test_local_references_of_the_api_definition_resolve(client: FlaskClient) -> None:
    definition = client.get("/openapi").json

    def walk(node: object) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                target = definition
                for part in reference[2:].split("/"):
                    target = target[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(definition)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "get", 404),
        ("/collections/nothing", "get", 404),
        ("/TileMatrixSets/nothing", "get", 400),
        ("/collections", "delete", 405),
        ("/collections/scenes/items", "put", 405),
        ("/?f=nonsense", "get", 400),
    ],
)
def test_errors_are_json_with_a_code(client: FlaskClient, path: str, method: str, status: int) -> None:
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert set(answer.json) >= {"code", "description"}


def test_trailing_slashes_are_tolerated(client: FlaskClient) -> None:
    assert client.get("/collections/").status_code == 200


def test_two_instances_in_one_process_do_not_mix(client: FlaskClient, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert client.get("/collections/scenes?f=html").status_code == 200
    other = make_backend(tmp_path_factory.mktemp("other"))
    other.collections.put(document("elsewhere"), [])
    second = client_of(other)
    assert second.get("/collections/elsewhere?f=html").status_code == 200
    assert second.get("/collections/scenes").status_code == 404
    assert client.get("/collections/elsewhere").status_code == 404
    other.database.dispose()


def test_pygeoapi_is_not_loaded_before_the_first_request() -> None:
    code = "import sys, openeo_plugin.ogcapi.app; assert not [m for m in sys.modules if m.startswith('pygeoapi')]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_log_of_the_process_stays_as_it_was() -> None:
    code = (
        "import logging, pathlib, sys, tempfile\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from instance import client_of, make_backend\n"
        "assert client_of(make_backend(pathlib.Path(tempfile.mkdtemp()))).get('/').status_code == 200\n"
        "assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING\n"
    )
    subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], check=True)


def test_clients_are_asked_to_come_back_when_the_database_is_away(
    backend: Backend, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    assert client.get("/collections").status_code == 200
    monkeypatch.setattr(type(backend.database), "reading", away)
    answer = client.get("/collections?f=json")
    assert (answer.status_code, answer.json["code"]) == (503, "InfrastructureBusy")
    assert int(answer.headers["Retry-After"]) > 0
    assert "connection refused" not in answer.text
