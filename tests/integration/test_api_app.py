"""The whole server as one ASGI application: every face mounted, over a real database and a tiny real collection."""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from openapi import official
from rasterio.transform import from_origin
from starlette.testclient import TestClient

from config.settings import load_settings
from openeo_plugin.app import Face, create_app, create_app_of
from openeo_plugin.backend import open_backend
from openeo_plugin.sources.importing import import_folder

PASSWORD = "correct horse battery"
LOAD = {"process_id": "load_collection", "arguments": {"id": "TINY", "spatial_extent": None, "temporal_extent": None}}
FACES = [
    "/",
    "/.well-known/openeo",
    "/openeo/v1",
    "/openeo/v1/",
    "/oapi",
    "/oapi/",
    "/ogc/none/x",
    "/tiles/none/0/0/0",
    "/x",
]


def write_scenes(folder: Path) -> None:
    """Two dates of a 3 x 4 grid with the bands red and nir: red is 1..12 on the first date, 13..24 on the second."""
    folder.mkdir(parents=True)
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 2, "dtype": "uint16", "nodata": 0}
    for number, date in enumerate(("20200601", "20200611")):
        red = np.arange(1, 13, dtype="uint16").reshape(3, 4) + 12 * number
        with rasterio.open(
            folder / f"TINY_{date}.tif",
            "w",
            crs="EPSG:32633",
            transform=from_origin(500_000, 5_000_000, 10, 10),
            **profile,
        ) as file:
            file.write(np.stack([red, red * 2]))
            file.descriptions = ("red", "nir")


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    data = tmp_path_factory.mktemp("server")
    write_scenes(data / "scenes" / "TINY")
    settings = load_settings(data_dir=data / "data", public_url="https://geo.example", threads=2)
    backend = open_backend(settings)
    for imported in import_folder(data / "scenes" / "TINY"):
        backend.collections.put(imported.document, imported.items)
    backend.auth.basic.add_user("ann", PASSWORD)
    backend.database.dispose()
    return settings


@pytest.fixture(scope="module")
def client(settings):
    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def token(client):
    access = client.get("/openeo/v1/credentials/basic", auth=("ann", PASSWORD)).json()["access_token"]
    return {"Authorization": f"Bearer basic//{access}"}


@pytest.mark.parametrize("path", FACES)
def test_every_face_answers_other_origins_and_forbids_sniffing(client, path):
    response = client.get(path)

    assert response.status_code in (200, 404)
    assert response.headers.get_list("Access-Control-Allow-Origin") == ["*"]
    assert response.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert "OpenEO-Identifier" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("path", FACES)
def test_options_is_204_at_every_face(client, path):
    response = client.options(path, headers={"Origin": "https://x", "Access-Control-Request-Method": "POST"})

    assert (response.status_code, response.content) == (204, b"")
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "path", ["/x", "/openeo", "/openeo/v2/jobs", "/openeo/v1/none", "/ogc/none/x", "/tiles/none/0/0/0"]
)
def test_what_is_not_there_is_said_in_openeo_words(client, path):
    response = client.get(path)

    assert response.status_code == 404
    assert set(response.json()) == {"id", "code", "message", "links"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/oapi/collections/none", 404),
        ("GET", "/oapi/collections?f=nonsense", 400),
        ("GET", "/oapi/processes/none", 404),
        ("GET", "/oapi/none", 404),
        ("DELETE", "/oapi/collections", 405),
        ("GET", "/oapi/jobs/none", 401),
        ("POST", "/ogc/none", 405),
        ("GET", "/ogc/none?service=WMS&request=GetCapabilities", 404),
        ("GET", "/tiles/none/99/x/y.png", 404),
        ("GET", "/wcs/none", 404),
        ("GET", "/openeo/v1/jobs/none/events", 401),
        ("PUT", "/openeo/v1/jobs", 405),
    ],
)
def test_errors_of_every_face_have_an_id_a_code_and_a_message(client, method, path, status):
    response = client.request(method, path)

    assert response.status_code == status, response.text
    assert {"id", "code", "message", "links"} <= set(response.json())


@pytest.mark.parametrize("path", ["/openeo/v2/jobs", "/openeo/1.0", "/openeo/0.4.2/"])
def test_other_versions_of_the_api_are_named_as_such(client, path):
    response = client.get(path)

    assert (response.status_code, response.json()["code"]) == (404, "UnsupportedApiVersion")


def test_an_address_with_a_line_break_is_not_another_version(client):
    response = client.get("/openeo/v1/jobs/a%0Ab")

    assert (response.status_code, response.json()["code"]) == (404, "NotFound")


def test_a_method_that_the_landing_page_has_not_is_405(client):
    assert client.post("/").json()["code"] == "MethodNotAllowed"


def test_the_landing_page_loads_nothing_from_elsewhere_and_links_every_face(client):
    response = client.get("/")

    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in response.text
    assert "1 public collection." in response.text
    for path in ("/openeo/v1/", "/oapi/", "/openeo/v1/service_types"):
        assert f'href="https://geo.example{path}"' in response.text


def test_the_landing_page_escapes_what_operators_write(settings):
    hostile = settings.model_copy(update={"title": "<script>alert(1)</script>"})
    with TestClient(create_app(hostile)) as client:
        assert "<script>" not in client.get("/").text


def test_the_api_is_found_without_a_redirect_and_with_too_many_slashes(settings):
    app = create_app(settings)
    for path in ("/openeo/v1", "//openeo//v1//", "/openeo/v1/collections/", "//openeo/v1//collections//TINY/"):
        assert asyncio.run(_status(app, path)) == 200, path


@pytest.mark.requirement(4)
def test_links_stand_on_the_public_address(client):
    document = client.get("/openeo/v1/collections").json()

    hrefs = [one["href"] for one in document["links"] + document["collections"][0]["links"]]
    assert all(href.startswith("https://geo.example/openeo/v1") for href in hrefs)


@pytest.mark.parametrize(
    "path", ["/", "/conformance", "/collections", "/collections/TINY", "/processes", "/file_formats", "/service_types"]
)
@pytest.mark.requirement(200, 300)
def test_what_the_real_driver_says_of_itself_is_as_the_official_document_has_it(client, path):
    response = client.get(f"/openeo/v1{path}")

    official().check("GET", path, response.status_code, response.headers, response.content)


def test_no_path_of_the_server_stands_in_what_is_public(client, settings):
    for path in ("/openeo/v1/collections/TINY", "/openeo/v1/collections/TINY/items", "/openeo/v1/collections"):
        assert str(settings.data_dir.parent) not in client.get(path).text


def test_a_process_is_computed_at_once_and_leaves_nothing_behind(client, settings, token):
    save = {
        "process_id": "save_result",
        "arguments": {"data": {"from_node": "load"}, "format": "GTiff"},
        "result": True,
    }
    process = {"process_graph": {"load": LOAD, "save": save}}

    response = client.post("/openeo/v1/result", json={"process": process}, headers=token)

    assert response.headers["Content-Type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
        rasters = [tar.extractfile(name).read() for name in sorted(tar.getnames())]
    with rasterio.MemoryFile(rasters[1]) as memory, memory.open() as file:
        assert file.read(1).tolist() == (np.arange(1, 13).reshape(3, 4) + 12).tolist()
    assert list((settings.data_dir / "scratch").iterdir()) == []


def test_a_value_is_computed_at_once(client, token):
    process = {"process_graph": {"add": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}}

    response = client.post("/openeo/v1/result", json={"process": process}, headers=token)

    assert (response.headers["Content-Type"], response.content) == ("application/json", b"3")


@pytest.mark.requirement(616)
def test_a_process_graph_becomes_a_layer(client, token):
    body = {"type": "xyz", "process": {"process_graph": {"load": {**LOAD, "result": True}}}}
    created = client.post("/openeo/v1/services", json=body, headers=token)
    url = client.get(created.headers["Location"].removeprefix("https://geo.example"), headers=token).json()["url"]

    tile = client.get(url.removeprefix("https://geo.example").format(z=0, x=0, y=0))

    assert (tile.status_code, tile.headers["Content-Type"]) == (200, "image/png")


def test_the_unexpected_in_a_face_is_internal_and_tells_nothing(settings):
    async def broken(scope, receive, send):
        raise RuntimeError("SELECT secret")

    backend = open_backend(settings)
    with TestClient(create_app_of(backend, (Face("/broken", broken),))) as client:
        response = client.get("/broken/x")

    assert (response.status_code, response.json()["code"]) == (500, "Internal")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "secret" not in response.text


async def _status(app, path):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("y", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"]


def _result(client, token, process_graph):
    return client.post("/openeo/v1/result", json={"process": {"process_graph": process_graph}}, headers=token)


@pytest.mark.requirement(40, 43, 44, 46, 47, 48, 49)
def test_every_file_format_describes_itself_and_is_known_in_any_case(client, token):
    formats = client.get("/openeo/v1/file_formats").json()

    assert {"GTiff", "netCDF", "PNG", "JSON"} <= set(formats["output"])
    for name, described in formats["output"].items():
        assert described["title"], name
        assert described["description"], name
        assert described["gis_data_types"], name
        assert isinstance(described["parameters"], dict), name
    for name in ("gtiff", "NETCDF", "netcdf", "GTIFF"):
        save = {"process_id": "save_result", "arguments": {"data": {"from_node": "load"}, "format": name}}
        process = {"process_graph": {"load": LOAD, "save": {**save, "result": True}}}
        assert client.post("/openeo/v1/validation", json=process).json() == {"errors": []}


@pytest.mark.requirement(207, 209)
def test_every_process_is_summarized_and_sorted_into_categories(client):
    processes = client.get("/openeo/v1/processes").json()["processes"]

    assert len(processes) > 100
    for process in processes:
        assert process["summary"], process["id"]
        assert process["categories"], process["id"]
        assert None not in process.values(), process["id"]


@pytest.mark.requirement(303, 307, 309, 310, 313, 320, 321, 325, 326)
def test_every_collection_is_stac_with_texts_dimensions_and_the_extent_of_its_data(client):
    (listed,) = client.get("/openeo/v1/collections").json()["collections"]
    whole = client.get("/openeo/v1/collections/TINY").json()
    items = client.get("/openeo/v1/collections/TINY/items").json()["features"]

    for document in (listed, whole):
        stac = pystac.Collection.from_dict(document)
        assert (stac.id, document["stac_version"], stac.license) == ("TINY", "1.1.0", "other")
        assert document["title"]
        assert document["keywords"]
        assert any(one["rel"] == "license" for one in document["links"]) or document["license"] == "other"
    dates = [item["properties"]["datetime"] for item in items]
    assert whole["extent"]["temporal"]["interval"] == [[min(dates), max(dates)]]
    assert set(whole["cube:dimensions"]) == {"t", "bands", "x", "y"}
    assert whole["summaries"]
    used = {name.split(":")[0] for name in whole if ":" in name}
    assert used <= {"cube", "proj", "raster", "eo", "openeo"}
    assert any("datacube" in extension for extension in whole["stac_extensions"])


@pytest.mark.requirement(10)
def test_a_graph_may_have_several_results_in_several_formats(client, token):
    saves = {
        name: {"process_id": "save_result", "arguments": {"data": {"from_node": "load"}, "format": name}}
        for name in ("GTiff", "netCDF")
    }
    saves["netCDF"]["result"] = True

    response = _result(client, token, {"load": LOAD, **saves})

    with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
        endings = {name.rpartition(".")[2] for name in tar.getnames()}
    assert endings == {"tif", "nc"}


@pytest.mark.requirement(11, 12, 13)
def test_graphs_call_callbacks_and_processes_of_ones_own_with_parameters(client, token):
    reference = {"from_parameter": "x"}
    double = {
        "parameters": [{"name": "x", "description": "A number.", "schema": {"type": "number"}}],
        "process_graph": {"sum": {"process_id": "add", "arguments": {"x": reference, "y": reference}, "result": True}},
    }
    assert client.put("/openeo/v1/process_graphs/double", json=double, headers=token).status_code == 200

    for namespace in ({}, {"namespace": "user"}):
        call = {"process_id": "double", **namespace, "arguments": {"x": 21}, "result": True}
        assert _result(client, token, {"call": call}).json() == 42

    callback = {"double": {"process_id": "double", "arguments": {"x": reference}, "result": True}}
    apply = {
        "process_id": "apply",
        "arguments": {"data": {"from_node": "load"}, "process": {"process_graph": callback}},
    }
    save = {"process_id": "save_result", "arguments": {"data": {"from_node": "apply"}, "format": "GTiff"}}
    response = _result(client, token, {"load": LOAD, "apply": apply, "save": {**save, "result": True}})
    with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
        first = tar.extractfile(min(tar.getnames())).read()
    with rasterio.MemoryFile(first) as memory, memory.open() as file:
        assert file.read(1).tolist() == (np.arange(1, 13).reshape(3, 4) * 2).tolist()
