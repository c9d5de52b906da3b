from __future__ import annotations

import json
import time

import pytest
from fakes import graph

from openeo_plugin.api.http import normal_path, parse_json
from openeo_plugin.errors import OpenEOError

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/x", 404),
        ("GET", "/jobs", 200),
        ("DELETE", "/", 405),
        ("OPTIONS", "/jobs", 204),
    ],
)
@pytest.mark.requirement(2, 3)
def test_every_answer_allows_other_origins_and_shows_the_headers_clients_need(api, method, path, status):
    response = api(method, path)

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert {"Authorization", "Content-Type", "Range"} <= set(
        response.headers["Access-Control-Allow-Headers"].split(", ")
    )
    exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Link", "Location", "OpenEO-Costs", "OpenEO-Identifier"} <= exposed
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.requirement(1)
def test_options_is_answered_without_a_body_on_any_path_and_without_a_token(api):
    for path in ("/", "/jobs", "/jobs/x/results", "/nowhere"):
        response = api.as_user(None)("OPTIONS", path)
        assert (response.status_code, response.get_data()) == (204, b"")


@pytest.mark.parametrize("path", ["//jobs", "/jobs/", "///jobs//", "/jobs"])
def test_double_and_trailing_slashes_are_tolerated(api, path):
    token = {"Authorization": "Bearer basic//token-of-ann"}

    assert api.client.get("/", environ_overrides={"PATH_INFO": path}, headers=token).json == {"jobs": [], "links": []}


def test_a_path_of_slashes_is_the_root():
    assert [normal_path(path) for path in ("", "/", "//", "/a//b/")] == ["/", "/", "/", "/a/b"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"process_graph": {',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b"\xff\xfe{}",
        b"[1, 2]",
        b'"text"',
        b"",
        b'{"a": "\\ud800"}',
        b'{"a": "nul \\u0000"}',
        b"[" * 100_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": [-' + b"9" * 309 + b"]}",
    ],
)
@pytest.mark.requirement(5)
def test_what_is_not_strict_json_is_refused(api, body):
    response = api.post("/validation", data=body, headers=JSON)

    assert (response.status_code, response.json["code"]) == (400, "RequestInvalid")


def test_the_place_of_a_syntax_error_is_told(api):
    assert "line 2, column 1" in api.post("/validation", data=b'{"a": 1\n"b": 2}', headers=JSON).json["message"]


def test_the_last_of_equal_keys_counts_and_pairs_of_surrogates_are_text():
    assert parse_json(b'{"a": 1, "a": 2}') == {"a": 2}
    assert parse_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_deep_json_is_refused_in_under_a_second():
    started = time.perf_counter()
    for bomb in (b"[" * 5_000_000, b"[" * 20_000 + b"]" * 20_000):
        with pytest.raises(OpenEOError, match="nested too deeply"):
            parse_json(bomb)
    assert time.perf_counter() - started < 1


def test_a_body_over_the_limit_is_refused_with_413(api):
    body = json.dumps({"process_graph": {}, "description": "x" * api.backend.settings.request_max_bytes})

    response = api.post("/validation", data=body, headers=JSON)

    assert (response.status_code, response.json["code"]) == (413, "RequestTooLarge")


def test_a_body_of_unknown_length_over_the_limit_is_refused_too(api):
    class Chunked:
        left = 12 * 2**20

        def read(self, size):
            given = min(size, self.left)
            self.left -= given
            return b" " * given

    environ = {"wsgi.input": Chunked(), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    response = api.client.post("/validation", headers=JSON, environ_overrides=environ)

    assert (response.status_code, response.json["code"]) == (413, "RequestTooLarge")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_other_media_types_than_json_are_refused(api, media_type):
    response = api.post("/validation", data=b"{}", headers={"Content-Type": media_type} if media_type else {})

    assert (response.status_code, response.json["code"]) == (400, "ContentTypeInvalid")


def test_a_charset_beside_the_media_type_is_no_reason_to_refuse(api):
    response = api.post("/validation", data=b"{}", headers={"Content-Type": "application/json; charset=UTF-8"})

    assert response.status_code == 200


def test_nul_in_an_address_is_refused(api):
    assert api.get("/jobs/a%00b").status_code == 400
    assert api.get("/jobs/a/logs?offset=%00").status_code == 400


def test_answers_to_a_user_are_not_for_shared_caches(api):
    assert api.get("/jobs").headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in api.get("/collections").headers["Vary"]


@pytest.mark.requirement(5)
def test_texts_travel_as_utf_8_in_both_directions(api):
    body = json.dumps({**graph("add", x=1, y=2), "summary": "Größe ☂ 𝒳"}, ensure_ascii=False).encode()
    api("PUT", "/process_graphs/utf8", data=body, headers={"Content-Type": "application/json"})

    assert "Größe ☂ 𝒳".encode() in api.get("/process_graphs/utf8").get_data()


def test_a_text_may_hold_any_number_of_digits():
    assert parse_json(b'{"a": "' + b"9" * 400 + b'", "b": 1' + b"0" * 308 + b"}") == {"a": "9" * 400, "b": 10**308}
