import io

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from services.tile_matrix import WEB_MERCATOR, grid_of, tile_bounds
from services.xyz import create_tiles

# the cube lies at 15.0..15.06 east, 45.12..45.15 north
TILE = (12, 2218, 1470)
ROWS = {"bands": ["row"], "rescale": [0, 254]}


@pytest.fixture
def open_client(make_backend):
    def make(plan=None, **service):
        backend = make_backend(plan, **{"configuration": ROWS, **service})
        return TestClient(create_tiles(backend), raise_server_exceptions=False)

    return make


def rgba(answer):
    assert answer.headers["content-type"] == "image/png"
    return np.array(Image.open(io.BytesIO(answer.content)).convert("RGBA")).astype(int)


def refused(answer, status, code):
    assert answer.status_code == status
    body = answer.json()
    assert body["code"] == code
    assert body.keys() == {"id", "code", "message", "links"}
    return body["message"]


def test_a_tile_shows_what_lies_there(open_client, fakes):
    z, x, y = TILE
    found = rgba(open_client().get(f"/abc/{z}/{x}/{y}.png"))
    rows, columns = fakes.positions(grid_of(tile_bounds(TILE), 256, 256, WEB_MERCATOR))
    inside = (rows >= 0) & (rows < 40) & (columns >= 0) & (columns < 50)
    assert inside.any()
    assert (~inside).any()
    assert ((found[..., 3] == 255) == inside).all()
    # the ramp shows value v as round(v * 255 / 254)
    assert (found[..., 0][inside] == np.rint(rows[inside] * 255 / 254)).all()


def test_the_ending_may_be_left_out(open_client):
    client = open_client()
    assert client.get("/abc/12/2218/1470").content == client.get("/abc/12/2218/1470.png").content


def test_tiles_come_in_the_size_of_the_configuration(open_client):
    assert rgba(open_client(configuration={**ROWS, "tile_size": 512}).get("/abc/3/0/0.png")).shape == (512, 512, 4)


@pytest.mark.parametrize(
    ("ending", "start"), [("jpeg", b"\xff\xd8"), ("jpg", b"\xff\xd8"), ("webp", b"RIFF"), ("npy", b"\x93NUMPY")]
)
def test_tiles_come_in_other_formats(open_client, ending, start):
    answer = open_client().get(f"/abc/12/2218/1470.{ending}")
    assert answer.status_code == 200
    assert answer.content.startswith(start)


def test_outside_the_data_tiles_are_transparent(open_client):
    assert not rgba(open_client().get("/abc/5/0/0.png"))[..., 3].any()


def test_a_date_is_chosen_by_the_time_parameter(open_client):
    client = open_client(configuration={"bands": ["date"], "rescale": [0, 254]})
    shown = {
        time: rgba(client.get("/abc/12/2218/1470", params={"time": time}))[..., 0].max()
        for time in ("2020-06-01", "2020-06-21")
    }
    assert shown == {"2020-06-01": 0, "2020-06-21": 2}
    assert rgba(client.get("/abc/12/2218/1470"))[..., 0].max() == 2, "the latest by default"


@pytest.mark.parametrize(
    "path", ["21/0/0.png", "3/8/0.png", "3/0/8", "3/-1/0", "3/a/0", "3/0/0.bmp", "3/0/0?time=1999-01-01"]
)
def test_tiles_that_do_not_exist_are_refused(open_client, path):
    refused(open_client().get(f"/abc/{path}"), 400, "RequestInvalid")


@pytest.mark.parametrize("path", ["3/0/0.png", "tilejson.json", "point/15,45", "statistics", "preview.png"])
def test_every_route_of_a_disabled_or_unknown_service_is_not_found(open_client, path):
    client = open_client(enabled=False)
    refused(client.get(f"/abc/{path}"), 404, "ServiceNotFound")
    refused(client.get(f"/other/{path}"), 404, "ServiceNotFound")


@pytest.mark.parametrize(
    "path", ["/", "/abc", "/abc/", "/abc/map.html", "/abc/info?url=/etc/passwd", "/docs", "/openapi.json"]
)
def test_there_are_no_other_routes(open_client, path):
    assert refused(open_client().get(path), 404, "NotFound")


def test_an_address_in_the_query_is_not_read(open_client):
    client = open_client()
    plain = client.get("/abc/12/2218/1470.png").content
    assert (
        client.get("/abc/12/2218/1470.png?url=/vsicurl/http://127.0.0.1:9/x.tif&__editorSessionId=1").content == plain
    )


def test_tilejson_tells_a_web_map_all_it_needs(open_client):
    found = open_client(title="Rows").get("/abc/tilejson.json").json()
    assert found["tiles"] == ["http://maps.test/tiles/abc/{z}/{x}/{y}.png"]
    assert found["name"] == "Rows"
    assert found["bounds"] == pytest.approx([15.0, 45.1174, 15.0636, 45.1535], abs=1e-3)
    # pixels of 100 m are 142 m in Web Mercator at 45 degrees north: zoom 11 (76 m) and two more
    assert (found["minzoom"], found["maxzoom"]) == (0, 13)


def test_tilejson_keeps_the_date_and_escapes_the_attribution(open_client):
    client = open_client(configuration={**ROWS, "attribution": "<script>alert(1)</script>"})
    found = client.get("/abc/tilejson.json?time=2020-06-11").json()
    assert found["tiles"][0].endswith("?time=2020-06-11T10%3A00%3A00Z")
    assert "<script>" not in found["attribution"]


def test_a_point_tells_the_values_of_all_bands(open_client):
    found = open_client().get("/abc/point/15.01,45.14?time=2020-06-01").json()
    assert found["band_names"] == ["row", "column", "date"]
    assert found["values"] == [14, 7, 0]
    assert found["time"] == "2020-06-01T10:00:00Z"


def test_a_point_outside_the_data_is_refused(open_client):
    refused(open_client().get("/abc/point/3,45"), 400, "RequestInvalid")
    refused(open_client().get("/abc/point/nan,45"), 400, "RequestInvalid")


def test_statistics_are_those_of_the_cube(open_client):
    found = open_client().get("/abc/statistics").json()
    assert found["row"]["min"] == 0
    assert found["row"]["max"] == 39
    assert found["column"]["mean"] == pytest.approx(24.5)


def test_a_preview_shows_the_whole_cube(open_client):
    assert rgba(open_client().get("/abc/preview.png")).shape == (40, 50, 4)


def test_an_unexpected_error_tells_no_more_than_its_id(open_client, fakes):
    plan = fakes.PositionPlan()
    client = open_client(plan)
    plan.read = lambda *_, **__: 1 / 0
    message = refused(client.get("/abc/12/2218/1470.png"), 500, "Internal")
    assert "division" not in message
    assert client.get("/abc/5/0/0.png").status_code == 200
