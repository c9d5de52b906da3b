import gzip
import io
import re
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from affine import Affine
from mapproxy.config.spec import validate_options
from mapproxy.config.validator import validate
from odc.geo.geobox import GeoBox
from PIL import Image
from werkzeug.test import Client

from services.access import OpenServices
from services.mapproxy_app import configuration, register_source
from services.ows import create_ows
from services.tile_matrix import WEB_MERCATOR, grid_of, tile_bounds
from services.xml_text import xml_text
from services.xyz import create_tiles

ROWS = {"bands": ["row"], "rescale": [0, 254]}
UTM = {
    "service": "WMS",
    "version": "1.3.0",
    "request": "GetMap",
    "layers": "map",
    "styles": "",
    "crs": "EPSG:32633",
    "bbox": "500000,4996000,505000,5000000",
    "width": "50",
    "height": "40",
    "format": "image/png",
    "transparent": "true",
}
INFO = {
    **UTM,
    "request": "GetFeatureInfo",
    "query_layers": "map",
    "i": "7",
    "j": "3",
    "info_format": "application/json",
}
KVP_TILE = {
    "service": "WMTS",
    "version": "1.0.0",
    "request": "GetTile",
    "layer": "map",
    "style": "default",
    "format": "image/png",
    "tilematrixset": "WebMercatorQuad",
    "tilematrix": "12",
    "tilerow": "1470",
    "tilecol": "2218",
}
WMTS = {"w": "http://www.opengis.net/wmts/1.0", "o": "http://www.opengis.net/ows/1.1"}
WMS = {"m": "http://www.opengis.net/wms"}


@pytest.fixture
def open_client(make_backend):
    def make(plan=None, **service):
        return Client(create_ows(make_backend(plan, **{"configuration": ROWS, **service})))

    return make


def rgba(answer):
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "image/png"
    return np.array(Image.open(io.BytesIO(answer.data)).convert("RGBA")).astype(int)


def tree(answer):
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.data)


def exception(answer, status=400):
    assert answer.status_code == status
    assert "xml" in answer.content_type
    return ElementTree.fromstring(answer.data)


# --- capabilities ---------------------------------------------------------------------------------------------------


def test_the_configuration_is_valid_for_mapproxy(make_backend):
    register_source()
    described = configuration(OpenServices(make_backend(configuration={**ROWS, "attribution": "me"})).open("abc"), 20)
    described["sources"]["service"] = {"type": "debug"}  # the checks know no plug-ins
    assert validate_options(described) == ([], True)
    assert validate(described) == []


@pytest.mark.parametrize(
    "path", ["wmts", "wmts/1.0.0/WMTSCapabilities.xml", "service?service=WMTS&request=GetCapabilities"]
)
def test_wmts_capabilities_describe_the_one_layer(open_client, path):
    answer = open_client(title="Rows").get(f"/abc/{path}")
    assert len(answer.data) < 30_000
    layer = tree(answer).find("w:Contents/w:Layer", WMTS)
    assert layer.find("o:Identifier", WMTS).text == "map"
    assert layer.find("o:Title", WMTS).text == "Rows"
    corner = [float(v) for v in layer.find("o:WGS84BoundingBox/o:LowerCorner", WMTS).text.split()]
    assert corner == pytest.approx([15.0, 45.1174], abs=1e-3)
    assert layer.find("w:TileMatrixSetLink/w:TileMatrixSet", WMTS).text == "WebMercatorQuad"
    assert layer.find("w:Style/w:LegendURL", WMTS) is not None


@pytest.mark.parametrize("path", ["wmts", "wmts/1.0.0/WMTSCapabilities.xml"])
def test_reference_systems_of_wmts_are_urns_as_ogc_has_them(open_client, path):
    found = tree(open_client().get(f"/abc/{path}")).findall("w:Contents/w:TileMatrixSet/o:SupportedCRS", WMTS)
    codes = [3857, 4326, 32633]  # of WebMercatorQuad, WorldCRS84Quad and the data
    assert [crs.text for crs in found] == [f"urn:ogc:def:crs:EPSG::{code}" for code in codes]


@pytest.mark.parametrize("path", ["wmts", "wmts/1.0.0/WMTSCapabilities.xml"])
def test_wmts_lists_dates_one_by_one_with_the_latest_as_default(open_client, fakes, path):
    dimension = tree(open_client().get(f"/abc/{path}")).find("w:Contents/w:Layer/w:Dimension", WMTS)
    assert dimension.find("o:Identifier", WMTS).text == "TIME"
    assert dimension.find("w:Default", WMTS).text == fakes.DATES[2]
    assert [value.text for value in dimension.findall("w:Value", WMTS)] == list(fakes.DATES)


def test_a_single_date_that_is_a_month_is_listed_as_it_is(open_client, fakes):
    client = open_client(fakes.PositionPlan(fakes.cube(dates=("2020-06",))))
    dimension = tree(client.get("/abc/wmts/1.0.0/WMTSCapabilities.xml")).find("w:Contents/w:Layer/w:Dimension", WMTS)
    assert [value.text for value in dimension.findall("w:Value", WMTS)] == ["2020-06"]


@pytest.mark.parametrize(
    "path", ["wmts/1.0.0/WMTSCapabilities.xml", "wmts", "wms?version=1.1.1&request=GetCapabilities"]
)
def test_capabilities_are_written_once_until_the_service_changes(make_backend, fakes, path):
    backend = make_backend(configuration=ROWS, title="Before")
    client = Client(create_ows(backend))
    first = client.get(f"/abc/{path}")
    assert client.get(f"/abc/{path}").data == first.data
    assert client.get(f"/abc/{path}").headers["content-type"] == first.headers["content-type"]
    backend.services.put(fakes.StoredService(configuration=ROWS, title="After"))
    assert b"Before" in first.data
    assert b"After" in client.get(f"/abc/{path}").data


def test_a_placeholder_that_nobody_filled_means_the_default_date(open_client):
    client = open_client(configuration={"bands": ["date"], "rescale": [0, 254]})
    path = "/abc/wmts/map/WebMercatorQuad/{}/12/2218/1470.png"
    assert client.get(path.format("{TIME}")).data == client.get(path.format("2020-06-21")).data


def test_dates_of_one_service_are_unknown_to_another(make_backend, fakes):
    dated = Client(create_ows(make_backend(configuration=ROWS)))
    plain = Client(create_ows(make_backend(fakes.PositionPlan(fakes.cube(dates=())), configuration=ROWS)))
    rgba(dated.get("/abc/wmts/map/WebMercatorQuad/2020-06-01/12/2218/1470.png"))
    rgba(plain.get("/abc/wmts/map/WebMercatorQuad/12/2218/1470.png"))


def test_a_cube_without_dates_has_no_time_dimension(open_client, fakes):
    client = open_client(fakes.PositionPlan(fakes.cube(dates=())))
    assert tree(client.get("/abc/wmts")).find("w:Contents/w:Layer/w:Dimension", WMTS) is None
    assert tree(client.get("/abc/wms")).find("m:Capability/m:Layer/m:Dimension", WMS) is None
    rgba(client.get("/abc/wmts/map/WebMercatorQuad/12/2218/1470.png"))


def test_wms_capabilities_give_the_extent_in_every_crs(open_client):
    layer = tree(open_client().get("/abc/wms?service=WMS&request=GetCapabilities&version=1.3.0")).find(
        "m:Capability/m:Layer", WMS
    )
    boxes = {
        b.get("CRS"): [float(b.get(k)) for k in ("minx", "miny", "maxx", "maxy")]
        for b in layer.findall("m:BoundingBox", WMS)
    }
    assert boxes.keys() == {"EPSG:3857", "EPSG:4326", "CRS:84", "EPSG:32633"}
    assert boxes["EPSG:32633"] == [500_000, 4_996_000, 505_000, 5_000_000]
    # EPSG:4326 has latitude first, CRS:84 longitude
    assert boxes["EPSG:4326"] == pytest.approx([45.1174, 15.0, 45.1535, 15.0636], abs=1e-3)
    assert boxes["CRS:84"] == pytest.approx([15.0, 45.1174, 15.0636, 45.1535], abs=1e-3)
    assert layer.find("m:Dimension", WMS).get("name") == "time"


def test_wms_1_1_1_has_capabilities_too(open_client):
    found = tree(open_client().get("/abc/wms?service=WMS&request=GetCapabilities&version=1.1.1"))
    assert found.get("version") == "1.1.1"
    assert found.find("Capability/Layer/Name").text == "map"


def test_addresses_begin_with_the_public_base_whatever_the_headers_say(open_client):
    forged = {
        "Host": "evil.test",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "gopher",
        "X-Script-Name": "/evil",
    }
    for path in ("wms", "wmts", "wmts/1.0.0/WMTSCapabilities.xml"):
        answer = open_client().get(f"/abc/{path}", headers=forged)
        assert b"evil" not in answer.data
        assert b"http://maps.test/ogc/abc/" in answer.data


def test_capabilities_name_no_other_service(make_backend, fakes):
    backend = make_backend(title="Mine")
    backend.services.put(fakes.StoredService(id="other", owner="bob", title="Theirs"))
    client = Client(create_ows(backend))
    for path in ("wms", "wmts"):
        assert b"Theirs" not in client.get(f"/abc/{path}").data
        assert b"other" not in client.get(f"/abc/{path}").data


TEXT = "<script>alert('x')</script> & \"quotes\" {{1/0}} ]]> \x00\x0b ü"


@pytest.mark.parametrize(
    "path", ["wms", "wms?version=1.1.1&service=WMS&request=GetCapabilities", "wmts", "wmts/1.0.0/WMTSCapabilities.xml"]
)
def test_texts_of_users_are_text_and_nothing_else(open_client, path):
    client = open_client(configuration={**ROWS, "title": TEXT, "abstract": TEXT, "attribution": TEXT})
    answer = client.get(f"/abc/{path}")
    assert b"<script" not in answer.data
    assert TEXT.replace("\x00\x0b", "") in "".join(tree(answer).itertext())


def test_xml_text_leaves_out_what_xml_forbids():
    assert xml_text("a\x00\ud800b\n<") == "ab\n&lt;"


def test_a_cube_of_the_whole_world_has_finite_extents(open_client, fakes):
    grid = GeoBox((180, 360), Affine(1, 0, -180, 0, -1, 90), "EPSG:4326")
    client = open_client(fakes.PositionPlan(replace(fakes.cube(), grid=grid)))
    for path in ("wms", "wmts"):
        assert not re.search(rb"\b(inf|nan)\b", client.get(f"/abc/{path}").data)


# --- maps and tiles -------------------------------------------------------------------------------------------------


def test_a_map_in_the_grid_of_the_data_shows_each_pixel_once(open_client):
    found = rgba(open_client().get("/abc/wms", query_string=UTM))
    # row v is shown as round(v * 255 / 254) = v below 127
    assert (found[..., 0] == np.arange(40)[:, None]).all()
    assert found.shape == (40, 50, 4)


@pytest.mark.parametrize(
    ("version", "crs", "bbox"),
    [
        ("1.1.1", "EPSG:4326", "15.01,45.12,15.05,45.15"),
        ("1.3.0", "CRS:84", "15.01,45.12,15.05,45.15"),
        ("1.3.0", "EPSG:4326", "45.12,15.01,45.15,15.05"),
    ],
)
def test_the_axes_have_the_order_of_version_and_crs(open_client, fakes, version, crs, bbox):
    query = {
        **UTM,
        "version": version,
        "crs" if version == "1.3.0" else "srs": crs,
        "bbox": bbox,
        "width": 80,
        "height": 60,
    }
    found = rgba(open_client().get("/abc/wms", query_string=query))
    rows, _ = fakes.positions(grid_of((15.01, 45.12, 15.05, 45.15), 80, 60, "EPSG:4326"))
    assert (found[..., 0] == rows).all()


def test_every_face_shows_the_same_picture(make_backend):
    from starlette.testclient import TestClient

    backend = make_backend(configuration={"bands": ["row"], "colormap": "viridis"})
    services = OpenServices(backend)
    tiles, maps = TestClient(create_tiles(backend, services)), Client(create_ows(backend, services))
    west, south, east, north = tile_bounds((12, 2218, 1470))
    bbox = {"crs": WEB_MERCATOR, "bbox": f"{west},{south},{east},{north}", "width": "256", "height": "256"}
    xyz = tiles.get("/abc/12/2218/1470.png").content
    assert maps.get("/abc/wmts", query_string=KVP_TILE).data == xyz
    assert maps.get("/abc/wmts/map/WebMercatorQuad/default/12/2218/1470.png").data == xyz
    assert maps.get("/abc/wms", query_string={**UTM, **bbox}).data == xyz


def test_an_opaque_map_has_its_background(open_client):
    query = {**UTM, "transparent": "false", "bgcolor": "0xff0000", "bbox": "499000,4996000,504000,5000000"}
    found = rgba(open_client().get("/abc/wms", query_string=query))
    assert found[0, 0].tolist() == [255, 0, 0, 255]
    assert found[7, 20].tolist() == [7, 7, 7, 255]


def test_a_map_comes_as_webp_transparent_where_there_is_nothing(open_client):
    answer = open_client().get("/abc/wms", query_string=UTM | {"format": "image/webp", "transparent": "true"})
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert Image.open(io.BytesIO(answer.data)).format == "WEBP"
    outside = UTM | {"format": "image/webp", "transparent": "true", "bbox": "400000,4996000,405000,5000000"}
    image = Image.open(io.BytesIO(open_client().get("/abc/wms", query_string=outside).data))
    assert np.array(image.convert("RGBA"))[..., 3].max() == 0


def test_a_map_comes_as_jpeg(open_client):
    answer = open_client().get("/abc/wms", query_string={**UTM, "format": "image/jpeg"})
    assert answer.data.startswith(b"\xff\xd8")


@pytest.mark.parametrize("time", ["2020-06-11", "2020-06-11T10:00:00Z", "2020-06-10/2020-06-12"])
def test_a_date_is_chosen_on_every_face(open_client, time):
    client = open_client(configuration={"bands": ["date"], "rescale": [0, 254]})
    assert rgba(client.get("/abc/wms", query_string={**UTM, "time": time}))[..., 0].max() == 1
    assert rgba(client.get("/abc/wmts", query_string={**KVP_TILE, "TIME": time}))[..., 0].max() == 1
    if "/" not in time:
        assert rgba(client.get(f"/abc/wmts/map/WebMercatorQuad/{time}/12/2218/1470.png"))[..., 0].max() == 1


def test_the_latest_date_is_shown_by_default(open_client):
    client = open_client(configuration={"bands": ["date"], "rescale": [0, 254]})
    assert rgba(client.get("/abc/wms", query_string=UTM))[..., 0].max() == 2
    assert rgba(client.get("/abc/wmts", query_string=KVP_TILE))[..., 0].max() == 2
    assert rgba(client.get("/abc/wmts/map/WebMercatorQuad/default/12/2218/1470.png"))[..., 0].max() == 2


def test_an_unknown_date_is_refused_on_every_face(open_client):
    client = open_client()
    exception(client.get("/abc/wms", query_string={**UTM, "time": "1999-01-01"}))
    exception(client.get("/abc/wms", query_string={**INFO, "time": "1999-01-01"}))
    exception(client.get("/abc/wmts", query_string={**KVP_TILE, "time": "1999-01-01"}))
    exception(client.get("/abc/wmts/map/WebMercatorQuad/1999-01-01/12/2218/1470.png"))
    exception(client.get("/abc/wmts/map/WebMercatorQuad/1999-01-01/12/2218/1470/1/1.json"))


def test_tiles_of_512_pixels_have_a_matrix_set_of_their_own(open_client):
    client = open_client(configuration={**ROWS, "tile_size": 512})
    tile = client.get("/abc/wmts/map/WebMercatorQuad512/default/11/1109/735.png")
    assert rgba(tile).shape == (512, 512, 4)


# --- values and legend ----------------------------------------------------------------------------------------------


def test_feature_info_tells_the_values_of_the_pixel(open_client):
    found = open_client().get("/abc/wms", query_string={**INFO, "time": "2020-06-11"}).json
    assert found == {"time": "2020-06-11T10:00:00Z", "values": {"row": 3, "column": 7, "date": 1}}


def test_feature_info_is_told_the_date_in_the_address_of_a_tile(open_client):
    tile = open_client().get("/abc/wmts/map/WebMercatorQuad/2020-06-01/12/2218/1470/200/200.json").json
    assert tile["time"] == "2020-06-01T10:00:00Z"


@pytest.mark.parametrize("bbox", ["-1e30,-1e30,1e30,1e30", "1e30,1e30,2e30,2e30", "100,-180,200,180"])
def test_there_are_no_values_where_the_reference_system_has_no_place(open_client, bbox):
    found = open_client().get("/abc/wms", query_string={**INFO, "crs": "EPSG:4326", "bbox": bbox}).json
    assert set(found["values"].values()) == {None}


@pytest.mark.parametrize(("info_format", "text"), [("text/plain", "row: 3"), ("text/html", "<th>row</th><td>3</td>")])
def test_feature_info_comes_as_text_and_html(open_client, info_format, text):
    answer = open_client().get("/abc/wms", query_string={**INFO, "info_format": info_format})
    assert answer.content_type.startswith(info_format)
    assert text in answer.text.replace("\n", "")


@pytest.mark.parametrize(
    ("configuration", "size"),
    [
        ({**ROWS, "colormap": "viridis"}, (160, 120)),
        ({"bands": ["row"], "categories": [{"value": 1, "color": "#00ff00", "label": "Wäld ☃"}]}, (160, 20)),
    ],
)
def test_the_legend_is_a_picture(open_client, configuration, size):
    answer = open_client(configuration=configuration).get(
        "/abc/wms?request=GetLegendGraphic&version=1.3.0&layer=map&format=image/png"
    )
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.data)).size == size


# --- refusals -------------------------------------------------------------------------------------------------------


def test_unknown_and_disabled_services_are_not_found_on_every_face(open_client):
    client = open_client(enabled=False)
    for path in (
        "wms",
        "wmts",
        "service",
        "wmts/1.0.0/WMTSCapabilities.xml",
        "wmts/map/WebMercatorQuad/default/3/0/0.png",
        "",
    ):
        for service in ("abc", "other"):
            answer = client.get(f"/{service}/{path}")
            assert answer.status_code == 404
            assert answer.json["code"] == "ServiceNotFound"


def test_a_service_appears_changes_and_vanishes_at_the_next_request(make_backend, fakes):
    backend = make_backend()
    client = Client(create_ows(backend))
    assert client.get("/new/wms").status_code == 404
    backend.services.put(fakes.StoredService(id="new", title="First"))
    assert b"First" in client.get("/new/wms").data
    backend.services.put(fakes.StoredService(id="new", title="Second"))
    assert b"Second" in client.get("/new/wms").data
    del backend.services["new"]
    assert client.get("/new/wms").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"bbox": "1,2,3"},
        {"bbox": "a,b,c,d"},
        {"bbox": "nan,0,1,1"},
        {"bbox": "5,5,1,1"},
        {"bbox": "9" * 60_000},
        {"width": "x"},
        {"width": "0"},
        {"width": "-5"},
        {"width": "99999"},
        {"crs": "EPSG:99999"},
        {"crs": "file:///etc/passwd"},
        {"layers": "/vsicurl/http://127.0.0.1:9/x.tif"},
        {"layers": "<script>alert(1)</script>"},
        {"format": "image/bmp"},
        {"request": "GetEverything"},
        {"version": "abc"},
        {"version": "1.3.0.é"},
        {"crs": "EPSG:four"},
        {"crs": "0.5"},
        {"crs": "\0"},
        {"styles": "\0"},
        {"service": "WMS", "request": "\0"},
        {"request": "GetFeatureInfo", "query_layers": "other", "i": "1", "j": "1", "info_format": "text/plain"},
    ],
)
def test_a_wrong_map_request_is_an_exception_of_wms(open_client, change):
    report = exception(open_client().get("/abc/wms", query_string={**UTM, **change}))
    assert report.tag.endswith("ServiceExceptionReport")
    assert report.find(".//{*}script") is None


@pytest.mark.parametrize(
    "change",
    [
        {"tilerow": "x"},
        {"tilerow": "99999999"},
        {"tilematrix": "77"},
        {"tilematrix": "-1"},
        {"layer": "../../etc/passwd"},
        {"tilematrixset": "<script>"},
        {"format": "image/gif"},
        {"request": "GetEverything"},
        {"tilematrixset": "\0"},
        {"request": "GetFeatureInfo", "i": "1", "j": "1", "infoformat": "application/json", "tilematrix": "77"},
        {"request": "GetFeatureInfo", "i": "1", "j": "1", "infoformat": "application/json", "tilerow": "99999999"},
    ],
)
def test_a_wrong_tile_request_is_an_exception_of_wmts(open_client, change):
    report = exception(open_client().get("/abc/wmts", query_string={**KVP_TILE, **change}))
    assert report.tag.endswith("ExceptionReport")
    assert report.find(".//{*}script") is None


@pytest.mark.parametrize(
    "path", ["demo", "demo/", "tms/1.0.0/", "kml/", "tiles/", "ogcapi/", "wmts/../../x", "service/x"]
)
def test_what_mapproxy_could_serve_besides_is_not_there(open_client, path):
    assert open_client().get(f"/abc/{path}").status_code in (400, 404)


def test_nothing_is_posted(open_client):
    answer = open_client().post("/abc/wms", data="<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>")
    assert answer.status_code == 405
    assert answer.json["code"] == "MethodNotAllowed"


def test_an_unexpected_error_tells_no_more_than_its_id(open_client, fakes):
    plan = fakes.PositionPlan()
    client = open_client(plan)
    plan.read = lambda *_, **__: 1 / 0
    for query in (UTM, KVP_TILE, INFO):
        answer = client.get("/abc/service", query_string=query)
        assert answer.status_code == 500
        assert b"division" not in answer.data


def test_nothing_is_written_to_the_working_folder(open_client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rgba(open_client().get("/abc/wmts", query_string=KVP_TILE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["wmts/1.0.0/WMTSCapabilities.xml", "wmts?request=GetCapabilities"])
@pytest.mark.parametrize("step", [1, 5])
def test_wmts_capabilities_stay_small_with_a_thousand_dates(open_client, fakes, path, step):
    dates = tuple((date(2010, 1, 1) + timedelta(days=step * n)).isoformat() + "T10:00:31Z" for n in range(1000))
    client = open_client(fakes.PositionPlan(fakes.cube(dates=dates)))
    answer = client.get(f"/abc/{path}", headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert len(answer.data) < 30_000
    assert f"<Value>2010-01-01/{dates[-1][:10]}/P{step}D</Value>" in answer.text
    assert f"<Default>{dates[-1]}</Default>" in answer.text


def test_capabilities_come_packed_where_the_client_unpacks(open_client, fakes):
    dates = tuple(sorted({f"20{n % 23:02}-{n % 11 + 1:02}-{n % 27 + 1:02}T10:00:31Z" for n in range(1000)}))
    assert len(dates) == 1000
    client, path = open_client(fakes.PositionPlan(fakes.cube(dates=dates))), "/abc/wmts/1.0.0/WMTSCapabilities.xml"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip, deflate"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert int(packed.headers["content-length"]) < 15_000
    assert gzip.decompress(packed.data) == plain.data
    assert all(f"<Value>{label[:10]}</Value>" in plain.text for label in (dates[0], dates[500], dates[-1]))
