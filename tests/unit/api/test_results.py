from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fakes import CUBE, GRID, graph, item, source_collection

from openeo_plugin.driver.partial_files import PartialFiles
from openeo_plugin.formats.asset import Asset
from openeo_plugin.jobs.folders import ResultFolders
from openeo_plugin.jobs.partial_results import PartialResults

CONTENT = bytes(range(256)) * 4
GEOTIFF = "image/tiff; application=geotiff; profile=cloud-optimized"


@pytest.fixture
def job_id(api):
    """A finished job with one file, as the worker leaves it."""
    created = api.post("/jobs", {"process": graph("add", x=1, y=2)}).headers["OpenEO-Identifier"]
    api.post(f"/jobs/{created}/results")
    api.backend.jobs.claim("worker", 30)
    folder = api.backend.settings.results_dir / created
    folder.mkdir(parents=True)
    (folder / "ndvi 1.tif").write_bytes(CONTENT)
    asset = {"href": str(folder / "ndvi 1.tif"), "type": GEOTIFF, "title": "NDVI", "roles": ["data"]}
    document = {**source_collection(created), "assets": {"ndvi 1.tif": asset}}
    items = [item("first", "2020-06-01T00:00:00Z", (14.0, 45.0, 14.5, 45.5), **{"ndvi 1.tif": asset})]
    api.backend.collections.put(document, items, owner="ann", kind="result", job_id=created)
    api.backend.jobs.finish(created, "worker", {})
    return created


def _path(href):
    parts = urlsplit(href)
    return f"{parts.path.removeprefix('/openeo/v1')}?{parts.query}"


def _asset(api, job_id):
    return _path(api.get(f"/jobs/{job_id}/results").json["assets"]["ndvi 1.tif"]["href"])


@pytest.mark.requirement(860, 861, 867, 869, 872)
def test_results_are_a_stac_collection_with_signed_assets(api, job_id):
    document = api.get(f"/jobs/{job_id}/results").json

    assert (document["type"], document["id"], document["openeo:status"]) == ("Collection", job_id, "finished")
    assert document["expires"].endswith("Z")
    asset = document["assets"]["ndvi 1.tif"]
    assert (asset["type"], asset["roles"], asset["title"]) == (GEOTIFF, ["data"], "NDVI")
    assert asset["href"].startswith(f"http://127.0.0.1:8080/openeo/v1/jobs/{job_id}/results/assets/ndvi%201.tif?")
    assert str(api.backend.settings.data_dir) not in api.get(f"/jobs/{job_id}/results").get_data(as_text=True)
    assert [one["rel"] for one in document["links"]] == ["self", "canonical", "item", "license"]


@pytest.mark.requirement(871)
def test_canonical_links_work_without_a_token(api, job_id):
    document = api.get(f"/jobs/{job_id}/results").json
    hrefs = {one["rel"]: one["href"] for one in document["links"]}
    nobody = api.as_user(None)

    canonical = nobody.get(_path(hrefs["canonical"]))
    assert canonical.json["id"] == job_id
    assert canonical.headers["Cache-Control"] == "private, no-cache"
    found = nobody.get(_path(hrefs["item"])).json
    assert found["id"] == "first"
    assert nobody.get(_path(found["assets"]["ndvi 1.tif"]["href"])).get_data() == CONTENT


def test_a_file_is_given_whole_with_what_range_clients_need(api, job_id):
    response = api.as_user(None).get(_asset(api, job_id))

    assert (response.status_code, response.get_data()) == (200, CONTENT)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == "1024"
    assert response.headers["Content-Type"] == GEOTIFF
    assert response.headers["ETag"]


def test_head_tells_the_length_and_sends_nothing(api, job_id):
    response = api.as_user(None)("HEAD", _asset(api, job_id))

    assert (response.status_code, response.get_data()) == (200, b"")
    assert (response.headers["Content-Length"], response.headers["Accept-Ranges"]) == ("1024", "bytes")


@pytest.mark.parametrize(
    ("asked", "expected", "content_range"),
    [
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/1024"),
        ("bytes=1000-", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=-5", CONTENT[-5:], "bytes 1019-1023/1024"),
        ("bytes=1020-5000", CONTENT[1020:], "bytes 1020-1023/1024"),
    ],
)
def test_a_range_of_bytes_is_206(api, job_id, asked, expected, content_range):
    response = api.as_user(None).get(_asset(api, job_id), headers={"Range": asked})

    assert (response.status_code, response.get_data()) == (206, expected)
    assert response.headers["Content-Range"] == content_range


def test_a_range_behind_the_end_is_416_in_openeo_words(api, job_id):
    response = api.client.get(_asset(api, job_id), headers={"Range": "bytes=2000-"})

    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */1024"
    assert set(response.json) == {"id", "code", "message", "links"}


def test_several_ranges_at_once_are_answered_by_the_whole_file(api, job_id):
    response = api.get(_asset(api, job_id), headers={"Range": "bytes=0-1,5-6"})

    assert (response.status_code, response.get_data()) == (200, CONTENT)


def test_what_the_client_has_already_is_304(api, job_id):
    path = _asset(api, job_id)
    etag = api.get(path).headers["ETag"]

    assert api.client.get(path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("name", ["expires", "key", "signature"])
def test_a_link_with_one_field_changed_or_missing_does_not_work(api, job_id, name):
    parts = urlsplit(_asset(api, job_id))
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    changed = {**query, name: query[name][:-1] + ("1" if query[name][-1] != "1" else "2")}
    without = {key: value for key, value in query.items() if key != name}

    for fields in (changed, without):
        response = api.as_user(None).get(f"{parts.path}?{urlencode(fields)}")
        assert response.status_code in (401, 403), fields


def test_a_link_is_for_one_path_only(api, job_id):
    query = urlsplit(_asset(api, job_id)).query

    assert api.as_user(None).get(f"/jobs/{job_id}/results?{query}").json["code"] == "TokenInvalid"
    assert api.as_user(None).get(f"/jobs/none/results?{query}").json["code"] == "TokenInvalid"


def test_an_expired_link_is_410(api, job_id, monkeypatch):
    path = _asset(api, job_id)
    late = int(parse_qs(urlsplit(path).query)["expires"][0]) + 1
    monkeypatch.setattr("time.time", lambda: late)

    response = api.as_user(None).get(path)

    assert (response.status_code, response.json["code"]) == (410, "ResultLinkExpired")


def test_a_signed_link_works_whatever_token_comes_with_it(api, job_id):
    path = _asset(api, job_id)

    assert api.as_user("bob").get(path).status_code == 200
    assert api.get(path, headers={"Authorization": "Bearer basic//expired"}).status_code == 200


def test_the_owner_may_download_with_a_token_and_others_not(api, job_id):
    path = f"/jobs/{job_id}/results/assets/ndvi 1.tif"

    assert api.get(path).status_code == 200
    assert api.as_user("bob").get(path).json["code"] == "JobNotFound"


@pytest.mark.parametrize(
    "path", ["none.tif", "../../secret.key", "..%2F..%2Fopeneo.sqlite", "%2Fetc%2Fpasswd", "%2e%2e/x", "x\\..\\y", "."]
)
def test_nothing_outside_the_folder_of_the_job_can_be_read(api, job_id, path):
    response = api.get(f"/jobs/{job_id}/results/assets/{path}")

    assert (response.status_code, response.json["code"]) in ((404, "FileNotFound"), (404, "NotFound"))


def test_a_link_out_of_the_folder_is_not_followed(api, job_id):
    folder = api.backend.settings.results_dir / job_id
    (folder / "leak.tif").symlink_to(api.backend.settings.data_dir / "openeo.sqlite")

    assert api.get(f"/jobs/{job_id}/results/assets/leak.tif").json["code"] == "FileNotFound"


@pytest.mark.requirement(863)
def test_results_of_an_unfinished_job_are_refused(api):
    job_id = api.post("/jobs", {"process": graph("add", x=1, y=2)}).headers["OpenEO-Identifier"]
    for _ in range(3):
        response = api.get(f"/jobs/{job_id}/results")
        assert (response.status_code, response.json["code"]) == (400, "JobNotFinished")
        api.post(f"/jobs/{job_id}/results")
        api.backend.jobs.claim("worker", 30)


@pytest.mark.requirement(862)
def test_partial_results_need_a_job_that_runs(api):
    job_id = api.post("/jobs", {"process": graph("load_collection", id="SYNTHETIC")}).headers["OpenEO-Identifier"]
    path = f"/jobs/{job_id}/results?partial=true"

    assert api.get(path).json["code"] == "JobNotStarted"
    api.post(f"/jobs/{job_id}/results")
    assert api.get(path).json["code"] == "JobNotFinished"
    api.backend.jobs.claim("worker", 30)
    running = api.get(path).json

    assert (running["openeo:status"], running["assets"]) == ("running", {})
    assert set(running["cube:dimensions"]) == {"t", "bands", "x", "y"}
    assert [one["rel"] for one in running["links"]][:2] == ["self", "canonical"]


@pytest.fixture
def half_done(api, monkeypatch):
    """A running job that has kept one window of 2 x 5 of its 4 x 5 pixels."""
    created = api.post("/jobs", {"process": graph("load_collection", id="SYNTHETIC")}).headers["OpenEO-Identifier"]
    api.post(f"/jobs/{created}/results")
    api.backend.jobs.claim("worker", 30)
    job = api.backend.jobs.find(created)
    kept = ResultFolders(api.backend.settings.results_dir).kept_windows(created, job.queued)
    kept.mkdir(parents=True)
    (kept / "0-0-0-2-5.npz").write_bytes(b"")

    def partial(plan, kept, folder):
        (folder / "partial_result.tif").write_bytes(CONTENT)
        asset = Asset(
            folder / "partial_result.tif", GEOTIFF, "partial_result", len(CONTENT), grid=GRID, bands=CUBE.bands
        )
        return PartialFiles((asset,), {"partial_result.tif": 0.5})

    monkeypatch.setattr(api.driver, "partial", partial, raising=False)
    return created


@pytest.mark.requirement(862)
def test_partial_results_are_a_collection_that_says_how_much_it_holds(api, half_done):
    document = api.get(f"/jobs/{half_done}/results?partial=true").json

    assert document["openeo:status"] == "running"
    asset = document["assets"]["partial_result.tif"]
    assert asset["description"] == "Partial result: 50.0 % of the pixels are computed, all others are null."
    assert asset["openeo:covered"] == 0.5
    assert str(api.backend.settings.data_dir) not in str(document)
    assert api.as_user(None).get(_path(asset["href"])).get_data() == CONTENT
    canonical = next(one["href"] for one in document["links"] if one["rel"] == "canonical")
    assert api.as_user(None).get(_path(canonical)).json["assets"].keys() == {"partial_result.tif"}
    assert api.as_user("bob").get(f"/jobs/{half_done}/results/assets/partial/1/partial_result.tif").status_code == 404


def test_partial_results_of_a_failed_job_are_there_beside_its_error(api, half_done):
    api.backend.jobs.fail(half_done, "worker", {"code": "SourceUnreadable", "message": "Node 'load': damaged."})

    assert api.get(f"/jobs/{half_done}/results").status_code == 424
    document = api.get(f"/jobs/{half_done}/results?partial=true").json
    assert (document["openeo:status"], list(document["assets"])) == ("error", ["partial_result.tif"])


def test_a_job_that_waits_for_another_worker_keeps_its_windows(api, half_done):
    """Files are made while the job goes back to the queue, as its worker has died."""
    results = PartialResults(
        api.backend, ResultFolders(api.backend.settings.results_dir), api.backend.jobs.find(half_done)
    )
    api.backend.jobs.release(half_done, "worker")
    assert results.document(30) is not None
    assert list(api.backend.settings.results_dir.glob(f".{half_done}.kept-*/0-0-0-2-5.npz"))


def test_files_made_while_the_job_is_deleted_are_not_left_behind(api, half_done):
    results = PartialResults(
        api.backend, ResultFolders(api.backend.settings.results_dir), api.backend.jobs.find(half_done)
    )
    api.backend.jobs.delete(half_done, "ann")
    assert results.document(30) is None
    assert list(api.backend.settings.results_dir.iterdir()) == []


def test_partial_results_that_can_not_be_made_are_none_for_a_while(api, half_done, monkeypatch):
    asked = []

    def fail(*_):
        asked.append(1)
        raise OSError("disk full")

    monkeypatch.setattr(api.driver, "partial", fail)
    for _ in range(2):
        assert api.get(f"/jobs/{half_done}/results?partial=true").json["assets"] == {}
    assert len(asked) == 1
    assert not list(api.backend.settings.results_dir.glob(".*/partial/.making-*"))


@pytest.mark.requirement(861)
def test_results_of_a_failed_job_are_424_with_the_last_error(api):
    job_id = api.post("/jobs", {"process": graph("add", x=1, y=2)}).headers["OpenEO-Identifier"]
    api.post(f"/jobs/{job_id}/results")
    api.backend.jobs.claim("worker", 30)
    api.backend.jobs.fail(job_id, "worker", {"code": "NoDataAvailable", "message": "Node 'load': nothing there."})

    response = api.get(f"/jobs/{job_id}/results")

    assert response.status_code == 424
    assert (response.json["code"], response.json["level"]) == ("NoDataAvailable", "error")
    assert response.json["message"] == "Node 'load': nothing there."
    assert api.get(f"/jobs/{job_id}/results?partial=true").status_code == 424


@pytest.mark.requirement(864)
def test_results_tell_what_they_have_cost(api, job_id):
    assert api.get(f"/jobs/{job_id}/results").headers["OpenEO-Costs"] == "0"


def test_what_a_canceled_job_has_left_is_partial(api, job_id):
    api.post(f"/jobs/{job_id}/results")
    api.backend.jobs.claim("worker", 30)
    api("DELETE", f"/jobs/{job_id}/results")

    assert api.get(f"/jobs/{job_id}/results").json["code"] == "JobNotFinished"
    assert api.get(f"/jobs/{job_id}/results?partial=true").json["openeo:status"] == "canceled"


def test_deleting_the_job_ends_every_link(api, job_id):
    path = _asset(api, job_id)
    api("DELETE", f"/jobs/{job_id}")

    assert api.as_user(None).get(path).status_code == 403
