"""The openeo Python client against the running server, on a real port."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import openeo
import pystac
import pytest
import rasterio
import requests
import uvicorn
from openapi import official
from openeo.rest import OpenEoApiError
from rasterio.transform import from_origin

from config.settings import load_settings
from openeo_plugin.app import create_app
from openeo_plugin.backend import open_backend
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.results.publish import publish
from openeo_plugin.sources.importing import import_folder

PASSWORD = "correct horse battery"


def _write_scene(folder: Path) -> None:
    """One date of a 3 x 4 grid; red is 1..12."""
    folder.mkdir(parents=True)
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "uint16", "nodata": 0}
    place = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    with rasterio.open(folder / "TINY_20200601.tif", "w", **profile, **place) as file:
        file.write(np.arange(1, 13, dtype="uint16").reshape(1, 3, 4))
        file.descriptions = ("red",)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    folder = tmp_path_factory.mktemp("client")
    _write_scene(folder / "TINY")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    backend = open_backend(load_settings(data_dir=folder / "data", port=port, threads=2))
    for imported in import_folder(folder / "TINY"):
        backend.collections.put(imported.document, imported.items)
    backend.auth.basic.add_user("ann", PASSWORD)
    yield backend
    backend.database.dispose()


@pytest.fixture(scope="module")
def server(backend):
    config = uvicorn.Config(create_app(backend.settings), port=backend.settings.port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    yield backend.settings.public_base
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def connection(server):
    return openeo.connect(server).authenticate_basic("ann", PASSWORD)


def _run(backend, job_id):
    """What a worker does, in this process."""
    job = backend.jobs.claim("worker", 60)
    assert job.id == job_id
    folder = backend.settings.results_dir / job.id
    folder.mkdir(parents=True)
    assets = backend.driver.run(backend.driver.plan(job.process, job.owner), folder, lambda _: None, RunContext())
    publish(backend.collections, job, assets)
    assert backend.jobs.finish(job.id, "worker", {"duration": {"value": 1, "unit": "seconds"}})


def test_the_client_finds_the_api_by_the_address_of_the_server(connection, server):
    assert connection.root_url.rstrip("/") == f"{server}/openeo/v1"
    assert connection.capabilities().api_version() == "1.3.0"
    assert connection.capabilities().supports_endpoint("/jobs/{job_id}/results", method="POST")
    assert connection.describe_account()["user_id"] == "ann"


def test_the_client_lists_what_there_is(connection):
    assert connection.list_collection_ids() == ["TINY"]
    assert connection.describe_collection("TINY")["cube:dimensions"]["bands"]["values"] == ["TINY"]
    assert {"load_collection", "save_result"} <= {process["id"] for process in connection.list_processes()}
    assert "GTiff" in connection.list_output_formats()
    assert "XYZ" in connection.list_service_types()


def test_a_wrong_password_is_an_error_of_the_api(server):
    with pytest.raises(OpenEoApiError) as caught:
        openeo.connect(server).authenticate_basic("ann", "wrong")
    assert caught.value.code == "CredentialsInvalid"


def test_the_client_validates_and_is_told_the_node(connection):
    cube = connection.load_collection("TINY", fetch_metadata=False)

    assert cube.validate() == []
    faults = connection.validate_process_graph(
        {"load1": {"process_id": "load_collectoin", "arguments": {}, "result": True}}
    )
    assert faults[0]["code"] == "ProcessUnsupported"
    assert "load1" in faults[0]["message"]


def test_the_client_downloads_at_once(connection, tmp_path):
    connection.load_collection("TINY").download(tmp_path / "tiny.tif", format="GTiff")

    with rasterio.open(tmp_path / "tiny.tif") as file:
        assert file.read(1).tolist() == np.arange(1, 13).reshape(3, 4).tolist()


def test_a_job_is_run_and_its_files_are_downloaded(connection, backend, tmp_path):
    job = connection.load_collection("TINY").create_job(title="Tiny", out_format="GTiff", job_options={"x": 1})
    assert job.status() == "created"
    assert job.describe()["job_options"] == {"x": 1}
    with pytest.raises(OpenEoApiError, match="JobNotFinished"):
        job.get_results().get_metadata()
    job.start()
    assert job.status() == "queued"
    _run(backend, job.job_id)

    assert job.status() == "finished"
    files = job.get_results().download_files(tmp_path)
    rasters = [path for path in files if path.suffix == ".tif"]
    with rasterio.open(rasters[0]) as file:
        assert file.read(1).tolist() == np.arange(1, 13).reshape(3, 4).tolist()
    assert [entry for entry in job.logs() if entry.level == "error"] == []


def test_gdal_reads_a_result_through_its_signed_link(connection, backend):
    job = connection.load_collection("TINY").create_job(out_format="GTiff").start()
    _run(backend, job.job_id)
    (asset,) = job.get_results().get_assets()

    answer = requests.get(asset.href, headers={"Range": "bytes=0-3"}, timeout=30)
    assert (answer.status_code, len(answer.content)) == (206, 4)
    # in a process of its own: GDAL holds the lock of this one, which the server needs to answer
    script = "import rasterio, sys; print(rasterio.open('/vsicurl/' + sys.argv[1]).read(1).sum())"
    read = subprocess.run([sys.executable, "-c", script, asset.href], capture_output=True, timeout=60, check=True)
    assert read.stdout.strip() == b"78"


@pytest.mark.requirement(865, 866)
def test_real_results_are_as_the_official_document_has_it(connection, backend):
    job = connection.load_collection("TINY").create_job(out_format="GTiff").start()
    _run(backend, job.job_id)
    path = f"/jobs/{job.job_id}/results"
    token = {"Authorization": f"Bearer {connection.auth.bearer}"}

    answer = requests.get(f"{backend.settings.public_base}/openeo/v1{path}", headers=token, timeout=30)

    official().check("GET", path, answer.status_code, answer.headers, answer.content)
    assert str(backend.settings.data_dir) not in answer.text
    hrefs = [one["href"] for one in answer.json()["links"] + list(answer.json()["assets"].values())]
    assert all(href.startswith(f"{backend.settings.public_base}/openeo/v1/") for href in hrefs)
    stac = pystac.Collection.from_dict(answer.json())
    assert (stac.id, set(stac.assets)) == (job.job_id, set(answer.json()["assets"]))


def test_a_large_file_arrives_whole(connection, backend):
    job = connection.load_collection("TINY").create_job(out_format="GTiff").start()
    _run(backend, job.job_id)
    content = np.random.default_rng(1).bytes(5 * 2**20 + 17)
    (backend.settings.results_dir / job.job_id / "large.bin").write_bytes(content)

    answer = requests.get(
        f"{backend.settings.public_base}/openeo/v1/jobs/{job.job_id}/results/assets/large.bin",
        headers={"Authorization": f"Bearer {connection.auth.bearer}"},
        timeout=30,
    )

    assert answer.content == content


def test_user_defined_processes_are_stored_and_read(connection):
    graph = {"add": {"process_id": "add", "arguments": {"x": 1, "y": 1}, "result": True}}
    stored = connection.save_user_defined_process("one_plus_one", graph)

    assert stored.describe()["process_graph"] == graph
    assert "one_plus_one" in [process["id"] for process in connection.list_user_defined_processes()]
    stored.delete()


def test_a_service_is_created_and_serves(connection):
    cube = connection.load_collection("TINY")
    service = connection.create_service(cube.flat_graph(), type="XYZ", title="Tiny")

    described = service.describe_service()
    tile = requests.get(described["url"].format(z=0, x=0, y=0), timeout=30)

    assert (tile.status_code, tile.headers["Content-Type"]) == (200, "image/png")
    service.delete_service()
    assert requests.get(described["url"].format(z=0, x=0, y=0), timeout=30).status_code == 404


def test_truncated_json_leaves_the_server_serving(server):
    answer = requests.post(
        f"{server}/openeo/v1/validation",
        data=b'{"process_graph": {',
        headers={"Content-Type": "application/json"},
        timeout=30,
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "RequestInvalid")
    assert requests.get(f"{server}/openeo/v1/", timeout=30).status_code == 200


def test_a_chunked_body_is_read_and_capped(server, backend):
    headers = {"Content-Type": "application/json"}
    small = requests.post(f"{server}/openeo/v1/validation", data=iter([b"{", b"}"]), headers=headers, timeout=30)
    large = requests.post(
        f"{server}/openeo/v1/validation", data=(b" " * 2**20 for _ in range(12)), headers=headers, timeout=30
    )

    assert small.json()["errors"][0]["code"] == "ProcessGraphMissing"
    assert (large.status_code, large.json()["code"]) == (413, "RequestTooLarge")


@pytest.mark.requirement(617)
def test_the_result_of_a_job_is_shown_as_a_layer(connection, backend):
    job = connection.load_collection("TINY").create_job(out_format="GTiff").start()
    _run(backend, job.job_id)
    cube = connection.load_collection(job.job_id, fetch_metadata=False)
    service = connection.create_service(cube.flat_graph(), type="XYZ", title="Result")

    described = service.describe_service()
    tile = requests.get(described["url"].format(z=0, x=0, y=0), timeout=30)

    assert (tile.status_code, tile.headers["Content-Type"]) == (200, "image/png")
    service.delete_service()
