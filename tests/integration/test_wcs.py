"""The WCS of the running server seen by GDAL's driver and by OWSLib: values, places, axis order, dates."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest
import rasterio
from map_server import COLUMNS, ROWS, graph, publish, running_server, write_pattern
from rasterio.io import MemoryFile
from rasterio.windows import Window

# name of the collection: CRS, west, north, size of a pixel; the fourth has its axes north first and is projected
PLACES = {
    "pattern": ("EPSG:32633", 500_000, 5_000_000, 100),
    "degrees": ("EPSG:4326", 15.0, 45.0, 0.001),
    "mercator": ("EPSG:3857", 1_600_000, 5_600_000, 150),
    "laea": ("EPSG:3035", 4_600_000, 2_600_000, 100),
}
OWS = "{http://www.opengis.net/ows/2.0}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wcs")
    written = [write_pattern(folder / name, *place) for name, place in PLACES.items()]
    with running_server(folder / "data", *written) as running:
        yield running


@pytest.fixture(scope="module")
def address(server):
    return {name: f"{server.base}/wcs/{publish(server, 'WCS', graph(name), {}).id}" for name in PLACES}


def coverage(address, *subsets, **parameters):
    query = [("service", "WCS"), ("version", "2.0.1"), ("request", "GetCoverage"), ("coverageId", "map")]
    query += [("subset", subset) for subset in subsets] + list(parameters.items())
    answer = httpx.get(address, params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/tiff"
    with MemoryFile(answer.content) as file, file.open() as source:
        return source.read(), source.profile, source.descriptions


def refused(address, *subsets, **parameters):
    base = {"service": "WCS", "version": "2.0.1", "request": "GetCoverage", "coverageId": "map", **parameters}
    answer = httpx.get(address, params=[*base.items(), *(("subset", subset) for subset in subsets)])
    assert answer.headers["content-type"] == "application/xml"
    found = ElementTree.fromstring(answer.content).find(f"{OWS}Exception")
    return answer.status_code, found.get("exceptionCode")


def test_a_coverage_is_the_data_as_it_is(address):
    values, profile, names = coverage(address["pattern"])
    assert values.shape == (3, ROWS, COLUMNS)
    assert values.dtype == np.uint16
    assert values[:, 40, 70].tolist() == [41, 71, 30]
    assert (values[:, :20, :20] == 0).all()
    assert profile["nodata"] == 0
    assert names == ("B04", "B08", "B11")
    assert profile["crs"].to_epsg() == 32633
    assert tuple(profile["transform"])[:6] == (100, 0, 500_000, 0, -100, 5_000_000)


def test_subsets_take_the_pixels_between_them(address):
    values, profile, _ = coverage(address["pattern"], "E(503000,505000)", "N(4996000,4997000)")
    # columns 30 to 49, rows 30 to 39
    assert values.shape == (3, 10, 20)
    assert values[:2, 0, 0].tolist() == [31, 31]
    assert (profile["transform"].c, profile["transform"].f) == (503_000, 4_997_000)


def test_an_open_end_reaches_to_the_edge(address):
    assert coverage(address["pattern"], "E(*,505000)")[0].shape == (3, ROWS, 50)


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ('time("2020-06-01T00:00:00Z")', 10),
        ('time("2020-06-11")', 20),
        ('phenomenonTime("2020-06-01","2020-06-15")', 20),
        (None, 30),
    ],
)
def test_a_date_is_a_subset_of_time_and_the_latest_by_default(address, time, value):
    values, _, _ = coverage(address["pattern"], *([time] if time else []), rangesubset="B11")
    assert values.max() == value


def test_a_subset_may_be_in_another_crs(address):
    # E 515000..519000, N 4985000..4990000 as degrees
    values, profile, _ = coverage(
        address["pattern"],
        "Lat(45.02,45.06)",
        "Long(15.19,15.24)",
        subsettingcrs="http://www.opengis.net/def/crs/EPSG/0/4326",
    )
    assert profile["crs"].to_epsg() == 32633
    row, column = values[:2, 0, 0].astype(int) - 1
    assert 5_000_000 - 100 * row == profile["transform"].f
    assert 500_000 + 100 * column == profile["transform"].c
    assert 4_989_500 < profile["transform"].f < 4_990_000


def test_the_output_may_be_in_another_crs(address):
    values, profile, _ = coverage(address["pattern"], outputcrs="http://www.opengis.net/def/crs/EPSG/0/3857")
    assert profile["crs"].to_epsg() == 3857
    assert abs(values[0].astype(int) - 1).max() == ROWS - 1


@pytest.mark.parametrize(
    "scale",
    [
        {"scalesize": "E(60),N(50)"},
        {"scalesize": "i(60),j(50)"},
        {"scalefactor": "0.25"},
        {"scaleaxes": "E(0.25),N(0.25)"},
    ],
)
def test_coverages_come_at_other_sizes(address, scale):
    values, profile, _ = coverage(address["pattern"], **scale)
    assert values.shape == (3, 50, 60)
    assert profile["transform"].a == 400
    # the centre of the output's pixel (20, 10) lies at row 82, column 42 of the data
    assert abs(int(values[0, 20, 10]) - 82.5) <= 1
    assert abs(int(values[1, 20, 10]) - 42.5) <= 1


def test_bands_come_in_the_order_asked_for(address):
    assert coverage(address["pattern"], rangesubset="B11,B04")[2] == ("B11", "B04")
    assert coverage(address["pattern"], rangesubset="B08:B11")[2] == ("B08", "B11")


@pytest.mark.parametrize(
    ("subsets", "parameters", "status", "code"),
    [
        ((), {"coverageId": "other"}, 404, "NoSuchCoverage"),
        (("Q(1,2)",), {}, 404, "InvalidAxisLabel"),
        (("E(1,2)",), {}, 404, "InvalidSubsetting"),
        (("E(505000,503000)",), {}, 404, "InvalidSubsetting"),
        (("E(a,b)",), {}, 404, "InvalidSubsetting"),
        (("E(nan,inf)",), {}, 404, "InvalidSubsetting"),
        (('time("1999-01-01")',), {}, 404, "InvalidSubsetting"),
        ((), {"rangesubset": "B99"}, 404, "NoSuchField"),
        ((), {"format": "image/png"}, 400, "InvalidParameterValue"),
        ((), {"scalefactor": "1000"}, 404, "InvalidScaleFactor"),
        ((), {"scalesize": "E(0),N(0)"}, 404, "InvalidScaleFactor"),
        ((), {"version": "1.0.0"}, 400, "InvalidParameterValue"),
        ((), {"request": "Transaction"}, 501, "OperationNotSupported"),
        ((), {"outputcrs": "/etc/passwd"}, 404, "OutputCrs-NotSupported"),
        ((), {"subsettingcrs": "http://www.opengis.net/def/crs/EPSG/0/999999"}, 404, "SubsettingCrs-NotSupported"),
    ],
)
def test_what_can_not_be_answered_is_an_exception_report(address, subsets, parameters, status, code):
    assert refused(address["pattern"], *subsets, **parameters) == (status, code)


def test_a_coverage_too_large_for_the_server_is_refused(address):
    assert refused(address["pattern"], scalesize="E(32000),N(32000)") == (400, "InvalidParameterValue")


def test_there_is_no_post(address):
    assert (
        httpx.post(
            address["pattern"], content="<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"
        ).status_code
        == 405
    )


@pytest.mark.parametrize("place", PLACES)
def test_gdal_reads_wcs_where_it_belongs(address, place):
    crs, west, north, pixel = PLACES[place]
    with rasterio.open(f"WCS:{address[place]}?version=2.0.1&coverage=map&cache=/vsimem/{place}") as source:
        assert source.crs.to_string() == crs
        assert (source.width, source.height) == (COLUMNS, ROWS)
        assert tuple(source.transform)[:6] == pytest.approx((pixel, 0, west, 0, -pixel, north))
        inner = source.read(window=Window(70, 40, 50, 60))
        coarse = source.read(1, out_shape=(50, 60))
    assert inner.shape[0] == 3
    rows, columns = np.mgrid[40:100, 70:120]
    assert (inner[0] == rows + 1).all()
    assert (inner[1] == columns + 1).all()
    # the centre of the coarse pixel (20, 10) lies between the rows 81 and 82
    assert abs(int(coarse[20, 10]) - 82.5) <= 1


def test_gdal_finds_every_date_as_a_coverage_of_its_own(address):
    with rasterio.open(f"WCS:{address['pattern']}?version=2.0.1") as found:
        names = [value for name, value in found.tags(ns="SUBDATASETS").items() if name.endswith("_NAME")]
    assert len(names) == 4
    seen = {}
    for name in names:
        with rasterio.open(name) as source:
            seen[name.split("overage=")[-1].split("&")[0]] = int(source.read(3)[50, 50])
    assert seen == {"map": 30, "map_20200601T000000Z": 10, "map_20200611T000000Z": 20, "map_20200621T000000Z": 30}


def test_gdal_asks_for_a_date_by_a_subset(address):
    uri = f"WCS:{address['pattern']}?version=2.0.1&coverage=map&subset=time(%222020-06-01T00:00:00Z%22)"
    with rasterio.open(uri) as source:
        assert source.read(3)[50, 50] == 10


@pytest.mark.parametrize("place", PLACES)
def test_owslib_reads_wcs(address, place):
    wcs = pytest.importorskip("owslib.wcs", reason="OWSLib is not installed: WCS is not checked with it")
    _, west, north, pixel = PLACES[place]
    found = wcs.WebCoverageService(address[place], version="2.0.1")
    assert found.identification.title
    assert list(found.contents) == ["map", *(f"map_202006{day}T000000Z" for day in ("01", "11", "21"))]
    layer = found["map"]
    labels = layer.boundingboxes[0]
    assert layer.grid.highlimits == [str(COLUMNS - 1), str(ROWS - 1)]
    north_first = place in ("degrees", "laea")
    names = {"pattern": ("E", "N"), "degrees": ("Lat", "Long"), "mercator": ("X", "Y"), "laea": ("Y", "X")}[place]
    x, y = (names[1], names[0]) if north_first else names
    subsets = [(x, west + 30 * pixel, west + 50 * pixel), (y, north - 40 * pixel, north - 30 * pixel)]
    answer = found.getCoverage(identifier="map", format="image/tiff", subsets=subsets)
    with MemoryFile(io.BytesIO(answer.read())) as file, file.open() as source:
        values = source.read()
    assert values.shape == (3, 10, 20)
    assert values[:2, 0, 0].tolist() == [31, 31]
    assert labels["bbox"][0] == pytest.approx(north - ROWS * pixel if north_first else west)
