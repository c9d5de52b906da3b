from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from fakes import graph, source_collection


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


def _fill(api):
    """Three or more of everything that is listed; where each is listed, and under which key."""
    job, service = "", ""
    for number in range(3):
        job = api.post("/jobs", {"process": graph("add", x=1, y=2)}).headers["OpenEO-Identifier"]
        body = {"type": "xyz", "process": graph("load_collection", id="SYNTHETIC")}
        service = api.post("/services", body).headers["OpenEO-Identifier"]
        api("PUT", f"/process_graphs/p{number}", json=graph("add", x=1, y=2))
        api.backend.collections.put(source_collection(f"C{number}"), [])
    for message in ("one", "two", "three"):
        api.backend.jobs.log(job, "info", message)
        api.backend.services.log(service, "info", message)
    return {
        "/jobs": "jobs",
        "/services": "services",
        "/process_graphs": "processes",
        "/processes": "processes",
        "/collections": "collections",
        f"/jobs/{job}/logs": "logs",
        f"/services/{service}/logs": "logs",
    }


@pytest.mark.requirement(203, 204, 305, 306, 402, 403, 612, 613, 693, 712, 713, 803)
def test_every_list_is_whole_without_a_limit_and_joined_by_links_with_one(api):
    for path, key in _fill(api).items():
        whole = _pages(api, path, key)
        pages = _pages(api, f"{path}?limit=1", key)

        assert len(whole) == 1, path
        assert [id for page in pages for id in page] == whole[0], path
        assert all(len(page) == 1 for page in pages), path


def test_a_page_that_ends_with_the_list_has_no_next(api):
    assert [len(page) for page in _pages(api, "/processes?limit=2", "processes")] == [2, 2]


def test_items_come_in_pages_of_ten_and_keep_their_filters(api):
    path = "/collections/SYNTHETIC/items?limit=1&bbox=14.6,45.6,14.7,45.7"

    assert _pages(api, path, "features") == [["two"], ["three"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=a", "limit=1.5", "limit=99999999999", "page=x",
                                   "page=WzFd", "page=bnVsbA", "page=W1tdXQ", "page=" + "W" * 5000,
                                   "page=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwiYSJd"])  # fmt: skip
def test_what_is_no_page_is_refused(api, query):
    response = api.get(f"/jobs?{query}")

    assert (response.status_code, response.json["code"]) == (400, "RequestInvalid")
