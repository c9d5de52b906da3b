"""Folds on a Dask cluster, and what its workers do when they are lost, called off, out of date or out of memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compose_file import command, services
from dask_place import BANDS, Place, dying, dying_once, endless, told
from instance import ROOT, free_port, graph, mean_over_time, node, until

from openeo_plugin.engine.cluster import Cluster
from openeo_plugin.engine.run import Progress
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

ALONE = ("warning", "The cluster did not compute all windows; this job's own process does what is left.")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("scenes"), size=1100, dates=2).parent


@pytest.fixture(scope="module")
def workers() -> Iterator[Cluster]:
    """Two worker processes, which are started again when they end."""
    cluster = Cluster("local", 2)
    yield cluster
    cluster.close()


@pytest.fixture
def place(scenes: Path, tmp_path: Path, workers: Cluster) -> Place:
    place = Place(tmp_path, workers)
    place.take(scenes)
    return place


def reducer(name: str) -> dict[str, Any]:
    return {"process_graph": {"r": node(name, data={"from_parameter": "data"}) | {"result": True}}}


def fields() -> dict[str, Any]:
    """Two polygons, of which the first lies in four windows and the second in one; in pixels of the scenes' grid."""
    west, north = 11.30, 46.50
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
            for ring in (box(west, north - 0.08, 0.1, 0.06), box(west + 0.02, north - 0.02, 0.01, 0.01))
        ],
    }


def box(west: float, south: float, width: float, height: float) -> list[list[float]]:
    east, north = west + width, south + height
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def zonal(name: str) -> dict[str, Any]:
    return graph(
        load=node("load_collection", id=SENTINEL_2, spatial_extent=None, temporal_extent=None, bands=["B04", "B08"]),
        zones=node("aggregate_spatial", data={"from_node": "load"}, geometries=fields(), reducer=reducer(name)),
        save=node("save_result", data={"from_node": "zones"}, format="GeoJSON"),
    )


def corrected() -> dict[str, Any]:
    """Windows above a fold: what is to be subtracted is known once all of the cube has been seen."""
    return graph(
        load=node("load_collection", id=SENTINEL_2, spatial_extent=None, temporal_extent=None, bands=["B04", "B08"]),
        air=node("atmospheric_correction", data={"from_node": "load"}, method=None),
        mean=node("reduce_dimension", data={"from_node": "air"}, dimension="t", reducer=reducer("mean")),
        save=node("save_result", data={"from_node": "mean"}, format="GTiff"),
    )


@pytest.mark.parametrize("process", [zonal("mean"), zonal("sd"), zonal("median"), corrected()],
                         ids=["mean of zones", "sd of zones", "median of zones", "windows above a fold"])  # fmt: skip
def test_folds_are_the_work_of_the_cluster_and_come_out_as_with_threads(
    place: Place, process: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = place.run(place.threads, process, "threads").read_bytes()
    messages: list[tuple[str, str]] = []
    with monkeypatch.context() as patched:
        patched.setattr("openeo_plugin.engine.stages.partial_of", _not_here)
        if "air" in process["process_graph"]:
            patched.setattr("openeo_plugin.engine.run.compute_window", _not_here)
        made = place.run(place.cluster, process, "cluster", context=told(messages))
    assert made.read_bytes() == expected
    assert messages == []
    assert place.windows == []


def _not_here(*_: object) -> None:
    raise AssertionError("the process of the job computes")


def test_killing_a_worker_in_the_middle_of_a_fold_changes_nothing_but_time(place: Place, workers: Cluster) -> None:
    process = corrected()
    expected = place.run(place.threads, process, "threads").read_bytes()
    victims = workers.worker_pids()[:1]

    def kill_one(progress: Progress) -> None:
        if progress.windows_done == 1 and victims:
            os.kill(victims.pop(), signal.SIGKILL)

    assert place.run(place.cluster, process, "cluster", kill_one).read_bytes() == expected
    assert victims == []


def test_workers_with_another_version_of_the_software_leave_all_to_the_run(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = place.run(place.threads, corrected(), "threads").read_bytes()
    monkeypatch.setattr("openeo_plugin.driver.cluster_task._software", lambda: "0.0.1")
    messages: list[tuple[str, str]] = []
    assert place.run(place.cluster, corrected(), "cluster", context=told(messages)).read_bytes() == expected
    assert messages == [ALONE]


def test_a_worker_that_can_not_run_the_task_leaves_it_to_the_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = place.run(place.threads, corrected(), "threads").read_bytes()
    monkeypatch.setattr("openeo_plugin.driver.windowed.compute_strip", lambda _folder, _strip: 1 / 0)
    messages: list[tuple[str, str]] = []
    assert place.run(place.cluster, corrected(), "cluster", context=told(messages)).read_bytes() == expected
    assert messages == [ALONE]


def test_a_task_that_is_called_off_stops_within_a_window(workers: Cluster, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    client = workers.client()
    future = client.submit(endless, str(diary), pure=False)
    until(diary.exists)
    future.release()  # as a run does that is canceled
    until(lambda: diary.read_text() == "stopped")


SUBMIT = """
import sys, time
from distributed import Client
from dask_place import endless
client = Client(sys.argv[1], set_as_default=False)
future = client.submit(endless, sys.argv[2], pure=False)
time.sleep(600)
"""


def test_a_task_stops_within_a_window_when_the_process_of_its_job_is_killed(workers: Cluster, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    workers.client()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    arguments = [sys.executable, "-c", SUBMIT, workers._local.scheduler_address, str(diary)]
    job = subprocess.Popen(arguments, env=environment)
    try:
        until(diary.exists)
    finally:
        job.kill()
        job.wait()
    until(lambda: diary.read_text() == "stopped")


def test_a_run_goes_on_alone_when_all_workers_are_gone_for_good(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openeo_plugin.engine.cluster_windows._CREW_EVERY_S", 0.2)
    monkeypatch.setattr("openeo_plugin.engine.cluster_windows._WITHOUT_CREW_S", 1)
    expected = place.run(place.threads, mean_over_time(bands=BANDS), "threads").read_bytes()
    port = free_port()
    processes = [subprocess.Popen(command(services()[name], port)) for name in ("dask-scheduler", "dask-worker")]
    lonely = place.driver(dask_address=f"tcp://127.0.0.1:{port}")
    messages: list[tuple[str, str]] = []

    def kill(progress: Progress) -> None:
        if progress.windows_done == 1:
            processes[1].kill()

    try:
        made = place.run(lonely, mean_over_time(bands=BANDS), "lonely", kill, told(messages))
        assert made.read_bytes() == expected
        assert messages == [ALONE]
    finally:
        lonely.close()
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture
def mortal(scenes: Path, tmp_path: Path) -> Iterator[Place]:
    """With a cluster of its own, which tries nothing again of which a worker has died."""
    cluster = Cluster("local", 2)
    cluster.client()
    cluster._local.scheduler.allowed_failures = 0
    place = Place(tmp_path, cluster)
    place.take(scenes)
    yield place
    cluster.close()


def test_a_strip_is_tried_again_window_by_window_before_it_is_held_to_be_deadly(
    mortal: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = mortal.run(mortal.threads, mean_over_time(bands=BANDS), "threads").read_bytes()
    monkeypatch.setattr("openeo_plugin.driver.windowed.compute_strip", dying_once)
    monkeypatch.setattr("openeo_plugin.engine.cluster_windows._STRIPS_PER_THREAD", 1)  # strips of four windows
    assert mortal.run(mortal.cluster, mean_over_time(bands=BANDS), "cluster").read_bytes() == expected


def test_a_window_of_which_workers_die_fails_the_run_in_clear_words(
    mortal: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openeo_plugin.driver.windowed.compute_strip", dying)
    with pytest.raises(OpenEOError, match="ended one worker process after the other") as failed:
        mortal.run(mortal.cluster, mean_over_time(), "cluster")
    assert failed.value.code == "ProcessGraphComplexity"
