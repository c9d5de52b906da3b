from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from openeo_plugin.backend import Backend

from .instance import ITEMS, document, login

JUNE = {
    "extent": {
        "spatial": {"bbox": [[10.0, 46.0, 11.0, 47.0]]},
        "temporal": {"interval": [["2020-06-01T00:00:00Z", "2020-06-30T00:00:00Z"]]},
    },
    "title": "Snow of June",
    "description": "Ein Ergebnis.",
    "keywords": ["snow", "Ötztal"],
    "license": "CC-BY-4.0",
    "summaries": {"platform": ["sentinel-2a"], "gsd": [10]},
}


@pytest.fixture(autouse=True)
def result(backend: Backend) -> None:
    """A result of anna's beside the public collection `scenes`."""
    backend.collections.put({**document("job1"), **JUNE}, [], owner="anna", kind="result", job_id="job1")


def found(backend: Backend, client: FlaskClient, query: str = "", user: str | None = "anna") -> list[str]:
    headers = login(backend, user) if user else None
    answer = client.get(f"/collections/catalogue/items{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json["features"]]


def test_a_record_tells_place_time_and_bands(backend: Backend, client: FlaskClient) -> None:
    record = client.get("/collections/catalogue/items/job1", headers=login(backend, "anna")).json
    assert record["time"] == {"interval": ["2020-06-01T00:00:00.000Z", "2020-06-30T00:00:00.000Z"]}
    assert record["geometry"]["type"] == "Polygon"
    xs = {x for x, _ in record["geometry"]["coordinates"][0]}
    assert xs == {10.0, 11.0}
    told = record["properties"]
    assert (told["type"], told["kind"], told["title"], told["bands"]) == (
        "dataset", "result", "Snow of June", ["red", "nir"]
    )  # fmt: skip
    hrefs = {link["rel"]: link["href"] for link in record["links"]}
    assert hrefs["describedby"] == "https://eo.example/base/oapi/collections/job1?f=json"


def test_the_footprint_of_a_record_is_that_of_its_items(client: FlaskClient) -> None:
    geometry = client.get("/collections/catalogue/items/scenes").json["geometry"]
    corners = [item["bbox"] for item in ITEMS]
    west, east = min(box[0] for box in corners), max(box[2] for box in corners)
    rings = geometry["coordinates"] if geometry["type"] == "Polygon" else [p[0] for p in geometry["coordinates"]]
    xs = [x for ring in rings for x, _ in ring]
    assert (min(xs), max(xs)) == (west, east)


def test_results_are_for_their_owner_only(backend: Backend, client: FlaskClient) -> None:
    assert sorted(found(backend, client)) == ["job1", "scenes"]
    for user in (None, "bert"):
        assert found(backend, client, user=user) == ["scenes"]
        assert found(backend, client, "?ids=job1", user=user) == []
        headers = login(backend, user) if user else None
        assert client.get("/collections/catalogue/items/job1", headers=headers).status_code == 404


def test_records_come_and_go_with_their_collections(backend: Backend, client: FlaskClient) -> None:
    backend.collections.put({**document("job2"), **JUNE}, [], owner="anna", kind="result", job_id="job2")
    assert found(backend, client, "?ids=job2") == ["job2"]
    backend.collections.delete("job2")
    assert found(backend, client, "?ids=job2") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?bbox=10.5,46.5,10.6,46.6", ["job1"]),
        ("?bbox=0,0,1,1", []),
        ("?datetime=2020-06-15T00:00:00Z&ids=job1,other", ["job1"]),
        ("?datetime=2021-01-01T00:00:00Z/..", []),
        ("?q=snow", ["job1"]),
        ("?q=SNOW", ["job1"]),
        ("?q=ÖTZTAL", ["job1"]),
        ("?q=rain,ergebnis", ["job1"]),
        ("?q=rain", []),
        ("?kind=result", ["job1"]),
        ("?platform=sentinel-2a", ["job1"]),
        ("?type=dataset&kind=source", ["scenes"]),
        ("?type=service", []),
        ("?externalIds=x", []),
        ("?gsd=10", ["job1"]),
        ("?filter=title%20LIKE%20'Snow%25'", ["job1"]),
        ("?filter=kind%3D'result'%20AND%20A_CONTAINS(bands,('red'))", ["job1"]),
        ("?filter=A_CONTAINS(bands,('swir'))", []),
        ("?filter=S_INTERSECTS(geometry,POINT(10.5%2046.5))", ["job1"]),
        ("?filter=T_DURING(datetime,INTERVAL('2020-05-31','2020-07-01'))%20AND%20kind='result'", ["job1"]),
        ("?filter=start_datetime%20%3C%20DATE('2020-06-01')%20AND%20kind='result'", []),
        ("?sortby=-title&kind=result", ["job1"]),
        ("?sortby=kind", ["job1", "scenes"]),
        ("?sortby=-kind", ["scenes", "job1"]),
        ("?limit=1&offset=1&sortby=kind", ["scenes"]),
    ],
)
def test_records_are_searched_by_place_time_property_words_and_cql2(
    backend: Backend, client: FlaskClient, query: str, expected: list[str]
) -> None:
    assert found(backend, client, query) == expected


def test_records_are_searched_by_cql2_json(backend: Backend, client: FlaskClient) -> None:
    asked = {"op": "=", "args": [{"op": "casei", "args": [{"property": "title"}]}, "snow of june"]}
    assert found(backend, client, f"?filter-lang=cql2-json&filter={quote(json.dumps(asked))}") == ["job1"]
    answer = client.post("/collections/catalogue/items", json=asked, headers=login(backend, "anna"))
    assert [record["id"] for record in answer.json["features"]] == ["job1"]


def test_the_catalogue_is_a_collection_of_records_with_queryables(client: FlaskClient) -> None:
    collection = client.get("/collections/catalogue").json
    assert collection["itemType"] == "record"
    queryables = client.get("/collections/catalogue/queryables").json["properties"]
    assert {"title", "keywords", "bands", "kind", "start_datetime"} <= queryables.keys()
    assert queryables["kind"]["enum"] == ["source", "result"]


@pytest.mark.parametrize(
    "query", ["?filter=owner%3D'anna'", "?bbox=1", "?datetime=soon", "?sortby=owner", "?q=" + "a," * 60]
)
def test_bad_searches_are_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/collections/catalogue/items{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "InvalidParameterValue")


@pytest.mark.parametrize("face", ["/coverage", "/map", "/tiles", "/tiles/WebMercatorQuad/0/0/0"])
def test_the_catalogue_has_no_pixels(client: FlaskClient, face: str) -> None:
    assert 400 <= client.get(f"/collections/catalogue{face}").status_code < 500


def test_records_are_pages_too(client: FlaskClient) -> None:
    for path in ("", "/items", "/items/scenes", "/queryables"):
        answer = client.get(f"/collections/catalogue{path}?f=html")
        assert (answer.status_code, answer.mimetype) == (200, "text/html"), path


def test_summaries_that_a_user_has_written_keep_no_result_out_of_the_catalogue(
    backend: Backend, client: FlaskClient
) -> None:
    written = {**document("job2"), "summaries": {"bands": 5}, "cube:dimensions": {}}
    backend.collections.put(written, [], owner="anna", kind="result", job_id="job2")
    assert "job2" in found(backend, client)
