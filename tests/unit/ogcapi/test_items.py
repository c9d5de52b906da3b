from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from openeo_plugin.backend import Backend

from .instance import document, item


def ids(client: FlaskClient, query: str = "") -> list[str]:
    answer = client.get(f"/collections/scenes/items{query}")
    assert answer.status_code == 200, answer.json
    return [feature["id"] for feature in answer.json["features"]]


def test_items_come_by_time(client: FlaskClient) -> None:
    assert ids(client) == ["first", "second", "third"]


def test_items_are_filtered_by_box(client: FlaskClient) -> None:
    assert ids(client, "?bbox=15.4,45,15.7,46") == ["second"]
    assert ids(client, "?bbox=0,0,1,1") == []


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("2020-06-11T10:00:00Z", ["second"]),
        ("2020-06-11", ["second"]),
        ("2020-06-01T10:00:00Z/2020-06-11T10:00:00Z", ["first", "second"]),
        ("2020-06-11T10:00:01Z/..", ["third"]),
        ("../2020-06-11T09:59:59Z", ["first"]),
    ],
)
def test_items_are_filtered_by_time_and_both_ends_belong_to_an_interval(
    client: FlaskClient, interval: str, expected: list[str]
) -> None:
    assert ids(client, f"?datetime={interval}") == expected


def test_items_are_filtered_by_properties(client: FlaskClient) -> None:
    assert ids(client, "?cloud=10") == ["first", "third"]
    assert ids(client, "?cloud=10&datetime=2020-07-01") == ["third"]


def test_items_can_be_sorted_by_a_property(client: FlaskClient) -> None:
    assert ids(client, "?sortby=-cloud") == ["second", "first", "third"]


def test_pages_are_linked_and_counted(client: FlaskClient) -> None:
    page = client.get("/collections/scenes/items?limit=2").json
    assert (page["numberMatched"], page["numberReturned"]) == (3, 2)
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert following.startswith("https://eo.example/base/oapi/collections/scenes/items?")
    assert "offset=2" in following
    assert ids(client, "?limit=2&offset=2") == ["third"]


def test_hits_only_count(client: FlaskClient) -> None:
    page = client.get("/collections/scenes/items?resulttype=hits").json
    assert (page["numberMatched"], page["features"]) == (3, [])


def test_an_item_is_found_by_its_id(client: FlaskClient) -> None:
    answer = client.get("/collections/scenes/items/second")
    assert answer.content_type == "application/geo+json"
    feature = answer.json
    assert feature["geometry"]["type"] == "Polygon"
    assert feature["properties"] == {"datetime": "2020-06-11T10:00:00Z", "cloud": 20}
    assert client.get("/collections/scenes/items/fourth").status_code == 404


def test_paths_of_files_never_leave(client: FlaskClient) -> None:
    for path in ("/collections/scenes/items", "/collections/scenes/items/first", "/collections/scenes"):
        for form in ("json", "html", "jsonld"):
            text = client.get(f"{path}?f={form}").text
            assert "secret" not in text, (path, form)


def test_an_item_links_to_the_pixels_of_its_date(client: FlaskClient) -> None:
    links = client.get("/collections/scenes/items/second").json["links"]
    (href,) = [link["href"] for link in links if link["rel"].endswith("/coverage")]
    path = href.removeprefix("https://eo.example/base/oapi")
    assert client.get(path).mimetype == "image/tiff"


def test_coordinates_follow_the_axis_order_of_the_crs(client: FlaskClient) -> None:
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    feature = client.get(f"/collections/scenes/items/first?crs={crs}").json
    assert feature["geometry"]["coordinates"][0][0] == [45.0, 15.0]


@pytest.mark.parametrize(
    "query",
    [
        "?datetime=soon",
        "?bbox=1,2,3",
        "?limit=0",
        "?offset=-1",
        "?f=GTiff",
        "?filter=clod%3D10",
        "?filter=cloud%3D",
        "?filter=cloud%3D10&filter-lang=cql2-json",
        "?filter=cloud%3D10&filter-lang=sql",
        "?sortby=clod",
        "?filter=cloud%3D10&filter-crs=EPSG:3857",
    ],
)
def test_bad_parameters_are_the_clients_fault(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/collections/scenes/items{query}")
    assert answer.status_code == 400
    assert set(answer.json) >= {"code", "description"}


def test_items_are_filtered_by_cql2_as_text_and_as_json(client: FlaskClient) -> None:
    above = {"op": ">", "args": [{"property": "cloud"}, 15]}
    assert ids(client, "?filter=cloud%20%3C%2015%20AND%20datetime%20%3E%20DATE('2020-06-30')") == ["third"]
    assert ids(client, f"?filter={quote(json.dumps(above))}&filter-lang=cql2-json") == ["second"]
    assert ids(client, "?filter=S_INTERSECTS(geometry,BBOX(15.4,45,15.7,46))") == ["second"]
    posted = client.post("/collections/scenes/items?limit=1", json={"op": "not", "args": [above]}).json
    assert ([one["id"] for one in posted["features"]], posted["numberMatched"]) == (["first"], 2)


def test_pages_keep_the_filter_also_one_that_was_posted(client: FlaskClient) -> None:
    text = client.get("/collections/scenes/items?limit=1&filter=cloud%3D10").json
    document = {"op": "=", "args": [{"property": "cloud"}, 10]}
    posted = client.post("/collections/scenes/items?limit=1", json=document).json
    for page in (text, posted):
        (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
        last = client.get(following.removeprefix("https://eo.example/base/oapi")).json
        assert [one["id"] for one in page["features"] + last["features"]] == ["first", "third"]


def test_a_bad_filter_is_an_exception_that_tells_what_is_wrong(client: FlaskClient) -> None:
    answer = client.get("/collections/scenes/items?filter=clod%3D10")
    assert (answer.status_code, answer.json["code"]) == (400, "InvalidParameterValue")
    assert "Did you mean 'cloud'" in answer.json["description"]
    assert client.post("/collections/scenes/items").status_code == 400
    assert client.post("/collections/scenes/items", data=b"\xff").status_code == 400


def test_queryables_and_schema_name_the_properties(client: FlaskClient) -> None:
    for face in ("queryables", "schema"):
        properties = client.get(f"/collections/scenes/{face}").json["properties"]
        assert properties["cloud"]["type"] == "integer"
        assert properties["datetime"]["format"] == "date-time"


def test_an_item_with_a_range_of_times_is_found_within_it(backend: Backend, client: FlaskClient) -> None:
    ranged = item("month", "2020-06-01T00:00:00Z", 15.0, start_datetime="2020-06-01T00:00:00Z")
    ranged["properties"] |= {"datetime": None, "end_datetime": "2020-06-30T23:59:59Z"}
    backend.collections.put(document("scenes"), [ranged])
    assert ids(client, "?datetime=2020-06-15") == ["month"]
