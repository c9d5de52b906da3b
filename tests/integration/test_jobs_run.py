"""Real jobs in the processes of a real worker: what they tell, keep and leave."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rasterio
from instance import Instance, graph, mean_over_time, node, until

from db.jobs import Job
from openeo_plugin.sources.synthetic import SENTINEL_2

# A worker whose disk is full: the first bytes of a result that go to a file are refused as the kernel does it.
FULL_DISK = """
import errno, os, sys
def refuse(*_): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/path")
os.pwrite = refuse
from openeo_plugin.cli import main
sys.exit(main(["worker"]))
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path, lease_s="2", heartbeat_s="0.5", threads="2")
    instance.prepare("ada", "bob")
    yield instance
    instance.close()


def start_job(instance: Instance, process: dict[str, Any], **meta: Any) -> str:
    jobs = instance.backend.jobs
    return jobs.enqueue(jobs.create("ada", process, **meta).id, "ada").id


def ended(instance: Instance, id: str) -> Job:
    jobs = instance.backend.jobs
    until(lambda: jobs.find(id).status not in ("queued", "running"))
    return jobs.find(id)


def test_a_finished_job_has_whole_files_its_usage_and_a_log_with_its_phases(instance: Instance) -> None:
    instance.start_worker()
    id = start_job(instance, mean_over_time())
    job = ended(instance, id)
    assert (job.status, job.progress, job.error) == ("finished", 100, None)
    assert {name: metric["unit"] for name, metric in job.usage.items()} == {
        "cpu": "cpu-seconds", "duration": "seconds", "memory": "mb-peak", "input": "mb", "storage": "mb",
    }  # fmt: skip
    assert job.usage["input"]["value"] == pytest.approx(96 * 96 * 2 * 3 / 1e6, abs=1e-3)  # three dates of uint16
    assert [entry["message"].split(":")[0] for entry in instance.backend.jobs.logs(id)] == [
        "Planning", "Computing", "Storing 1 file(s)",
    ]  # fmt: skip
    assets = instance.backend.collections.get(id, "ada")["assets"]
    with rasterio.open(next(iter(assets.values()))["href"]) as file:
        assert (file.shape, file.count) == ((96, 96), 1)
        file.read()
    until(lambda: {path.name for path in instance.settings.results_dir.iterdir()} == {id})


def test_a_job_that_asks_for_errors_only_gets_no_other_entries(instance: Instance) -> None:
    instance.start_worker()
    id = start_job(instance, mean_over_time(), log_level="error")
    assert ended(instance, id).status == "finished"
    assert instance.backend.jobs.logs(id) == []


def test_a_full_disk_fails_the_job_in_clear_words_and_the_worker_lives(instance: Instance) -> None:
    worker = instance.start_code(FULL_DISK)
    id = start_job(instance, mean_over_time())
    job = ended(instance, id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("error", "StorageFailure")
    assert "the disk is full. Delete results that you need no more" in job.error["message"]
    assert "/secret" not in job.error["message"]
    small = start_job(instance, graph(add=node("add", x=1, y=2)))
    assert ended(instance, small).status == "finished"
    assert worker.poll() is None
    until(lambda: not list(instance.settings.results_dir.glob(f"*{id}*")))


def test_a_job_with_too_much_output_is_told_the_limit(instance: Instance) -> None:
    instance.start_worker(OPENEO_JOB_OUTPUT_MAX_BYTES="3000")
    id = start_job(instance, mean_over_time())
    job = ended(instance, id)
    assert job.error is not None
    assert job.error["code"] == "StorageQuotaExceeded"
    assert "more than 3000 bytes, the limit of one job. Ask for a smaller extent" in job.error["message"]
    until(lambda: not list(instance.settings.results_dir.glob(f"*{id}*")))


def test_a_job_whose_worker_is_killed_goes_on_from_the_windows_it_has(instance: Instance) -> None:
    """Windows of 512 pixels, one thread; the first run is killed once two of the nine are kept."""
    instance.prepare(size=1100, dates=2)
    small = {"OPENEO_KEEP_WINDOWS_AFTER_S": "0", "OPENEO_THREADS": "1", "OPENEO_MEMORY_BUDGET_BYTES": str(2**24)}
    worker = instance.start_code(SLOW_WINDOWS, **small)
    id = start_job(instance, mean_over_time(bands=("B02", "B03", "B04", "B08")))
    until(lambda: len(list(instance.settings.results_dir.glob(f".{id}.kept-*/*.npz"))) >= 2)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    kept = len(list(instance.settings.results_dir.glob(f".{id}.kept-*/*.npz")))
    instance.start_worker(**small)
    job = ended(instance, id)
    assert (job.status, job.attempts) == ("finished", 2)
    messages = [entry["message"] for entry in instance.backend.jobs.logs(id)]
    assert f"{kept} windows of an earlier attempt were used again." in messages
    again = start_job(instance, mean_over_time(bands=("B02", "B03", "B04", "B08")))
    assert ended(instance, again).status == "finished"
    assert contents(instance, id) == contents(instance, again)
    until(lambda: not list(instance.settings.results_dir.glob(".*")))


@pytest.mark.parametrize("reducer", ["sd", "median"])
def test_a_job_whose_worker_is_killed_while_it_folds_goes_on_from_what_it_has_folded(
    instance: Instance, reducer: str
) -> None:
    """Two geometries across 25 windows, of which some are folded when the worker is killed."""
    instance.prepare(size=1100, dates=2)
    small = {"OPENEO_KEEP_WINDOWS_AFTER_S": "0", "OPENEO_THREADS": "1"}
    worker = instance.start_code(SLOW_FOLDS, **small)
    id = start_job(instance, zonal(reducer))
    until(lambda: len(list(instance.settings.results_dir.glob(f".{id}.kept-*/fold-*.aside"))) >= 3)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    instance.start_worker(**small)
    job = ended(instance, id)
    assert (job.status, job.attempts) == ("finished", 2)
    messages = " ".join(entry["message"] for entry in instance.backend.jobs.logs(id))
    assert int(re.findall(r"(\d+) windows of an earlier attempt were used again", messages)[0]) >= 3
    again = start_job(instance, zonal(reducer))
    assert ended(instance, again).status == "finished"
    assert contents(instance, id) == contents(instance, again)


def zonal(reducer: str) -> dict[str, Any]:
    """A statistic of two overlapping boxes, in UTM zone 32."""
    boxes = [(677_100, 5_144_500, 687_500, 5_154_800), (680_000, 5_146_000, 688_000, 5_150_000)]
    shapes = [{"type": "Polygon", "coordinates": [[(w, s), (e, s), (e, n), (w, n), (w, s)]]} for w, s, e, n in boxes]
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    fields = {"type": "FeatureCollection", "features": features, "crs": crs}
    callback = graph(r=node(reducer, data={"from_parameter": "data"}))
    return graph(
        load=node("load_collection", id=SENTINEL_2, spatial_extent=None, temporal_extent=None, bands=["B04", "B08"]),
        zones=node("aggregate_spatial", data={"from_node": "load"}, geometries=fields, reducer=callback),
        save=node("save_result", data={"from_node": "zones"}, format="JSON"),
    )


# A worker that keeps each partial of a fold at once, and takes its time.
SLOW_FOLDS = """
import sys, time
from openeo_plugin.engine import kept_partials
kept_partials.EVERY_S = 0.0
add = kept_partials.KeptPartials.add
def slowly(self, place, partial):
    add(self, place, partial)
    time.sleep(1)
kept_partials.KeptPartials.add = slowly
from openeo_plugin.cli import main
sys.exit(main(["worker"]))
"""

SLOW_WINDOWS = """
import sys, time
from openeo_plugin.engine.kept_windows import KeptWindows
store = KeptWindows.store
def slowly(self, key, blocks):
    store(self, key, blocks)
    time.sleep(1)
KeptWindows.store = slowly
from openeo_plugin.cli import main
sys.exit(main(["worker"]))
"""


def contents(instance: Instance, id: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (instance.settings.results_dir / id).iterdir()}


def test_a_job_that_fails_names_the_node_and_what_to_change(instance: Instance) -> None:
    instance.start_worker()
    (instance.folder / "scenes" / "S2_SYNTHETIC_20220612" / "B04.tif").write_bytes(b"not a tiff")
    id = start_job(instance, mean_over_time())
    job = ended(instance, id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("error", "SourceUnreadable")
    assert job.error["path"] == [{"node_id": "load"}]
    assert "Node 'load'" in job.error["message"]


def test_starting_a_job_again_replaces_its_result_as_a_whole(instance: Instance) -> None:
    instance.start_worker()
    id = start_job(instance, mean_over_time())
    assert ended(instance, id).status == "finished"
    instance.backend.jobs.update(id, "ada", process=mean_over_time("netCDF"))
    instance.backend.jobs.enqueue(id, "ada")
    assert ended(instance, id).status == "finished"
    assets = instance.backend.collections.get(id, "ada")["assets"]
    assert [Path(name).suffix for name in assets] == [".nc"]
    assert set(contents(instance, id)) == set(assets)
