from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("synthetic", ["SYNTHETIC"]),
        ("PIXELS", ["SYNTHETIC"]),
        ("test", ["SYNTHETIC"]),
        ("nothing,  ten pixels", ["SYNTHETIC"]),
        ("nothing", []),
        (" , ", ["SYNTHETIC"]),
    ],
)
def test_collections_are_found_by_words_in_title_text_and_keywords(api, query, expected):
    found = api.get("/collections", query_string={"q": query}).json["collections"]

    assert [collection["id"] for collection in found] == expected


def test_processes_are_found_by_words_and_pages_keep_them(api):
    first = api.get("/processes?q=fake a,load&limit=1").json

    assert [process["id"] for process in first["processes"]] == ["add"]
    assert "q=fake+a%2Cload" in first["links"][0]["href"]


def test_too_many_words_are_refused(api):
    assert api.get("/processes?q=" + "a," * 51).json["code"] == "RequestInvalid"
