"""Partial results through HTTP: of jobs that run, were canceled, or came upon a damaged file."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import netCDF4
import numpy as np
import pytest
import rasterio
import tifffile
from instance import Instance, free_port, graph, mean_over_time, node, until, wait_for_web

SCENE = "S2_SYNTHETIC_20220612"
SIZE = 1100  # windows of 512 pixels: three rows and columns, the last of 76
SMALL = {"OPENEO_THREADS": "1", "OPENEO_MEMORY_BUDGET_BYTES": str(2**24)}

# A worker that stops for good behind its fourth window.
STALLS = """
import sys, time
from openeo_plugin.engine.kept_windows import KeptWindows
store, done = KeptWindows.store, []
def stall(self, key, blocks):
    store(self, key, blocks)
    done.append(key)
    if len(done) == 4:
        time.sleep(600)
KeptWindows.store = stall
from openeo_plugin.cli import main
sys.exit(main(["worker"]))
"""


class Server:
    """An instance with a web process, and what ada asks of it."""

    def __init__(self, folder: Path) -> None:
        self.instance = Instance(folder, lease_s="5", heartbeat_s="0.5")
        self.instance.prepare("ada", size=SIZE, dates=2)
        self.port = free_port()
        self.instance.start_web(self.port)
        wait_for_web(self.port)
        self.client = self.instance.client(self.port, "ada")

    def start_job(self, process: dict[str, Any]) -> str:
        id = self.client.post("/jobs", json={"process": process}).headers["OpenEO-Identifier"]
        assert self.client.post(f"/jobs/{id}/results").status_code == 202
        return id

    def ended(self, id: str) -> dict[str, Any]:
        until(lambda: self.job(id)["status"] not in ("queued", "running"))
        return self.job(id)

    def job(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/jobs/{id}").json()
        return found

    def partial(self, id: str) -> dict[str, Any]:
        """The document of the partial results, once it holds files."""
        until(lambda: self.client.get(f"/jobs/{id}/results?partial=true").json()["assets"])
        found: dict[str, Any] = self.client.get(f"/jobs/{id}/results?partial=true").json()
        return found

    def kept(self, id: str) -> list[Path]:
        return sorted(self.instance.settings.results_dir.glob(f".{id}.kept-*/*.npz"))

    def download(self, asset: dict[str, Any], to: Path) -> Path:
        """By the signed link alone."""
        answer = httpx.get(asset["href"], trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        path = to / Path(urlsplit(asset["href"]).path).name
        path.write_bytes(answer.content)
        return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.client.close()
    server.instance.close()


def start_stalling_job(server: Server, process: dict[str, Any]) -> tuple[subprocess.Popen[bytes], str]:
    """A job that has computed four of its nine windows: the first row, and one of the second."""
    worker = server.instance.start_code(STALLS, OPENEO_KEEP_WINDOWS_AFTER_S="0", **SMALL)
    id = server.start_job(process)
    until(lambda: len(server.kept(id)) == 4)
    return worker, id


def whole(server: Server, process: dict[str, Any], to: Path) -> np.ndarray[Any, Any]:
    """What the job gives where nothing goes wrong."""
    server.instance.start_worker(**SMALL)
    id = server.start_job(process)
    assert server.ended(id)["status"] == "finished"
    (asset,) = server.client.get(f"/jobs/{id}/results").json()["assets"].values()
    with rasterio.open(server.download(asset, to)) as file:
        return file.read()


def test_a_running_job_offers_the_windows_it_has_computed(server: Server, tmp_path: Path) -> None:
    process = mean_over_time(bands=("B04", "B08"))
    worker, id = start_stalling_job(server, process)
    document = server.partial(id)
    assert document["openeo:status"] == "running"
    assert str(server.instance.folder) not in str(document)
    assert list(document["assets"]) == ["partial_result.tif"]
    asset = document["assets"]["partial_result.tif"]
    covered = (3 * 512 * 512 - 512 * (1536 - 1100) + 512 * 512) / 1100**2
    assert asset["openeo:covered"] == pytest.approx(covered, abs=1e-6)
    assert (
        asset["description"]
        == f"Partial result: {100 * covered:.1f} % of the pixels are computed, all others are null."
    )
    path = server.download(asset, tmp_path)
    with rasterio.open(path) as file:
        assert file.tags()["PARTIAL"] == "yes"
        assert float(file.tags()["PARTIAL_COVERED"]) == pytest.approx(covered, abs=1e-6)
        assert file.overviews(1) == [2, 4]
        values = file.read()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    expected = whole(server, process, tmp_path)
    expected[:, 512:, 512:] = np.nan
    expected[:, 1024:, :] = np.nan
    np.testing.assert_array_equal(values, expected)


def test_a_canceled_job_keeps_what_it_had_until_it_is_started_again(server: Server, tmp_path: Path) -> None:
    _, id = start_stalling_job(server, mean_over_time("netCDF"))
    assert server.client.delete(f"/jobs/{id}/results").status_code == 204
    assert server.job(id)["status"] == "canceled"
    assert server.client.get(f"/jobs/{id}/results").json()["code"] == "JobNotFinished"
    until(lambda: server.instance.backend.jobs.find(id).worker is None)
    document = server.partial(id)
    assert document["openeo:status"] == "canceled"
    path = server.download(document["assets"]["partial_result.nc"], tmp_path)
    with netCDF4.Dataset(path) as file:
        assert file.partial == "yes"
        assert "% of the pixels are computed" in file.partial_note
        values = file.variables["B04"][:]
    gap = np.ma.getmaskarray(values) | np.isnan(values.filled(np.nan))
    assert not gap[:512].any()
    assert not gap[512:1024, :512].any()
    assert gap[512:, 512:].all()
    assert gap[1024:].all()
    assert server.kept(id) == [], "a job that has ended keeps the files only"
    canonical = next(one["href"] for one in document["links"] if one["rel"] == "canonical")
    assert httpx.get(canonical, trust_env=False).json()["assets"].keys() == document["assets"].keys()

    assert server.client.post(f"/jobs/{id}/results").status_code == 202
    assert server.client.get(f"/jobs/{id}/results?partial=true").json()["code"] == "JobNotFinished"


def test_when_a_job_has_finished_its_partial_results_are_gone(server: Server) -> None:
    worker, id = start_stalling_job(server, mean_over_time())
    asset = server.partial(id)["assets"]["partial_result.tif"]
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    server.instance.start_worker(**SMALL)
    assert server.ended(id)["status"] == "finished"
    until(lambda: not list(server.instance.settings.results_dir.glob(".*")))
    assert httpx.get(asset["href"], trust_env=False).json()["code"] == "FileNotFound"
    assert list(server.client.get(f"/jobs/{id}/results?partial=true").json()["assets"]) == ["result.tif"]


def test_nothing_but_the_files_of_a_set_can_be_asked_for(server: Server) -> None:
    _, id = start_stalling_job(server, mean_over_time())
    server.partial(id)
    for path in ("1/.document.json", ".lock", "1/../../.plan", "1", "9/partial_result.tif", "../0-0-0-512-512.npz"):
        answer = server.client.get(f"/jobs/{id}/results/assets/partial/{path}")
        assert (answer.status_code, answer.json()["code"]) in ((404, "FileNotFound"), (404, "NotFound")), path
    server.client.delete(f"/jobs/{id}")
    until(lambda: not list(server.instance.settings.results_dir.glob(f"*{id}*")))


def damage(file: Path, tile: int) -> None:
    """Flip bytes in the middle of a compressed tile. (GDAL by itself may not notice.)"""
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        offset, size = page.dataoffsets[tile], page.databytecounts[tile]
    data = bytearray(file.read_bytes())
    for place in range(offset + size // 3, offset + 2 * size // 3):
        data[place] ^= 0xFF
    file.write_bytes(data)


def test_a_damaged_block_fails_the_job_but_what_can_be_read_is_there(server: Server, tmp_path: Path) -> None:
    """Tile 12 of 5 x 5, of one date's red band, is damaged: eight of nine windows can be computed."""
    process = mean_over_time(bands=("B04", "B08"))
    expected = whole(server, process, tmp_path)
    damage(server.instance.folder / "scenes" / SCENE / "B04.tif", tile=12)
    id = server.start_job(process)
    assert server.ended(id)["status"] == "error"
    answer = server.client.get(f"/jobs/{id}/results")
    assert (answer.status_code, answer.json()["code"]) == (424, "SourceUnreadable")
    assert f"{SCENE}/B04.tif" in answer.json()["message"]
    assert "rows 512 to 1024, columns 512 to 1024" in answer.json()["message"]
    assert "can be downloaded as partial results" in answer.json()["message"]

    errors = server.client.get(f"/jobs/{id}/logs?level=error").json()["logs"]
    assert {entry["code"] for entry in errors} == {"SourceUnreadable"}
    assert all(f"{SCENE}/B04.tif" in entry["message"] for entry in errors)
    assert all(entry["path"] == [{"node_id": "load"}] for entry in errors)

    document = server.partial(id)
    assert document["openeo:status"] == "error"
    with rasterio.open(server.download(document["assets"]["partial_result.tif"], tmp_path)) as file:
        values = file.read()
    expected[:, 512:1024, 512:1024] = np.nan
    np.testing.assert_array_equal(values, expected)


def test_whole_numbers_without_nodata_get_one_where_the_file_is_damaged(server: Server, tmp_path: Path) -> None:
    """The scene classification is uint8 and says of no value that it is none; so the type grows."""
    process = mean_over_time(bands=("SCL",))
    process["process_graph"]["mean"]["arguments"]["reducer"] = graph(
        last=node("last", data={"from_parameter": "data"}, ignore_nodata=False)
    )
    expected = whole(server, process, tmp_path)
    damage(server.instance.folder / "scenes" / SCENE / "SCL.tif", tile=0)
    id = server.start_job(process)
    assert server.ended(id)["status"] == "error"
    with rasterio.open(server.download(server.partial(id)["assets"]["partial_result.tif"], tmp_path)) as file:
        values = file.read(masked=True)
    assert values.mask[:, :512, :512].all()
    assert not values.mask[:, 512:, 512:].any()
    np.testing.assert_array_equal(values[:, 512:], expected[:, 512:])
