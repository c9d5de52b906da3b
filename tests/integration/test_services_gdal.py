"""The running server seen by GDAL's WMTS, WMS and XYZ drivers and by OWSLib: what they read lies where it belongs."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape

import httpx
import numpy as np
import pytest
import rasterio
from map_server import (
    DATES,
    INNER_UTM,
    NORTH,
    PIXEL_M,
    WEST,
    graph,
    load,
    publish,
    running_server,
    write_pattern,
)
from PIL import Image
from rasterio.warp import transform, transform_bounds
from rasterio.windows import from_bounds

from openeo_plugin.jobs.run import run_job
from services.access import OpenServices
from services.render import render
from services.served import MapRequest
from services.tile_matrix import EDGE_M, WEB_MERCATOR, grid_of, tile_bounds

TILE = (11, 1109, 735)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("services")
    with running_server(folder / "data", write_pattern(folder / "pattern")) as running:
        yield running


def ndvi_of_the_median(save=False):
    median = {"m": {"process_id": "median", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}
    reduced = {"data": {"from_node": "load"}, "dimension": "t", "reducer": {"process_graph": median}}
    nodes = {
        "load": load(),
        "median": {"process_id": "reduce_dimension", "arguments": reduced},
        "ndvi": {"process_id": "ndvi", "arguments": {"data": {"from_node": "median"}, "nir": "B08", "red": "B04"}},
    }
    if save:
        nodes["save"] = {"process_id": "save_result", "arguments": {"data": {"from_node": "ndvi"}, "format": "GTiff"}}
    nodes[list(nodes)[-1]]["result"] = True
    return {"process_graph": nodes}


@pytest.fixture(scope="module")
def position(server):
    return publish(server).id


def xyz_dataset(base, service, zoom):
    """GDAL's description of XYZ tiles."""
    address = escape(f"{base}/tiles/{service}/${{z}}/${{x}}/${{y}}.png")
    return f"""<GDAL_WMS><Service name="TMS"><ServerUrl>{address}</ServerUrl></Service>
      <DataWindow><UpperLeftX>{-EDGE_M!r}</UpperLeftX><UpperLeftY>{EDGE_M!r}</UpperLeftY>
      <LowerRightX>{EDGE_M!r}</LowerRightX><LowerRightY>{-EDGE_M!r}</LowerRightY><TileLevel>{zoom}</TileLevel>
      <TileCountX>1</TileCountX><TileCountY>1</TileCountY><YOrigin>top</YOrigin></DataWindow>
      <Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>
      <BandsCount>4</BandsCount></GDAL_WMS>"""


def wms_dataset(base, service, version, crs, size=512):
    """GDAL's description of a WMS layer in a CRS; it writes the bbox in the order that `BBoxOrder` says."""
    west, south, east, north = transform_bounds("EPSG:32633", crs, *INNER_UTM)
    name = "CRS" if version == "1.3.0" else "SRS"
    order = "yxYX" if version == "1.3.0" and crs in ("EPSG:4326", "EPSG:3035") else "xyXY"
    address = escape(f"{base}/ogc/{service}/wms")
    height = round(size * (north - south) / (east - west))
    return f"""<GDAL_WMS><Service name="WMS"><Version>{version}</Version><ServerUrl>{address}?</ServerUrl>
      <{name}>{crs}</{name}><ImageFormat>image/png</ImageFormat><Transparent>TRUE</Transparent><Layers>map</Layers>
      <BBoxOrder>{order}</BBoxOrder></Service>
      <DataWindow><UpperLeftX>{west!r}</UpperLeftX><UpperLeftY>{north!r}</UpperLeftY><LowerRightX>{east!r}</LowerRightX>
      <LowerRightY>{south!r}</LowerRightY><SizeX>{size}</SizeX><SizeY>{height}</SizeY></DataWindow>
      <Projection>{crs}</Projection><BandsCount>4</BandsCount></GDAL_WMS>"""


def read_inner(uri):
    """What GDAL reads of the inner part of the pattern, and the columns and rows of the pattern it says lie there.

    Returns: picture (4, y, x); columns and rows as continuous coordinates (y, x); screen pixels per pixel of data.
    """
    with rasterio.open(uri) as source:
        bounds = transform_bounds("EPSG:32633", source.crs, *INNER_UTM)
        window = from_bounds(*bounds, source.transform).round_offsets().round_lengths()
        picture = source.read(window=window).astype(float)
        affine, crs = source.window_transform(window), source.crs
    x, y = np.meshgrid(np.arange(picture.shape[2]) + 0.5, np.arange(picture.shape[1]) + 0.5)
    xs, ys = affine @ (x.ravel(), y.ravel())
    east, north = (np.array(v).reshape(x.shape) for v in transform(crs, "EPSG:32633", xs, ys))
    columns, rows = (east - WEST) / PIXEL_M, (NORTH - north) / PIXEL_M
    return picture, columns, rows, 1 / abs(columns[0, 1] - columns[0, 0])


def assert_exact(uri):
    """The pattern lies where GDAL says to a tenth of a screen pixel.

    A pixel whose value is column + 1 has its centre at column + 0.5, so value - position is 0.5 on average, whether
    the nearest pixel is shown or neighbours are blended.
    """
    picture, columns, rows, scale = read_inner(uri)
    assert picture.shape[0] == 4
    assert (picture[3] == 255).all()
    assert picture[0].size > 5000
    for shown, there in ((picture[0], rows), (picture[1], columns)):
        error_px = (shown - there - 0.5) * scale
        assert abs(error_px.mean()) < 0.1
        assert abs(error_px).max() < 1.01 * scale


# --- coordinates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["wmts/1.0.0/WMTSCapabilities.xml", "wmts?service=WMTS&request=GetCapabilities"])
def test_gdal_reads_wmts_where_it_belongs(server, position, path):
    assert_exact(f"WMTS:{server.base}/ogc/{position}/{path}")


@pytest.mark.parametrize("tile_matrix_set", ["WebMercatorQuad", "WorldCRS84Quad", "Native"])
def test_gdal_reads_every_tile_matrix_set_where_it_belongs(server, position, tile_matrix_set):
    capabilities = f"{server.base}/ogc/{position}/wmts/1.0.0/WMTSCapabilities.xml"
    assert_exact(f"WMTS:{capabilities},layer=map,tilematrixset={tile_matrix_set}")


@pytest.mark.parametrize("zoom", [10, 11, 12])
def test_gdal_reads_xyz_where_it_belongs(server, position, zoom):
    assert_exact(xyz_dataset(server.base, position, zoom))


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:3857", "EPSG:4326"])
def test_gdal_reads_wms_where_it_belongs(server, position, version, crs):
    assert_exact(wms_dataset(server.base, position, version, crs))


def test_gdal_finds_the_layer_of_a_wms_by_its_capabilities(server, position):
    with rasterio.open(f"WMS:{server.base}/ogc/{position}/wms") as found:
        names = [value for value in found.tags(ns="SUBDATASETS").values() if "LAYERS=map" in value]
    with rasterio.open(names[0]) as layer:
        assert layer.count in (3, 4)
        assert layer.crs is not None


def test_null_is_transparent(server, position):
    served = OpenServices(server.backend).open(position)
    corner = served.description.grid[:40, :40]
    alpha = np.array(Image.open(io.BytesIO(served.picture(MapRequest(corner)))))[..., 3]
    assert not alpha[:20, :20].any()
    assert (alpha[20:, 20:] == 255).all()


# --- one picture ----------------------------------------------------------------------------------------------------


def test_every_face_shows_what_a_direct_render_shows(server, position):
    west, south, east, north = tile_bounds(TILE)
    z, x, y = TILE
    wms = f"wms?version=1.3.0&request=GetMap&layers=map&styles=&crs=EPSG:3857&bbox={west},{south},{east},{north}"
    wms += "&width=256&height=256&format=image/png&transparent=true"
    wmts = f"wmts?version=1.0.0&request=GetTile&layer=map&style=default&format=image/png&tilecol={x}&tilerow={y}"
    addresses = [
        f"tiles/{position}/{z}/{x}/{y}.png",
        f"ogc/{position}/wmts/map/WebMercatorQuad/default/{z}/{x}/{y}.png",
        f"ogc/{position}/{wmts}&tilematrixset=WebMercatorQuad&tilematrix={z}",
        f"ogc/{position}/{wms}",
    ]
    served = OpenServices(server.backend).open(position)
    plan = server.backend.driver.plan(graph(), "ann")
    direct = render(plan, grid_of(tile_bounds(TILE), 256, 256, WEB_MERCATOR), served.style, {"t": (2,)})
    for address in addresses:
        answer = httpx.get(f"{server.base}/{address}")
        assert answer.status_code == 200, answer.text
        assert answer.content == direct


def test_dates_are_shown_one_at_a_time(server, position):
    def brightest(time):
        answer = httpx.get(f"{server.base}/tiles/{position}/11/1109/735.npy", params={"time": time})
        return np.nanmax(np.load(io.BytesIO(answer.content))[2])

    assert [brightest(date) for date in DATES] == [10, 20, 30]


def test_a_stored_result_and_the_graph_on_demand_show_the_same_picture(server):
    style = {"rescale": [-1, 1], "colormap": "rdylgn"}
    on_demand = publish(server, "XYZ", ndvi_of_the_median(), style)
    job = server.backend.jobs.create("ann", ndvi_of_the_median(save=True))
    server.backend.jobs.enqueue(job.id, "ann")
    server.backend.jobs.claim("tester", 600)
    run_job(server.backend, job.id)
    finished = server.backend.jobs.find(job.id)
    assert finished.status == "finished", finished.error
    stored = publish(server, "XYZ", graph(job.id), style)

    def picture(service):
        answer = httpx.get(f"{server.base}/tiles/{service.id}/12/2219/1471.png", timeout=60)
        assert answer.status_code == 200, answer.text
        return np.array(Image.open(io.BytesIO(answer.content)).convert("RGBA")).astype(int)

    one, other = picture(on_demand), picture(stored)
    both = (one[..., 3] > 0) & (other[..., 3] > 0)
    assert both.mean() > 0.9
    assert abs(one - other)[both].mean() < 2


# --- who may see what -----------------------------------------------------------------------------------------------


def test_a_service_is_there_at_once_and_gone_at_once(server):
    service = publish(server, "WMS", title="Passing")
    faces_of = [
        f"tiles/{service.id}/3/4/2.png",
        f"tiles/{service.id}/tilejson.json",
        f"ogc/{service.id}/wms",
        f"ogc/{service.id}/wmts/1.0.0/WMTSCapabilities.xml",
    ]
    assert [httpx.get(f"{server.base}/{face}").status_code for face in faces_of] == [200] * 4
    server.backend.services.update(service.id, "ann", enabled=False)
    assert [httpx.get(f"{server.base}/{face}").status_code for face in faces_of] == [404] * 4
    server.backend.services.update(service.id, "ann", enabled=True)
    server.backend.services.delete(service.id, "ann")
    assert [httpx.get(f"{server.base}/{face}").status_code for face in faces_of] == [404] * 4


def test_a_changed_style_is_shown_at_once(server):
    service = publish(server, "XYZ", configuration={"bands": ["B04"], "rescale": [0, 255]})
    address = f"{server.base}/tiles/{service.id}/11/1109/735.png"
    before = httpx.get(address).content
    server.backend.services.update(service.id, "ann", configuration={"bands": ["B04"], "colormap": "viridis"})
    assert httpx.get(address).content != before


def test_a_service_has_the_rights_of_its_owner_only(server):
    job = server.backend.jobs.create("ann", ndvi_of_the_median(save=True))
    service = server.backend.services.create("bob", "XYZ", graph(job.id), configuration={})
    answer = httpx.get(f"{server.base}/tiles/{service.id}/3/4/2.png")
    assert answer.json()["code"] == "CollectionNotFound"


def test_every_answer_may_be_read_by_web_maps(server, position):
    for address in (f"tiles/{position}/3/4/2.png", f"tiles/{position}/99/0/0", f"ogc/{position}/wmts", "ogc/none/wms"):
        answer = httpx.get(f"{server.base}/{address}", headers={"Origin": "https://map.test"})
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]


# --- clients --------------------------------------------------------------------------------------------------------


def test_owslib_reads_wmts(server, position):
    wmts = pytest.importorskip("owslib.wmts", reason="OWSLib is not installed: WMTS is not checked with it")
    found = wmts.WebMapTileService(f"{server.base}/ogc/{position}/wmts")
    layer = found["map"]
    assert layer.boundingBoxWGS84 == pytest.approx((15.0, 44.97, 15.30, 45.16), abs=0.02)
    tile = found.gettile(layer="map", tilematrixset="WebMercatorQuad", tilematrix="11", row=735, column=1109)
    assert tile.read().startswith(b"\x89PNG")


@pytest.mark.parametrize("version", ["1.1.1", "1.3.0"])
def test_owslib_reads_wms(server, position, version):
    wms = pytest.importorskip("owslib.wms", reason="OWSLib is not installed: WMS is not checked with it")
    found = wms.WebMapService(f"{server.base}/ogc/{position}/wms", version=version)
    layer = found["map"]
    if version == "1.3.0":  # MapProxy writes no Extent for 1.1.1, where OWSLib looks for dates
        assert layer.timepositions == [f"{date}T00:00:00Z" for date in DATES]
    asked = {"layers": ["map"], "srs": "EPSG:32633", "bbox": INNER_UTM, "size": (160, 120), "format": "image/png"}
    picture = np.array(Image.open(io.BytesIO(found.getmap(**asked, transparent=True).read())).convert("RGBA"))
    # the upper left pixel of the inner part is row 40, column 40; it holds 41 in both bands
    assert picture[0, 0].tolist() == [41, 41, 30, 255]
    assert picture[119, 159].tolist() == [160, 200, 30, 255]
