"""Several web and worker processes on one PostgreSQL with PostGIS, and what happens when that goes away for a while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rasterio
from instance import Instance, free_port, mean_over_time, until, wait_for_web
from postgres import PostgresServer

SLOW_WINDOWS = """
import sys, time
from openeo_plugin.engine.kept_windows import KeptWindows
KeptWindows.store = lambda self, key, blocks: time.sleep(0.7)
from openeo_plugin.cli import main
sys.exit(main(["worker"]))
"""


@pytest.fixture
def instance(postgis_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("instance")
    instance = Instance(folder, postgis_server.new_database(), lease_s="4", heartbeat_s="0.5", threads="1")
    instance.prepare("ada", "bob", size=1100, dates=2)
    yield instance
    instance.close()


def test_two_web_and_two_worker_processes_share_one_database(instance: Instance) -> None:
    ports = free_port(), free_port()
    for port in ports:
        instance.start_web(port)
    instance.start_worker()
    instance.start_worker()
    wait_for_web(*ports)
    first, second = (instance.client(port, "ada") for port in ports)
    ids = []
    for number in range(6):
        created = (first, second)[number % 2].post("/jobs", json={"process": mean_over_time(), "title": str(number)})
        assert created.status_code == 201, created.text
        ids.append(created.headers["OpenEO-Identifier"])
        assert (second, first)[number % 2].post(f"/jobs/{ids[-1]}/results").status_code == 202
    until(lambda: all(first.get(f"/jobs/{id}").json()["status"] == "finished" for id in ids))
    jobs = [instance.backend.jobs.find(id) for id in ids]
    assert {job.attempts for job in jobs} == {1}
    assert {job["id"] for job in second.get("/jobs").json()["jobs"]} == set(ids)
    for id in ids:
        (asset,) = second.get(f"/jobs/{id}/results").json()["assets"].values()
        path = asset["href"].split("/openeo/v1", 1)[1]
        assert first.get(path).content[:4] in (b"II*\0", b"II+\0")
    assert first.get(f"/jobs/{ids[0]}").json()["status"] == "finished"
    assert instance.client(ports[0], "bob").get(f"/jobs/{ids[0]}").status_code == 404


def test_a_restart_of_the_database_under_a_running_job_is_survived_by_all(
    instance: Instance, postgis_server: PostgresServer
) -> None:
    port = free_port()
    instance.start_web(port)
    worker = instance.start_code(SLOW_WINDOWS)
    wait_for_web(port)
    client = instance.client(port, "ada")
    id = client.post("/jobs", json={"process": mean_over_time()}).headers["OpenEO-Identifier"]
    assert client.post(f"/jobs/{id}/results").status_code == 202
    until(lambda: (client.get(f"/jobs/{id}").json().get("progress") or 0) > 5)
    postgis_server.kill()
    broken = client.get(f"/jobs/{id}")
    assert broken.status_code in (500, 503)
    assert "psycopg" not in broken.text
    postgis_server.start()
    until(lambda: client.get(f"/jobs/{id}").json().get("status") == "finished")
    assert worker.poll() is None
    asset = next(iter(instance.backend.collections.get(id, "ada")["assets"].values()))
    with rasterio.open(asset["href"]) as file:
        assert file.read(1).shape == (1100, 1100)


def test_the_footprints_of_results_are_found_by_place_and_time(instance: Instance) -> None:
    instance.start_worker()
    jobs, collections = instance.backend.jobs, instance.backend.collections
    id = jobs.enqueue(jobs.create("ada", mean_over_time()).id, "ada").id
    until(lambda: jobs.find(id).status == "finished")
    (item,) = collections.items(id)
    west, south, east, north = item["bbox"]
    middle = ((west + east) / 2, (south + north) / 2)
    assert collections.count_items(id, bbox=(*middle, *middle)) == 1
    assert collections.count_items(id, bbox=(east + 1, south, east + 2, north)) == 0
    start = item["properties"].get("start_datetime") or item["properties"]["datetime"]
    assert collections.count_items(id, start=start) == 1
    assert collections.count_items(id, end=start) == 0
