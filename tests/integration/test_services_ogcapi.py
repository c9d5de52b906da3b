"""Collections as maps and tiles of the OGC API: the pixels that belong there, at the date asked for."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from map_server import DATES, WEST, graph, publish, running_server, write_pattern
from PIL import Image

POSITION = "properties=B04"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ogcapi")
    with running_server(folder / "data", write_pattern(folder / "pattern")) as running:
        yield running


@pytest.fixture(scope="module")
def base(server):
    return f"{server.base}/oapi/collections/pattern"


def picture(address):
    answer = httpx.get(address, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.array(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def test_a_map_of_everything_has_the_shape_of_the_data(base):
    found = picture(f"{base}/map")
    # 0.305 degrees by 0.185
    assert found.shape[1] == 512
    assert found.shape[0] == pytest.approx(512 * 0.185 / 0.305, abs=25)
    assert (found[..., 3] == 255).mean() > 0.9


def test_a_map_in_the_datas_own_crs_shows_its_pixels(base):
    box = f"bbox={WEST + 2000},4990000,{WEST + 12000},4998000"
    crs = "http://www.opengis.net/def/crs/EPSG/0/32633"
    found = picture(f"{base}/map?{POSITION}&{box}&bbox-crs={crs}&crs={crs}&width=100&height=80")
    assert found.shape == (80, 100, 4)
    assert np.all(np.diff(found[:, 50, 0].astype(int)) >= 0), "rows of the pattern grow to the south"
    assert found[79, 50, 0] > found[0, 50, 0]


CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
DEGREES = "http://www.opengis.net/def/crs/EPSG/0/4326"


@pytest.mark.parametrize(
    "named",
    [
        f"bbox=15,45,15.2,45.1&bbox-crs={CRS84}&crs={CRS84}",
        "bbox=15,45,15.2,45.1&bbox-crs=urn:ogc:def:crs:OGC:1.3:CRS84&crs=[OGC:CRS84]",
        f"bbox=45,15,45.1,15.2&bbox-crs={DEGREES}",
        f"bbox=45,15,45.1,15.2&bbox-crs=[EPSG:4326]&crs={DEGREES}",
    ],
)
def test_a_box_is_in_the_crs_and_the_order_that_the_request_names(base, named):
    plain = picture(f"{base}/map?bbox=15,45,15.2,45.1&width=200&{POSITION}")
    assert np.array_equal(picture(f"{base}/map?width=200&{POSITION}&{named}"), plain)


def test_a_map_comes_in_another_crs_than_its_box(base):
    found = picture(f"{base}/map?bbox=15,45,15.2,45.1&crs=EPSG:3857&width=200&{POSITION}")
    # half as high as wide in degrees, and 1 / cos(45.05 degrees) = 1.4154 times that in metres
    assert found.shape == (142, 200, 4)
    assert (found[..., 3] == 255).all()


def test_a_side_that_is_left_out_follows_from_the_box(base):
    assert picture(f"{base}/map?bbox=15,45,15.2,45.1&width=200").shape[:2] == (100, 200)


def test_maps_and_tiles_are_those_of_a_service(server, base):
    service = publish(server, "XYZ", graph(), {"bands": ["B04"]})
    tile = picture(f"{server.base}/tiles/{service.id}/11/1109/735.png")
    assert np.array_equal(picture(f"{base}/tiles/WebMercatorQuad/11/735/1109?{POSITION}"), tile)


def test_tiles_of_degrees_lie_where_they_belong(base):
    # zoom 9 of WorldCRS84Quad: tiles of 0.3515625 degrees; column (15.15 + 180) / size, row (90 - 45.05) / size
    size = 180 / 512
    column, row = int((15.15 + 180) / size), int((90 - 45.05) / size)
    found = picture(f"{base}/tiles/WorldCRS84Quad/9/{row}/{column}?{POSITION}")
    assert found.shape == (256, 256, 4)
    assert 0.1 < (found[..., 3] == 255).mean() < 0.9


def test_a_date_is_chosen_by_datetime(base):
    shown = [picture(f"{base}/tiles/WebMercatorQuad/11/735/1109?properties=B11&datetime={date}") for date in DATES]
    assert httpx.get(f"{base}/map?datetime=1999-01-01").status_code == 204
    assert httpx.get(f"{base}/map?datetime=nonsense").status_code == 400
    assert picture(f"{base}/map?datetime=2020-06-02/..").any()
    assert len(shown) == 3


def test_tilesets_say_how_tiles_are_found(base):
    tilesets = httpx.get(f"{base}/tiles?f=json").json()
    assert [one["tileMatrixSetURI"].rsplit("/", 1)[1] for one in tilesets["tilesets"]] == [
        "WebMercatorQuad",
        "WorldCRS84Quad",
    ]
    tileset = httpx.get(f"{base}/tiles/WebMercatorQuad?f=json").json()
    (template,) = [link["href"] for link in tileset["links"] if link["rel"] == "item"]
    assert picture(template.format(tileMatrix=11, tileRow=735, tileCol=1109)).any()
    assert httpx.get(f"{base}/tiles?f=html").status_code == 200
    assert httpx.get(f"{base}/tiles/WebMercatorQuad?f=html").status_code == 200


def test_the_collection_links_its_map_and_tiles(base):
    relations = {link["rel"].rsplit("/", 1)[-1] for link in httpx.get(f"{base}?f=json").json()["links"]}
    assert {"map", "tilesets-map"} <= relations


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tiles/Nonsense", 404),
        ("tiles/Nonsense/0/0/0", 404),
        ("tiles/WebMercatorQuad/0/1/0", 404),
        ("tiles/WebMercatorQuad/99/0/0", 404),
        ("tiles/WebMercatorQuad/a/0/0", 404),
        ("tiles/WebMercatorQuad/0/-1/0", 404),
        ("tiles/WebMercatorQuad/0/0/0?properties=B99", 400),
        ("tiles/WebMercatorQuad/0/0/0?f=bmp", 400),
        ("map?bbox=1,2,3", 400),
        ("map?bbox=nan,nan,nan,nan", 400),
        ("map?bbox=3,3,1,1", 400),
        ("map?width=100000", 400),
        ("map?width=0", 400),
        ("map?width=a", 400),
        ("map?crs=/etc/passwd", 400),
        ("map?crs=EPSG:99999", 400),
        ("map?bbox=15,45,15.2,45.1&bbox-crs=/etc/passwd", 400),
        ("map?properties=B99", 400),
        ("map?f=bmp", 400),
    ],
)
def test_what_can_not_be_shown_is_refused(base, path, status):
    answer = httpx.get(f"{base}/{path}")
    assert answer.status_code == status, answer.text
    assert answer.json()["code"]


def test_maps_of_another_users_collection_are_not_found(server):
    document = {**server.backend.collections.get("pattern", None), "id": "secret"}
    server.backend.collections.put(document, server.backend.collections.items("pattern"), owner="ann")
    for path in ("map", "tiles", "tiles/WebMercatorQuad", "tiles/WebMercatorQuad/0/0/0"):
        assert httpx.get(f"{server.base}/oapi/collections/secret/{path}").status_code == 404


TILE = "tiles/WebMercatorQuad/11/735/1109"
PIXELS = ("map?width=64", TILE, "tiles/WorldCRS84Quad/9/127/555", "coverage?f=GTiff&bbox=15.05,45.05,15.06,45.06")


def kept_files(server, domain="public"):
    return set((server.backend.settings.data_dir / "tiles").glob(f"{domain}*/collection-*/**/*"))


def answered(server, path, user=None, **headers):
    if user:
        token = server.backend.users.issue_token(user, 600)
        headers["Authorization"] = f"Bearer basic//{token}"
    return httpx.get(f"{server.base}/oapi/collections/{path}", headers=headers, timeout=60)


@pytest.fixture
def secret(server):
    """A collection of ann's; ann and bob have accounts."""
    stores = server.backend
    for name in ("ann", "bob"):
        if stores.users.get(name) is None:
            stores.users.create(name, None)
    stores.collections.put({**stores.collections.get("pattern", None), "id": "secret"}, items(server), owner="ann")
    return "secret"


def items(server):
    return server.backend.collections.items("pattern")


@pytest.mark.parametrize("path", PIXELS)
def test_what_a_client_has_is_not_sent_again(server, path):
    first = answered(server, f"pattern/{path}")
    assert (first.status_code, first.headers["cache-control"]) == (200, "public, no-cache")
    again = answered(server, f"pattern/{path}", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = answered(server, f"pattern/{path}{'&' if '?' in path else '?'}datetime=2020-06-01")
    assert other.headers["etag"] != first.headers["etag"]


def test_a_changed_collection_has_other_tags_and_other_tiles(server):
    stores = server.backend.collections
    stores.put({**stores.get("pattern", None), "id": "changing"}, items(server))
    first = answered(server, f"changing/{TILE}?properties=B11")
    stores.put({**stores.get("pattern", None), "id": "changing"}, items(server)[:1])
    second = answered(server, f"changing/{TILE}?properties=B11", **{"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert second.headers["etag"] != first.headers["etag"]
    stores.delete("changing")
    gone = answered(server, f"changing/{TILE}?properties=B11", **{"If-None-Match": second.headers["etag"]})
    assert (gone.status_code, gone.json()["code"]) == (404, "CollectionNotFound")


@pytest.mark.parametrize("path", [TILE, "tiles/WorldCRS84Quad/9/127/555"])
def test_a_tile_is_computed_once(server, path, monkeypatch):
    from services.served import ServedService

    made = []
    make = ServedService._made
    monkeypatch.setattr(ServedService, "_made", lambda self, *given: made.append(given) or make(self, *given))
    asked = f"pattern/{path}?properties=B08&datetime=2020-06-11"
    first, second = answered(server, asked), answered(server, asked)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert second.headers["content-type"] == "image/png"
    assert len(made) == 1
    answered(server, f"pattern/{path}?properties=B08&datetime=2020-06-01")
    assert len(made) == 2


@pytest.mark.parametrize("path", PIXELS)
def test_pixels_of_a_collection_are_for_those_who_see_it(server, secret, path):
    own = answered(server, f"{secret}/{path}", "ann")
    assert (own.status_code, own.headers["cache-control"]) == (200, "private, no-cache")
    assert "Authorization" in own.headers["vary"]
    for user in (None, "bob"):
        for tag in ("*", own.headers["etag"]):
            other = answered(server, f"{secret}/{path}", user, **{"If-None-Match": tag})
            assert (other.status_code, other.json()["code"]) == (404, "CollectionNotFound")
            assert "etag" not in other.headers


def test_kept_tiles_of_a_private_collection_lie_apart(server, secret):
    before = kept_files(server)
    answered(server, f"{secret}/{TILE}?properties=B04", "ann")
    assert kept_files(server) == before
    assert kept_files(server, "private-")


def test_a_bad_token_is_told_so_at_a_map_too(server):
    assert answered(server, "pattern/map", Authorization="Bearer basic//nonsense").json()["code"] == "TokenInvalid"
    assert answered(server, "pattern/map", Authorization="Basic x").json()["code"] == "AuthenticationSchemeInvalid"


def test_errors_have_no_tag(server):
    for path in ("map?width=0", f"{TILE}?properties=B99", "tiles/WebMercatorQuad/0/1/0", "coverage?bbox=1"):
        answer = answered(server, f"pattern/{path}")
        assert answer.status_code >= 400
        assert "etag" not in answer.headers


def test_a_page_of_a_collection_goes_through_no_gate(tmp_path):
    """Two requests at once, then one in 1000 s: the rest of the pixels is turned away, what holds none is not."""
    with running_server(tmp_path / "data", write_pattern(tmp_path / "pattern"), service_rate_per_s=0.001) as slow:
        refused = [answered(slow, f"pattern/{path}") for path in PIXELS]
        assert {answer.status_code for answer in refused} == {429}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert {answer.json()["code"] for answer in refused} == {"TooManyRequests"}
        assert {answer.json()["type"] for answer in refused} == {"TooManyRequests"}
        for path in ("pattern", "pattern/items", "pattern/tiles", "pattern/schema"):
            assert answered(slow, f"{path}?f=json").status_code == 200
