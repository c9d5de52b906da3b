"""Runs with the help of a Dask cluster: real worker processes, which die, are slow and meet bad files."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_place import BANDS, Place
from instance import Instance, graph, mean_over_time, node, until

from db.collections import CollectionStore
from db.session import Database
from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.engine.run import Progress
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.importing import import_folder
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("scenes"), size=1100, dates=2).parent


@pytest.fixture
def place(scenes: Path, tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    place.take(scenes)
    yield place
    place.cluster.close()


def test_a_cluster_makes_the_same_file_as_threads_and_leaves_no_windows(place: Place) -> None:
    process = mean_over_time(bands=BANDS)
    expected = place.run(place.threads, process, "threads").read_bytes()
    told: list[Progress] = []
    made = place.run(place.cluster, process, "cluster", told.append)
    assert made.read_bytes() == expected
    assert (told[-1].windows_done, told[-1].windows_total) == (9, 9)
    assert place.windows == []


def test_killing_a_worker_in_the_middle_changes_nothing_but_time(place: Place) -> None:
    process = mean_over_time(bands=BANDS)
    expected = place.run(place.threads, process, "threads").read_bytes()
    pids = place.cluster._cluster.worker_pids()  # type: ignore[union-attr]
    killed: list[int] = []

    def kill_one(progress: Progress) -> None:
        if progress.windows_done == 1 and not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    made = place.run(place.cluster, process, "cluster", kill_one)
    assert killed
    assert made.read_bytes() == expected


def test_a_result_over_a_barrier_is_the_same_with_a_cluster(place: Place) -> None:
    largest = {"process_graph": {"max1": node("max", data={"from_parameter": "data"}) | {"result": True}}}
    process = graph(
        load=node("load_collection", id=SENTINEL_2, spatial_extent=None, temporal_extent=None, bands=["B04"]),
        peak=node("reduce_spatial", data={"from_node": "load"}, reducer=largest),
        save=node("save_result", data={"from_node": "peak"}, format="JSON"),
    )
    expected = place.run(place.threads, process, "threads").read_bytes()
    assert place.run(place.cluster, process, "cluster").read_bytes() == expected


def test_a_cancel_stops_the_run_and_its_workers_within_a_window(place: Place) -> None:
    folder, context = place.folder / "canceled", RunContext()
    folder.mkdir()

    def cancel(progress: Progress) -> None:
        if progress.windows_done == 1:
            context.cancel.set()

    plan = place.cluster.plan(mean_over_time(bands=BANDS), None)
    with pytest.raises(Canceled):
        place.cluster.run(plan, folder, cancel, context)
    assert list(folder.iterdir()) == []
    assert place.windows == []


def test_a_bad_block_fails_the_run_with_the_node_and_the_file(place: Place, tmp_path: Path) -> None:
    spoiled = make_collection(tmp_path / "spoiled", size=1100, dates=2).parent
    place.take(spoiled, collection_id="spoiled")
    next(iter(spoiled.glob("*/B04.tif"))).write_bytes(b"no TIFF")
    folder = place.folder / "failed"
    folder.mkdir()
    plan = place.cluster.plan(mean_over_time(id="spoiled"), None)
    with pytest.raises(OpenEOError) as failed:
        place.cluster.run(plan, folder, lambda _: None, RunContext())
    assert (failed.value.code, failed.value.node) == ("SourceUnreadable", "load")
    assert "B04.tif" in failed.value.message


def test_a_catalogue_that_changes_after_planning_costs_only_the_cluster_s_help(place: Place, scenes: Path) -> None:
    plan = place.cluster.plan(mean_over_time(), None)
    expected = place.run(place.threads, mean_over_time(), "threads").read_bytes()
    store = CollectionStore(Database(f"sqlite:///{place.folder / 'data' / 'openeo.sqlite'}"))
    for imported in import_folder(scenes):
        store.put(imported.document, imported.items[:1])
    folder = place.folder / "cluster"
    folder.mkdir()
    (asset,) = place.cluster.run(plan, folder, lambda _: None, RunContext())
    assert asset.path.read_bytes() == expected


def test_a_run_is_done_alone_when_its_scheduler_does_not_answer_and_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openeo_plugin.engine.cluster._CONNECT_TIMEOUT_S", 1)
    process = mean_over_time(bands=BANDS)
    expected = place.run(place.threads, process, "threads").read_bytes()
    away = place.driver(dask_address="tcp://127.0.0.1:9")
    told: list[tuple[str, str]] = []
    context = RunContext(tell=lambda level, message: told.append((level, message)))
    assert place.run(away, process, "away", context=context).read_bytes() == expected
    assert told == [("warning", "The cluster did not compute all windows; this job's own process does what is left.")]
    away.close()


def test_a_run_goes_on_alone_when_its_scheduler_is_lost(place: Place) -> None:
    process = mean_over_time(bands=BANDS)
    expected = place.run(place.threads, process, "threads").read_bytes()
    cluster = place.cluster._cluster
    assert cluster is not None
    cluster.client()
    closing: list[threading.Thread] = []

    def lose(progress: Progress) -> None:
        if progress.windows_done == 1 and not closing:
            closing.append(threading.Thread(target=cluster._local.close))
            closing[0].start()

    started = time.monotonic()
    made = place.run(place.cluster, process, "cluster", lose)
    closing[0].join()
    assert made.read_bytes() == expected
    assert time.monotonic() - started < 60


def test_a_batch_job_of_a_real_worker_runs_on_a_cluster(tmp_path: Path) -> None:
    instance = Instance(tmp_path, dask_address="local", memory_budget_bytes=str(2**24), threads="1")
    try:
        instance.prepare("ada", size=1100, dates=2)
        instance.start_worker()
        jobs = instance.backend.jobs
        id = jobs.enqueue(jobs.create("ada", mean_over_time(bands=BANDS)).id, "ada").id
        until(lambda: jobs.find(id).status not in ("queued", "running"), within_s=120)
        job = jobs.find(id)
        assert (job.status, job.error) == ("finished", None)
        # two dates of four bands of uint16, read by the cluster and counted by the job
        assert job.usage["input"]["value"] == pytest.approx(1100 * 1100 * 2 * 4 * 2 / 1e6, abs=1e-3)
        assert list((instance.settings.data_dir / "windows").iterdir()) == []
    finally:
        instance.close()
