from __future__ import annotations

import json

import pytest
from fakes import source_collection


@pytest.mark.requirement(308)
def test_collections_are_listed_with_links_to_this_api(api):
    document = api.as_user(None).get("/collections").json

    assert [one["id"] for one in document["collections"]] == ["SYNTHETIC"]
    links = {one["rel"]: one["href"] for one in document["collections"][0]["links"]}
    assert links["self"] == "http://127.0.0.1:8080/openeo/v1/collections/SYNTHETIC"
    assert links["license"] == "https://creativecommons.org/publicdomain/zero/1.0/"


def test_a_collection_has_its_dimensions_and_summaries(api):
    document = api.get("/collections/SYNTHETIC").json

    assert document["cube:dimensions"]["bands"]["values"] == ["red", "nir"]
    assert document["summaries"]["platform"] == ["sentinel-2a"]
    assert None not in document.values()


def test_a_collection_without_texts_is_named_by_its_id_and_its_bands(api):
    bare = {name: value for name, value in source_collection("BARE").items() if name not in ("title", "keywords")}
    api.backend.collections.put(bare, [])

    document = api.get("/collections/BARE").json
    assert (document["title"], document["keywords"]) == ("BARE", ["red", "nir"])


def test_a_collection_that_is_not_there_or_not_mine_is_not_found(api):
    api.backend.collections.put(source_collection("PRIVATE"), [], owner="bob")

    for user, status in (("ann", 404), (None, 404), ("bob", 200)):
        for path in ("", "/queryables", "/items", "/items/x"):
            answer = api.as_user(user).get(f"/collections/PRIVATE{path}")
            expected = 404 if path == "/items/x" else status
            assert answer.status_code == expected, (user, path)
    assert api.get("/collections/NONE").json["code"] == "CollectionNotFound"


@pytest.mark.requirement(330)
def test_queryables_are_a_json_schema_made_of_the_summaries(api):
    response = api.get("/collections/SYNTHETIC/queryables")

    assert response.mimetype == "application/schema+json"
    assert response.json["properties"] == {
        "datetime": {"type": "string", "format": "date-time"},
        "platform": {"type": "string", "enum": ["sentinel-2a"]},
        "eo:cloud_cover": {"type": "number", "minimum": 0, "maximum": 80},
    }


def test_items_are_geojson_with_counts(api):
    response = api.get("/collections/SYNTHETIC/items")

    assert response.mimetype == "application/geo+json"
    assert [item["id"] for item in response.json["features"]] == ["one", "two", "three"]
    assert (response.json["numberMatched"], response.json["numberReturned"]) == (3, 3)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bbox=14.1,45.1,14.2,45.2", ["one"]),
        ("bbox=14.6,45.6,0,14.7,45.7,100", ["two", "three"]),
        ("datetime=2020-06-06T00:00:00Z", ["two"]),
        ("datetime=2020-06-06T02:00:00%2B02:00", ["two"]),
        ("datetime=2020-06-01T00:00:00Z/2020-06-06T00:00:00Z", ["one", "two"]),
        ("datetime=2020-06-06T00:00:00Z/..", ["two", "three"]),
        ("datetime=/2020-06-05T23:59:59Z", ["one"]),
        ("datetime=2020-06-06", ["two"]),
        ("datetime=2020-06-05", []),
        ("datetime=2020-06-01/2020-06-06", ["one", "two"]),
        ("datetime=../2020-06-05", ["one"]),
        ("datetime=2020-06-06/..", ["two", "three"]),
        ("datetime=2020-06-05T12:00:00Z/2020-06-06", ["two"]),
        ("datetime=../9999-12-31", ["one", "two", "three"]),
    ],
)
def test_items_are_filtered_by_bbox_and_by_closed_intervals(api, query, expected):
    assert [item["id"] for item in api.get(f"/collections/SYNTHETIC/items?{query}").json["features"]] == expected


@pytest.mark.parametrize(
    "query",
    [
        "bbox=1,2,3",
        "bbox=a,b,c,d",
        "bbox=1,nan,2,3",
        "bbox=0,10,1,5",
        "datetime=yesterday",
        "datetime=2020-06",
        "datetime=2020-06-31",
        "datetime=2020-06-06/2020-06-05",
        "datetime=../..",
        "datetime=/",
        "datetime=2020-06-06T00:00:00",
        "datetime=2020-06-06T00:00:00Z/2020-06-01T00:00:00Z",
        "datetime=0001-01-01T00:00:00%2B10:00",
        "datetime=../9999-12-31T23:59:59.999999Z/x",
    ],
)
def test_bad_extents_are_refused(api, query):
    response = api.get(f"/collections/SYNTHETIC/items?{query}")

    assert (response.status_code, response.json["code"]) == (400, "RequestInvalid")


def test_the_last_instant_of_all_is_an_end_like_any_other(api):
    response = api.get("/collections/SYNTHETIC/items?datetime=../9999-12-31T23:59:59.999999Z")

    assert response.json["numberMatched"] == 3


def test_paths_of_the_server_are_not_told(api):
    response = api.get("/collections/SYNTHETIC/items")

    assert "/data/secret" not in response.get_data(as_text=True)
    assert response.json["features"][1]["assets"] == {"red": {"href": "https://example.org/two.tif"}}


def test_one_item_can_be_read(api):
    item = api.get("/collections/SYNTHETIC/items/one").json

    assert (item["id"], item["collection"]) == ("one", "SYNTHETIC")
    assert api.get("/collections/SYNTHETIC/items/none").status_code == 404


@pytest.mark.requirement(301, 302, 322, 323)
def test_collections_work_with_and_without_a_token(api):
    for path in ("/collections", "/collections/SYNTHETIC"):
        with_token, without = api.get(path), api.as_user(None).get(path)

        assert (with_token.status_code, without.status_code) == (200, 200)
        assert with_token.json == without.json


def _found(api, **query):
    answer = api.get("/collections/SYNTHETIC/items", query_string=query)
    return [item["id"] for item in answer.json["features"]]


def test_items_are_filtered_by_cql2_as_text_and_as_json(api):
    by_time = {"op": ">", "args": [{"property": "datetime"}, {"timestamp": "2020-06-01T00:00:00Z"}]}

    assert _found(api, filter="id IN ('one', 'three')") == ["one", "three"]
    assert _found(api, filter="S_INTERSECTS(geometry, POINT(14.2 45.2))") == ["one"]
    assert _found(api, **{"filter": json.dumps(by_time), "filter-lang": "cql2-json"}) == ["two", "three"]
    assert _found(api, filter="datetime < DATE('2020-06-10')", bbox="14.6,45.6,14.7,45.7") == ["two"]


def test_pages_of_filtered_items_keep_the_filter_and_tell_how_many_there_are(api):
    page = api.get("/collections/SYNTHETIC/items", query_string={"filter": "id <> 'two'", "limit": 1}).json
    following = next(one["href"] for one in page["links"] if one["rel"] == "next")
    last = api.get(following.split("/openeo/v1")[1]).json

    assert [page["features"][0]["id"], last["features"][0]["id"]] == ["one", "three"]
    assert (page["numberMatched"], last["numberMatched"], last["numberReturned"]) == (2, 2, 1)
    assert not [one for one in last["links"] if one["rel"] == "next"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"filter": "platfrm = 'x'"}, "Did you mean 'platform'"),
        ({"filter": "id ="}, "column"),
        ({"filter": "{", "filter-lang": "cql2-json"}, "CQL2 JSON"),
        ({"filter": "id = 'one'", "filter-lang": "sql"}, "cql2-text, cql2-json"),
        ({"filter": "id = 'one'", "filter-crs": "EPSG:3857"}, "CRS84"),
        ({"filter": "openeo:status = 'finished'"}, "no property 'openeo:status'"),
    ],
)
def test_a_bad_filter_is_refused_with_what_is_wrong(api, query, reason):
    response = api.get("/collections/SYNTHETIC/items", query_string=query)

    assert (response.status_code, response.json["code"]) == (400, "RequestInvalid")
    assert reason in response.json["message"]


def test_terms_are_searched_in_all_pages(api):
    for number in range(230):
        word = "rare" if number in (3, 219, 229) else "common"
        api.backend.collections.put({**source_collection(f"C{number:03}"), "keywords": [word]}, [])

    first = api.get("/collections?q=rare&limit=2").json
    following = next(one["href"] for one in first["links"] if one["rel"] == "next").split("/openeo/v1")[1]

    assert [one["id"] for one in first["collections"]] == ["C003", "C219"]
    assert [one["id"] for one in api.get(following).json["collections"]] == ["C229"]
