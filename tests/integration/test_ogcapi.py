"""The OGC API over the real catalogue, the real engine and real files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from flask.testing import FlaskClient

from config.settings import Settings
from openeo_plugin.backend import Backend, open_backend
from openeo_plugin.jobs.run import run_job
from openeo_plugin.ogcapi.app import create_ogcapi
from openeo_plugin.sources.importing import import_folder

DATES = ("20200601", "20200611")
UPPER_LEFT = Affine(10, 0, 500_000, 0, -10, 5_000_300)
RED = np.arange(2 * 30 * 40).reshape(2, 30, 40).astype("uint16")  # the very first pixel is nodata
NIR = (RED * 3 + 1).astype("uint16")


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("ogcapi")
    for place, date in enumerate(DATES):
        write_scene(folder / "scenes" / f"S2_{date}.tif", RED[place], NIR[place])
    opened = open_backend(Settings(data_dir=folder / "data", memory_budget_bytes=2**26, sync_max_bytes=10**6))
    for collection in import_folder(folder / "scenes", collection_id="scenes"):
        opened.collections.put(collection.document, collection.items)
    opened.users.create("anna", None)
    yield opened
    opened.database.dispose()


@pytest.fixture(scope="module")
def client(backend: Backend) -> FlaskClient:
    return create_ogcapi(backend).test_client()


@pytest.fixture(scope="module")
def anna(backend: Backend) -> dict[str, str]:
    return {"Authorization": f"Bearer basic//{backend.users.issue_token('anna', 600)}"}


def write_scene(path: Path, red: Any, nir: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {"driver": "GTiff", "count": 2, "height": 30, "width": 40, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=UPPER_LEFT, **profile) as file:
        file.write(red, 1)
        file.write(nir, 2)
        file.descriptions = ("red", "nir")


def load(**arguments: Any) -> dict[str, Any]:
    given = {"id": "scenes", "spatial_extent": None, "temporal_extent": None} | arguments
    return {"process_id": "load_collection", "arguments": given}


def test_a_coverage_equals_the_file_pixel_by_pixel(client: FlaskClient) -> None:
    answer = client.get("/collections/scenes/coverage?f=GTiff&datetime=2020-06-11")
    assert answer.status_code == 200, answer.text
    with rasterio.open(io.BytesIO(answer.data)) as file:
        assert file.descriptions == ("red", "nir")
        assert (file.nodata, file.dtypes, file.transform) == (0, ("uint16", "uint16"), UPPER_LEFT)
        assert np.array_equal(file.read(1), RED[1])
        assert np.array_equal(file.read(2), NIR[1])


def test_a_cut_equals_the_same_cut_of_the_file(client: FlaskClient) -> None:
    query = "f=GTiff&properties=nir&subset=x(500050:500120),y(5000100:5000200),t(%222020-06-01%22)"
    with rasterio.open(io.BytesIO(client.get(f"/collections/scenes/coverage?{query}").data)) as file:
        assert np.array_equal(file.read(1), NIR[0, 10:20, 5:12])
        assert file.transform == Affine(10, 0, 500_050, 0, -10, 5_000_200)


def test_coverage_json_equals_the_file(client: FlaskClient) -> None:
    coverage = client.get("/collections/scenes/coverage?f=json&properties=red").json
    values = coverage["ranges"]["red"]["values"]
    assert values[0] is None
    assert values[1:] == RED.ravel().tolist()[1:]
    assert coverage["ranges"]["red"]["shape"] == [2, 30, 40]


def test_what_exceeds_the_limit_is_refused(tmp_path: Path, backend: Backend) -> None:
    from dataclasses import replace

    # two dates of two uint16 bands of 1200 pixels are 9600 bytes
    for limit, status in ((9600, 200), (9599, 413)):
        settings = backend.settings.model_copy(update={"sync_max_bytes": limit})
        small = create_ogcapi(replace(backend, settings=settings)).test_client()
        assert small.get("/collections/scenes/coverage?f=GTiff").status_code == status


def test_items_are_those_of_the_import(client: FlaskClient) -> None:
    everything = client.get("/collections/scenes/items").json
    assert everything["numberMatched"] == 2
    june_first = client.get("/collections/scenes/items?datetime=2020-06-01").json
    assert len(june_first["features"]) == 1
    elsewhere = client.get("/collections/scenes/items?bbox=0,0,1,1").json
    assert elsewhere["features"] == []
    assert str(Path("scenes") / "S2_") not in client.get("/collections/scenes/items").text


def test_a_process_is_run_at_once(client: FlaskClient, anna: dict[str, str]) -> None:
    graph = {
        "load": load(bands=["red"], temporal_extent=["2020-06-11", "2020-06-12"]),
        "save": {
            "process_id": "save_result",
            "arguments": {"data": {"from_node": "load"}, "format": "GTiff"},
            "result": True,
        },
    }
    body = {"inputs": {"process": {"process_graph": graph}}}
    answer = client.post("/processes/OpenEO/execution", json=body, headers=anna)
    assert answer.status_code == 200, answer.text
    with rasterio.open(io.BytesIO(answer.data)) as file:
        assert np.array_equal(file.read(1), RED[1])


def test_a_job_goes_from_its_execution_to_a_coverage_and_is_dismissed(
    backend: Backend, client: FlaskClient, anna: dict[str, str]
) -> None:
    graph = {"load": load(bands=["nir"], temporal_extent=["2020-06-01", "2020-06-02"]) | {"result": True}}
    body = {"inputs": {"process": {"process_graph": graph}, "title": "Infrared"}}
    accepted = client.post("/processes/OpenEO/execution", json=body, headers=anna | {"Prefer": "respond-async"})
    job_id = accepted.json["jobID"]
    assert client.get(f"/jobs/{job_id}", headers=anna).json["status"] == "accepted"

    assert backend.jobs.claim("worker-1", 30) is not None
    run_job(backend, job_id)

    assert client.get(f"/jobs/{job_id}", headers=anna).json["status"] == "successful"
    results = client.get(f"/jobs/{job_id}/results", headers=anna).json
    assert set(results) == {"result", "collection", "coverage"}
    pixels = client.get(f"/collections/{job_id}/coverage?f=GTiff", headers=anna)
    assert pixels.status_code == 200, pixels.text
    with rasterio.open(io.BytesIO(pixels.data)) as file:
        assert np.array_equal(file.read(1), NIR[0])
    items = client.get(f"/collections/{job_id}/items", headers=anna)
    assert len(items.json["features"]) == 1
    assert str(backend.settings.results_dir) not in items.text
    assert client.get(f"/collections/{job_id}").status_code == 404

    assert client.delete(f"/jobs/{job_id}", headers=anna).status_code == 200
    assert client.get(f"/collections/{job_id}", headers=anna).status_code == 404
    assert not (backend.settings.results_dir / job_id).exists()


def test_a_fault_of_the_graph_names_its_node(client: FlaskClient, anna: dict[str, str]) -> None:
    graph = {"load": load(bands=["blue"]) | {"result": True}}
    for prefer in ({}, {"Prefer": "respond-async"}):
        answer = client.post(
            "/processes/OpenEO/execution",
            json={"inputs": {"process": {"process_graph": graph}}},
            headers=anna | prefer,
        )
        assert answer.status_code == 400
        assert "blue" in answer.json["description"]
        assert "'load" in answer.json["description"]


def test_a_stored_result_is_a_coverage_of_its_owner_only(
    backend: Backend, client: FlaskClient, anna: dict[str, str], tmp_path: Path
) -> None:
    write_scene(tmp_path / "R_20200601.tif", RED[0] + 1, NIR[0])
    (result,) = import_folder(tmp_path, collection_id="job1")
    backend.collections.put(result.document, result.items, owner="anna", kind="result", job_id="job1")
    path = "/collections/job1/coverage?f=GTiff&properties=red"
    with rasterio.open(io.BytesIO(client.get(path, headers=anna).data)) as file:
        assert np.array_equal(file.read(1), RED[0] + 1)
    assert client.get(path).status_code == 404
    backend.collections.delete("job1")
    assert client.get(path, headers=anna).status_code == 404


def test_a_file_that_is_broken_is_an_error_without_its_path(
    backend: Backend, client: FlaskClient, tmp_path: Path
) -> None:
    write_scene(tmp_path / "B_20200601.tif", RED[0], NIR[0])
    (broken,) = import_folder(tmp_path, collection_id="broken")
    backend.collections.put(broken.document, broken.items)
    (tmp_path / "B_20200601.tif").write_bytes(b"no longer a GeoTIFF")
    answer = client.get("/collections/broken/coverage?f=GTiff")
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert client.get("/collections/scenes/coverage?f=GTiff").status_code == 200
    backend.collections.delete("broken")
