"""Results in the catalogue of records, as OWSLib's client of OGC API Records finds them, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from instance import Instance, free_port, mean_over_time, until, wait_for_web
from owslib.ogcapi.records import Records

from openeo_plugin.sources.synthetic import SENTINEL_2


@pytest.fixture(scope="module", params=["sqlite", "postgis"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Instance, int, str]]:
    """A running instance of ann and eve, its port, and the id of a job of ann's that has finished while it ran."""
    folder: Path = tmp_path_factory.mktemp("records")
    url = request.getfixturevalue("postgis_server").new_database() if request.param == "postgis" else None
    instance, port = Instance(folder, url), free_port()
    try:
        instance.prepare("ann", "eve")
        instance.start_web(port)
        instance.start_worker()
        wait_for_web(port)
        assert _records(instance, port, "ann").collection_items("catalogue")["numberMatched"] == 1
        with instance.client(port, "ann") as client:
            body = {"process": mean_over_time(), "title": "Mean of red", "description": "For the catalogue."}
            id = client.post("/jobs", json=body).headers["OpenEO-Identifier"]
            client.post(f"/jobs/{id}/results").raise_for_status()
            until(lambda: client.get(f"/jobs/{id}").json()["status"] == "finished")
        yield instance, port, id
    finally:
        instance.close()


def _records(instance: Instance, port: int, user: str | None) -> Records:
    headers = {"Authorization": f"Bearer {instance.token(user)}"} if user else {}
    return Records(f"http://127.0.0.1:{port}/oapi", headers=headers)


def _ids(found: dict) -> list[str]:
    return [record["id"] for record in found["features"]]


def test_owslib_finds_a_finished_job_at_once(server: tuple[Instance, int, str]) -> None:
    instance, port, id = server
    records = _records(instance, port, "ann")

    assert records.records() == ["catalogue"]
    record = records.collection_item("catalogue", id)
    assert record["properties"]["title"] == "Mean of red"
    assert record["properties"]["bands"] == ["B04"]
    assert record["geometry"]["type"] == "Polygon"
    assert set(_ids(records.collection_items("catalogue"))) == {SENTINEL_2, id}


def test_owslib_searches_by_place_time_words_property_and_cql2(server: tuple[Instance, int, str]) -> None:
    instance, port, id = server
    records = _records(instance, port, "ann")
    ring = records.collection_item("catalogue", id)["geometry"]["coordinates"][0]
    west, south = min(x for x, _ in ring), min(y for _, y in ring)
    east, north = max(x for x, _ in ring), max(y for _, y in ring)
    inside = [(west + east) / 2 - 1e-6, (south + north) / 2 - 1e-6, (west + east) / 2, (south + north) / 2]

    def asked(**query: object) -> list[str]:
        return _ids(records.collection_items("catalogue", **query))

    assert id in asked(bbox=inside)
    assert asked(bbox=[east + 1, north + 1, east + 2, north + 2]) == []
    assert asked(q="mean of RED") == [id]
    assert asked(kind="result") == [id]
    assert asked(filter="kind = 'result' AND A_CONTAINS(bands, ('B04'))") == [id]
    assert asked(filter=f"S_CONTAINS(geometry, POINT({inside[0]} {inside[1]})) AND title LIKE 'Mean%'") == [id]
    assert asked(filter="title = 'Mean of red' AND updated > DATE('2000-01-01')") == [id]
    assert asked(cql={"op": "like", "args": [{"property": "title"}, "Mean%"]}) == [id]
    assert asked(datetime_="1990-01-01T00:00:00Z/1991-01-01T00:00:00Z") == []
    assert asked(sortby=("kind", "asc"))[0] == id
    assert "bands" in records.collection_queryables("catalogue")["properties"]


def test_others_do_not_find_it(server: tuple[Instance, int, str]) -> None:
    instance, port, id = server
    for user in ("eve", None):
        records = _records(instance, port, user)
        assert _ids(records.collection_items("catalogue")) == [SENTINEL_2]
        assert records.collection_items("catalogue", filter=f"id = '{id}'")["numberMatched"] == 0
        with pytest.raises(RuntimeError, match="NotFound"):
            records.collection_item("catalogue", id)


def test_owslib_filters_the_items_of_a_collection(server: tuple[Instance, int, str]) -> None:
    instance, port, id = server
    records = _records(instance, port, "ann")
    dates = [item["properties"]["datetime"] for item in records.collection_items(SENTINEL_2)["features"]]

    later = records.collection_items(SENTINEL_2, filter=f"datetime > TIMESTAMP('{dates[0]}')")
    assert [item["properties"]["datetime"] for item in later["features"]] == dates[1:]
    assert len(_ids(records.collection_items(id))) == 1
