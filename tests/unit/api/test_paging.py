from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from fakes import graph


def _pages(api, path, key):
    """Follow `next` to the end."""
    pages = []
    while path:
        document = api.get(path).json
        pages.append([one["id"] for one in document[key]])
        following = [one["href"] for one in document["links"] if one["rel"] == "next"]
        parts = urlsplit(following[0]) if following else None
        path = f"{parts.path.removeprefix('/openeo/v1')}?{parts.query}" if parts else ""
    return pages


def test_without_a_limit_a_list_is_whole(api):
    for _ in range(5):
        api.post("/jobs", {"process": graph("add", x=1, y=2)})

    assert [len(page) for page in _pages(api, "/jobs", "jobs")] == [5]
    assert len(_pages(api, "/jobs?limit=", "jobs")[0]) == 5


def test_pages_hold_everything_once_and_in_order(api):
    for _ in range(5):
        api.post("/jobs", {"process": graph("add", x=1, y=2)})

    pages = _pages(api, "/jobs?limit=2", "jobs")

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [id for page in pages for id in page] == _pages(api, "/jobs", "jobs")[0]


def test_a_page_that_ends_with_the_list_has_no_next(api):
    assert [len(page) for page in _pages(api, "/processes?limit=2", "processes")] == [2, 2]


def test_items_come_in_pages_of_ten_and_keep_their_filters(api):
    path = "/collections/SYNTHETIC/items?limit=1&bbox=14.6,45.6,14.7,45.7"

    assert _pages(api, path, "features") == [["two"], ["three"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=a", "limit=1.5", "limit=99999999999", "offset=-2"])
def test_what_is_no_page_is_refused(api, query):
    response = api.get(f"/jobs?{query}")

    assert (response.status_code, response.json["code"]) == (400, "RequestInvalid")
