"""Data on both sides of the antimeridian: coverages, maps, tiles and footprints."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
import rasterio
from map_server import graph, publish, running_server
from PIL import Image
from pyproj import Transformer
from rasterio.transform import from_origin

WHITE_AND_BLACK = {"bands": [0], "rescale": [0, 254], "resampling": "nearest"}


def write(folder, values, **profile):
    folder.mkdir()
    more = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": 0, "tiled": True}
    height, width = values.shape
    with rasterio.open(
        folder / f"{folder.name}_20200601.tif", "w", height=height, width=width, **more, **profile
    ) as to:
        to.write(values, 1)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`world`: degrees, each pixel holds its column + 1; `late`: from 0 to 360 degrees; `fiji`: UTM 60, across 180."""
    folder = tmp_path_factory.mktemp("antimeridian")
    columns = np.tile(np.arange(1, 181, dtype="uint8"), (90, 1))  # of two degrees
    world = write(folder / "world", columns, crs="EPSG:4326", transform=from_origin(-180, 90, 2, 2))
    late = write(folder / "late", columns, crs="EPSG:4326", transform=from_origin(0, 90, 2, 2))
    left = np.tile(np.arange(1, 101, dtype="uint8"), (100, 1))
    # 180 E lies at easting 820 km there: 100 km to the west of it and 100 km to the east
    fiji = write(folder / "fiji", left, crs="EPSG:32760", transform=from_origin(720_000, 8_050_000, 2000, 2000))
    with running_server(folder / "data", world, late, fiji) as running:
        yield running


def coverage(server, name, box, form="GTiff", **more):
    query = {"f": form, "bbox": ",".join(map(str, box)), **more}
    return httpx.get(f"{server.base}/oapi/collections/{name}/coverage", params=query, timeout=60)


def tiff(answer):
    assert answer.status_code == 200, answer.text
    with rasterio.open(io.BytesIO(answer.content)) as file:
        return file.read(1), tuple(file.bounds)


def picture(address):
    answer = httpx.get(address, timeout=60)
    assert answer.status_code == 200, answer.text
    return np.array(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def test_a_box_across_the_antimeridian_gives_both_sides_next_to_each_other(server):
    values, bounds = tiff(coverage(server, "world", (176, 0, -174, 4)))
    # columns 178 and 179 hold 179 and 180, then the first three of the west
    assert values.tolist() == [[179, 180, 1, 2, 3]] * 2
    assert bounds == (176, 0, 186, 4)


def test_a_box_that_does_not_cross_it_is_as_it_was(server):
    values, bounds = tiff(coverage(server, "world", (-180, 0, -176, 2)))
    assert (values.tolist(), bounds) == ([[1, 2]], (-180, 0, -176, 2))
    assert tiff(coverage(server, "world", (-180, -90, 180, 90)))[0].shape == (90, 180)


def test_a_grid_of_0_to_360_degrees_is_asked_in_either_way(server):
    # 180 E is column 90
    values, bounds = tiff(coverage(server, "late", (178, 0, -178, 2)))
    assert (values.tolist(), bounds) == ([[90, 91]], (178, 0, 182, 2))
    values, bounds = tiff(coverage(server, "late", (-2, 0, 2, 2)))
    assert (values.tolist(), bounds) == ([[180, 1]], (358, 0, 362, 2))
    values, bounds = tiff(coverage(server, "late", (-4, 0, -2, 2)))
    assert (values.tolist(), bounds) == ([[179]], (356, 0, 358, 2))


def test_coverage_json_goes_on_east_of_180_degrees(server):
    found = coverage(server, "world", (178, 0, -178, 2), "json").json()
    (values,) = (part["values"] for part in found["ranges"].values())
    assert values == [180, 1]
    assert found["domain"]["axes"]["x"] == {"start": 179, "stop": 181, "num": 2}


def wcs(server, service, *subsets, **more):
    query = {"service": "WCS", "version": "2.0.1", "request": "GetCoverage", "coverageId": "map", **more}
    pairs = [*query.items(), *(("subset", subset) for subset in subsets)]
    return httpx.get(f"{server.base}/wcs/{service.id}", params=pairs, timeout=60)


@pytest.mark.parametrize("east", [-174, 186])
def test_a_subset_of_wcs_goes_across_it(server, east):
    service = publish(server, "WCS", graph("world"), {})
    values, bounds = tiff(wcs(server, service, f"Long(176,{east})", "Lat(0,4)"))
    assert (values.tolist(), bounds) == ([[179, 180, 1, 2, 3]] * 2, (176, 0, 186, 4))
    values, bounds = tiff(wcs(server, service, f"Long(176,{east})", "Lat(0,4)", scaleSize="Long(10),Lat(4)"))
    assert values[0].tolist() == [179, 179, 180, 180, 1, 1, 2, 2, 3, 3]
    values, bounds = tiff(wcs(server, service, "Long(-180,-176)", "Lat(0,2)"))
    assert (values.tolist(), bounds) == ([[1, 2]], (-180, 0, -176, 2))


def test_what_a_subset_of_wcs_can_not_do_is_refused(server):
    service = publish(server, "WCS", graph("world"), {})
    assert 'exceptionCode="InvalidSubsetting"' in wcs(server, service, "Long(176,-174)", "Lat(4,0)").text
    mercator = "http://www.opengis.net/def/crs/EPSG/0/3857"
    refused = wcs(server, service, "Long(176,-174)", "Lat(0,4)", outputCrs=mercator)
    assert 'exceptionCode="OutputCrs-NotSupported"' in refused.text


def test_data_of_a_zone_that_crosses_it_is_found_by_a_box_that_does(server):
    east = Transformer.from_crs("EPSG:32760", "EPSG:4326", always_xy=True).transform(840_000, 7_950_000)[0]
    assert -180 < east < -179
    values, _ = tiff(coverage(server, "fiji", (179.9, -18.6, -179.9, -18.5)))
    assert values.shape[1] < 20
    assert values.min() > 40


def test_a_box_that_crosses_it_in_metres_is_refused(server):
    crs = "http://www.opengis.net/def/crs/EPSG/0/32760"
    answer = coverage(server, "fiji", (800_000, 0, 700_000, 1), **{"bbox-crs": crs})
    assert answer.status_code == 400


@pytest.mark.parametrize("x", [0, 511])
def test_tiles_on_either_side_of_it_show_what_lies_there(server, x):
    service = publish(server, "XYZ", graph("fiji"), WHITE_AND_BLACK)
    # zoom 9: tiles of 78 km, rows by the tangent of the latitude: 18.1 S lies in row 282
    tile = picture(f"{server.base}/tiles/{service.id}/9/{x}/282.png")
    assert (tile[..., 3] == 255).mean() > 0.5
    own = picture(f"{server.base}/oapi/collections/fiji/tiles/WebMercatorQuad/9/282/{x}")
    assert np.array_equal(own[..., 3], tile[..., 3])


def test_tiles_on_both_sides_fit_together(server):
    service = publish(server, "XYZ", graph("fiji"), WHITE_AND_BLACK)
    west, east = (picture(f"{server.base}/tiles/{service.id}/9/{x}/282.png")[:, :, 0].astype(int) for x in (511, 0))
    assert np.abs(west[:, -1] - east[:, 0]).max() <= 2
    assert west[128, 0] < west[128, -1] <= east[128, 0] < east[128, -1]


def test_what_clients_are_told_of_data_across_it(server):
    service = publish(server, "WMTS", graph("fiji"), WHITE_AND_BLACK)
    tilejson = httpx.get(f"{server.base}/tiles/{service.id}/tilejson.json", timeout=60).json()
    assert tilejson["bounds"][::2] == [-180, 180]
    # pixels of 2 km are those of zoom 6 to 7
    assert 7 <= tilejson["maxzoom"] <= 10
    capabilities = httpx.get(f"{server.base}/ogc/{service.id}/wms?request=GetCapabilities", timeout=60).text
    assert "<westBoundLongitude>-180" in capabilities


def test_a_map_in_degrees_shows_data_of_a_zone_that_crosses_it(server):
    service = publish(server, "WMS", graph("fiji"), WHITE_AND_BLACK)
    for box in ("-18.6,179.2,-18.2,179.8", "-18.6,-179.8,-18.2,-179.4"):
        query = f"service=WMS&version=1.3.0&request=GetMap&layers=map&styles=&crs=EPSG:4326&bbox={box}"
        found = picture(f"{server.base}/ogc/{service.id}/wms?{query}&width=60&height=40&format=image/png")
        assert (found[..., 3] == 255).all()


def test_the_footprint_of_an_item_across_it_is_cut_there(server):
    (item,) = server.backend.collections.items("fiji")
    assert item["geometry"]["type"] == "MultiPolygon"
    longitudes = [x for polygon in item["geometry"]["coordinates"] for x, _ in polygon[0]]
    assert max(longitudes) == 180
    assert min(longitudes) == -180
    assert item["bbox"][0] > item["bbox"][2]
    for box in ("179.2,-19,179.5,-18", "-179.8,-19,-179.5,-18", "179,-19,-179,-18"):
        answer = httpx.get(f"{server.base}/oapi/collections/fiji/items?f=json&bbox={box}", timeout=60)
        assert len(answer.json()["features"]) == 1, box
    assert httpx.get(f"{server.base}/oapi/collections/fiji/items?f=json&bbox=0,-19,1,-18").json()["features"] == []


def test_the_footprint_of_degrees_beyond_180_is_that_of_the_world(server):
    (item,) = server.backend.collections.items("late")
    assert item["bbox"] == [-180, -90, 180, 90]
    longitudes = [x for x, _ in item["geometry"]["coordinates"][0]]
    assert (min(longitudes), max(longitudes)) == (-180, 180)


@pytest.mark.parametrize(("name", "first"), [("world", -180), ("late", 0)])
def test_maps_and_tiles_show_the_whole_world_from_any_turn_of_degrees(server, name, first):
    service = publish(server, "XYZ", graph(name), configuration=WHITE_AND_BLACK)
    tile = picture(f"{server.base}/tiles/{service.id}/0/0/0.png")
    assert (tile[..., 3] == 255).all()
    address = f"{server.base}/oapi/collections/{name}/map?f=png&bbox=-180,-90,180,90&width=360&height=180"
    assert (picture(address)[..., 3] == 255).all()
    middles = -180 + (np.arange(256) + 0.5) * 360 / 256
    columns = ((middles - first) % 360 // 2).astype(int) + 1
    assert np.abs(tile[128, :, 0].astype(int) - np.round(columns * 255 / 254)).max() <= 1
