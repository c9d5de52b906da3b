from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest
from fakes import graph

from openeo_plugin.results.synchronous import json_value


def _files(**files):
    return {"process": graph("save_result", files=files)}


def _scratch(api):
    return list((api.backend.settings.data_dir / "scratch").glob("*"))


@pytest.mark.parametrize(("x", "y", "expected"), [(1, 2, b"3"), ([1], [2], b"[1,2]"), (True, False, b"1")])
@pytest.mark.requirement(900, 905)
def test_a_value_is_bare_json(api, x, y, expected):
    response = api.post("/result", {"process": graph("add", x=x, y=y)})

    assert (response.status_code, response.mimetype, response.get_data()) == (200, "application/json", expected)
    assert response.headers["OpenEO-Identifier"]


@pytest.mark.requirement(906)
def test_one_file_comes_with_its_media_type_and_leaves_nothing_behind(api):
    response = api.post("/result", _files(**{"ndvi.tif": "pixels"}))

    assert (response.status_code, response.get_data()) == (200, b"pixels")
    assert response.headers["Content-Type"] == "image/tiff; application=geotiff"
    assert response.headers["Content-Length"] == "6"
    assert "filename=ndvi.tif" in response.headers["Content-Disposition"]
    assert _scratch(api) == []


@pytest.mark.requirement(909)
def test_several_files_come_as_tar(api):
    response = api.post("/result", _files(**{"a.tif": "one", "b.tif": "two"}))

    assert response.mimetype == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(response.get_data())) as tar:
        assert {name: tar.extractfile(name).read() for name in tar.getnames()} == {"a.tif": b"one", "b.tif": b"two"}
    assert _scratch(api) == []


def test_a_result_without_files_is_no_success(api):
    assert api.post("/result", _files()).json["code"] == "NoDataAvailable"


def test_what_would_read_too_much_is_refused_before_it_runs_and_names_the_way_out(api):
    api.driver.bytes_read = 1001

    response = api.post("/result", _files(**{"a.tif": "x"}))

    assert (response.status_code, response.json["code"]) == (400, "ProcessGraphComplexity")
    assert "batch job" in response.json["message"]
    assert api.driver.folders == []


def test_the_limit_itself_is_allowed(api):
    api.driver.bytes_read = 1000

    assert api.post("/result", _files(**{"a.tif": "x"})).status_code == 200


def test_what_takes_too_long_is_stopped_and_leaves_nothing_behind(api):
    response = api.post("/result", {"process": graph("wait")})

    assert (response.status_code, response.json["code"]) == (408, "RequestTimeout")
    assert api.driver.canceled.is_set()
    assert _scratch(api) == []


def test_a_run_that_crashes_leaves_nothing_behind(api):
    response = api.post("/result", _files(**{"folder/that/is/not/there.tif": "x"}))

    assert response.json["code"] == "Internal"
    assert str(api.backend.settings.data_dir) not in response.get_data(as_text=True)
    assert _scratch(api) == []


@pytest.mark.requirement(901)
def test_an_invalid_process_is_refused_with_its_node(api):
    response = api.post("/result", {"process": graph("ad")})

    assert (response.status_code, response.json["code"]) == (400, "ProcessUnsupported")
    assert "node1" in response.json["message"]


def test_what_json_does_not_know_becomes_null():
    value = {"a": [float("nan"), float("inf"), 1.5, None, True], "b": np.array([1, 2]), 3: np.float32("nan")}

    assert json_value(value) == {"a": [None, None, 1.5, None, True], "b": [1, 2], "3": None}


@pytest.mark.requirement(904)
def test_what_clients_add_on_their_own_is_no_reason_to_refuse(api):
    body = {"process": graph("add", x=1, y=2), "job_options": {"memory": "2g"}, "plan": "FREE", "budget": None}

    assert api.post("/result", body).get_data() == b"3"
