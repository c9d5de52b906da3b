import json
import re

import pytest
from starlette.testclient import TestClient

from services.access import OpenServices
from services.viewer.page import CONTENT_SECURITY_POLICY, create_viewer, create_viewer_files, static_files

ROWS = {"bands": ["row"], "rescale": [0, 254]}


@pytest.fixture
def open_page(make_backend):
    def make(**service):
        backend = make_backend(**{"configuration": ROWS, **service})
        return TestClient(create_viewer(backend, OpenServices(backend))).get("/abc")

    return make


def settings_of(page):
    return json.loads(re.search(r'id="settings">(.*?)</script>', page.text, re.DOTALL)[1])


def test_the_page_knows_the_dates_the_place_and_the_addresses(open_page, fakes):
    page = open_page()
    settings = settings_of(page)
    assert settings["times"] == list(fakes.DATES)
    assert settings["time"] == fakes.DATES[-1]
    assert settings["bounds"] == pytest.approx((15.0, 45.12, 15.06, 45.15), abs=0.01)
    for address in (
        "/ogc/abc/wmts/1.0.0/WMTSCapabilities.xml",
        "/ogc/abc/wms",
        "/tiles/abc/{z}/{x}/{y}.png",
        "/wcs/abc",
    ):
        assert f'value="http://maps.test{address}"' in page.text


def test_nothing_is_loaded_from_elsewhere_and_no_script_stands_in_the_page(open_page):
    page = open_page()
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert loaded
    assert all(not address.startswith(("http", "//")) for address in loaded)
    assert re.findall(r"<script(?![^>]* src=)[^>]*>", page.text) == ['<script type="application/json" id="settings">']
    assert not re.search(r"\son\w+=|style=", page.text)


PAYLOADS = ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "' onclick='x"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_texts_of_services_stay_texts(open_page, payload):
    page = open_page(title=payload, configuration={**ROWS, "abstract": payload, "attribution": payload})
    assert page.text.count("<script") == 3
    assert "<img src=x" not in page.text
    assert settings_of(page)["attribution"] == payload


def test_a_composite_has_no_legend(open_page, make_backend):
    assert "legend.png" in open_page().text
    assert "legend.png" not in open_page(configuration={"bands": [0, 1, 2], "rescale": [0, 1]}).text


@pytest.mark.parametrize("name", ["ol.js", "ol.css", "viewer.js", "viewer.css"])
def test_scripts_and_styles_come_from_this_server(name):
    answer = TestClient(create_viewer_files()).get(f"/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript" if name.endswith("js") else "text/css")


@pytest.mark.parametrize("name", ["page.py", "page.html", "..%2fpage.py", "proj4defs.js", "", "%00"])
def test_no_other_file_is_served(name):
    assert TestClient(create_viewer_files()).get(f"/{name}").status_code == 404


def test_openlayers_is_where_mapproxy_keeps_it():
    assert all(path.is_file() for path in static_files().values())
