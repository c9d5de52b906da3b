"""What attackers write into addresses: no face opens it, puts it on the disk or says more than it should."""

from __future__ import annotations

import sys
from urllib.parse import quote

import pytest
from a2wsgi import WSGIMiddleware
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from services.access import OpenServices
from services.ows import create_ows
from services.tile_files import TileFiles
from services.viewer.page import create_viewer
from services.wcs import create_wcs
from services.xyz import create_tiles

NAMES = (
    "/vsicurl/http://127.0.0.1:9/x.tif",
    "/vsizip//etc/x.zip/a.tif",
    "/vsimem/secret",
    "NETCDF:/etc/passwd",
    "/etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "..\\..\\secret.key",
    "-oo",
    "<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>",
    "GTI:x",
    "http://169.254.169.254/latest/meta-data",
    "secret.key\x00.png",
    "abc~../../abc",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "${jndi:ldap://127.0.0.1/x}",
    "{0.__class__}",
    "%s%s%n",
)
# each with a place for the name
ADDRESSES = {
    "tiles": (
        "{}/12/2218/1470.png",
        "abc/{}/2218/1470.png",
        "abc/12/2218/1470.{}",
        "abc/12/2218/1470.png?time={}",
        "abc/point/{},45",
        "abc/preview.png?max_size={}",
        "abc/tilejson.json?time={}",
        "abc/statistics?url={}",
    ),
    "ogc": (
        "{}/wms",
        "abc/{}",
        "abc/wmts/{}/WebMercatorQuad/default/12/2218/1470.png",
        "abc/wmts/map/{}/default/12/2218/1470.png",
        "abc/wmts/map/WebMercatorQuad/{}/12/2218/1470.png",
        *(
            f"abc/wms?service=WMS&version=1.3.0&request=GetMap&crs=EPSG:3857&width=8&height=8&bbox=0,0,1,1&{name}={{}}"
            for name in ("layers", "styles", "format", "time", "sld", "sld_body", "map", "exceptions", "bgcolor")
        ),
        "abc/wms?service=WMS&request={}",
        "abc/wmts?service={}",
    ),
    "wcs": (
        "{}",
        "abc?service=WCS&version=2.0.1&request=GetCoverage&coverageId={}",
        "abc?service=WCS&version=2.0.1&request=GetCoverage&coverageId=map&scaleSize=i(2),j(2)&format={}",
        "abc?service=WCS&version=2.0.1&request=GetCoverage&coverageId=map&scaleSize=i(2),j(2)&subset={}",
        "abc?service=WCS&version=2.0.1&request=GetCoverage&coverageId=map&scaleSize=i(2),j(2)&outputCrs={}",
        "abc?service=WCS&version=2.0.1&request={}",
    ),
    "viewer": ("{}", "abc/{}", "abc/?time={}"),
}
EVERY = [(face, address) for face, addresses in ADDRESSES.items() for address in addresses]


@pytest.fixture
def faces(make_backend, tmp_path):
    backend = make_backend(configuration={"bands": ["row"], "rescale": [0, 254]})
    backend.settings.title, backend.settings.sync_max_bytes, backend.settings.memory_budget = "t", 10**8, 10**9
    opened = OpenServices(backend, TileFiles(tmp_path / "tiles", 10**7))
    apps = {
        "tiles": create_tiles(backend, opened),
        "ogc": WSGIMiddleware(create_ows(backend, opened)),
        "wcs": create_wcs(backend, opened),
        "viewer": create_viewer(backend, opened),
    }
    return {name: TestClient(app, raise_server_exceptions=False) for name, app in apps.items()}


class Opened:
    """Paths that Python code opens, as the interpreter tells them; hooks can't be taken away, so they are switched."""

    def __init__(self):
        self.paths, self.on = [], False
        sys.addaudithook(self)

    def __call__(self, event, given):
        if self.on and event in ("open", "os.mkdir", "socket.connect", "subprocess.Popen"):
            self.paths.append(repr(given))


OPENED = Opened()


@pytest.fixture
def opened():
    OPENED.paths, OPENED.on = [], True
    yield OPENED.paths
    OPENED.on = False


@pytest.mark.parametrize(("face", "address"), EVERY)
def test_names_of_files_and_servers_open_nothing(faces, opened, monkeypatch, face, address):
    import rasterio

    read = rasterio.open
    read_paths = []
    monkeypatch.setattr(
        rasterio, "open", lambda name, *given, **more: read_paths.append(name) or read(name, *given, **more)
    )
    for name in NAMES:
        answer = faces[face].get("/" + address.format(quote(name, safe="")))
        assert answer.status_code < 500 or answer.status_code == 501, (name, answer.text)
        assert "root:" not in answer.text
        assert "Traceback" not in answer.text
        if "html" in answer.headers.get("content-type", ""):
            assert "<script>alert" not in answer.text
    told = " ".join([*opened, *map(str, read_paths)])
    for trace in ("passwd", "vsi", "169.254", "VRTDataset", "secret", "127.0.0.1:9"):
        assert trace not in told, trace


def test_no_text_of_a_client_becomes_a_path_of_the_cache(faces, tmp_path):
    for name in NAMES:
        for address in ("abc/12/2218/1470.png?time={}", "{}/12/2218/1470.png"):
            faces["tiles"].get("/" + address.format(quote(name, safe="")))
    faces["tiles"].get("/abc/12/2218/1470.png?time=2020-06-11")
    found = {str(path.relative_to(tmp_path / "tiles")) for path in (tmp_path / "tiles").rglob("*") if path.is_file()}
    assert len(found) == 1
    (path,) = found
    assert path.startswith("public/abc/1-")
    assert path.endswith("-png-WebMercatorQuad/12/2218/1470")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=40), st.sampled_from(EVERY))
def test_whatever_stands_in_an_address_is_no_fault_of_the_server(faces, text, where):
    face, address = where
    answer = faces[face].get("/" + address.format(quote(text, safe="")))
    assert answer.status_code < 500 or answer.status_code == 501, (address, text, answer.text)


@pytest.mark.parametrize("face", list(ADDRESSES))
def test_xml_is_not_read_from_anybody(faces, face):
    bomb = """<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><GetMap>&a;</GetMap>"""
    answer = faces[face].post("/abc", content=bomb, headers={"Content-Type": "application/xml"})
    assert answer.status_code in (404, 405)
    assert "root:" not in answer.text
