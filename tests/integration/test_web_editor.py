"""What web editors of openEO ask of a back-end, asked from a page of another origin in real Chromium.

Fetches, preflights and tiles are those of the browser; what CORS hides from a script is hidden from the tests.
"""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace

import pytest
import rasterio
from browser import CHROMIUM, MISSING, chromium
from foreign_pages import foreign_site, missing_library
from instance import Instance, free_port, graph, node, wait_for_web
from rasterio.warp import transform
from real_maps import DATA, FOLDERS, MAX_DIFFERENCE, NO_DATA, dates_of, direct, extent_at

from openeo_plugin.sources.importing import import_folder
from services.access import OpenServices
from services.tile_matrix import WEB_MERCATOR

NDVI = graph(load=node("load_collection", id="ndvi-slovenia", spatial_extent=None, temporal_extent=None))
SHOWN = {"bands": [0], "rescale": [-1000, 9000], "colormap": "rdylgn"}
SCENE = ["2022-06-12T00:00:00Z", "2022-06-13T00:00:00Z"]
ZOOM = 16

pytestmark = [
    pytest.mark.timeout(900),  # a loaded machine takes minutes
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server as an operator starts it, with a worker and the user ann: its API, and a token."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    instance = Instance(tmp_path_factory.mktemp("editor"), public_url=address)
    instance.backend.users.create("ann", None)
    for folder in FOLDERS[:2]:
        for imported in import_folder(folder):
            instance.backend.collections.put(imported.document, imported.items)
    try:
        instance.start("serve", "--port", str(port))
        wait_for_web(port)
        yield SimpleNamespace(
            address=address, api=f"{address}/openeo/v1", token=instance.token("ann"), backend=instance.backend
        )
    finally:
        instance.close()


@pytest.fixture(scope="module")
def page():
    with foreign_site() as site, chromium() as browser:
        yield browser.open(f"{site}/pages/editor.html", (512, 512))


@pytest.fixture(scope="module")
def ask(server, page):
    """Asks as a script of the page does."""

    def asked(method, path, body=None, token=server.token, **headers):
        options = {"method": method, "token": token, "headers": headers} | ({"body": body} if body is not None else {})
        address = path if path.startswith("http") else server.api + path
        return SimpleNamespace(**page.evaluate(f"ask({json.dumps(address)}, {json.dumps(options)})"))

    return asked


@pytest.fixture(scope="module")
def create_service(ask):
    def created(kind):
        answer = ask(
            "POST", "/services", {"type": kind, "process": NDVI, "configuration": SHOWN, "title": f"My {kind}"}
        )
        assert answer.status == 201, answer.json
        return ask("GET", answer.headers["location"].partition("/openeo/v1")[2]).json

    return created


@pytest.fixture(scope="module")
def assets(server, page, ask):
    """What a job of two bands of Bolzano gave, followed to its end as an editor follows it."""
    scene = node(
        "load_collection", id="sentinel-2-l2a-bolzano", spatial_extent=None, temporal_extent=SCENE, bands=["B04", "B08"]
    )
    process = graph(load=scene, save=node("save_result", data={"from_node": "load"}, format="GTiff"))
    created = ask("POST", "/jobs", {"title": "Two bands", "process": process})
    assert (created.status, created.headers["openeo-identifier"]) == (201, created.headers["location"].split("/")[-1])
    job = f"/jobs/{created.headers['openeo-identifier']}"
    assert ask("POST", f"{job}/results").status == 202
    address, token = json.dumps(server.api + job), json.dumps({"token": server.token})
    page.wait_for(f"ask({address}, {token}).then((it) => ['finished', 'error', 'canceled'].includes(it.json.status))")
    assert ask("GET", job).json["status"] == "finished", ask("GET", f"{job}/logs").json
    return ask("GET", f"{job}/results").json["assets"]


@pytest.fixture(scope="module")
def place(server):
    """Where to look, the dates, and what there is to see at each."""

    def at(service_id):
        served = OpenServices(server.backend).open(service_id)
        west, south, east, north = extent = extent_at(served, ZOOM)
        (lon,), (lat,) = transform(WEB_MERCATOR, "EPSG:4326", [(west + east) / 2], [(south + north) / 2])
        return {"lon": lon, "lat": lat, "zoom": ZOOM}, served, lambda date: direct(served, extent, date)

    return at


def agrees(picture, expected):
    data = expected[..., 3] == 255
    assert data.mean() > 0.05
    return abs(picture - expected[..., :3])[data].mean() < MAX_DIFFERENCE


def test_what_is_public_is_read_from_another_origin_with_and_without_a_token(ask):
    endpoints = ask("GET", "/", token=None).json["endpoints"]
    offered = {one["path"] for one in endpoints if "GET" in one["methods"]}
    public = {"/conformance", "/collections", "/processes", "/file_formats", "/service_types"}
    assert public <= offered
    for path in ["/", *public, *({"/udf_runtimes"} & offered)]:
        assert ask("GET", path, token=None).status == 200, path
        assert ask("GET", path).status == 200, path


def test_the_back_end_is_found_by_its_host(server, ask):
    found = ask("GET", f"{server.address}/.well-known/openeo", token=None).json
    assert server.api in [version["url"].rstrip("/") for version in found["versions"]]


def test_calls_with_a_token_or_a_body_are_allowed_beforehand(page, ask):
    ask("POST", "/validation", NDVI)
    preflights = [one for one in page.sent if one.method == "OPTIONS" and one.url.endswith("/validation")]
    assert [one.status for one in preflights][:1] == [204]
    allowed = {name.strip().lower() for name in preflights[0].headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "range"} <= allowed


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        ("/jobs", None, 401, "AuthenticationRequired"),
        ("/jobs", "basic//wrong", 403, "TokenInvalid"),
        ("/jobs/none", ..., 404, "JobNotFound"),
        ("/nothing/here", ..., 404, "NotFound"),
        ("/collections/none", None, 404, "CollectionNotFound"),
    ],
)
def test_errors_are_read_from_another_origin(ask, path, token, status, code):
    answer = ask("GET", path) if token is ... else ask("GET", path, token=token)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["message"]


def check_options(options):
    """A form has a field for each: of one type, or of any where none is given."""
    for name, option in options.items():
        assert isinstance(option.get("type", "any"), str), name
        assert option["description"], name


def test_forms_are_made_from_what_formats_tell(ask):
    formats = ask("GET", "/file_formats").json
    known = {"raster", "vector", "table", "pointcloud", "other"}
    for name, entry in {**formats["input"], **formats["output"]}.items():
        assert entry["gis_data_types"], name
        assert set(entry["gis_data_types"]) <= known
        check_options(entry["parameters"])


def test_forms_are_made_from_what_service_types_tell(ask):
    types = ask("GET", "/service_types").json
    assert {"XYZ", "WMTS"} <= set(types)  # those an editor shows
    for kind in types.values():
        check_options(kind["configuration"])
        for parameter in kind["process_parameters"]:
            assert parameter["name"]
            assert parameter["description"]
            assert parameter["schema"]
    assert {"x", "y", "z"} <= {parameter["name"] for parameter in types["XYZ"]["process_parameters"]}


def test_a_service_of_tiles_is_created_and_shown(page, create_service, place):
    service = create_service("XYZ")
    view, _, expected = place(service["id"])
    page.evaluate(f"showXyz({json.dumps(service)}, {json.dumps(view)})")
    assert agrees(page.screenshot(), expected(None))


def test_a_service_with_dates_is_created_and_shown_at_a_day(page, create_service, place):
    service = create_service("WMTS")
    assert service["attributes"]["layers"] == ["map"]
    view, served, expected = place(service["id"])
    (date,) = dates_of(served, ["2016-07-01"])
    found = page.evaluate(f"showWmts({json.dumps(service)}, {json.dumps(view)}, {json.dumps(date[:10])})")
    assert agrees(page.screenshot(), expected(date))
    assert found["projection"] == "EPSG:3857"
    assert found["times"] == served.dates.distinct
    assert datetime.fromisoformat(found["preset"]) == max(map(datetime.fromisoformat, found["times"]))


def test_a_service_is_changed_and_deleted(ask, create_service):
    path = f"/services/{create_service('XYZ')['id']}"
    assert ask("PATCH", path, {"title": "Another", "enabled": False}).status == 204
    changed = ask("GET", path).json
    assert (changed["title"], changed["enabled"]) == ("Another", False)
    assert ask("DELETE", path).status == 204
    assert ask("GET", path).json["code"] == "ServiceNotFound"


def test_a_result_is_told_apart_by_its_media_type_and_read_by_ranges(ask, assets):
    (asset,) = [one for one in assets.values() if "data" in one["roles"]]
    assert asset["type"].split(";")[0] == "image/tiff"
    head = ask("HEAD", asset["href"], token=None)
    size = int(head.headers["content-length"])
    assert (head.status, head.headers["accept-ranges"]) == (200, "bytes")
    part = ask("GET", asset["href"], token=None, Range="bytes=0-1023")
    assert (part.status, part.size) == (206, 1024)
    assert part.headers["content-range"] == f"bytes 0-1023/{size}"
    assert bytes(part.start) in (b"II*\0", b"II+\0")  # a little-endian TIFF, or BigTIFF


@pytest.mark.skipif(missing_library("geotiff") is not None, reason=str(missing_library("geotiff")))
def test_a_cloud_optimised_result_is_shown_without_being_downloaded(page, assets):
    (asset,) = [one for one in assets.values() if "data" in one["roles"]]
    row, column = 300, 400
    with rasterio.open(asset["href"]) as file:
        assert [file.descriptions[0], file.descriptions[1]] == ["B04", "B08"]
        expected = file.read()[:, row, column].tolist()
        size = file.shape
        x, y = file.xy(row, column)
    before = len(page.sent)
    assert page.evaluate(f"valuesOfCog({json.dumps(asset['href'])}, {json.dumps([x, y])})")[:2] == expected
    parts = [one for one in page.sent[before:] if one.method == "GET"]
    assert {one.status for one in parts} == {206}
    assert size == (705, 935)
