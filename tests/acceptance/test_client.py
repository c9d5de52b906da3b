"""What the openeo client does with a running server, on a small made-up collection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openeo
import pytest
import rasterio
import requests
import xarray
from acceptance.graphs import synthetic_ndvi
from openeo.rest import OpenEoApiError

COLLECTION = "sentinel-2-l2a-synthetic"


@pytest.fixture(scope="module")
def downloaded(connection: openeo.Connection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The NDVI, computed synchronously."""
    file = tmp_path_factory.mktemp("download") / "ndvi.tif"
    synthetic_ndvi(connection).download(file, format="GTiff")
    return file


@pytest.fixture(scope="module")
def job(connection: openeo.Connection) -> openeo.BatchJob:
    """The same NDVI as a finished batch job."""
    job = synthetic_ndvi(connection).save_result(format="GTiff").create_job(title="Cloud-free NDVI")
    return job.start_and_wait(print=lambda _: None, max_poll_interval=0.2, connection_retry_interval=1)


def test_the_client_connects_by_the_address_of_the_server(server, connection):
    assert connection.root_url.rstrip("/") == server.api
    assert connection.capabilities().api_version() == "1.3.0"


def test_a_wrong_password_is_refused(server):
    with pytest.raises(OpenEoApiError) as caught:
        openeo.connect(server.url).authenticate_basic("ann", "wrong")
    assert (caught.value.http_status_code, caught.value.code) == (403, "CredentialsInvalid")


def test_the_imported_collection_is_listed_and_described(connection):
    assert COLLECTION in [collection["id"] for collection in connection.list_collections()]
    dimensions = connection.describe_collection(COLLECTION)["cube:dimensions"]
    assert sorted(dimensions["bands"]["values"]) == ["B02", "B03", "B04", "B08", "SCL"]
    assert [label[:10] for label in dimensions["t"]["values"]] == [
        "2022-06-02",
        "2022-06-12",
        "2022-06-22",
        "2022-07-02",
    ]
    assert (dimensions["x"]["extent"], dimensions["x"]["step"]) == ([677_000, 677_960], 10)
    assert (dimensions["y"]["extent"], dimensions["y"]["step"]) == ([5_154_040, 5_155_000], 10)


def test_a_scalar_is_executed(connection):
    graph = {"add": {"process_id": "add", "arguments": {"x": 1, "y": 2.5}, "result": True}}
    assert connection.execute(graph) == 3.5


def test_a_cube_is_executed_as_json(connection, synthetic_folder):
    cube = connection.load_collection(COLLECTION, bands=["B04", "B08"]).reduce_dimension(dimension="t", reducer="first")
    document = connection.execute(cube.save_result(format="JSON"))

    assert document["dims"] == ["bands", "y", "x"]
    assert document["coords"]["bands"]["data"] == ["B04", "B08"]
    with rasterio.open(next(synthetic_folder.glob("*20220602/B04.tif"))) as file:
        assert np.array_equal(np.array(document["data"][0], float), file.read(1))


def test_a_valid_cube_has_no_faults(connection):
    assert synthetic_ndvi(connection).validate() == []


@pytest.mark.filterwarnings("ignore:All-NaN slice")  # some pixels are hidden on every date
def test_the_download_is_the_ndvi_of_the_masked_median_on_the_grid_of_the_collection(downloaded, synthetic_folder):
    red, nir, classes = (
        np.stack([rasterio.open(file).read(1) for file in sorted(synthetic_folder.glob(f"*/{band}.tif"))]).astype(float)
        for band in ("B04", "B08", "SCL")
    )
    hidden = np.isin(classes, (3, 8, 9, 10))
    with np.errstate(invalid="ignore"):
        medians = [np.nanmedian(np.where(hidden | (band == 0), np.nan, band), axis=0) for band in (red, nir)]
    expected = (medians[1] - medians[0]) / (medians[1] + medians[0])

    with rasterio.open(downloaded) as file:
        values = file.read(1, masked=True).filled(np.nan)
        assert file.crs.to_epsg() == 32632
        assert file.transform == rasterio.Affine(10, 0, 677_000, 0, -10, 5_155_000)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)
    assert np.isnan(expected).any()  # else the nodata of a result would not be tested


def test_a_finished_job_downloads_its_files(job, tmp_path):
    files = job.get_results().download_files(tmp_path)

    assert job.status() == "finished"
    assert [file.suffix for file in sorted(files, key=lambda file: file.suffix)] == [".json", ".tif"]
    assert [entry for entry in job.logs() if entry.level == "error"] == []


def test_batch_and_synchronous_results_are_the_same_array(job, downloaded, tmp_path):
    job.get_results().download_files(tmp_path)
    with rasterio.open(next(tmp_path.glob("*.tif"))) as batch, rasterio.open(downloaded) as synchronous:
        np.testing.assert_array_equal(batch.read(), synchronous.read())
        assert (batch.crs, batch.transform) == (synchronous.crs, synchronous.transform)
        assert np.isnan(batch.nodata)
        assert np.isnan(synchronous.nodata)


def test_the_result_of_a_job_is_loaded_again_as_a_collection(connection, job, downloaded, tmp_path):
    connection.load_collection(job.job_id).download(tmp_path / "again.tif", format="GTiff")
    with rasterio.open(tmp_path / "again.tif") as again, rasterio.open(downloaded) as first:
        np.testing.assert_array_equal(again.read(), first.read())


def test_the_result_stands_in_the_catalogue_of_its_owner_at_once(connection, server, job):
    address = f"{server.url}/oapi/collections/{job.job_id}"
    seen = requests.get(address, headers={"Authorization": f"Bearer {connection.auth.bearer}"}, timeout=30)
    unseen = requests.get(address, headers={"Accept": "application/json"}, timeout=30)

    assert (seen.status_code, unseen.status_code) == (200, 404)


def test_a_cube_with_time_is_stored_as_netcdf(connection, tmp_path, synthetic_folder):
    connection.load_collection(COLLECTION, bands=["B08"]).download(tmp_path / "cube.nc", format="netCDF")
    with xarray.open_dataset(tmp_path / "cube.nc", mask_and_scale=False) as cube:
        assert cube["B08"].dims == ("t", "y", "x")
        assert list(cube["t"].values.astype("datetime64[D]").astype(str)) == [
            "2022-06-02",
            "2022-06-12",
            "2022-06-22",
            "2022-07-02",
        ]
        with rasterio.open(next(synthetic_folder.glob("*20220622/B08.tif"))) as file:
            np.testing.assert_array_equal(cube["B08"].values[2], file.read(1))


@pytest.mark.parametrize("kind", ["XYZ", "WMTS", "WMS"])
def test_a_service_is_created_described_and_deleted(connection, kind):
    graph = synthetic_ndvi(connection).flat_graph()
    service = connection.create_service(graph, type=kind, title="NDVI", configuration={"rescale": [0, 1]})
    info = service.describe_service()

    assert (info["type"], info["enabled"]) == (kind, True)
    address = info["url"].format(z=0, x=0, y=0)
    if kind == "WMS":
        address += "?service=WMS&request=GetCapabilities"
    assert requests.get(address, timeout=60).status_code == 200

    service.delete_service()
    assert requests.get(address, timeout=60).status_code == 404


def test_the_stored_result_and_the_graph_on_demand_show_the_same_picture(connection, job):
    configuration = {"rescale": [0, 1], "colormap": "rdylgn"}
    graphs = [connection.load_collection(job.job_id).flat_graph(), synthetic_ndvi(connection).flat_graph()]
    services = [connection.create_service(graph, type="XYZ", configuration=configuration) for graph in graphs]
    # the tile of zoom 14 that holds the middle of the scene, 11.3139 degrees east, 46.5208 north
    tiles = [
        requests.get(service.describe_service()["url"].format(z=14, x=8706, y=5794), timeout=60).content
        for service in services
    ]

    assert tiles[0] == tiles[1]
    assert len(tiles[0]) > 2000  # not an empty one
