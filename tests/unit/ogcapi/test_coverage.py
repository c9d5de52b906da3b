from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from flask.testing import FlaskClient

from openeo_plugin.backend import Backend
from openeo_plugin.ogcapi.coverage import Query, part_of
from openeo_plugin.ogcapi.failures import RequestFailedError

from .instance import CUBE, DATES, NIR, RED, client_of, document, login, make_backend


def tiff(client: FlaskClient, query: str) -> rasterio.DatasetReader:
    answer = client.get(f"/collections/scenes/coverage?f=GTiff{query}")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "image/tiff"
    return rasterio.open(io.BytesIO(answer.data))


def test_a_geotiff_holds_the_pixels_of_a_date(client: FlaskClient) -> None:
    with tiff(client, "&datetime=2020-06-11&properties=red") as file:
        assert np.array_equal(file.read(1), RED[1])
        assert file.crs.to_epsg() == 32633
        assert tuple(file.bounds) == (500_000, 5_000_000, 500_050, 5_000_040)
        assert file.descriptions == ("red",)


def test_a_subset_cuts_pixels_and_keeps_their_place(client: FlaskClient) -> None:
    query = "&properties=red&subset=x(500010:500030),y(5000010:5000030),t(%222020-07-01%22)"
    with tiff(client, query) as file:
        assert np.array_equal(file.read(1), RED[2, 1:3, 1:3])
        assert tuple(file.bounds) == (500_010, 5_000_010, 500_030, 5_000_030)


def test_a_box_in_the_grids_own_crs_takes_every_pixel_it_touches(client: FlaskClient) -> None:
    crs = "http://www.opengis.net/def/crs/EPSG/0/32633"
    with tiff(client, f"&properties=red&datetime=2020-06-11&bbox=500011,5000011,500029,5000029&bbox-crs={crs}") as file:
        assert np.array_equal(file.read(1), RED[1, 1:3, 1:3])


def test_a_box_in_degrees_covers_the_pixels_there(client: FlaskClient) -> None:
    with tiff(client, "&properties=red&datetime=2020-06-11&bbox=14.99,45.1,15.01,45.2") as file:
        assert np.array_equal(file.read(1), RED[1])


def test_latitude_comes_first_where_the_crs_says_so(client: FlaskClient) -> None:
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    with tiff(client, f"&properties=red&datetime=2020-06-11&bbox=45.1,14.99,45.2,15.01&bbox-crs={crs}") as file:
        assert file.shape == (4, 5)


def test_dates_become_bands_of_a_geotiff_in_order(client: FlaskClient) -> None:
    with tiff(client, "&properties=red&datetime=2020-06") as file:
        assert file.descriptions == (f"{DATES[0]} red", f"{DATES[1]} red")
        assert np.array_equal(file.read(2), RED[1])
        assert file.read(1, masked=True).mask[0, 0]


def test_bands_of_different_types_share_a_type_that_holds_both(client: FlaskClient) -> None:
    with tiff(client, "&datetime=2020-07-01") as file:
        assert file.dtypes == ("float32", "float32")
        assert np.array_equal(file.read(1), RED[2].astype("float32"))
        assert np.array_equal(file.read(2), NIR[2], equal_nan=True)


def test_coverage_json_tells_axes_values_and_null(client: FlaskClient) -> None:
    answer = client.get("/collections/scenes/coverage?f=json&datetime=2020-06&subset=y(5000030:5000040)")
    coverage = answer.json
    assert answer.mimetype == "application/prs.coverage+json"
    assert coverage["domain"]["axes"]["x"] == {"start": 500_005, "stop": 500_045, "num": 5}
    assert coverage["domain"]["axes"]["y"] == {"values": [5_000_035]}
    assert coverage["domain"]["axes"]["t"] == {"values": [DATES[0], DATES[1]]}
    system = coverage["domain"]["referencing"][0]["system"]
    assert system == {"type": "ProjectedCRS", "id": "http://www.opengis.net/def/crs/EPSG/0/32633"}
    red = coverage["ranges"]["red"]
    assert (red["axisNames"], red["shape"], red["dataType"]) == (["t", "y", "x"], [2, 1, 5], "integer")
    assert red["values"] == [None, 101, 102, 103, 104, 200, 201, 202, 203, 204]


def test_nan_is_null_in_coverage_json(client: FlaskClient) -> None:
    query = "properties=nir&subset=x(500045),y(5000005),t(%222020-07-01%22)"
    assert client.get(f"/collections/scenes/coverage?{query}").json["ranges"]["nir"]["values"] == [None]


def test_only_what_is_asked_for_is_read(backend: Backend, client: FlaskClient) -> None:
    with tiff(client, "&datetime=2020-06-11&properties=nir&subset=x(500000:500010)"):
        pass
    (request,) = backend.driver.source.requests
    assert (request.bands, request.labels, request.window.shape) == ((1,), ((1,),), (4, 1))


def test_a_result_is_read_as_a_result_of_its_owner(backend: Backend, client: FlaskClient) -> None:
    backend.collections.put(document("job1"), [], owner="anna", kind="result", job_id="job1")
    path = "/collections/job1/coverage?f=GTiff&datetime=2020-06-11&properties=red"
    answer = client.get(path, headers=login(backend, "anna"))
    with rasterio.open(io.BytesIO(answer.data)) as file:
        assert np.array_equal(file.read(1), RED[1])
    assert backend.driver.planned == ["result"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("bbox=1,2,3", 400),
        ("bbox=1,2,x,4", 400),
        ("bbox=15,46,16,45", 400),
        ("bbox=14,45,16,46&bbox-crs=EPSG:nothing", 400),
        ("properties=blue", 400),
        ("subset=z(1:2)", 400),
        ("subset=x", 400),
        ("subset=x(5:1)", 400),
        ("subset=x(a:b)", 400),
        ("subset=x(500000:500010)&bbox=14,45,16,46", 400),
        ("datetime=soon", 400),
        ("f=png", 400),
        ("f=NetCDF", 400),
        ("bbox=100,45,101,46", 204),
        ("datetime=2020-06-20", 204),
    ],
)
def test_bad_requests_are_answered_before_a_pixel_is_read(
    backend: Backend, client: FlaskClient, query: str, status: int
) -> None:
    assert client.get(f"/collections/scenes/coverage?{query}").status_code == status
    assert backend.driver.source.requests == []


def test_what_is_too_large_is_refused_with_the_way_out(tmp_path: Path) -> None:
    backend = make_backend(tmp_path, sync_max_bytes=100)
    backend.collections.put(document("scenes"), [])
    answer = client_of(backend).get("/collections/scenes/coverage?f=GTiff")
    assert answer.status_code == 413
    assert "bbox" in answer.json["description"]
    assert backend.driver.source.requests == []
    # four rows and five columns of one uint16 band: 40 bytes
    small = client_of(backend).get("/collections/scenes/coverage?f=GTiff&properties=red&datetime=2020-06-11")
    assert small.status_code == 200
    backend.database.dispose()


def test_the_page_of_a_coverage_reads_no_pixel(backend: Backend, client: FlaskClient) -> None:
    page = client.get("/collections/scenes/coverage?f=html")
    assert page.status_code == 200
    assert "red, nir" in page.text
    assert backend.driver.planned == []


def test_geotiff_can_be_asked_for_by_its_media_type(client: FlaskClient) -> None:
    answer = client.get(
        "/collections/scenes/coverage", headers={"Accept": "image/tiff; application=geotiff, */*;q=0.1"}
    )
    assert answer.mimetype in ("image/tiff", "application/prs.coverage+json")
    assert client.get("/collections/scenes/coverage", headers={"Accept": "image/tiff"}).mimetype == "image/tiff"


def test_a_box_that_ends_on_a_pixels_edge_does_not_take_the_next_pixel() -> None:
    part = part_of(CUBE, Query(subsets={"x": [500_010, 500_020]}))
    assert (part.window.x, part.window.width) == (1, 1)


def test_a_single_position_takes_the_pixel_it_lies_in() -> None:
    part = part_of(CUBE, Query(subsets={"x": [500_012], "y": [5_000_039]}))
    assert (part.window.x, part.window.y, part.window.shape) == (1, 0, (1, 1))


def test_the_size_of_a_part_counts_bands_labels_and_types() -> None:
    part = part_of(CUBE, Query(interval="2020-06"))
    # two dates, 20 pixels, 2 bytes of red and 4 of nir
    assert (part.layers, part.pixels, part.size_bytes) == (4, 80, 240)


def test_bands_come_in_the_order_asked_for() -> None:
    assert part_of(CUBE, Query(bands=["nir", "red"])).bands == (1, 0)


def test_a_cube_without_time_has_no_dates_to_choose() -> None:
    timeless = CUBE.with_dimension("t", None)
    with pytest.raises(RequestFailedError):
        part_of(timeless, Query(interval="2020"))
